"""Where touching cells separate: one seed a cell, from the distance to the cell's rim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.morphology import local_maxima
from skimage.segmentation import watershed

from napari_unet.engine.labels.canvas.distance import distance_to_rim
from napari_unet.engine.labels.canvas.holes import (
    ends_of,
    join_around_holes,
    solidity,
    without_holes,
)
from napari_unet.engine.labels.canvas.pieces import share
from napari_unet.engine.labels.codes import threshold_code
from napari_unet.engine.labels.space.neighbours import around, onward

if TYPE_CHECKING:
    from napari_unet.engine.labels.canvas.pieces import Pieces

_INSIDE = threshold_code(0.5)
_SMOOTH = 1.0  # px: sigma that takes the staircase off the distance
_LAST = 1 << 62  # behind every pixel of a frame
_NEVER = 2.0  # a share of its hull that nothing fills
_NECK = 0.4  # of the lower summit: a narrower pass never joins
_SPECK = 0.9  # px: a thinner part is no cell of its own beside a cell


@dataclass(frozen=True)
class Parts:
    """Regions of a canvas, divided: ``ids`` int32 as the canvas, dense from 1, one a cell.

    ``order`` (n + 1,) tells which part of the frame comes first, ``heights`` its highest level.
    """

    ids: NDArray[np.int32]
    order: NDArray[np.int64]
    heights: NDArray[np.uint8]


def interior_of(levels: NDArray[np.uint8], border: NDArray[np.uint8] | None) -> NDArray[np.bool_]:
    """Return where the object is likely and no border is, of codes of a frame or volume."""
    interior = levels >= _INSIDE
    if border is not None:
        interior &= border < _INSIDE
    return interior


def depth_of(
    interior: NDArray[np.bool_],
    canvases: Sequence[Pieces],
    steps: tuple[float, ...] | None = None,
    *,
    closed: bool,
) -> list[NDArray[np.float32]]:
    """Return the smoothed Euclidean distance to the rim of the interior, on each canvas.

    In px; in a volume by ``steps`` from voxel to voxel, in widths of a voxel (None: all 1).
    ``closed``: what the interior encloses belongs to it, as a nucleolus or a vacuole does. Only
    where borders part the cells: without them, a gap that several cells enclose looks the same.
    """
    depths = []
    sigma = _SMOOTH if steps is None else tuple(_SMOOTH / step for step in steps)
    for pieces in canvases:
        inside = pieces.lay(interior)
        inside = without_holes(inside) if closed else inside
        distance = distance_to_rim(inside, steps)
        smooth = ndi.gaussian_filter(distance, sigma, truncate=3.0)
        smooth *= inside
        depths.append(smooth)
    share(canvases, depths, interior.shape)
    return depths


def split(
    pieces: Pieces,
    regions: NDArray[np.int32],
    levels: NDArray[np.uint8],
    border: NDArray[np.uint8] | None,
    depth: NDArray[np.float32],
    strength: float,
    *,
    closed: bool,
) -> Parts:
    """Divide the regions of a canvas so that each part is one cell.

    ``depth`` is the distance to the rim of the interior, 0 outside; all are of the canvas' shape.
    It has a summit in each cell, from which the part grows; two parts are one cell where the neck
    between them is wide for the smaller of them: wider than half of it at ``strength`` 0, than
    95 % of it at 1. ``closed`` as in `depth_of`: a neck that is narrower, but leads past a hole or
    notch in a cell of convex outline, joins them, too, and so does a hole that they
    enclose. A region without summit is one part.
    """
    seeds, order = _seeds(pieces, depth, regions)
    landscape = -depth - _height(levels, border, depth)
    parts = _grown(landscape, seeds, regions)
    convex = 0.9 + 0.1 * strength if closed else _NEVER
    parts = _joined(parts, seeds, depth, 0.5 + 0.45 * strength, convex)
    if closed:
        parts = join_around_holes(parts, regions, levels, seeds, convex)
    heights = np.zeros(len(order), dtype=np.uint8)
    inside = np.flatnonzero(parts)
    np.maximum.at(heights, parts.reshape(-1)[inside], levels.reshape(-1)[inside])
    return Parts(parts, order, heights)


def _height(
    levels: NDArray[np.uint8], border: NDArray[np.uint8] | None, depth: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return probability of the object less that of a border, 1 in the holes of a cell."""
    height = levels.astype(np.float32) / np.float32(255)
    if border is not None:
        height -= border.astype(np.float32) / np.float32(255)
        height[(depth > 0) & ~interior_of(levels, border)] = 1
    return height


