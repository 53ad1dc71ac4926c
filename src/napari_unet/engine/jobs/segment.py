"""From a movie to labels, frame by frame: what segments on the command line, in the dock, anywhere.

The network runs ahead in its own threads; what asks for the labels of a frame makes them meanwhile.
"""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from napari_unet.engine.files.atomic import require_space
from napari_unet.engine.jobs.segmentation import Kept, Segmentation, temporary_folder
from napari_unet.engine.labels.class_labels import labels_of
from napari_unet.engine.network.cell_size import recommended_for
from napari_unet.engine.network.model import Model
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
    from collections.abc import Generator, Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_unet.engine.prediction.predictor import Predictor
    from napari_unet.engine.stack.stack import Stack


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

    @cached_property
    def labels(self) -> NDArray[np.uint16]:
        """Its labels ``(Y, X)``, made when first asked for: the dock makes its own."""
        return labels_of(self.codes, self.outputs, self.settings)


def segment(
    stack: Stack,
    model: Model | str | Path,
    settings: PredictSettings | None = None,
    labels: LabelSettings | None = None,
    *,
    frames: Iterable[int] | None = None,
    probabilities: Probabilities | str | Path | None = None,
    predictor: Predictor | None = None,
) -> Generator[SegmentedFrame, None, Segmentation]:
    """Predict and label the frames of a movie; yields each, returns the labels of all.

    Parameters
    ----------
    stack, model
        The movie; a model, its file, or the name of a bundled or kept one.
    settings, labels
        How the network runs, and how labels are made; the model's own where left out.
    frames
        Those to segment, all where left out.
    probabilities
        Where they are kept: a file, gone on with where it holds some, or what is open already and
        is left open. A temporary file where left out.
    predictor
        One that is open already, and is left open.

    Raises
    ------
    BadInput
        At the call: where movie, model, frames and probabilities do not fit, or the disk is full.

    """
    model = model if isinstance(model, Model) else Model.load(model)
    settings = settings or PredictSettings()
    labels = labels or recommended_for(model, settings)
    wanted = wanted_frames(stack, frames)
    check_channels(stack, model)
    kept = _kept(stack, model, settings, probabilities)
    _check_space(stack, model, wanted, kept)
    return _segment(stack, model, settings, labels, wanted, kept, predictor)


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
) -> Generator[SegmentedFrame, None, Segmentation]:
    if kept is None:
        folder = temporary_folder()
        shape, key = probabilities_shape(stack, model), prediction_key(stack, model, settings)
        kept = Kept(Probabilities.create(folder / "movie.unetp", shape, key), folder)
    probabilities = kept.probabilities
    codes = _codes(stack, model, settings, wanted, probabilities, predictor)
    try:
        with closing(codes):
            for step, (t, frame) in enumerate(zip(wanted, codes, strict=True), 1):
                outputs = probabilities.outputs
                yield SegmentedFrame(t, step, len(wanted), frame, outputs, labels)
    except BaseException:  # stopped, too: nobody gets the labels, so nobody would close them
        kept.close()
        raise
    return Segmentation(stack, model, settings, labels, kept)


def _codes(
    stack: Stack,
    model: Model,
    settings: PredictSettings,
    wanted: Sequence[int],
    probabilities: Probabilities,
    predictor: Predictor | None,
) -> Generator[NDArray[np.uint8], None, None]:
    """Yield the codes of each frame: what is there already is read, the rest predicted."""
    missing = set(missing_frames(stack, probabilities, wanted))
    if not missing:
        yield from (probabilities[t] for t in wanted)
        return
    opened = predictor or open_predictor(model, settings)
    try:
        run = predict(stack, opened, probabilities, wanted)
        with closing(run):  # its threads end with this block
            for t in wanted:
                yield next(run).codes if t in missing else probabilities[t]
    finally:
        if predictor is None:
            opened.close()
