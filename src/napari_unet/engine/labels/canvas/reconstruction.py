"""Grey-level geodesics on uint8 images by repeated minima and maxima of shifted views.

A level image says at one stroke what a binary operation gives at every threshold, so that the
slider needs a comparison only. skimage's ``reconstruction`` gives the same, pixel by pixel from a
sorted queue; sweeps of shifted uint8 views are plain loops over memory, and few are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 2  # sweeps of a strip between two looks at what still changes
_LEAP_ROUNDS = 3
_STRIP = 64  # rows a strip: small enough to stay in the processor's cache
_LEAPS = (1, 2, 4, 8)  # px: straight ways of up to 15 px are gone in four steps
_Way = tuple[int, NDArray[np.uint8]]  # to the pixel so far behind, and the level that may pass


def fill_holes(levels: NDArray[np.uint8], regions: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Raise ``levels`` (Y, X) so that each threshold of it has no hole inside a region.

    A hole is a part of the background that is not 8-connected to the outside of its region;
    a ring of several regions around a gap is not a hole. Regions of id 0 stay as they are.
    (Reconstruction by erosion, Vincent 1993.)
    """
    filled = np.where(region_rim(regions) | (regions == 0), levels, np.uint8(255))
    floors = [np.full_like(levels, 255) for _ in range(2)]
    np.maximum(levels[:, 1:], levels[:, :-1], out=floors[0][:, :-1])
    np.maximum(levels[1:], levels[:-1], out=floors[1][:-1])
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
    """Lower ``levels`` (Y, X) so that each threshold of a region is the one piece with its seed.

    ``seeds`` are flat indices, one pixel a region. Pieces are 4-connected inside their region.
    (Reconstruction by dilation, Vincent 1993.)
    """
    roofs = [np.zeros_like(levels) for _ in range(2)]
    for roof, near, far in (
        (roofs[0][:, :-1], np.s_[:, :-1], np.s_[:, 1:]),
        (roofs[1][:-1], np.s_[:-1], np.s_[1:]),
    ):
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
    """Return the ways along rows and columns, of a step and of leaps.

    ``links`` (Y, X) are the levels between a pixel and the next one, first of the row, then of
    the column; the last ones let nothing pass, so that all can be gone in flat memory.
    """
    found = []
    for link, one in zip(links, (1, links[0].shape[1]), strict=True):
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
    flat, first = image[rows].reshape(-1), rows.start * image.shape[1]
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
    rim[0] = rim[-1] = rim[:, 0] = rim[:, -1] = True
    for a, b in (
        (np.s_[1:, :], np.s_[:-1, :]),
        (np.s_[:, 1:], np.s_[:, :-1]),
        (np.s_[1:, 1:], np.s_[:-1, :-1]),
        (np.s_[1:, :-1], np.s_[:-1, 1:]),
    ):
        differs = regions[a] != regions[b]
        rim[a] |= differs
        rim[b] |= differs
    return rim & (regions > 0)


def erosion(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Least level of each pixel and its eight neighbours, (Y, X)."""
    rows = levels.copy()
    np.minimum(rows[1:], levels[:-1], out=rows[1:])
    np.minimum(rows[:-1], levels[1:], out=rows[:-1])
    least = rows.copy()
    np.minimum(least[:, 1:], rows[:, :-1], out=least[:, 1:])
    np.minimum(least[:, :-1], rows[:, 1:], out=least[:, :-1])
    return least


def _erode(filled: NDArray[np.uint8], floor: NDArray[np.uint8]) -> None:
    """One sweep in place: the least of the neighbours, never below ``floor``."""
    np.maximum(erosion(filled), floor, out=filled)


def bounds(mask: NDArray[np.bool_]) -> tuple[slice, slice] | None:
    """Return the box around the pixels of a mask (Y, X), None where there is none."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if rows.size == 0:
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _settle(
    image: NDArray[np.uint8], leap: Callable[[slice], None], sweep: Callable[[slice], None]
) -> None:
    """Sweep ``image`` strip by strip, and again where a strip or its neighbour still changed.

    Leaps come first: they bring most of it near to its end.
    """
    n = len(image)
    strips = [slice(max(0, y - 1), min(n, y + _STRIP + 1)) for y in range(0, n, _STRIP)]
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
