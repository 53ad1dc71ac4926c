"""The size of a movie's cells beside the size that a model knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_unet.engine.model import Model
    from napari_unet.engine.settings import LabelSettings, PredictSettings
    from napari_unet.engine.stack import Stack

LEAST, MOST = 0.05, 20.0  # factors that frames are resized by
_APART = 1.5  # a mismatch beyond this is said
_LEAST_CELLS = 3  # whose median says something


def scale_of(model: Model, settings: PredictSettings) -> float:
    """Factor by which frames are resized: as given, or what brings cells to the model's size.

    Raises
    ------
    BadInput
        Where the cells' diameter is given and the model does not know its own.

    """
    if settings.diameter is None:
        return settings.scale
    if not model.diameter:
        raise BadInput(
            f"model {model.name} does not say how large its cells are",
            "a model with a diameter in its card",
            "leave the cells' diameter out",
        )
    return min(max(model.diameter / settings.diameter, LEAST), MOST)


def sized(labels: LabelSettings, before: float, now: float) -> LabelSettings:
    """Give label settings with sizes for frames resized by ``now`` instead of ``before``."""
    area = (before / now) ** 2
    largest = None if labels.max_size is None else max(1, round(labels.max_size * area))
    return labels.replace(min_size=round(labels.min_size * area), max_size=largest)


def recommended_for(model: Model, settings: PredictSettings) -> LabelSettings:
    """Label settings that a model recommends, in pixels of frames that are resized so."""
    return sized(model.label_settings, 1.0, scale_of(model, settings))


def diameter_of(labels: Iterable[NDArray[np.integer]]) -> float | None:
    """Median diameter in px of the cells of frames (Y, X), as discs; None of a handful."""
    counts = [np.bincount(frame.ravel())[1:] for frame in labels]
    areas = np.concatenate([c[c > 0] for c in counts]) if counts else np.zeros(0)
    return float(np.sqrt(4 / np.pi * np.median(areas))) if areas.size >= _LEAST_CELLS else None


def pixel_doubt(model: Model, stack: Stack, settings: PredictSettings) -> str | None:
    """Say where a model learned at another pixel size, and frames are not resized for it."""
    learned, here = model.card.get("pixel_size"), stack.pixel_size
    if not (learned and here and model.diameter) or settings.diameter or settings.scale != 1:
        return None
    if not _far(learned, here):
        return None
    return (
        f"The model learned at {learned:.3g} µm a pixel, this movie has {here:.3g}: "
        f"its cells would be {model.diameter * learned / here:.0f} px across here"
    )


def found_doubt(model: Model, scale: float, found: float | None) -> str | None:
    """Say where cells that were found (median diameter in px) are not of the model's size."""
    if not (found and model.diameter) or model.config.classes:
        return None
    expected = model.diameter / scale
    if not _far(found, expected):
        return None
    return f"These cells are about {found:.0f} px across, the model expects {expected:.0f} px"


def _far(one: float, other: float) -> bool:
    return max(one, other) > _APART * min(one, other)
