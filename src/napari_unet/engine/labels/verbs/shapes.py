"""One cell's shape, changed: grown, shrunk, smoothed, its holes filled, two made one.

Masks are of a frame (Y, X), or of a volume (Z, Y, X) whose voxels are ``steps`` apart along z, y
and x (`steps_of`); lengths are in the width of a pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage as ndi

from napari_unet.engine.labels.objects import diameter_in_plane

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Steps = Sequence[float] | None
    Mask = NDArray[np.bool_]

_SMOOTH = 0.1  # of the diameter: sigma that takes off dents and spurs, not the shape
_BRIDGE = 0.34  # of the smaller diameter: the widest gap that is closed between two pieces


def grown(cell: Mask, free: Mask, pixels: float = 1.0, steps: Steps = None) -> Mask:
    """Return a cell wider all round by so many pixels, where the ground is ``free``."""
    near = ndi.distance_transform_edt(~cell, sampling=steps) <= pixels
    return np.asarray(cell | (near & free))


def shrunk(cell: Mask, pixels: float = 1.0, steps: Steps = None) -> Mask:
    """Return a cell narrower all round by so many pixels: its largest piece; empty where none is.

    The frame's edge is no rim of a cell.
    """
    padded = np.pad(cell, 1, mode="edge")
    depth = ndi.distance_transform_edt(padded, sampling=steps)[(slice(1, -1),) * cell.ndim]
    return largest(np.asarray(depth > pixels))


def smoothed(cell: Mask, free: Mask, steps: Steps = None) -> Mask:
    """Return a cell of the same area without dents and spurs, on its own and ``free`` ground."""
    area = int(np.count_nonzero(cell))
    sigma = max(1.0, _SMOOTH * diameter_in_plane(area, steps))
    along = [sigma / step for step in steps or (1.0,) * cell.ndim]
    soft = ndi.gaussian_filter(cell.astype(np.float32), along, mode="nearest", truncate=3.0)
    soft[~(cell | free)] = 0
    level = np.partition(soft.reshape(-1), soft.size - area)[soft.size - area]
    return holes_filled(largest(np.asarray(soft >= max(float(level), 1e-6))), free)


def holes_filled(cell: Mask, free: Mask) -> Mask:
    """Return a cell with the ``free`` ground that it encloses."""
    return np.asarray(cell | (ndi.binary_fill_holes(cell) & free))


def joined(one: Mask, other: Mask, free: Mask, steps: Steps = None) -> Mask:
    """Return two cells as one; a narrow gap of ``free`` ground between them is closed."""
    both = one | other
    if ndi.label(both)[1] < 2 or not one.any() or not other.any():
        return both
    apart = float(ndi.distance_transform_edt(~one, sampling=steps)[other].min())
    smaller = min(np.count_nonzero(one), np.count_nonzero(other))
    if apart > max(3.0, _BRIDGE * diameter_in_plane(float(smaller), steps)):
        return both
    reach = apart / 2 + 1
    pad = int(np.ceil(reach)) + 1
    padded = np.pad(both, pad)
    wide = ndi.distance_transform_edt(~padded, sampling=steps) <= reach
    inside = ndi.distance_transform_edt(wide, sampling=steps) > reach
    closed = inside[(slice(pad, -pad),) * both.ndim]
    return np.asarray(both | (closed & free))


def largest(mask: Mask) -> Mask:
    """Return the largest piece of a mask, whose pixels touch by sides."""
    pieces, n = ndi.label(mask)
    if n < 2:
        return mask
    return np.asarray(pieces == 1 + int(np.argmax(np.bincount(pieces.reshape(-1))[1:])))
