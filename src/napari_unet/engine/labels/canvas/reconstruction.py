"""Grey-level geodesics on uint8 images by repeated minima and maxima of shifted views.

A level image says at one stroke what a binary operation gives at every threshold, so that the
slider needs a comparison only. skimage's ``reconstruction`` gives the same, pixel by pixel from a
sorted queue; sweeps of shifted uint8 views are plain loops over memory, and few are needed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 8  # sweeps of a strip between two looks at what still changes
Cut = slice | tuple[slice, slice]
_STEPS: tuple[tuple[Cut, Cut], ...] = (  # a pixel, and the neighbour that comes to it
    (np.s_[1:], np.s_[:-1]),
    (np.s_[:-1], np.s_[1:]),
    (np.s_[:, 1:], np.s_[:, :-1]),
    (np.s_[:, :-1], np.s_[:, 1:]),
)
_STRIP = 64  # rows a strip: small enough to stay in the processor's cache


def fill_holes(levels: NDArray[np.uint8], regions: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Raise ``levels`` (Y, X) so that each threshold of it has no hole inside a region.

    A hole is a part of the background that is not 8-connected to the outside of its region;
    a ring of several regions around a gap is not a hole. Regions of id 0 stay as they are.
    (Reconstruction by erosion, Vincent 1993.)
    """
    filled = np.where(region_rim(regions) | (regions == 0), levels, np.uint8(255))

    def sweep(rows: slice) -> None:
        _erode(filled[rows], levels[rows])

    _settle(filled, sweep)
    return filled


def keep_pieces(
    levels: NDArray[np.uint8], regions: NDArray[np.int32], seeds: NDArray[np.intp]
) -> NDArray[np.uint8]:
    """Lower ``levels`` (Y, X) so that each threshold of a region is the one piece with its seed.

    ``seeds`` are flat indices, one pixel a region. Pieces are 4-connected inside their region.
    (Reconstruction by dilation, Vincent 1993.)
    """
    roofs = [_shared(levels, regions, *step) for step in _STEPS]
    kept = np.zeros_like(levels)
    kept.reshape(-1)[seeds] = levels.reshape(-1)[seeds]
    spare = np.empty_like(levels[: _STRIP + 2])

    def sweep(rows: slice) -> None:
        strip = kept[rows]
        for (near, far), roof in zip(_STEPS, roofs, strict=True):
            to = strip[near]
            come = np.minimum(strip[far], roof[rows][near], out=spare[: len(strip)][near])
            np.maximum(to, come, out=to)

    _settle(kept, sweep)
    return kept


def _shared(
    levels: NDArray[np.uint8], regions: NDArray[np.int32], near: Cut, far: Cut
) -> NDArray[np.uint8]:
    """Return the level that can come to each pixel from a neighbour: none from another region."""
    roof = np.zeros_like(levels)
    np.multiply(levels[near], regions[near] == regions[far], out=roof[near])
    return roof


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


def _settle(image: NDArray[np.uint8], sweep: Callable[[slice], None]) -> None:
    """Sweep ``image`` strip by strip, and again where a strip or its neighbour still changed."""
    n = len(image)
    strips = [slice(max(0, y - 1), min(n, y + _STRIP + 1)) for y in range(0, n, _STRIP)]
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
