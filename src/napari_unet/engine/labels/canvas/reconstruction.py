"""Grey-level geodesics on uint8 images by repeated minima and maxima of shifted views.

A level image says at one stroke what a binary operation gives at every threshold, so that the
slider needs a comparison only. skimage's ``reconstruction`` gives the same, pixel by pixel from a
sorted queue; sweeps of shifted uint8 views are plain loops over memory, and few are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.labels.space.neighbours import along, outer, pairs

_ROUNDS = 2  # sweeps of a strip between two looks at what still changes
_LEAP_ROUNDS = 3
_STRIP = 64  # rows a strip: small enough to stay in the processor's cache
_SECTION = 1 << 16  # voxels a strip of a volume: a few sections
_LEAPS = (1, 2, 4, 8)  # px: straight ways of up to 15 px are gone in four steps
_Way = tuple[int, NDArray[np.uint8]]  # to the pixel so far behind, and the level that may pass


def fill_holes(levels: NDArray[np.uint8], regions: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Raise ``levels`` (Y, X) or (Z, Y, X) so that each threshold has no hole inside a region.

    A hole is a part of the background that is not connected, by side or corner, to the outside
    of its region; a ring of several regions around a gap is not a hole. Regions of id 0 stay as
    they are. (Reconstruction by erosion, Vincent 1993.)
    """
    filled = np.where(region_rim(regions) | (regions == 0), levels, np.uint8(255))
    floors = []
    for axis in reversed(range(levels.ndim)):
        near, far = along(axis)
        floors.append(np.full_like(levels, 255))
        np.maximum(levels[far], levels[near], out=floors[-1][near])
    ways = _ways(floors, np.maximum)

    def leap(rows: slice) -> None:
        _go(filled, rows, ways, np.maximum, np.minimum)

    def sweep(rows: slice) -> None:
        _erode(filled[rows], levels[rows])

    _settle(filled, leap, sweep)
    return filled


def keep_pieces(
    levels: NDArray[np.uint8], regions: NDArray[np.int32], seeds: NDArray[np.intp]
) -> NDArray[np.uint8]:
    """Lower ``levels`` so that each threshold of a region is the one piece with its seed.

    ``levels`` and ``regions`` are (Y, X) or (Z, Y, X); ``seeds`` are flat indices, one pixel a
    region. Pieces are connected by sides inside their region. (Reconstruction by dilation,
    Vincent 1993.)
    """
    roofs = []
    for axis in reversed(range(levels.ndim)):
        near, far = along(axis)
        roofs.append(np.zeros_like(levels))
        roof = roofs[-1][near]
        np.minimum(levels[near], levels[far], out=roof)
        roof *= regions[near] == regions[far]
    ways = _ways(roofs, np.minimum)
    kept = np.zeros_like(levels)
    kept.reshape(-1)[seeds] = levels.reshape(-1)[seeds]

    def leap(rows: slice) -> None:
        _go(kept, rows, ways, np.minimum, np.maximum)

    def sweep(rows: slice) -> None:
        _go(kept, rows, [way[:1] for way in ways], np.minimum, np.maximum)

    _settle(kept, leap, sweep)
    return kept


def _ways(links: Sequence[NDArray[np.uint8]], worse: np.ufunc) -> list[list[_Way]]:
    """Return the ways along rows, columns and sections, of a step and of leaps.

    ``links`` are the levels between a pixel and the next one, first of the row, then of the
    column, of the section; the last ones let nothing pass, so that all can be gone in flat memory.
    """
    found = []
    for axis, link in enumerate(links, 1):
        one = int(np.prod(link.shape[link.ndim + 1 - axis :]))
        way = link.reshape(-1)
        ways = [(one, way)]
        for step in _LEAPS[:-1]:
            longer = way.copy()
            half = step * one
            if half < len(way):
                longer[:-half] = worse(way[:-half], way[half:])
            way = longer
            ways.append((2 * half, way))
        found.append(ways)
    return found


def _go(
    image: NDArray[np.uint8],
    rows: slice,
    axes: Sequence[Sequence[_Way]],
    worse: np.ufunc,
    better: np.ufunc,
) -> None:
    """Let each pixel of some rows come along the ways, there and back, in place."""
    flat, first = image[rows].reshape(-1), rows.start * image[0].size
    spare = np.empty_like(flat)
    for ways in axes:
        for step, way in ways:
            n = len(flat) - step
            if n <= 0:
                break
            here, there, come = flat[:n], flat[step:], spare[:n]
            passing = way[first : first + n]
            better(there, worse(here, passing, out=come), out=there)
            better(here, worse(there, passing, out=come), out=here)


def region_rim(regions: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return the pixels of each region that touch another region, the ground or the image edge."""
    rim = np.zeros(regions.shape, dtype=bool)
    for side in outer(regions.ndim):
        rim[side] = True
    for a, b in pairs(regions.ndim):
        differs = regions[a] != regions[b]
        rim[a] |= differs
        rim[b] |= differs
    return rim & (regions > 0)


def erosion(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Least level of each pixel and of all around it, (Y, X) or (Z, Y, X)."""
    least = levels
    for axis in range(levels.ndim):
        near, far = along(axis)
        before, least = least, least.copy()
        np.minimum(least[far], before[near], out=least[far])
        np.minimum(least[near], before[far], out=least[near])
    return least


def _erode(filled: NDArray[np.uint8], floor: NDArray[np.uint8]) -> None:
    """One sweep in place: the least of the neighbours, never below ``floor``."""
    np.maximum(erosion(filled), floor, out=filled)


def bounds(mask: NDArray[np.bool_]) -> tuple[slice, ...] | None:
    """Return the box around the pixels of a mask (Y, X) or (Z, Y, X), None where there is none."""
    if mask.ndim == 2:
        lines = [mask.any(1), mask.any(0)]
    else:
        flat = np.any(mask, axis=0)
        lines = [mask.reshape(len(mask), -1).any(1), flat.any(1), flat.any(0)]
    inside = [np.flatnonzero(line) for line in lines]
    if inside[0].size == 0:
        return None
    return tuple(slice(int(on[0]), int(on[-1]) + 1) for on in inside)


def _settle(
    image: NDArray[np.uint8], leap: Callable[[slice], None], sweep: Callable[[slice], None]
) -> None:
    """Sweep ``image`` strip by strip, and again where a strip or its neighbour still changed.

    Leaps come first: they bring most of it near to its end.
    """
    n = len(image)
    wide = _STRIP if image.ndim == 2 else max(1, _SECTION // image[0].size)
    strips = [slice(max(0, y - 1), min(n, y + wide + 1)) for y in range(0, n, wide)]
    for strip in strips * _LEAP_ROUNDS:
        leap(strip)
    active = set(range(len(strips)))
    while active:
        changed = set()
        for i in sorted(active):
            before = image[strips[i]].copy()
            for _ in range(_ROUNDS):
                sweep(strips[i])
            if not np.array_equal(before, image[strips[i]]):
                changed |= {i - 1, i, i + 1}
        active = changed & set(range(len(strips)))
