"""Objects of a label image: checked, numbered, their areas, and how two images overlap."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.ids import BACKGROUND_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.labels.regions import Regions

    Ints = NDArray[np.int64]
    Overlap = Mapping[int | str, tuple[int, int]]  # (intersection, union) in px by class or region


def whole_labels(image: NDArray[Any], name: str) -> NDArray[Any]:
    """Return labels as whole numbers from 0, floats that are whole too.

    Unsigned types stay, others become unsigned ones as wide, and floats 32 or 64 bits: 65535 marks
    background in uint16 files alone. ``name`` is whose they are in an error.

    Raises
    ------
    BadInput
        Where an image holds anything else.

    """
    kind = image.dtype.kind
    if kind == "b":
        return image.astype(np.uint8)
    if kind == "f":
        _refuse_fractions(image, name)
    elif kind not in "iu":
        raise BadInput(f"{name} is of type {image.dtype}", "whole numbers", "give labels")
    if kind == "u" or not image.size:
        return image if kind == "u" else image.astype(np.uint16)
    if (low := image.min()) < 0:
        raise BadInput(
            f"{name} holds negative labels, from {int(low)}, on {_share(image < 0)}",
            "a number from 1 for each cell, 0 as background",
            "write 0 where background is meant",
        )
    if kind == "f":
        return image.astype(np.uint32 if image.max() <= np.iinfo(np.uint32).max else np.uint64)
    return image.astype(np.dtype(f"u{image.dtype.itemsize}"))


def _refuse_fractions(image: NDArray[Any], name: str) -> None:
    finite = np.isfinite(image)
    if not finite.all():
        what = "NaN" if np.isnan(image).any() else "infinity"
        raise BadInput(
            f"{name} holds {what}, which is no number of a cell, on {_share(~finite)}",
            "whole numbers, one for each cell, 0 as background",
            "write 0 where background is meant",
        )
    whole = image == np.rint(image)
    if not whole.all():
        found, within = float(image[~whole].flat[0]), 0 <= image.min() <= image.max() <= 1
        raise BadInput(
            f"{name} holds fractions such as {found:.3g}, as "
            f"{'a probability' if within else 'an image'} does",
            "labels: whole numbers, one for each cell, 0 as background",
            "give labels instead",
        )


def _share(mask: NDArray[np.bool_]) -> str:
    return f"{100 * float(mask.mean()):.3g} % of the pixels of a frame"


def numbered(labels: NDArray[Any]) -> tuple[Ints, Ints, NDArray[np.int32]]:
    """Return ids (n,), areas (n,) in px and numbers of the objects of labels (Y, X) or (Z, Y, X).

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
    """Return which objects of two numbered images share pixels, from 0, and how many."""
    both = (first > 0) & (second > 0)
    rows, columns = first[both] - 1, second[both] - 1
    width = int(columns.max(initial=0)) + 1
    pairs, counts = np.unique(rows.astype(np.int64) * width + columns, return_counts=True)
    return pairs // width, pairs % width, counts.astype(np.int64)


def areas_of(labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """Areas of the objects of a frame, in the order of their ids; the brush is none."""
    areas = np.bincount(labels.ravel())[1:]
    areas[BACKGROUND_ID - 1 : BACKGROUND_ID] = 0
    return areas[areas > 0]


def disc_diameter(area: float) -> float:
    """Diameter of the disc that is as large."""
    return float(np.sqrt(4 / np.pi * area))


def ball_diameter(volume: float) -> float:
    """Diameter of the ball that is as large."""
    return float(np.cbrt(6 / np.pi * volume))


def diameter_in_plane(pixels: float, steps: Sequence[float] | None = None) -> float:
    """Diameter of the disc that is as large; of three ``steps`` of the ball of so many voxels.

    Voxels are that far apart along z, y and x, in the lesser of width and height.
    """
    if steps is None or len(steps) == 2:
        return disc_diameter(pixels)
    return ball_diameter(pixels * prod(steps))


def median_diameter(areas: NDArray[Any], dims: int = 2) -> float:
    """Diameter of the disc with the median of ``areas``, of which there must be one.

    Of the ball, where they are volumes, of 3 ``dims``.
    """
    middle = float(np.median(areas))
    return disc_diameter(middle) if dims == 2 else ball_diameter(middle)


def overlap_of_classes(
    predicted: NDArray[Any], truth: NDArray[Any], classes: Iterable[int]
) -> Overlap:
    """Count the pixels that both images, and that either, give to each class."""
    masks = {number: (predicted == number, truth == number) for number in classes}
    return {
        number: (int(np.count_nonzero(a & b)), int(np.count_nonzero(a | b)))
        for number, (a, b) in masks.items()
    }


def overlap_of_regions(predicted: NDArray[Any], truth: NDArray[Any], regions: Regions) -> Overlap:
    """Count the pixels that both images, and that either, give to each region."""
    found: dict[int | str, tuple[int, int]] = {}
    for region in regions:
        a, b = (np.isin(image, region.classes) for image in (predicted, truth))
        found[region.name] = int(np.count_nonzero(a & b)), int(np.count_nonzero(a | b))
    return found


def pooled_iou(frames: Iterable[Overlap]) -> dict[str, float]:
    """IoU over frames of each class or region that either side holds anywhere."""
    sums: dict[int | str, tuple[int, int]] = {}
    for frame in frames:
        for number, (both, either) in frame.items():
            so_far = sums.get(number, (0, 0))
            sums[number] = (so_far[0] + both, so_far[1] + either)
    numbers = sorted(key for key in sums if isinstance(key, int))
    names = [key for key in sums if isinstance(key, str)]  # in the order of the regions
    order: list[int | str] = [*numbers, *names]
    pairs = {key: sums[key] for key in order}
    return {str(key): both / either for key, (both, either) in pairs.items() if either}
