"""From probability to labels, pure: split once, threshold many.

``frame_basins`` does the slow part once a frame; ``label_frame`` is one look-up and one
comparison a pixel, so that labels follow the hand on the slider.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.labels.basins import Basins, basins_key, frame_basins
from napari_unet.engine.labels.codes import threshold_code

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.engine.settings import LabelSettings

__all__ = [
    "Basins",
    "basins_key",
    "frame_basins",
    "label_frame",
    "object_codes",
    "object_ids",
    "paint_ids",
]


def object_codes(codes: NDArray[np.uint8], outputs: Sequence[str]) -> NDArray[np.uint8]:
    """Pick what labels are made from: of codes (C, …) the object, and the border if any."""
    border = [outputs.index("border")] if "border" in outputs[: len(codes)] else []
    return codes[[0, *border]]


def label_frame(
    codes: NDArray[np.uint8],
    settings: LabelSettings,
    basins: Basins | None = None,
    spacing: tuple[float, ...] | None = None,
) -> NDArray[np.uint16]:
    """Label one frame of codes (object, or object and border; Y, X); (Y, X) uint16 basin ids.

    Each object is one piece: the part of its basin above the threshold that holds the basin's
    summit. Objects below ``min_size`` or above ``max_size`` pixels are left out; voxels of a
    volume (Z, Y, X), whose ``spacing`` is as in `frame_basins`.
    """
    if basins is None:
        basins = frame_basins(codes, settings, spacing)
    return paint_ids(basins, object_ids(basins, settings), threshold_code(settings.threshold))


def paint_ids(basins: Basins, ids: NDArray[np.uint16], code: int) -> NDArray[np.uint16]:
    """Return each pixel at or above level ``code`` the id of its basin, ``ids`` (n + 1,)."""
    if code > 255:
        return np.zeros(basins.ids.shape, dtype=np.uint16)
    labels = np.take(ids, basins.ids, mode="clip")
    np.multiply(labels, basins.levels >= code, out=labels)
    return labels


def object_ids(
    basins: Basins, settings: LabelSettings, alive: NDArray[np.bool_] | None = None
) -> NDArray[np.uint16]:
    """Object that each basin shows at the settings' threshold, (n + 1,) uint16; 0 for none.

    Basins that are not ``alive`` (n + 1,) show nothing and join nothing.
    """
    code = threshold_code(settings.threshold)
    ids = basins.objects(code, alive)
    shown = _kept(basins, settings, code, ids)[ids]
    if alive is not None:
        shown &= alive
    ids[~shown] = 0
    return ids.astype(np.uint16)


def _kept(
    basins: Basins, settings: LabelSettings, code: int, ids: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Objects of the right size, and off the edge where asked, by id, (n + 1,)."""
    size: NDArray[Any] = basins.sizes[:, code]
    edge = basins.edge >= max(code, 1)
    if len(basins.joins):
        size = np.bincount(ids, weights=size, minlength=basins.n + 1)
        edge = np.bincount(ids, weights=edge, minlength=basins.n + 1) > 0
    kept = size >= max(settings.min_size, 1)
    if settings.max_size is not None:
        kept &= size <= settings.max_size
    if settings.drop_border:
        kept &= ~edge
    if 0 < 2 * settings.edge < min(basins.ids.shape[-2:]):  # what is less than that has no inside
        further_in = basins.within(settings.edge) >= max(code, 1)
        if len(basins.joins):
            further_in = np.bincount(ids, weights=further_in, minlength=basins.n + 1) > 0
        kept &= further_in
    kept[0] = False
    return np.asarray(kept)
