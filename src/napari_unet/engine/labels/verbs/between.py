"""A cell between two frames, or sections of a volume, on which it was drawn by hand."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage as ndi

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]


class Between:
    """Shapes between two masks of a cell, (Y, X) or (Z, Y, X), both with pixels.

    The signed distances to both rims are blended, where the cell has moved to (Raya and Udupa
    1990).
    """

    def __init__(self, first: Mask, last: Mask) -> None:
        start, end = (np.asarray(ndi.center_of_mass(mask)) for mask in (first, last))
        self._way = end - start
        self._first, self._last = _signed(first), _signed(last)

    def at(self, part: float) -> Mask:
        """Return the shape ``part`` (0 to 1) of the way from first to last."""
        one = ndi.shift(self._first, part * self._way, order=1, mode="nearest")
        other = ndi.shift(self._last, (part - 1) * self._way, order=1, mode="nearest")
        return np.asarray((1 - part) * one + part * other > 0)


def between_sections(labels: NDArray[Any], label: int) -> Mask:
    """Return a cell of a volume (Z, Y, X) that is drawn on some sections, as on all between them.

    A mask: what is drawn as it is, and on the sections that miss it the shapes between.
    """
    cell = labels == label
    drawn = np.flatnonzero(cell.any(axis=(1, 2)))
    for first, last in pairwise(drawn):
        if last == first + 1:
            continue
        both = np.nonzero(cell[first] | cell[last])
        box = tuple(slice(int(on.min()), int(on.max()) + 1) for on in both)
        shapes = Between(*(np.pad(cell[z][box], 1) for z in (first, last)))
        for z in range(first + 1, last):
            cell[z][box] = shapes.at((z - first) / (last - first))[1:-1, 1:-1]
    return np.asarray(cell)


def _signed(mask: Mask) -> NDArray[np.float64]:
    """Return the distance to the rim, above 0 inside."""
    inside, outside = ndi.distance_transform_edt(mask), ndi.distance_transform_edt(~mask)
    return np.asarray(inside - outside, np.float64)
