"""How deep the neck of a cell is: two nuclei in one outline have one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage as ndi

from napari_unet.engine.labels.canvas.reconstruction import bounds
from napari_unet.engine.labels.objects import disc_diameter
from napari_unet.engine.labels.verbs.cuts import cut_apart

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PART = 0.3  # of the frame's median: less is no nucleus


def waist_of(cell: NDArray[np.bool_], levels: NDArray[np.uint8] | None, usual_area: float) -> float:
    """Return how deep a neck a cell (Y, X) has, 0 to 1: one less its width over the narrower part.

    0 where it does not come apart, or into a part that is no cell beside the ``usual_area`` px.
    """
    box = bounds(cell)
    if box is None:
        return 0.0
    mask = cell[box]
    parts = cut_apart(mask, None if levels is None else levels[box])
    if parts.max() < 2:
        return 0.0
    areas = np.bincount(parts.reshape(-1), minlength=3)[1:3]
    if areas.min() < _PART * usual_area:
        return 0.0
    seam = sum(
        int(np.count_nonzero((one != other) & (one > 0) & (other > 0)))
        for one, other in ((parts[1:], parts[:-1]), (parts[:, 1:], parts[:, :-1]))
    )
    width = seam / np.sqrt(2)  # a slanted seam is counted along both axes
    depth = min(2 * float(ndi.distance_transform_edt(np.pad(parts == k, 1)).max()) for k in (1, 2))
    narrow = min(depth, disc_diameter(float(areas.min())))
    return float(np.clip(1 - width / max(narrow, 1.0), 0, 1))
