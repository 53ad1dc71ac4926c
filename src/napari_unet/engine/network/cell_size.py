"""The size of a movie's cells beside the size that a model knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.errors import BadInput, Notice
from napari_unet.engine.labels.objects import median_diameter
from napari_unet.engine.network.volumes import diameter_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.network.model import Model
    from napari_unet.engine.settings import LabelSettings, PredictSettings
    from napari_unet.engine.stack.stack import Stack

LEAST, MOST = 0.05, 20.0  # factors that frames are resized by
_APART = 1.5  # a mismatch beyond this is said
_SPECKS = 2.0  # a median below so many times the smallest cell is of what is cut off there
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
            f"the model {model.name} does not say how large its cells are",
            "a model with a diameter in its card",
            "choose another model, or leave the diameter out",
        )
    return min(max(model.diameter / settings.diameter, LEAST), MOST)


def sized(labels: LabelSettings, before: float, now: float, dims: int = 2) -> LabelSettings:
    """Return label settings with sizes for frames resized by ``now`` instead of ``before``."""
    area = (before / now) ** dims
    largest = None if labels.max_size is None else max(1, round(labels.max_size * area))
    pieces = tuple(round(size * area) for size in labels.class_sizes)
    smallest = round(labels.min_size * area)
    edge = min(500, round(labels.edge * before / now))
    return labels.replace(min_size=smallest, max_size=largest, class_sizes=pieces, edge=edge)


def recommended_for(model: Model, settings: PredictSettings) -> LabelSettings:
    """Label settings that a model recommends, in pixels of frames that are resized so."""
    return sized(model.label_settings, 1.0, scale_of(model, settings), model.config.dims)


def edge_said(name: str, labels: LabelSettings, recommended: LabelSettings) -> Notice | None:
    """Say that cells at the image edge are left out, where the model ``name`` asks for it."""
    if not labels.edge or labels.edge != recommended.edge:
        return None
    where = f"cells that lie wholly in the outer {labels.edge} px are left out"
    return Notice("noted", f"{where}, as in the labels that {name} learned from")


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


@dataclass(frozen=True)
class SizeDoubt:
    """Cells that were found are not of the size that the model expects; both in px.

    ``debris``: most are hardly larger than the smallest cell, so they say nothing of the real size.
    """

    found: int
    expected: int
    debris: bool = False

    def __str__(self) -> str:
        if self.debris:
            return (
                f"The model does not seem to know these cells: it finds specks of {self.found} px "
                f"where it expects cells of {self.expected} px across. Paint a few and train it, "
                "or give the diameter of yours"
            )
        return f"These cells are about {self.found} px across, the model expects {self.expected} px"


def found_doubt(
    model: Model,
    scale: float,
    areas: NDArray[np.integer],
    smallest: int = 0,
    spacing: Sequence[float] | None = None,
) -> SizeDoubt | None:
    """Compare the areas of cells that were found in frames resized by ``scale`` with the model.

    Or their volumes. Cells of fewer pixels than ``smallest`` were left out before.
    """
    if len(areas) < _LEAST_CELLS or not model.diameter or model.config.classes:
        return None
    expected = model.diameter / scale
    if model.config.dims == 2:
        found = median_diameter(areas)
    else:
        found = diameter_of(float(np.median(areas)), 3, spacing)
    if not _far(found, expected):
        return None
    debris = found < expected and float(np.median(areas)) < _SPECKS * smallest
    return SizeDoubt(round(found), round(expected), debris)


def _far(one: float, other: float) -> bool:
    return max(one, other) > _APART * min(one, other)
