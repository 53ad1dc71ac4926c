"""A row of the table of positions: what is known of a movie and its results, at a glance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.errors import BadInput, Notice
from napari_unet.engine.export.target.sidecar import sidecar_path
from napari_unet.engine.files.read_json import read_json
from napari_unet.engine.jobs.queue.results import LABELS, UNFINISHED, Results
from napari_unet.engine.session.session_folder import SessionFolder
from napari_unet.engine.stack.missing_pixels import measured_values
from napari_unet.engine.stack.stack import Stack

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_unet.engine.jobs.queue.movies import Movie
    from napari_unet.engine.prediction.probabilities import Probabilities

_OUTLINE = (255, 196, 0)


@dataclass(frozen=True)
class Look:
    """What is known of a movie: ``done`` of its frames are reviewed, others ``touched``.

    ``segmented`` are frames of which there are probabilities, ``exported`` frames of which there
    are label files; ``picture`` is a frame ``(Y, X, 3)`` uint8, with outlines of its cells where
    there are any. ``problem`` is why there is nothing.
    """

    frames: int = 0
    size: tuple[int, int] = (0, 0)
    segmented: int = 0
    exported: int = 0
    touched: int = 0
    done: int = 0
    notices: tuple[Notice, ...] = ()
    picture: NDArray[np.uint8] | None = field(default=None, compare=False)
    problem: str = ""


def look_at(movie: Movie, out: Path, edge: int) -> Look:
    """Look at a movie, its session and its results in ``out``; the picture fits ``edge`` px."""
    try:
        with Stack.open(movie.path, movie.selection) as stack:
            return _look(stack, Results(out, movie.name), edge)
    except (BadInput, OSError) as error:
        return Look(problem=str(error))


def _look(stack: Stack, results: Results, edge: int) -> Look:
    exported = exported_frames(results)
    touched = done = segmented = 0
    notices = list(stack.notices)
    middle, labels = (len(stack) - 1) // 2, None
    folder = SessionFolder.find(stack)
    if folder is not None:
        corrections, lost = folder.read_corrections()
        notices += lost
        done = len(corrections.complete_frames)
        touched = len({*corrections.frames(), *corrections.complete_frames}) - done
        probabilities = folder.probabilities(_as_segmented(stack, folder))
        if probabilities is not None:
            with probabilities:
                segmented = int(probabilities.computed.sum())
                labels = _labels_of(probabilities, folder, middle)
    if labels is None and middle in exported:
        with Stack.open(results.path(LABELS)) as written:
            labels = np.asarray(written[exported.index(middle)])
    return Look(
        frames=len(stack),
        size=(int(stack.frame_shape[-2]), int(stack.frame_shape[-1])),
        segmented=segmented,
        exported=len(exported),
        touched=touched,
        done=done,
        notices=tuple(dict.fromkeys(notices)),
        picture=picture_of(_one_channel(stack, middle), labels, edge),
    )


def _as_segmented(stack: Stack, folder: SessionFolder) -> Stack:
    """Return the channel that was segmented, where nobody chose one."""
    if stack.selection.channel is not None:
        return stack
    return stack.select(channel=folder.state.selection.channel)


def _labels_of(
    probabilities: Probabilities, folder: SessionFolder, frame: int
) -> NDArray[np.integer] | None:
    from napari_unet.engine.labels.class_labels import labels_of

    if not probabilities.computed[frame]:
        return None
    return labels_of(probabilities[frame], probabilities.outputs, folder.state.labels)


def exported_frames(results: Results) -> tuple[int, ...]:
    """Return the frames that the label file has, where it is whole."""
    path = results.path(LABELS)
    try:
        said = read_json(sidecar_path(path))
        frames = said["frames"]
    except (OSError, ValueError, KeyError, TypeError):
        return ()
    whole = path.is_file() and UNFINISHED not in said and isinstance(frames, list)
    return tuple(int(t) for t in frames) if whole else ()


def _one_channel(stack: Stack, frame: int) -> NDArray[np.generic]:
    found = np.asarray(stack[frame])
    if isinstance(stack.selection.channel, tuple):
        found = found[0]
    return found if found.ndim == 2 else found.max(axis=0)  # of a volume, as it is seen from above


def picture_of(
    frame: NDArray[np.generic], labels: NDArray[np.integer] | None, edge: int
) -> NDArray[np.uint8]:
    """Return the middle of a frame ``(Y, X)`` in grey, ``(y, x, 3)``, with outlines of labels.

    About half of it in each direction: of all of it, cells would be dots.
    """
    if labels is not None and labels.ndim > 2:
        labels = labels.max(axis=0)
    step = max(1, -(-max(frame.shape) // (2 * edge)))
    part = tuple(_middle(n, edge * step, step) for n in frame.shape)
    small = np.asarray(frame[part], np.float32)
    values = measured_values(small)
    low, high = np.percentile(values, (1, 99.8)) if values.size else (0, 1)
    scaled = np.clip((np.nan_to_num(small) - low) / max(high - low, 1e-9), 0, 1)
    shown = np.repeat(np.rint(scaled * 255).astype(np.uint8)[..., None], 3, axis=2)
    if labels is not None and labels.shape == frame.shape:
        cells = np.pad(labels[part], ((1, 0), (1, 0)), mode="edge")
        here, above, before = cells[1:, 1:], cells[:-1, 1:], cells[1:, :-1]
        shown[(here != above) | (here != before)] = _OUTLINE  # one pixel wide
    return shown


def _middle(n: int, wanted: int, step: int) -> slice:
    """Return every ``step``-th pixel of the middle of ``n``."""
    start = max(0, (n - wanted) // 2)
    return slice(start, min(n, start + wanted), step)
