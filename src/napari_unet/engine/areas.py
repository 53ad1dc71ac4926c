"""Areas of objects in pixels, and the discs that are as large."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.label_ids import BACKGROUND_ID

if TYPE_CHECKING:
    from numpy.typing import NDArray


def areas_of(labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """Areas of the objects of a frame (Y, X), in the order of their ids; the brush is none."""
    areas = np.bincount(labels.ravel())[1:]
    areas[BACKGROUND_ID - 1 : BACKGROUND_ID] = 0
    return areas[areas > 0]


def disc_diameter(area: float) -> float:
    """Diameter of the disc that is as large."""
    return float(np.sqrt(4 / np.pi * area))


def median_diameter(areas: NDArray[np.integer]) -> float:
    """Diameter of the disc with the median of ``areas``, of which there must be one."""
    return disc_diameter(float(np.median(areas)))
