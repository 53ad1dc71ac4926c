"""What Segment's worker does: open the model, make room for the probabilities, predict."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platformdirs import user_cache_path

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from pathlib import Path

    from napari_unet.engine.model import Model
    from napari_unet.engine.probabilities import Probabilities
    from napari_unet.engine.settings import PredictSettings
    from napari_unet.engine.stack import Stack
    from napari_unet.gui.model_choice import ModelChoice

_IN_MEMORY = 256 << 20  # bytes of probabilities up to which an array's are not put on disk


@dataclass(frozen=True)
class Ready:
    """The model is open: where its probabilities go, what computes, and what to know about it."""

    model: Model
    probabilities: Probabilities
    device: str
    notice: str | None
    total: int


def segmenting(
    stack: Stack,
    choice: ModelChoice,
    settings: PredictSettings,
    frames: Iterable[int] | None,
    known: Probabilities | None = None,
) -> Generator[Ready | int, None, None]:
    """Yield `Ready`, then the position of each frame once its probabilities are stored.

    ``known`` are the probabilities shown now: gone on with where they are the same model's.
    """
    from napari_unet.engine.prediction import missing_frames, predict
    from napari_unet.engine.predictor import open_predictor

    model = choice.load()
    predictor = open_predictor(model, settings)
    try:
        probabilities = _room(stack, model, settings, known)
        missing = missing_frames(stack, probabilities, frames)
        run = predict(stack, predictor, probabilities, missing)
        yield Ready(model, probabilities, predictor.device, predictor.notice, len(missing))
        for done in run:
            yield done.position
    finally:
        predictor.close()


def _room(
    stack: Stack, model: Model, settings: PredictSettings, known: Probabilities | None
) -> Probabilities:
    from napari_unet.engine.prediction import prediction_key, probabilities_shape
    from napari_unet.engine.probabilities import Probabilities

    key, shape = prediction_key(stack, model, settings), probabilities_shape(stack, model)
    if known is not None and known.key == json.loads(json.dumps(key)) and known.shape == shape:
        return known
    n_bytes = shape[0] * shape[1] * shape[2] * shape[3]
    if stack.path is None and n_bytes <= _IN_MEMORY:
        return Probabilities.in_memory(shape, key)
    return Probabilities.create(_file_for(stack, key), shape, key)


def _file_for(stack: Stack, key: dict[str, Any]) -> Path:
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:24]
    folder = user_cache_path("napari-unet", appauthor=False) / "probabilities"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{stack.name[:40]}-{digest}.prob"
