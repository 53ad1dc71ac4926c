"""Holes inside cells: nucleoli, vacuoles, dark organelles. They part nothing.

A network that knows little of them sees their rim as a border and, where they come near the cell's
own rim, cuts the cell there into a ring of parts. Such a ring is told from cells that touch around
a gap by its outline: with the hole, it is convex, as one cell is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage as ndi

from napari_unet.engine.labels.canvas.distance import distance_to_rim
from napari_unet.engine.labels.codes import threshold_code
from napari_unet.engine.labels.measuring.hulls import hull_areas, hull_volume
from napari_unet.engine.labels.objects import ball_diameter, disc_diameter
from napari_unet.engine.labels.space.neighbours import around

if TYPE_CHECKING:
    from numpy.typing import NDArray

_INSIDE = threshold_code(0.5)
_WIDE = 0.12  # radius of a hole, as a share of the cell's: what is narrower is a slit between cells
_LEAST = 2.0  # px: nor is a gap between crumbs a hole


def without_holes(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a mask of a canvas with its holes; ground lies all around it."""
    gaps = ndi.label(~inside)[0]
    return np.asarray(gaps != gaps.flat[0])


def solidity(parts: NDArray[np.int32], these: Sequence[int], boxes: Sequence[Any]) -> float:
    """Return which share of their convex hull some parts fill, their holes filled."""
    whole = _together(parts, these, boxes)
    if parts.ndim > 2:
        return int(np.count_nonzero(whole)) / hull_volume(whole)
    y, x = np.nonzero(whole)
    return len(y) / int(hull_areas(np.zeros_like(y), y, x, x, 1)[0])


def ends_of(
    regions: NDArray[np.int32], numbers: NDArray[np.int32], inside: NDArray[np.intp]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the least and the most of ``numbers`` in each region, of pixels by flat indices.

    Of a region without any, the most is 0 and below the least.
    """
    of, number = regions.reshape(-1)[inside], numbers.reshape(-1)[inside]
    n = int(regions.max(initial=0)) + 1
    least, most = np.full(n, np.iinfo(np.int32).max, np.int32), np.zeros(n, np.int32)
    np.minimum.at(least, of, number)
    np.maximum.at(most, of, number)
    return least, most


def join_around_holes(
    parts: NDArray[np.int32],
    regions: NDArray[np.int32],
    levels: NDArray[np.uint8],
    seeds: NDArray[np.int32],
    convex: float,
) -> NDArray[np.int32]:
    """Join the parts that lie around a hole where, with it, they are ``convex`` of their hull.

    All are of a canvas; each part is of one region and has a seed. A hole is where a region's
    object is unlikely, and the object encloses it: borders around it do not count.
    """
    inside = np.flatnonzero(seeds)
    least, most = ends_of(regions, parts, inside)
    cut = np.flatnonzero(least < most)
    if not len(cut):
        return parts
    of_regions, boxes = ndi.find_objects(regions), list[Any]()
    number = np.arange(int(seeds.max()) + 1, dtype=np.int32)
    joined: NDArray[np.int32] | None = None
    for region in cut:
        box = of_regions[region - 1]
        mine = regions[box] == region
        rings = list(_rings(np.where(mine, parts[box], 0), mine & (levels[box] >= _INSIDE)))
        for these in (*_linked(rings), *rings):
            left = sorted({int(number[part]) for part in these})
            members = np.flatnonzero(np.isin(number, left))
            boxes = boxes or ndi.find_objects(parts)
            if len(left) > 1 and solidity(parts, members.tolist(), boxes) >= convex:
                number[members] = left[0]
                joined = number
    return parts if joined is None else joined[parts]


def _together(
    parts: NDArray[np.int32], these: Sequence[int], boxes: Sequence[Any]
) -> NDArray[np.bool_]:
    """Return a mask of some parts and their holes, with ground around it."""
    found = [boxes[k - 1] for k in these]
    box = tuple(
        slice(min(b[axis].start for b in found), max(b[axis].stop for b in found))
        for axis in range(parts.ndim)
    )
    return without_holes(np.pad(np.isin(parts[box], these), 1))


def _rings(parts: NDArray[np.int32], inside: NDArray[np.bool_]) -> Iterator[set[int]]:
    """Yield the parts around each hole of a region that is wide enough beside them."""
    gaps, n = ndi.label(~np.pad(inside, 1))
    if n < 2:
        return
    padded = np.pad(parts, 1)
    for gap, box in enumerate(ndi.find_objects(gaps), start=1):
        if gap == gaps.flat[0]:
            continue
        wider = tuple(slice(s.start - 1, s.stop + 1) for s in box)  # never at the edge
        hole = gaps[wider] == gap
        beside = ndi.binary_dilation(hole, around(hole.ndim))
        these = {int(part) for part in np.unique(padded[wider][beside]) if part}
        area = int(np.count_nonzero(np.isin(padded, list(these))))
        radius = (disc_diameter(area) if hole.ndim == 2 else ball_diameter(area)) / 2
        if len(these) > 1 and distance_to_rim(hole).max() >= max(_LEAST, _WIDE * radius):
            yield these


def _linked(rings: Sequence[set[int]]) -> list[set[int]]:
    """Return rings that share parts as one."""
    found: list[set[int]] = []
    for ring in rings:
        apart = [other for other in found if not other & ring]
        found = [*apart, ring.union(*(other for other in found if other & ring))]
    return found
