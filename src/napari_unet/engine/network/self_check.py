"""Self-check: a small synthetic frame that travels with a model, and the labels it gives.

A program or library that silently changes results is caught when the model is opened. The
frame is made, not taken from a movie: no image of anybody leaves without consent.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.labels.class_labels import labels_of
from napari_unet.engine.network.network import network_codes
from napari_unet.engine.network.normalisation import Normaliser

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_unet.engine.network.network import Network
    from napari_unet.engine.settings import LabelSettings, Normalisation

FRAME, LABELS = "check/frame", "check/labels"
TOLERANCE = 0.002  # share of pixels: other processors round differently at outlines
_SIZE, _SIZE_3D = 128, 48


def made_check(
    network: Network, normalisation: Normalisation, settings: LabelSettings, diameter: float
) -> dict[str, NDArray[Any]]:
    """Make the frame ``(C, Y, X)`` uint16 and the labels ``(Y, X)`` the network gives on it."""
    frame = made_frame(network.config.in_channels, diameter, dims=network.config.dims)
    return {FRAME: frame, LABELS: _labels(network, normalisation, settings, frame)}


def remade_check(
    network: Network,
    normalisation: Normalisation,
    settings: LabelSettings,
    arrays: Mapping[str, NDArray[Any]],
) -> dict[str, NDArray[Any]]:
    """Return the labels of the frame in ``arrays`` at other settings; nothing without one."""
    if FRAME not in arrays:
        return {}
    return {LABELS: _labels(network, normalisation, settings, arrays[FRAME])}


def difference(
    network: Network,
    normalisation: Normalisation,
    settings: LabelSettings,
    arrays: Mapping[str, NDArray[Any]],
) -> float | None:
    """Share of pixels that are an object now and were not, or the other way; None without check."""
    if FRAME not in arrays or LABELS not in arrays:
        return None
    now = _labels(network, normalisation, settings, arrays[FRAME])
    return float(np.mean((now > 0) != (arrays[LABELS] > 0)))


def _labels(
    network: Network, normalisation: Normalisation, settings: LabelSettings, frame: NDArray[Any]
) -> NDArray[np.uint16]:
    codes = network_codes(network, Normaliser(normalisation, dims=network.config.dims)(frame))
    return labels_of(codes, network.config.outputs, settings)


def made_frame(
    channels: int, diameter: float, size: int | None = None, dims: int = 2
) -> NDArray[np.uint16]:
    """Return bright discs with soft outlines on a noisy ground ``(C, Y, X)``, always the same.

    With ``dims`` 3 balls in a smaller volume ``(C, Z, Y, X)``.
    """
    rng = np.random.default_rng(0)
    size = size or (_SIZE if dims == 2 else _SIZE_3D)
    axes = np.mgrid[(slice(size),) * dims]
    radius = float(np.clip(diameter, 8, 48 if dims == 2 else 24)) / 2
    plane = 200 + rng.normal(0, 8, (size,) * dims)
    for *centre, gain in zip(
        *rng.uniform(0, size, (dims, 8)), rng.uniform(150, 500, 8), strict=True
    ):
        along = [axis - at for axis, at in zip(axes, centre, strict=True)]
        inside = np.maximum(radius - reduce(np.hypot, along), -700)  # exp knows no more
        plane = np.maximum(plane, 200 + gain / (1 + np.exp(-inside)) + rng.normal(0, 8))
    return np.broadcast_to(plane, (channels, *plane.shape)).astype(np.uint16)
