"""Crop and zoom of a movie's pictures: images smoothly, labels without new ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from napari_unet.engine.settings import OverlaySettings

Bytes = NDArray[np.uint8]
_SMOOTH_FROM = 1.5  # zoom from which outlines are made finer than the labels


def cropped(image: NDArray[Any], settings: OverlaySettings) -> NDArray[Any]:
    """Return the part of an image (…, Y, X) that is shown."""
    if settings.crop is None:
        return image
    y0, x0, y1, x1 = settings.crop
    return image[..., y0:y1, x0:x1]


def zoomed(n: int, zoom: float) -> int:
    """Return how many px ``n`` of the movie become."""
    return max(1, round(n * zoom))


def zoomed_image(image: Bytes, zoom: float) -> Bytes:
    """Zoom an image (Y, X)."""
    if zoom == 1:
        return image
    size = (zoomed(image.shape[1], zoom), zoomed(image.shape[0], zoom))
    method = Image.Resampling.BICUBIC if zoom > 1 else Image.Resampling.BOX
    return np.asarray(Image.fromarray(image).resize(size, method))


def zoomed_labels(labels: NDArray[Any], settings: OverlaySettings) -> NDArray[Any]:
    """Crop and zoom labels; where they grow, the steps of their outlines are cut twice as fine."""
    labels = cropped(np.asarray(labels), settings)
    if settings.zoom == 1:
        return labels
    wanted = [zoomed(n, settings.zoom) for n in labels.shape]
    zoom = settings.zoom
    while zoom >= _SMOOTH_FROM:
        labels, zoom = doubled(labels), zoom / 2
    y, x = (
        np.minimum(((np.arange(n) + 0.5) / zoom).astype(int), m - 1)
        for n, m in zip(wanted, labels.shape, strict=True)
    )
    return labels[np.ix_(y, x)]


def doubled(labels: NDArray[Any]) -> NDArray[Any]:
    """Return labels (Y, X) twice as large, corners of their steps cut (EPX, E. Johnston 1992)."""
    padded = np.pad(labels, 1, mode="edge")
    up, down, left, right = padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]
    large = np.empty((2 * labels.shape[0], 2 * labels.shape[1]), labels.dtype)
    for y, x, a, b, c, d in (
        (0, 0, left, up, down, right),
        (0, 1, up, right, left, down),
        (1, 1, right, down, up, left),
        (1, 0, down, left, right, up),
    ):
        large[y::2, x::2] = np.where((a == b) & (a != c) & (b != d), a, labels)
    return large
