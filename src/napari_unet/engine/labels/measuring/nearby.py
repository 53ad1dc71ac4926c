"""Free pixels near objects, each with the nearest object: what lies beside and around a cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_STRIP = 64  # rows: small enough to stay in the processor's cache
_FARTHEST = 40  # px: beyond, a distance transform of the whole frame takes less time


@dataclass(frozen=True)
class Nearby:
    """Free pixels in the order of the frame: flat index, squared distance (px²), nearest object.

    Of several objects as near, the one that is farther left, then up. Each (p,).
    """

    where: NDArray[np.intp]
    squared: NDArray[np.int64]
    owner: NDArray[np.int32]


def nearby(dense: NDArray[np.int32], reach: int) -> Nearby:
    """Find the free pixels up to ``reach`` px from an object of ``dense`` (Y, X), from 1."""
    if not dense.any():
        nothing = np.zeros(0, np.int64)
        return Nearby(nothing.astype(np.intp), nothing, nothing.astype(np.int32))
    if reach > _FARTHEST or max(dense.shape) > np.iinfo(np.int16).max:
        return _by_transform(dense, reach)
    up, down = _rows_to_object(dense, reach + 1)
    # A pixel's key: squared distance by the object in the column at dx, then dx.
    steps = 2 * reach + 1
    small = (2 * reach**2 + 2 * reach + 2) * steps < 1 << 16
    best = np.empty(dense.shape, np.uint16 if small else np.uint32)
    width = dense.shape[1]
    for y in range(0, len(best), _STRIP):
        strip = np.s_[y : y + _STRIP]
        _least(np.minimum(up[strip], down[strip]), reach, best[strip])
    where = np.flatnonzero((best < (reach**2 + 1) * steps) & (dense == 0))
    squared, index = np.divmod(best.reshape(-1)[where].astype(np.int64), steps)
    beside = where + index - reach
    above, below = up.reshape(-1)[beside], down.reshape(-1)[beside]
    rows = np.where(above <= below, -above, below).astype(np.intp)
    owner = dense.reshape(-1)[beside + rows * width]
    return Nearby(where, squared, owner)


def _least(rows: NDArray[np.int16], reach: int, best: NDArray[Any]) -> None:
    """Find the least key of each pixel of a strip, from the rows to the next object."""
    steps, width = 2 * reach + 1, rows.shape[1]
    column = rows.astype(best.dtype)
    column *= column
    column *= steps
    best[:] = np.iinfo(best.dtype).max
    spare = np.empty_like(column)
    farthest = min(reach, width - 1)
    for dx in range(-farthest, farthest + 1):
        here = np.s_[:, max(0, -dx) : width - max(0, dx)]
        there = np.s_[:, max(0, dx) : width - max(0, -dx)]
        np.add(column[there], dx * dx * steps + dx + reach, out=spare[here])
        np.minimum(best[here], spare[here], out=best[here])


def _rows_to_object(
    dense: NDArray[np.int32], most: int
) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Return how many rows up and down the next object is, at ``most`` so many, (Y, X)."""
    start = (dense == 0).astype(np.int16)
    start *= most
    up, down = start, start.copy()
    step = 1
    while step < most:  # of what was found within so many rows, within twice as many
        up[step:] = np.minimum(up[step:], up[:-step] + step)
        down[:-step] = np.minimum(down[:-step], down[step:] + step)
        step *= 2
    return up, down


def _by_transform(dense: NDArray[np.int32], reach: int) -> Nearby:
    distance, nearest = ndimage.distance_transform_edt(dense == 0, return_indices=True)
    where = np.flatnonzero((distance > 0) & (distance <= reach))
    squared = np.rint(distance.reshape(-1)[where] ** 2).astype(np.int64)
    y, x = (index.reshape(-1)[where] for index in nearest)
    return Nearby(where, squared, dense[y, x])
