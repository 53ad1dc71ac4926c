"""Objects of a label image: checked, numbered, their areas, and how two images overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.ids import BACKGROUND_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Overlap = Mapping[int, tuple[int, int]]  # (intersection, union) in px by class


def whole_labels(image: NDArray[Any], name: str) -> NDArray[Any]:
    """Return labels as whole numbers from 0; `BadInput` where an image holds anything else."""
    if image.dtype.kind == "b":
        return image.astype(np.uint8)
    if image.dtype.kind == "f":
        whole = np.nan_to_num(image, nan=-1, posinf=-1, neginf=-1).astype(np.int64)
        if not np.array_equal(whole, image):
            raise BadInput(
                f"{name} holds fractions, as a probability does",
                "labels: whole numbers, one for each cell, 0 as background",
                "give labels instead",
            )
        image = whole
    if image.dtype.kind not in "iu":
        raise BadInput(f"{name} is of type {image.dtype}", "whole numbers", "give labels")
    if image.dtype.kind == "i" and image.size and image.min() < 0:
        raise BadInput(
            f"{name} holds negative labels, from {image.min()}", "0 or more", "renumber the labels"
        )
    return image


def numbered(labels: NDArray[Any]) -> tuple[Ints, Ints, NDArray[np.int32]]:
    """Return ids (n,), areas (n,) in px and numbers (Y, X) of the objects of labels (Y, X).

    The numbers are 1..n in the order of the ids, 0 outside of objects.
    """
    labels = np.asarray(labels)
    if labels.dtype == bool:
        labels = labels.astype(np.uint8)
    top = int(labels.max()) if labels.size else 0
    if top > 4 * labels.size + 65536:  # ids far apart: a table over them would be huge
        found, inverse = np.unique(labels, return_inverse=True)
        places, areas, dense = numbered(inverse.reshape(labels.shape) + int(found[0] != 0))
        return found[places - int(found[0] != 0)].astype(np.int64), areas, dense
    counts = np.bincount(labels.ravel().astype(np.intp, copy=False), minlength=top + 1)
    there = counts > 0
    there[0] = False
    table = np.where(there, np.cumsum(there), 0).astype(np.int32)
    ids = np.flatnonzero(there).astype(np.int64)
    return ids, counts[there].astype(np.int64), table[labels]


def overlaps(first: NDArray[np.int32], second: NDArray[np.int32]) -> tuple[Ints, Ints, Ints]:
    """Return which objects of two numbered images (Y, X) share pixels, from 0, and how many."""
    both = (first > 0) & (second > 0)
    rows, columns = first[both] - 1, second[both] - 1
    width = int(columns.max(initial=0)) + 1
    pairs, counts = np.unique(rows.astype(np.int64) * width + columns, return_counts=True)
    return pairs // width, pairs % width, counts.astype(np.int64)


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
