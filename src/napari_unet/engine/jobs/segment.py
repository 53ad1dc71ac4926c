"""From a movie to labels, frame by frame: what segments on the command line, in the dock, anywhere.

The network runs ahead in its own threads; what asks for the labels of a frame makes them meanwhile.
"""

from __future__ import annotations

import tempfile
from collections import deque
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from napari_unet.engine.files.atomic import require_space
from napari_unet.engine.jobs.segmentation import (
    Kept,
    MadeLabels,
    Segmentation,
    temporary_folder,
)
from napari_unet.engine.jobs.stages.frame_pool import FramePool
from napari_unet.engine.jobs.stages.frame_request import FrameRequest
from napari_unet.engine.jobs.stages.frame_work import FrameWork
from napari_unet.engine.jobs.stages.spent import Spent
from napari_unet.engine.labels.class_labels import labels_of
from napari_unet.engine.network.cell_size import recommended_for
from napari_unet.engine.network.devices import physical_cores
from napari_unet.engine.prediction.ensemble import load_models
from napari_unet.engine.prediction.prediction import (
    check_channels,
    missing_frames,
    predict,
    prediction_key,
    probabilities_shape,
    wanted_frames,
)
from napari_unet.engine.prediction.predictor import open_predictor
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.settings import LabelSettings, PredictSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    import numpy as np
    from numpy.typing import NDArray

    from napari_unet.engine.export.formats.measuring import Measured
    from napari_unet.engine.jobs.stages.frame_work import FrameDone
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.prediction.predictor import Predictor
    from napari_unet.engine.settings import TableSettings
    from napari_unet.engine.stack.stack import Stack

    Made = tuple[int, NDArray[np.uint8], FrameDone | None]  # a frame, its codes, what follows


@dataclass(frozen=True)
class SegmentedFrame:
    """A frame whose codes ``(C, Y, X)`` are stored: the ``step``-th of ``steps``, from 1."""

    title: ClassVar[str] = "Segment"

    frame: int
    step: int
    steps: int
    codes: NDArray[np.uint8]
    outputs: tuple[str, ...]
    settings: LabelSettings
    done: FrameDone | None = None
    spacing: tuple[float, ...] | None = None

    @property
    def measured(self) -> Measured | None:
        """What the table says of its labels, where they were measured ahead."""
        return self.done.measured if self.done else None

    @cached_property
    def labels(self) -> NDArray[np.uint16]:
        """Its labels ``(Y, X)``, made ahead or when first asked for: the dock makes its own."""
        if self.done is not None:
            return self.done.labels
        return labels_of(self.codes, self.outputs, self.settings, self.spacing)


class Elsewhere(Protocol):
    """Other processes and machines that make frames of a movie: a cluster."""

    def frames(
        self, request: FrameRequest, here: Callable[[Sequence[int]], Iterator[Made]]
    ) -> Generator[Made, None, None]:
        """Yield each frame with codes, which are stored, and labels, in order.

        Frames whose codes are stored already are labelled ``here``.
        """
        ...


def segment(
    stack: Stack,
    model: Model | str | Path | Sequence[Model | str | Path],
    settings: PredictSettings | None = None,
    labels: LabelSettings | None = None,
    *,
    frames: Iterable[int] | None = None,
    probabilities: Probabilities | str | Path | None = None,
    predictor: Predictor | None = None,
    elsewhere: Elsewhere | None = None,
    ahead: bool = True,
    keep: bool = True,
    table: TableSettings | None = None,
) -> Generator[SegmentedFrame, None, Segmentation]:
    """Predict and label the frames of a movie; yields each, returns the labels of all.

    Parameters
    ----------
    stack, model
        The movie; a model, its file, or the name of a bundled or kept one; of several, in a list,
        the probabilities are averaged.
    settings, labels
        How the network runs, and how labels are made; the model's own where left out.
    frames
        Those to segment, all where left out.
    probabilities
        Where they are kept: a file, gone on with where it holds some, or what is open already and
        is left open. A temporary file where left out.
    predictor, elsewhere
        One that is open already, and is left open; a cluster in its place (`ClusterRun`).
    ahead, keep, table
        Make the labels of frames once they are predicted, on the cores that the network leaves
        free; keep them, packed, for who asks for them again; measure them as ``table`` says.

    Raises
    ------
    BadInput
        At the call: where movie, model, frames and probabilities do not fit, or the disk is full.

    """
    model, settings = load_models(model), settings or PredictSettings()
    labels = labels or recommended_for(model, settings)
    wanted = wanted_frames(stack, frames)
    check_channels(stack, model)
    kept = _kept(stack, model, settings, probabilities)
    _check_space(stack, model, wanted, kept)
    ahead = ahead or elsewhere is not None
    work = FrameWork(tuple(model.config.outputs), labels, table) if ahead else None
    made = MadeLabels(stack.frame_shape) if ahead and keep else None
    return _segment(stack, model, settings, labels, wanted, kept, predictor, elsewhere, work, made)


def _kept(
    stack: Stack,
    model: Model,
    settings: PredictSettings,
    given: Probabilities | str | Path | None,
) -> Kept | None:
    """Open what was given; a temporary file is made only once the work begins."""
    if given is None:
        return None
    if isinstance(given, Probabilities):
        return Kept(given, ours=False)
    shape = probabilities_shape(stack, model)
    return Kept(Probabilities.create(given, shape, prediction_key(stack, model, settings)))


