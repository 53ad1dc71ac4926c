"""Colours of cells and of probability, the same in a movie as on screen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.labels.codes import decode

Bytes = NDArray[np.uint8]

# The 49 colours of napari's Labels layer (label_colormap(49, seed=0.5), napari 0.9, BSD-3):
# id 1 has the first, id 50 again.
_LABELS = (
    "7825065bd5f89289e86c02c1473a9fabec8a8fadb286909afef71cf7443b034e3971b26069954a3c1b87"
    "2e47105cb7de479d76474258ef5665b8507ba62a64f1b4ec4b1e20b4c53e9c602f8a431bd8be9ab47dbd"
    "a65ea4607a34c1e357d795559e876f002cebcae6e0e18b1e78f0017b8e0fe5ddb2abec8a42d8a646ba8e"
    "fef71cf7443baf4bf2b00c3f69954af687a7cb32c7"
)
# Every fifth of matplotlib's 256 viridis colours (CC0); between them it is straight.
_VIRIDIS = (
    "44015446085c471063481769481d6f482475472a7a46307e453781433d844142873f48893d4e8a3a538b"
    "38598c355e8d33638d31688e2e6d8e2c718e2a768e297b8e27808e25848e23898e218e8d20928c1f978b"
    "1e9c891fa18821a58524aa8328ae802eb37c35b7793dbc7446c06f50c46a5ac86465cb5e70cf577cd250"
    "89d54895d840a2da37b0dd2fbddf26cae11fd8e219e5e419f1e51dfde725"
)
_DARKEST = 0.3  # luminance that a thin line needs on a black picture


def _parse(text: str) -> Bytes:
    return np.frombuffer(bytes.fromhex(text), np.uint8).reshape(-1, 3).copy()


def _viridis() -> Bytes:
    anchors = _parse(_VIRIDIS)
    at = np.linspace(0, 255, len(anchors))
    channels = [np.interp(np.arange(256), at, anchors[:, i]) for i in range(3)]
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8)


def _jet() -> Bytes:
    """Return the rainbow that many figures use, though it draws edges that are none."""
    at = 4 * np.linspace(0, 1, 256)[:, None]
    return np.rint(255 * np.clip(1.5 - np.abs(at - (3, 2, 1)), 0, 1)).astype(np.uint8)


def lifted(colours: Bytes, least: float = _DARKEST) -> Bytes:
    """Brighten dark colours (n, 3) until their luminance is ``least``; hues stay.

    First as far as the strongest of red, green and blue allows, so that the colour stays
    saturated, then with white.
    """
    linear = np.maximum((colours / 255.0) ** 2.2, 1e-6)
    gain = np.clip(least / _luminance(linear), 1, 1 / linear.max(axis=1))[:, None]
    linear = linear * gain
    luminance = _luminance(linear)
    mix = np.clip((least - luminance) / np.maximum(1 - luminance, 1e-9), 0, 1)[:, None]
    return np.rint(255 * (linear * (1 - mix) + mix) ** (1 / 2.2)).astype(np.uint8)


def _luminance(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(linear @ np.array([0.2126, 0.7152, 0.0722]))


LABEL_COLOURS: Bytes = _parse(_LABELS)
LINE_COLOURS: Bytes = lifted(LABEL_COLOURS)
VIRIDIS: Bytes = _viridis()
JET: Bytes = _jet()
CODE_COLOURS: Bytes = VIRIDIS[np.rint(decode(np.arange(256)) * 255).astype(np.uint8)]
"""Viridis of each probability code (256, 3)."""
