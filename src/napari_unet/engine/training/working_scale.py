"""The size at which a network sees cells: large ones made smaller, tiny ones larger.

A network of four levels with crops of 128 px sees a part of a cell of 115 px, and each of its steps
costs nine times what it must. So frames are resized for it while it learns and when it predicts;
the logits come back at the size of the frame before a threshold is applied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from napari_unet.engine.annotations.frame_annotation import FrameAnnotation
from napari_unet.engine.network.network import resized, scaled_size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from napari_unet.engine.network.model import Model
    from napari_unet.engine.settings import TrainSettings

# px: cells between them are learned as they are, the others as if they were so large
_SMALLEST, _LARGEST = 10.0, 60.0
_TINY, _LARGE = 20.0, 40.0
_MOST = 2.0  # a larger factor shows nothing new and costs its square
NEAR = 1.5  # a scale that the base learned at is kept where cells are within this of its own


def working_scale(
    settings: TrainSettings,
    diameter: float,
    base: Model | None = None,
    classes: Sequence[int] = (),
    dims: int = 2,
) -> float:
    """Return the factor by which frames are resized for cells of ``diameter`` px.

    Frames with ``classes`` of pixels, whole ones and volumes stay as they are unless a number is
    given.
    """
    if settings.scale != "auto":
        return settings.scale
    before = base.config.scale if base else 1.0
    if classes or settings.whole_frames or dims == 3:
        return before
    known = base.diameter * before if base and base.diameter else None
    if before != 1 and known and 1 / NEAR < diameter * before / known < NEAR:
        return before
    if diameter > _LARGEST:
        return round(_LARGE / diameter, 3)
    if diameter < _SMALLEST:
        return round(min(_MOST, _TINY / diameter), 3)
    return 1.0


def kept_scale(state: Mapping[str, Any]) -> float:
    """Return what a checkpoint's run resized frames by: it goes on so, whatever was painted."""
    config = (state.get("begun_from") or {}).get("config") or {}
    return float(config.get("scale", 1.0))


def scale_in_words(scale: float, diameter: float) -> str:
    """Say at which size cells of ``diameter`` px are learned; empty where at their own."""
    if scale == 1:
        return ""
    seen = f"{diameter:.0f} px across are seen as {diameter * scale:.0f}"
    return f"frames are resized {scale:.2g} times: cells {seen}"


def resized_frame(
    image: NDArray[np.float32], annotation: FrameAnnotation, scale: float
) -> tuple[NDArray[np.float32], FrameAnnotation]:
    """Return a normalised frame ``(C, Y, X)`` and its annotation as the network sees them."""
    if scale == 1:
        return image, annotation
    size = scaled_size(image.shape[1:], scale)
    seen = resized(torch.from_numpy(image)[None], size)[0].numpy()
    labels = _nearest(annotation.labels, size)
    supervised = _nearest(annotation.supervised, size)
    return seen, FrameAnnotation(labels, supervised, annotation.complete)


def _nearest(plane: NDArray[Any], size: tuple[int, ...]) -> NDArray[Any]:
    """Return the values ``(Y, X)`` at the centres of the pixels of another grid."""
    values = torch.from_numpy(plane.astype("float64"))[None, None]  # exact for any id
    nearest: NDArray[Any] = F.interpolate(values, size, mode="nearest-exact")[0, 0].numpy()
    return nearest.astype(plane.dtype)
