"""What a model file must hold before a network is made of it: any file can carry a right sum."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from napari_unet.engine.network.networks import build

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_unet.engine.network.config import NetworkConfig

_NUMBERS = ("diameter", "pixel_size", "z_step")  # of a card
# px: the frame of the self-check goes through the network at every opening
_CHECK_SIDE, _CHECK_SIDE_3D = 1024, 128


def check_weights(config: NetworkConfig, tensors: Mapping[str, Tensor]) -> None:
    """Raise ValueError where tensors are not the finite weights of such a network.

    Looked at before memory is taken: a description can ask for any size.
    """
    with torch.device("meta"):
        wanted = build(config).state_dict()
    if wanted.keys() != tensors.keys():
        name = min(wanted.keys() ^ tensors.keys())
        raise ValueError(f"{name}: {'missing' if name in wanted else 'not part of it'}")
    for name, tensor in tensors.items():
        if tensor.shape != wanted[name].shape:
            raise ValueError(f"{name}: {tuple(tensor.shape)}, not {tuple(wanted[name].shape)}")
        if tensor.is_floating_point() != wanted[name].is_floating_point():
            raise ValueError(f"{name}: {tensor.dtype}")
    check_finite(tensors)


def check_finite(tensors: Mapping[str, Tensor]) -> None:
    """Raise ValueError where a weight is NaN or infinite."""
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{name}: NaN or infinite")


def check_card(card: Mapping[str, Any], record: Mapping[str, Any]) -> None:
    """Raise ValueError where what a card or a training record says is of another kind."""
    for name in _NUMBERS:
        value = card.get(name)
        plain = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not (plain and math.isfinite(value) and value >= 0):
            raise ValueError(f"{name}: {str(value)[:40]!r}")
    if not isinstance(record.get("settings") or {}, dict):
        raise ValueError("record.settings: not a dict")


def check_arrays(config: NetworkConfig, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Raise ValueError where images that travel with a model are not of its shape."""
    for part in ("check/frame", "replay/frames"):
        frames, labels = (arrays.get(part), arrays.get(_LABELS[part]))
        if frames is None or labels is None:
            continue
        several, dims = part == "replay/frames", config.dims
        fits = frames.ndim in (labels.ndim, labels.ndim + 1) and labels.ndim == dims + several
        if frames.ndim == labels.ndim + 1:
            fits = fits and frames.shape[-dims - 1] == config.in_channels
        else:
            fits = fits and config.in_channels == 1
        fits = fits and frames.shape[-dims:] == labels.shape[-dims:] and len(frames) > 0
        fits = fits and frames.dtype.kind in "uif" and labels.dtype.kind in "ui"
        if several:
            fits = fits and len(frames) == len(labels)
        most = _CHECK_SIDE if dims == 2 else _CHECK_SIDE_3D
        if not fits or not 0 < max(labels.shape[-dims:]) <= most or 0 in labels.shape:
            raise ValueError(f"{part}: {frames.shape} for labels {labels.shape}")


_LABELS = {"check/frame": "check/labels", "replay/frames": "replay/labels"}
