"""Where touching cells separate: one seed a cell, from the distance to the cell's rim."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.morphology import local_maxima
from skimage.segmentation import watershed

from napari_unet.engine.probability import threshold_code

_INSIDE = threshold_code(0.5)
CONNECTED = np.ones((3, 3), dtype=bool)
_SMOOTH = 1.0  # px: sigma that takes the staircase off the distance
_SPECK = 1.5  # px: a thinner part is no cell of its own beside a cell


def split_seeds(
    levels: NDArray[np.uint8],
    border: NDArray[np.uint8] | None,
    regions: NDArray[np.int32],
    strength: float,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Find one seed a cell, and the landscape (low inside cells) in which the seeds grow.

    The interior is where the object is likely and no border is (``levels`` and ``border`` are
    (Y, X) codes). Its distance transform has a summit in each cell; two summits are one cell
    where the neck between them is wide for the smaller of them: wider than half of it at
    ``strength`` 0, than 95 % of it at 1. A region without interior is one seed.
    """
    interior = levels >= _INSIDE
    if border is not None:
        interior &= border < _INSIDE
    depth = _depth(interior, regions)
    seeds = _merged_summits(depth, interior, 0.5 + 0.45 * strength)
    seeds = _without_specks(seeds, depth, regions)
    landscape = -depth - levels.astype(np.float32) / np.float32(255)
    if border is not None:
        landscape += border.astype(np.float32) / np.float32(255)
    return seeds, landscape


def adjacent(
    regions: NDArray[np.int32], heights: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[Any]]:
    """List neighbouring regions a < b (8-connected) and the height of the pass between them."""
    n = int(regions.max(initial=0)) + 1
    keys, passes = [], []
    for near, far in (
        (np.s_[1:, :], np.s_[:-1, :]),
        (np.s_[:, 1:], np.s_[:, :-1]),
        (np.s_[1:, 1:], np.s_[:-1, :-1]),
        (np.s_[1:, :-1], np.s_[:-1, 1:]),
    ):
        a, b = regions[near], regions[far]
        beside = (a != b) & (a > 0) & (b > 0)
        a, b = a[beside].astype(np.int64), b[beside].astype(np.int64)
        keys.append(np.minimum(a, b) * n + np.maximum(a, b))
        passes.append(np.minimum(heights[near][beside], heights[far][beside]))
    key, inverse = np.unique(np.concatenate(keys), return_inverse=True)
    height = np.zeros(len(key), dtype=heights.dtype)
    np.maximum.at(height, inverse, np.concatenate(passes))
    return key // n, key % n, height


def summits_of(heights: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Label the local maxima (plateaus are one) of ``heights`` (Y, X) that lie in ``mask``."""
    padded = np.pad(heights, 1)  # a plateau up to the image edge is a summit too
    peaks = local_maxima(padded, connectivity=2)[1:-1, 1:-1]  # type: ignore[no-untyped-call]
    return np.asarray(ndi.label(peaks & mask, structure=CONNECTED)[0], dtype=np.int32)


def flood(
    landscape: NDArray[Any], seeds: NDArray[np.int32], mask: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Grow ``seeds`` (Y, X) through ``mask``, low ground first (watershed, 8-connected)."""
    grown = watershed(landscape, seeds, mask=mask, connectivity=2)  # type: ignore[no-untyped-call]
    return np.asarray(grown, dtype=np.int32)


def _depth(interior: NDArray[np.bool_], regions: NDArray[np.int32]) -> NDArray[np.float32]:
    """Smoothed Euclidean distance to the rim of the interior, region by region."""
    depth = np.zeros(interior.shape, dtype=np.float32)
    for box in ndi.find_objects(regions):
        part = interior[box]
        if part.any():
            padded = np.pad(part, 1)
            distance = ndi.distance_transform_edt(padded)[1:-1, 1:-1]
            np.maximum(depth[box], distance, out=depth[box], casting="same_kind")
    return np.asarray(ndi.gaussian_filter(depth, _SMOOTH, truncate=3.0))


def _merged_summits(
    depth: NDArray[np.float32], interior: NDArray[np.bool_], ratio: float
) -> NDArray[np.int32]:
    """Parts of the interior, one a cell: joined where the pass is above ``ratio`` of a summit."""
    summits = summits_of(depth, interior)
    n = int(summits.max(initial=0))
    parts = flood(-depth, summits, interior)
    height = np.zeros(n + 1, dtype=np.float32)
    np.maximum.at(height, parts.reshape(-1), depth.reshape(-1))
    parent = np.arange(n + 1)
    a, b, passes = adjacent(parts, depth)
    for i in np.argsort(-passes, kind="stable"):
        low, high = _root(parent, int(a[i])), _root(parent, int(b[i]))
        if height[low] > height[high]:
            low, high = high, low
        if low != high and passes[i] >= ratio * height[low]:
            parent[low] = high
    roots = np.array([_root(parent, i) for i in range(n + 1)])
    number = np.unique(roots, return_inverse=True)[1].astype(np.int32)
    return np.asarray(number[parts])


def _root(parent: NDArray[np.intp], i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = int(parent[i])
    return i


def _without_specks(
    seeds: NDArray[np.int32], depth: NDArray[np.float32], regions: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Drop seeds thinner than a speck beside larger ones; a region without any is one seed."""
    n = int(seeds.max(initial=0))
    inside = np.flatnonzero(seeds)
    height = np.zeros(n + 1, dtype=np.float32)
    np.maximum.at(height, seeds.reshape(-1)[inside], depth.reshape(-1)[inside])
    kept = np.where(height[seeds] > _SPECK, seeds, 0)
    seeded = np.zeros(int(regions.max(initial=0)) + 1, dtype=bool)
    seeded[regions[kept > 0]] = True
    seeded[0] = True
    return np.where(seeded[regions], kept, n + regions).astype(np.int32, copy=False)