def _check_space(stack: Stack, model: Model, wanted: Sequence[int], kept: Kept | None) -> None:
    place: Path | None = Path(tempfile.gettempdir())
    if kept is not None:
        wanted = missing_frames(stack, kept.probabilities, wanted)
        place = kept.probabilities.path
    if place is not None:
        require_space(place, len(wanted) * prod(probabilities_shape(stack, model)[1:]))


def _segment(
    stack: Stack,
    model: Model,
    settings: PredictSettings,
    labels: LabelSettings,
    wanted: Sequence[int],
    kept: Kept | None,
    predictor: Predictor | None,
    elsewhere: Elsewhere | None,
    work: FrameWork | None,
    kept_labels: MadeLabels | None,
) -> Generator[SegmentedFrame, None, Segmentation]:
    if kept is None:
        folder = temporary_folder()
        shape, key = probabilities_shape(stack, model), prediction_key(stack, model, settings)
        kept = Kept(Probabilities.create(folder / "movie.unetp", shape, key), folder)
    probabilities = kept.probabilities
    try:
        with ExitStack() as running:
            if elsewhere is not None and work is not None:
                request = FrameRequest(stack, model, work, wanted, probabilities)
                made = _elsewhere(request, settings, elsewhere)
            else:
                made = _here(stack, model, settings, wanted, probabilities, predictor, work)
            running.enter_context(closing(made))
            for step, (t, frame, done) in enumerate(made, 1):
                if done is not None and kept_labels is not None:
                    kept_labels.put(t, done.labels)
                outputs = probabilities.outputs
                space = stack.spacing
                yield SegmentedFrame(t, step, len(wanted), frame, outputs, labels, done, space)
    except BaseException:  # stopped, too: nobody gets the labels, so nobody would close them
        kept.close()
        raise
    return Segmentation(stack, model, settings, labels, kept, kept_labels)


def _here(
    stack: Stack,
    model: Model,
    settings: PredictSettings,
    wanted: Sequence[int],
    probabilities: Probabilities,
    predictor: Predictor | None,
    work: FrameWork | None,
) -> Generator[Made, None, None]:
    """Make the frames on this machine."""
    missing = frozenset(missing_frames(stack, probabilities, wanted))
    with ExitStack() as running:
        if missing and predictor is None:
            predictor = running.enter_context(closing(open_predictor(model, settings)))
        codes = _codes(stack, wanted, missing, probabilities, predictor)
        running.enter_context(closing(codes))
        pool = None
        if work is not None:
            cores = _free_cores(settings, predictor if missing else None)
            pool = FramePool(stack, probabilities, work, cores, len(wanted))
            running.enter_context(closing(pool))
        yield from _made(zip(wanted, codes, strict=True), pool)


def _elsewhere(
    request: FrameRequest, settings: PredictSettings, elsewhere: Elsewhere
) -> Generator[Made, None, None]:
    """Let a cluster make the frames; this machine labels those that are predicted already."""
    stack, _, work, wanted, probabilities = request
    cores = _free_cores(settings, None)
    with closing(FramePool(stack, probabilities, work, cores, len(wanted))) as pool:

        def here(frames: Sequence[int]) -> Iterator[Made]:
            return _made(((t, probabilities[t]) for t in frames), pool)

        made = elsewhere.frames(request, here)
        with closing(made):
            yield from made


def _free_cores(settings: PredictSettings, running: Predictor | None) -> int:
    """Return on how many cores labels are made: on all, or what a network leaves free."""
    cores = settings.threads or physical_cores()
    if running is None:
        return cores
    return max(1, cores // 2 if running.on_cpu else cores - 2)


def _made(
    frames: Iterator[tuple[int, NDArray[np.uint8]]], pool: FramePool | None
) -> Iterator[Made]:
    """Yield frames and codes in their order, with what the pool made of them meanwhile."""
    if pool is None:
        yield from ((t, codes, None) for t, codes in frames)
        return
    spent = Spent()
    waiting: deque[tuple[int, NDArray[np.uint8], Future[FrameDone]]] = deque()
    more = True
    while more or waiting:
        if more:
            found = next(frames, None)
            spent.add("waiting for the network")
            if found is None:
                more = False
            else:
                waiting.append((*found, pool.submit(*found)))
        if waiting and not (more and len(waiting) <= pool.cores + 1):
            t, codes, done = waiting.popleft()
            made = done.result()
            spent.add("waiting for labels and measurements")
            yield t, codes, made
            spent.add("linking and writing")
    spent.say()


def _codes(
    stack: Stack,
    wanted: Sequence[int],
    missing: frozenset[int],
    probabilities: Probabilities,
    predictor: Predictor | None,
) -> Generator[NDArray[np.uint8], None, None]:
    """Yield the codes of each frame: what is there already is read, the rest predicted."""
    if predictor is None or not missing:
        yield from (probabilities[t] for t in wanted)
        return
    with closing(predict(stack, predictor, probabilities, wanted)) as run:  # ends its threads
        for t in wanted:
            yield next(run).codes if t in missing else probabilities[t]
