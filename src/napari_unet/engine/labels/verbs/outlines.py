"""Outlines taken from the probability: of a cell that is missing, and along a rough scribble."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage as ndi

from napari_unet.engine.labels.canvas.splitting import flood
from napari_unet.engine.labels.codes import decode, threshold_code
from napari_unet.engine.labels.objects import diameter_in_plane, disc_diameter
from napari_unet.engine.labels.verbs.shapes import holes_filled, largest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

_SEED = 2.5  # px: what a click may be beside the cell's best place
_FAINT = 0.002  # below, the model has seen nothing
_STEP = 0.08  # of the area: less is not seen to have changed
_REACH = 0.5  # of the diameter: how far a cell may grow at once
_BAND = 0.25  # of the diameter: how far beside a rough outline the true one is looked for


def missing_cell(
    levels: NDArray[np.uint8],
    free: Mask,
    others: Mask,
    place: tuple[int, ...],
    threshold: float,
    steps: Sequence[float] | None = None,
) -> Mask | None:
    """Return the cell that the model nearly saw at a place, None where it saw nothing.

    ``levels`` are codes of probability (Y, X), or of a volume whose voxels are ``steps`` apart,
    ``others`` the cells that are there. The ground is parted between those and the place; there
    the threshold is as far below the best probability as ``threshold`` is below certainty.
    """
    apart = np.asarray(steps or (1.0,) * levels.ndim)
    ways = np.ogrid[tuple(slice(n) for n in levels.shape)]
    squares = [((on - at) * by) ** 2 for on, at, by in zip(ways, place, apart, strict=True)]
    near = (np.sqrt(sum(squares)) <= _SEED) & free
    if not near.any():
        return None
    start = np.flatnonzero(near)[int(np.argmax(levels[near]))]
    seeds = others.astype(np.int32) * 2
    seeds.reshape(-1)[start] = 1
    ground = (flood(255 - levels, seeds, free | others) == 1) & free
    best = _summit(levels, ground, start)
    peak = float(decode(best))
    if peak < _FAINT:
        return None
    cell = ground & (levels >= threshold_code(min(threshold, threshold * peak)))
    pieces, _ = ndi.label(cell)
    if not pieces.reshape(-1)[start]:  # clicked on the slope: the piece that is nearest
        if not cell.any():
            return None
        way, where = ndi.distance_transform_edt(~cell, sampling=steps, return_indices=True)
        if way.reshape(-1)[start] > 2 * _SEED:
            return None
        start = int(np.ravel_multi_index(where.reshape(cell.ndim, -1)[:, start], cell.shape))
    return holes_filled(np.asarray(pieces == pieces.reshape(-1)[start]), free)


def _summit(levels: NDArray[np.uint8], ground: Mask, start: int) -> int:
    """Return the highest level that is reached uphill from a pixel, on its ground."""
    heights = np.where(ground, levels, np.uint8(0))
    at = tuple(int(i) for i in np.unravel_index(start, levels.shape))
    while True:
        box = tuple(slice(max(0, i - 2), i + 3) for i in at)
        part = heights[box]
        best = np.unravel_index(int(np.argmax(part)), part.shape)
        if part[best] <= heights[at]:
            return int(heights[at])
        at = tuple(side.start + int(i) for side, i in zip(box, best, strict=True))


def at_next_threshold(
    cell: Mask,
    free: Mask,
    levels: NDArray[np.uint8],
    steps: Sequence[float] | None = None,
    *,
    lower: bool,
) -> Mask:
    """Return a cell at the next threshold at which it is seen to be larger, or smaller.

    ``levels`` are codes of probability, of a volume ``steps`` apart; the first threshold is the
    one that the rim of the cell is at. At a lower one it grows on ``free`` ground, and keeps what
    it has. As it is where there is no such threshold.
    """
    area = int(np.count_nonzero(cell))
    rim = cell & ~ndi.binary_erosion(cell)
    start = int(np.median(levels[rim])) if rim.any() else 0
    reach = max(2.0, _REACH * diameter_in_plane(area, steps))
    near = ndi.distance_transform_edt(~cell, sampling=steps) <= reach
    ground = cell | (free & near) if lower else cell
    codes = range(start, threshold_code(_FAINT), -1) if lower else range(start, 256)
    for code in codes:
        seen = ground & (levels >= code)
        found = _touched_by(seen | cell, cell) if lower else largest(seen)
        size = int(np.count_nonzero(found))
        if not size:
            break
        if abs(size - area) >= max(1.0, _STEP * area):
            return holes_filled(found, free)
    return cell


def _touched_by(mask: Mask, cell: Mask) -> Mask:
    """Return the pieces of a mask that a cell has pixels of."""
    pieces, _ = ndi.label(mask)
    return np.asarray(np.isin(pieces, np.unique(pieces[cell])))


def along_scribble(levels: NDArray[np.uint8], rough: Mask, free: Mask) -> Mask:
    """Return the cell whose rim follows the probability near that of a ``rough`` shape (Y, X).

    Within a band around the rough rim the true one is where the probability falls steepest
    (a watershed of its slope from the sure inside and the sure outside); where it is flat, the
    rim stays about where it was drawn.
    """
    band = max(2.0, _BAND * disc_diameter(float(np.count_nonzero(rough))) / 2)
    inner = ndi.distance_transform_edt(np.pad(rough, 1))[1:-1, 1:-1]
    band = min(band, 0.8 * float(inner.max()))
    outer = ndi.distance_transform_edt(~rough)
    seeds = np.where(inner > band, 1, np.where(outer > band, 2, 0)).astype(np.int32)
    slope = ndi.gaussian_gradient_magnitude(decode(levels), 1.0, mode="nearest", truncate=3.0)
    nearness = np.abs(np.where(rough, inner - 0.5, outer - 0.5)) / max(band, 1.0)
    landscape = slope.astype(np.float32) - np.float32(0.02) * nearness.astype(np.float32)
    cell = (flood(landscape, seeds, np.ones(rough.shape, bool)) == 1) & free
    return holes_filled(largest(np.asarray(cell)), free)
