"""Objects of a label image: their areas, the discs as large, the overlap of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.labels.ids import BACKGROUND_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    Overlap = Mapping[int, tuple[int, int]]  # (intersection, union) in px by class


def areas_of(labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """Areas of the objects of a frame (Y, X), in the order of their ids; the brush is none."""
    areas = np.bincount(labels.ravel())[1:]
    areas[BACKGROUND_ID - 1 : BACKGROUND_ID] = 0
    return areas[areas > 0]


def renumbered(labels: NDArray[Any]) -> tuple[NDArray[np.int32], NDArray[Any]]:
    """Return labels of the same shape with ids 1..n without gaps, and the ids (n,) they had."""
    flat = labels.ravel()
    where = np.flatnonzero(flat)
    ids, inverse = np.unique(flat[where], return_inverse=True)
    dense = np.zeros(flat.shape, np.int32)
    dense[where] = inverse + 1
    return dense.reshape(labels.shape), ids


def disc_diameter(area: float) -> float:
    """Diameter of the disc that is as large."""
    return float(np.sqrt(4 / np.pi * area))


def median_diameter(areas: NDArray[np.integer]) -> float:
    """Diameter of the disc with the median of ``areas``, of which there must be one."""
    return disc_diameter(float(np.median(areas)))


def overlap_of_classes(
    predicted: NDArray[Any], truth: NDArray[Any], classes: Iterable[int]
) -> Overlap:
    """Count the pixels ``(Y, X)`` that both images, and that either, give to each class."""
    masks = {number: (predicted == number, truth == number) for number in classes}
    return {
        number: (int(np.count_nonzero(a & b)), int(np.count_nonzero(a | b)))
        for number, (a, b) in masks.items()
    }


def pooled_iou(frames: Iterable[Overlap]) -> dict[str, float]:
    """IoU over frames of each class that either side holds anywhere."""
    sums: dict[int, tuple[int, int]] = {}
    for frame in frames:
        for number, (both, either) in frame.items():
            so_far = sums.get(number, (0, 0))
            sums[number] = (so_far[0] + both, so_far[1] + either)
    return {str(k): both / either for k, (both, either) in sorted(sums.items()) if either}
