"""One cell, cut in two: along a line, or where its own shape and probability say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage as ndi

from napari_unet.engine.labels.canvas.splitting import adjacent, flood, summits_of
from napari_unet.engine.labels.verbs.places import line_mask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Steps = Sequence[float] | None
    Mask = NDArray[np.bool_]

_CRUMB = 0.02  # of the cell: less on one side of a line is no part of its own
_PART = 0.05  # of the cell: less is no cell of its own beside the other
_PAD = 3  # px: reach of the smoothing of the depth


def cut_along(cell: Mask, path: NDArray[np.float64]) -> NDArray[np.int32]:
    """Return the parts of a cell (Y, X) on both sides of a line, from 1, the largest first.

    A line that ends inside the cell goes straight on to its rim. One part means: it cuts nothing.
    A cell (Z, Y, X) is cut through all its sections.
    """
    seen = cell if cell.ndim == 2 else np.asarray(cell.any(axis=0))
    line = line_mask(_to_the_rim(seen, path), seen.shape)
    pieces, n = ndi.label(cell & ~line)
    sizes = np.bincount(pieces.reshape(-1), minlength=n + 1)
    sizes[0] = 0
    parts = np.flatnonzero(sizes >= max(1, _CRUMB * np.count_nonzero(cell)))
    order = parts[np.argsort(-sizes[parts], kind="stable")]
    number = np.zeros(n + 1, np.int32)
    number[order] = np.arange(1, len(order) + 1)
    if not len(order):
        return cell.astype(np.int32)
    return _nearest(number[pieces], cell)


def cut_apart(
    cell: Mask, levels: NDArray[np.uint8] | None = None, steps: Steps = None
) -> NDArray[np.int32]:
    """Return two parts of a cell, 1 the larger, parted at its narrowest neck.

    Without a neck, where its probability ``levels`` dip. One part where neither shows two cells.
    Voxels of a cell (Z, Y, X) are ``steps`` apart.
    """
    apart = np.asarray(steps or (1.0,) * cell.ndim)
    depth = ndi.distance_transform_edt(np.pad(cell, _PAD), sampling=steps).astype(np.float32)
    depth = ndi.gaussian_filter(depth, 1.0 / apart, truncate=3.0)
    parts = _two_of(cell, depth[(slice(_PAD, -_PAD),) * cell.ndim])
    if parts is None and levels is not None:
        given = levels.astype(np.float32)
        smooth = ndi.gaussian_filter(given, 1.5 / apart, mode="nearest", truncate=2.0)
        parts = _two_of(cell, smooth)
    return cell.astype(np.int32) if parts is None else parts


def _two_of(cell: Mask, heights: NDArray[np.float32]) -> NDArray[np.int32] | None:
    """Grow a part from each summit of the heights, and join what is least apart until two are."""
    heights = np.where(cell, heights, np.float32(0))
    seeds = summits_of(heights, cell)
    if int(seeds.max(initial=0)) < 2:
        return None
    parts = flood(-heights, seeds, cell)
    least = _PART * np.count_nonzero(cell)
    while (n := int(parts.max(initial=0))) > 1:
        areas = np.bincount(parts.reshape(-1), minlength=n + 1)
        if n == 2 and areas[1:].min() >= least:
            swapped = np.where(parts > 0, 3 - parts, 0).astype(np.int32)
            return swapped if areas[2] > areas[1] else parts
        a, b, passes = adjacent(parts, heights)
        if not len(a):
            return None
        tops = np.zeros(n + 1, np.float32)
        np.maximum.at(tops, parts.reshape(-1), heights.reshape(-1))
        alike = passes / np.maximum(np.minimum(tops[a], tops[b]), 1e-6)
        alike += 2 * (np.minimum(areas[a], areas[b]) < least)  # specks first
        i = int(np.argmax(alike))
        number = np.arange(n + 1, dtype=np.int32)
        number[b[i]] = a[i]
        number[number > b[i]] -= 1
        parts = number[parts]
    return None


def _to_the_rim(cell: Mask, path: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a line with its ends drawn on straight to where they leave the cell."""
    if len(path) < 2 or np.ptp(path, axis=0).max() < 1:
        return path
    first = _on(cell, path[0], path[0] - _point_off(path, path[0]))
    last = _on(cell, path[-1], path[-1] - _point_off(path[::-1], path[-1]))
    return np.vstack([first[None], path, last[None]])


def _point_off(path: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the first point that is some pixels from the end: a hand shakes there."""
    away = np.hypot(*(path - end).T)
    far = np.flatnonzero(away >= min(5.0, away.max()))
    return np.asarray(path[far[0]])


def _on(cell: Mask, start: NDArray[np.float64], way: NDArray[np.float64]) -> NDArray[np.float64]:
    step = way / max(float(np.hypot(*way)), 1e-9)
    point = start
    while True:
        y, x = np.rint(point).astype(int)
        inside = 0 <= y < cell.shape[0] and 0 <= x < cell.shape[1]
        if not (inside and cell[y, x]):
            return point
        point = point + step


def _nearest(parts: NDArray[np.int32], cell: Mask) -> NDArray[np.int32]:
    """Give each pixel of the cell that is in no part to the nearest one."""
    where = ndi.distance_transform_edt(parts == 0, return_distances=False, return_indices=True)
    return np.where(cell, parts[tuple(where)], 0).astype(np.int32)
