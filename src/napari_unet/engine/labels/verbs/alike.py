"""Cells shaped by what they are on another frame: cut, taken in and outlined anew like there.

Masks are of a frame, or of a volume whose voxels are ``steps`` apart, in the width of one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage as ndi

from napari_unet.engine.labels.codes import threshold_code
from napari_unet.engine.labels.objects import diameter_in_plane
from napari_unet.engine.labels.verbs.outlines import missing_cell
from napari_unet.engine.labels.verbs.shapes import holes_filled, largest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
    Steps = Sequence[float] | None

_THRESHOLDS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
_ROOM = 0.2  # of the diameter: how far beside a shape its cell may lie
_ALIKE = 0.5  # IoU with the shape: below, another cell was found
_SMALLEST, _LARGEST = 0.3, 1.8  # times the area of a shape: about as large
_OFF = 1.4  # times the wanted area


def cut_like(cell: Mask, shapes: Sequence[Mask], steps: Steps = None) -> NDArray[np.int32]:
    """Return the parts (Y, X) of a cell: k where the k-th of some shapes is nearest, from 1.

    A shape that is nearest nowhere has no part.
    """
    by = steps if cell.ndim > 2 else None
    depth = np.stack([_signed(shape, by) for shape in shapes])
    nearest = np.where(cell, depth.argmax(axis=0) + 1, 0)
    whole = np.zeros(cell.shape, np.int32)
    for k in range(1, len(shapes) + 1):  # crumbs beside another part are that one's
        whole[largest(nearest == k)] = k
    loose = cell & (whole == 0)
    if loose.any() and whole.any():
        where = ndi.distance_transform_edt(
            whole == 0, by, return_distances=False, return_indices=True
        )
        whole[loose] = whole[tuple(where)][loose]
    return whole


def taken_in(
    levels: NDArray[np.uint8] | None,
    shape: Mask,
    free: Mask,
    threshold: float = 0.5,
    steps: Steps = None,
) -> tuple[Mask, bool]:
    """Return the cell that the model saw at a shape, on ``free`` ground; and whether it did.

    It is as `missing_cell` finds it beside others at a ``threshold``, where that is about as large
    as the shape; else at the threshold at which most agrees with it. Where none agrees, or without
    ``levels``, the cell is the shape itself.
    """
    copied = holes_filled(largest(shape & free), free)
    if levels is None or not copied.any():
        return copied, False
    by = steps if shape.ndim > 2 else None
    place = tuple(np.argwhere(shape).mean(axis=0).round().astype(int).tolist())
    cell = missing_cell(levels, free, ~free, place, threshold, by)
    if cell is not None:
        factor = np.count_nonzero(cell) / np.count_nonzero(shape)
        held = np.count_nonzero(cell & shape) / np.count_nonzero(cell)
        if _SMALLEST < factor < _LARGEST and held > _ALIKE:
            return cell, True
    room = _ROOM * diameter_in_plane(float(np.count_nonzero(shape)), by)
    ground = free & (ndi.distance_transform_edt(~shape, by) <= room)
    best, found = 0.0, copied
    for threshold in _THRESHOLDS:
        cell = _piece_at(ground & (levels >= threshold_code(threshold)), shape)
        agreed = _iou(cell, shape)
        if agreed > best:
            best, found = agreed, cell
    if best < _ALIKE:
        return copied, False
    return holes_filled(found, free), True


def outlined_like(
    levels: NDArray[np.uint8] | None, cell: Mask, shape: Mask, free: Mask
) -> tuple[Mask, bool]:
    """Return a cell at the threshold of its own at which it is as large as a shape; and True.

    Where there is none, or without ``levels``, the shape itself, and False.
    """
    wanted = float(np.count_nonzero(shape))
    ground = free | cell
    if levels is not None:
        sizes: dict[float, Mask] = {}
        for threshold in _THRESHOLDS:
            piece = _piece_at(ground & (levels >= threshold_code(threshold)), cell & shape)
            factor = max(float(np.count_nonzero(piece)), 1.0) / wanted
            sizes[max(factor, 1 / factor)] = piece
        best = min(sizes)
        if best < _OFF and _iou(sizes[best], shape) >= _ALIKE:
            return holes_filled(sizes[best], free), True
    return largest(shape & ground), False


def _piece_at(mask: Mask, shape: Mask) -> Mask:
    """Return the piece of a mask that has most of a shape; nothing where none has any."""
    pieces, n = ndi.label(mask)
    counts = np.bincount(pieces[shape], minlength=n + 1)
    counts[0] = 0
    if not counts.any():
        return np.zeros(mask.shape, bool)
    return np.asarray(pieces == int(counts.argmax()))


def _iou(one: Mask, other: Mask) -> float:
    either = np.count_nonzero(one | other)
    return float(np.count_nonzero(one & other)) / either if either else 0.0


def _signed(mask: Mask, by: Steps) -> NDArray[np.float64]:
    """Return the distance to the rim, above 0 inside; far below it where there is no mask."""
    if not mask.any():
        return np.full(mask.shape, -1e9)
    return np.asarray(ndi.distance_transform_edt(mask, by) - ndi.distance_transform_edt(~mask, by))
