"""How deep the neck of a cell is: two nuclei in one outline have one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage as ndi

from napari_unet.engine.labels.canvas.reconstruction import bounds
from napari_unet.engine.labels.objects import diameter_in_plane, disc_diameter
from napari_unet.engine.labels.space.neighbours import along
from napari_unet.engine.labels.verbs.cuts import cut_apart

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Steps = tuple[float, ...]

_SLANTED = {2: np.sqrt(2), 3: 1.5}  # a slanted seam is counted along several axes


def waist_of(
    cell: NDArray[np.bool_],
    levels: NDArray[np.uint8] | None,
    least_area: float,
    steps: Steps = (1.0, 1.0),
) -> float:
    """Return how deep a neck a cell has, 0 to 1: one less its width over the narrower part.

    0 where it does not come apart, or into a part of less than ``least_area`` px, which is no cell.
    Voxels of a cell (Z, Y, X) are ``steps`` apart.
    """
    box = bounds(cell)
    if box is None:
        return 0.0
    mask = cell[box]
    by = None if cell.ndim == 2 else steps
    parts = cut_apart(mask, None if levels is None else levels[box], by)
    if parts.max() < 2:
        return 0.0
    areas = np.bincount(parts.reshape(-1), minlength=3)[1:3]
    if areas.min() < least_area:
        return 0.0
    deep = (ndi.distance_transform_edt(np.pad(parts == k, 1), by).max() for k in (1, 2))
    narrow = min(*(2 * float(one) for one in deep), diameter_in_plane(float(areas.min()), by))
    return float(np.clip(1 - _width(parts, steps) / max(narrow, 1.0), 0, 1))


def _width(parts: NDArray[np.int32], steps: Steps) -> float:
    """Return how wide the seam of two parts is; of volumes, the disc that is as large as it."""
    seam = 0.0
    for axis, step in enumerate(steps):
        near, far = along(axis)
        one, other = parts[far], parts[near]
        pixels = int(np.count_nonzero((one != other) & (one > 0) & (other > 0)))
        seam += pixels * (1.0 if parts.ndim == 2 else float(np.prod(steps)) / step)
    wide = float(seam / _SLANTED[parts.ndim])
    return wide if parts.ndim == 2 else disc_diameter(wide)
