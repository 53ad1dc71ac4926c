"""A cell between two frames on which it was drawn by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage as ndi

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]


def interpolated(first: Mask, last: Mask, part: float) -> Mask:
    """Return the shape (Y, X) between two, ``part`` (0 to 1) of the way from first to last.

    Shape-based: the signed distances to both rims are blended, where the cell has moved to
    (Raya and Udupa 1990). Both masks must have pixels.
    """
    centres = [np.asarray(ndi.center_of_mass(mask)) for mask in (first, last)]
    way = centres[1] - centres[0]
    one = ndi.shift(_signed(first), part * way, order=1, mode="nearest")
    other = ndi.shift(_signed(last), (part - 1) * way, order=1, mode="nearest")
    return np.asarray((1 - part) * one + part * other > 0)


def _signed(mask: Mask) -> NDArray[np.float64]:
    """Return the distance to the rim, above 0 inside."""
    inside, outside = ndi.distance_transform_edt(mask), ndi.distance_transform_edt(~mask)
    return np.asarray(inside - outside, np.float64)
