"""Where touching cells separate: one seed a cell, from the distance to the cell's rim."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.morphology import local_maxima
from skimage.segmentation import watershed

from napari_unet.engine.labels.codes import threshold_code

_INSIDE = threshold_code(0.5)
CONNECTED = np.ones((3, 3), dtype=bool)
_SMOOTH = 1.0  # px: sigma that takes the staircase off the distance
_PAD = 4  # px: reach of the smoothing
_SPECK = 0.9  # px: a thinner part is no cell of its own beside a cell


def split(
    levels: NDArray[np.uint8],
    border: NDArray[np.uint8] | None,
    regions: NDArray[np.int32],
    strength: float,
) -> NDArray[np.int32]:
    """Divide ``regions`` (Y, X), dense from 1, so that each part is one cell.

    The interior is where the object is likely and no border is (``levels`` and ``border`` are
    (Y, X) codes). Its distance transform has a summit in each cell, from which the part grows;
    two parts are one cell where the neck between them is wide for the smaller of them: wider
    than half of it at ``strength`` 0, than 95 % of it at 1. A region without summit is one part.
    """
    interior = levels >= _INSIDE
    if border is not None:
        interior &= border < _INSIDE
    depth = _depth(interior, regions)
    seeds = _seeds(depth, interior, regions)
    landscape = -depth - levels.astype(np.float32) / np.float32(255)
    if border is not None:
        landscape += border.astype(np.float32) / np.float32(255)
    parts = flood(landscape, seeds, regions > 0)
    return _joined(parts, seeds, depth, 0.5 + 0.45 * strength)


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
            distance = ndi.distance_transform_edt(np.pad(part, _PAD)).astype(np.float32)
            smooth = ndi.gaussian_filter(distance, _SMOOTH, truncate=3.0)
            inner = smooth[_PAD:-_PAD, _PAD:-_PAD]
            np.maximum(depth[box], inner, out=depth[box], where=part)
    return depth


def _seeds(
    depth: NDArray[np.float32], interior: NDArray[np.bool_], regions: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Summits of the depth that are no specks; a region without any is a seed as a whole."""
    summits = summits_of(depth, interior)
    inside = np.flatnonzero(summits)
    specks = inside[depth.reshape(-1)[inside] <= _SPECK]
    summits.reshape(-1)[specks] = 0
    seeded = np.zeros(int(regions.max(initial=0)) + 1, dtype=bool)
    seeded[regions.reshape(-1)[np.flatnonzero(summits)]] = True
    seeded[0] = True
    if not seeded.all():
        n = int(summits.max(initial=0))
        summits = np.where(seeded[regions], summits, n + regions)
    return summits


def _joined(
    parts: NDArray[np.int32], seeds: NDArray[np.int32], depth: NDArray[np.float32], ratio: float
) -> NDArray[np.int32]:
    """Join parts where the pass between them is above ``ratio`` of the lower summit."""
    n = int(seeds.max(initial=0))
    height = np.zeros(n + 1, dtype=np.float32)
    inside = np.flatnonzero(seeds)
    np.maximum.at(height, seeds.reshape(-1)[inside], depth.reshape(-1)[inside])
    parent = np.arange(n + 1)
    a, b, passes = adjacent(parts, depth)
    for i in np.flatnonzero(passes)[np.argsort(-passes[passes > 0], kind="stable")]:
        low, high = _root(parent, int(a[i])), _root(parent, int(b[i]))
        if height[low] > height[high]:
            low, high = high, low
        if low != high and passes[i] >= ratio * height[low]:
            parent[low] = high
    roots = np.array([_root(parent, i) for i in range(n + 1)])
    return np.asarray(roots.astype(np.int32)[parts])


def _root(parent: NDArray[np.intp], i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = int(parent[i])
    return i