def adjacent(
    regions: NDArray[np.int32], heights: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[Any]]:
    """List neighbouring regions a < b and the height of the pass between them.

    Neighbours touch by side, edge or corner.
    """
    n = int(regions.max(initial=0)) + 1
    # with a column of ground, no row goes on in the next one; and no section with a row
    ground = [(0, int(axis > 0)) for axis in range(regions.ndim)]
    padded = np.pad(regions, ground)
    flat, high = padded.reshape(-1), np.pad(heights, ground).reshape(-1)
    strides = [stride // padded.itemsize for stride in padded.strides]
    keys, passes = [], []
    for step in (int(np.dot(one, strides)) for one in onward(regions.ndim)):
        here = np.flatnonzero(flat[:-step] != flat[step:])
        a, b = flat[here], flat[here + step]
        both = (a > 0) & (b > 0)
        here, a, b = here[both], a[both].astype(np.int64), b[both].astype(np.int64)
        keys.append(np.minimum(a, b) * n + np.maximum(a, b))
        passes.append(np.minimum(high[here], high[here + step]))
    key, inverse = np.unique(np.concatenate(keys), return_inverse=True)
    height = np.zeros(len(key), dtype=heights.dtype)
    np.maximum.at(height, inverse, np.concatenate(passes))
    return key // n, key % n, height


def summits_of(heights: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Label the local maxima (plateaus are one) of ``heights`` that lie in ``mask``."""
    ndim = heights.ndim
    padded = np.pad(heights, 1)  # a plateau up to the image edge is a summit too
    peaks = local_maxima(padded, connectivity=ndim)  # type: ignore[no-untyped-call]
    inner = peaks[(slice(1, -1),) * ndim]
    return np.asarray(ndi.label(inner & mask, structure=around(ndim))[0], dtype=np.int32)


def flood(
    landscape: NDArray[Any], seeds: NDArray[np.int32], mask: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Grow ``seeds`` through ``mask``, low ground first (watershed, by side and corner)."""
    grown = watershed(landscape, seeds, mask=mask, connectivity=mask.ndim)  # type: ignore[no-untyped-call]
    return np.asarray(grown, dtype=np.int32)


def _seeds(
    pieces: Pieces, depth: NDArray[np.float32], regions: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return summits of the depth that are no specks, numbered in the order of their frame.

    A region without any is a seed as a whole; those come last.
    """
    summits = summits_of(depth, depth > _SPECK)
    where = np.flatnonzero(summits)
    inside = regions.reshape(-1)[where]
    in_frame = pieces.frame_order(where, inside)
    n = int(summits.max(initial=0))
    first = np.full(n + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, summits.reshape(-1)[where], in_frame)
    first[0] = -1
    rank = np.argsort(np.argsort(first, kind="stable")).astype(np.int32)
    seeds = rank[summits]
    bare = np.setdiff1d(pieces.numbers, inside)
    if len(bare):
        number = np.zeros(int(pieces.numbers.max()) + 1, np.int32)
        number[bare] = n + 1 + np.arange(len(bare))
        seeds = np.maximum(seeds, number[regions])
    return seeds, np.concatenate([np.sort(first), _LAST + bare.astype(np.int64)])


def _grown(
    landscape: NDArray[np.float32], seeds: NDArray[np.int32], regions: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Grow the seeds through their regions; one that is alone there gets all of it."""
    least, most = ends_of(regions, seeds, np.flatnonzero(seeds))
    several = least < most
    parts = most[regions]
    if several.any():
        among = several[regions]
        grown = flood(landscape, np.where(among, seeds, 0), among)
        np.copyto(parts, grown, where=among)
    return parts


def _joined(
    parts: NDArray[np.int32],
    seeds: NDArray[np.int32],
    depth: NDArray[np.float32],
    ratio: float,
    convex: float,
) -> NDArray[np.int32]:
    """Join parts where the pass between them is above ``ratio`` of the lower summit.

    Or not far below, where both together fill a share ``convex`` of their hull: one cell with a
    hole or notch, and not two that touch.
    """
    n = int(seeds.max(initial=0))
    height = np.zeros(n + 1, dtype=np.float32)
    inside = np.flatnonzero(seeds)
    np.maximum.at(height, seeds.reshape(-1)[inside], depth.reshape(-1)[inside])
    parent = np.arange(n + 1)
    a, b, passes = adjacent(parts, depth)
    members = [[i] for i in range(n + 1)]
    boxes: list[Any] = []
    for i in np.flatnonzero(passes)[np.argsort(-passes[passes > 0], kind="stable")]:
        low, high = _root(parent, int(a[i])), _root(parent, int(b[i]))
        if height[low] > height[high]:
            low, high = high, low
        if low == high or passes[i] < _NECK * height[low]:
            continue
        if passes[i] < ratio * height[low]:
            if convex == _NEVER:
                continue
            boxes = boxes or ndi.find_objects(parts)
            if solidity(parts, members[low] + members[high], boxes) < convex:
                continue
        parent[low] = high
        members[high] += members[low]
    roots = np.array([_root(parent, i) for i in range(n + 1)])
    return np.asarray(roots.astype(np.int32)[parts])


def _root(parent: NDArray[np.intp], i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = int(parent[i])
    return i
