"""Labels and measurements of frames, made by threads while whoever takes them writes others."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_unet.engine.export.target.outputs import check_labels
from napari_unet.engine.labels.label_frames import LabelFrames
from napari_unet.engine.stack.lazy_array import LazyArray
from napari_unet.engine.stack.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from napari_unet.engine.export.formats.measuring import Measured, Measuring
    from napari_unet.engine.settings import TableSettings
    from napari_unet.engine.stack.source import Frames

_MOST = 8  # threads: beyond, they wait for Python's lock more than they work


class Labelled(NamedTuple):
    """Labels of a frame, and what a table says of them where that was asked for."""

    labels: NDArray[Any]
    measured: Measured | None


def labelled_ahead(
    labels: Frames,
    frames: Sequence[int],
    shape: tuple[int, ...] | None = None,
    measuring: Measuring | None = None,
) -> Iterator[Labelled]:
    """Yield frames in their order, read, checked and measured by threads, a few ahead.

    What may not be read in any thread is read in this one. Labels are checked to be of ``shape``.
    """
    anywhere = from_any_thread(labels)
    threads = 1 if not (anywhere or measuring) else max(1, min(_MOST, _cpus()))

    def make(t: int, given: Any) -> Labelled:
        frame = np.asarray(labels[t] if given is None else given)
        found = frame if shape is None else check_labels(frame, shape)
        return Labelled(found, None if measuring is None else measuring(found, t))

    waiting: deque[Future[Labelled]] = deque()
    pool = ThreadPoolExecutor(threads, "napari-unet label")
    try:
        for t in frames:
            waiting.append(pool.submit(make, t, None if anywhere else labels[t]))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def measured_ahead(
    stack: Stack,
    labels: Frames,
    frames: Sequence[int],
    settings: TableSettings | None,
    into: dict[int, Measured | None],
) -> Iterator[NDArray[Any]]:
    """Yield labels of frames; what was measured of each for a table is in ``into`` then."""
    from napari_unet.engine.export.formats.measuring import Measuring
    from napari_unet.engine.settings import TableSettings

    measuring = Measuring(stack, settings or TableSettings())
    shape = tuple(int(n) for n in stack.frame_shape)
    made = labelled_ahead(labels, frames, shape, measuring)
    for t, done in zip(frames, made, strict=True):
        into[t] = done.measured
        yield done.labels


def from_any_thread(labels: Frames) -> bool:
    """Whether labels may be read in threads of ours: an array of another library perhaps not."""
    if isinstance(labels, LabelFrames):
        return labels.labels.from_any_thread
    return isinstance(labels, LazyArray | Stack | np.ndarray)


def _cpus() -> int:
    """Processors that this program may use, without torch, which an export may do without."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
