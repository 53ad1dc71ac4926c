"""What Segment's worker does: open the model, make room for the probabilities, predict."""

from __future__ import annotations

import gc
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from napari_unet.engine.network.model import Model
    from napari_unet.engine.prediction.probabilities import Probabilities
    from napari_unet.engine.session.session_folder import SessionFolder
    from napari_unet.engine.settings import LabelSettings, PredictSettings
    from napari_unet.engine.stack.lazy_array import Box
    from napari_unet.engine.stack.stack import Stack
    from napari_unet.gui.session.models import ModelChoice


@dataclass(frozen=True)
class Ready:
    """The model is open: where its probabilities go, what computes, and what to know about it.

    ``labels`` are the settings that it recommends for this run.
    """

    model: Model
    probabilities: Probabilities
    device: str
    notice: str
    labels: LabelSettings
    total: int


def segmenting(
    stack: Stack,
    choice: ModelChoice,
    settings: PredictSettings,
    frames: Iterable[int] | None,
    known: Probabilities | None = None,
    folder: SessionFolder | None = None,
    region: Box | None = None,
) -> Generator[Ready | str | int, None, None]:
    """Yield `Ready`, then the position of each frame once its probabilities are stored.

    Before more than one frame it yields what they will cost, in words. With a ``region`` only
    that is predicted, of one frame.
    ``known`` are the probabilities shown now: gone on with where they are the same model's.
    New ones go into the session's ``folder``, or into memory where there is none.
    """
    from napari_unet.engine.network.cell_size import pixel_doubt, recommended_for
    from napari_unet.engine.prediction.cost import estimate
    from napari_unet.engine.prediction.prediction import missing_frames, predict, predict_region
    from napari_unet.engine.prediction.predictor import open_predictor

    model = choice.load()
    predictor = open_predictor(model, settings)
    _tidy_up()
    try:
        probabilities = _room(stack, model, settings, known, folder)
        missing = missing_frames(stack, probabilities, frames)
        notices = filter(None, (predictor.notice, pixel_doubt(model, stack, settings)))
        yield Ready(
            model,
            probabilities,
            predictor.device,
            ". ".join(notices),
            recommended_for(model, settings),
            len(missing),
        )
        if region is not None:
            for frame in missing:
                predict_region(stack, predictor, probabilities, frame, region)
                yield frame
            return
        run = predict(stack, predictor, probabilities, missing)
        if len(missing) > 1:
            yield str(estimate(stack, predictor, probabilities, missing))
        for done in run:
            yield done.position
    finally:
        predictor.close()


def _tidy_up() -> None:
    """Do here what would hold the window up later.

    A labels layer imports pandas. Python looks through all objects once they are a quarter more
    than at the last time, and torch brings many.
    """
    import pandas  # noqa: F401

    gc.collect()


def _room(
    stack: Stack,
    model: Model,
    settings: PredictSettings,
    known: Probabilities | None,
    folder: SessionFolder | None,
) -> Probabilities:
    from napari_unet.engine.prediction.prediction import prediction_key, probabilities_shape
    from napari_unet.engine.prediction.probabilities import Probabilities

    key, shape = prediction_key(stack, model, settings), probabilities_shape(stack, model)
    if known is not None and known.key == json.loads(json.dumps(key)) and known.shape == shape:
        return known
    if folder is None:
        return Probabilities.in_memory(shape, key)
    return Probabilities.create(folder.probabilities_path(key), shape, key)
