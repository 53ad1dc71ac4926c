"""What is drawn into a picture: ids, tails, names of panels, title, time stamp, scale bar.

Every function changes ``pixels`` (Y, X, 3 or more) uint8 in place. Title top left, time top
right, names of panels bottom left, scale bar bottom right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.export.overlay import lettering
from napari_unet.engine.text import say_clock

if TYPE_CHECKING:
    from napari_unet.engine.settings import OverlaySettings

Bytes = NDArray[np.uint8]
Path = Sequence[tuple[float, float]]
_FAINTEST = 0.35  # opacity of the oldest piece of a tail
_TAIL_WIDTH = 0.75  # of an outline's
_ID_SIZE, _SMALLEST_ID = 0.55, 11  # of other letters; px


def draw_ids(pixels: Bytes, labels: NDArray[Any], zoom: float = 1.0) -> None:
    """Write the id of each object of ``labels`` (Y, X) on it: small, so that the cell is seen."""
    size = lettering.text_size(pixels.shape[0]) * _ID_SIZE * max(zoom, 1.0) ** 0.5
    for y, x, label in _anchors(labels):
        stamp = lettering.text_stamp(str(label), max(_SMALLEST_ID, round(size)))
        lettering.put(pixels, stamp, y, x, "centre")


def draw_tails(
    pixels: Bytes, tails: Mapping[int, Path], settings: OverlaySettings, colours: Bytes
) -> None:
    """Draw the last positions of each cell, in px of the whole frame, fading into the past."""
    origin = np.array(settings.crop[:2] if settings.crop else (0, 0))
    width = max(1.0, settings.line_width * settings.zoom * _TAIL_WIDTH)
    for label, path in tails.items():
        recent = np.asarray(path[-settings.tail - 1 :], dtype=float).reshape(-1, 2)
        points = (recent - origin + 0.5) * settings.zoom - 0.5
        if len(points) > 1:
            _draw_path(pixels, points, colours[(label - 1) % len(colours)], width)


def draw_title_and_time(
    pixels: Bytes, settings: OverlaySettings, time: float | None, interval: float | None
) -> None:
    """Write the title, and the time (s) where it is known."""
    size, margin = _layout(pixels)
    if settings.title_text:
        stamp = lettering.text_stamp(settings.title_text, size)
        lettering.put(pixels, stamp, margin, margin, "top left")
    if settings.show_time and time is not None:
        stamp = lettering.text_stamp(say_clock(time, interval), size)
        lettering.put(pixels, stamp, margin, pixels.shape[1] - margin, "top right")


def draw_captions(pixels: Bytes, captions: Sequence[str], step: int) -> None:
    """Name the panels, which start ``step`` px apart."""
    size, margin = _layout(pixels)
    for i, caption in enumerate(captions):
        if caption:
            stamp = lettering.text_stamp(caption, size)
            lettering.put(pixels, stamp, pixels.shape[0] - margin, i * step + margin, "bottom left")


def draw_scale_bar(pixels: Bytes, width: int, pixel_size: float) -> None:
    """Draw a scale bar fit for a panel of ``width`` px, each ``pixel_size`` µm."""
    size, margin = _layout(pixels)
    um = lettering.scale_bar_length(width, pixel_size)
    bar = lettering.bar_stamp(max(1, round(um / pixel_size)), max(2, round(size / 5)))
    bottom, right = pixels.shape[0] - margin, pixels.shape[1] - margin
    lettering.put(pixels, bar, bottom, right, "bottom right")
    label = lettering.text_stamp(lettering.say_length(um), size)
    centre = right - bar[1].shape[1] // 2 + label[1].shape[1] // 2
    top = bottom - bar[1].shape[0] - max(2, size // 5)
    lettering.put(pixels, label, top, min(centre, right), "bottom right")


def _layout(pixels: Bytes) -> tuple[int, int]:
    """Return letter height and margin in px."""
    size = lettering.text_size(pixels.shape[0])
    return size, max(4, round(size * 0.6))


def _anchors(labels: NDArray[Any]) -> list[tuple[int, int, int]]:
    """Return (y, x, id): the object's own pixel nearest to its centre, so on a bent cell too."""
    flat = labels.ravel()
    where = np.flatnonzero(flat)
    if not len(where):
        return []
    ids, of = np.unique(flat[where], return_inverse=True)
    y, x = np.divmod(where, labels.shape[1])
    n = np.bincount(of)
    from_centre = (y - (np.bincount(of, y) / n)[of]) ** 2 + (x - (np.bincount(of, x) / n)[of]) ** 2
    order = np.lexsort((from_centre, of))
    first = order[np.cumsum(n) - n]
    return list(zip(y[first].tolist(), x[first].tolist(), ids.tolist(), strict=True))


def _draw_path(pixels: Bytes, points: NDArray[np.float64], colour: Bytes, width: float) -> None:
    """Blend a path of straight pieces (n, 2) y, x, the oldest faintest, with soft edges."""
    reach = width / 2 + 1
    low = np.maximum(np.floor(points.min(axis=0) - reach).astype(int), 0)
    high = np.minimum(np.ceil(points.max(axis=0) + reach).astype(int) + 1, pixels.shape[:2])
    if (low >= high).any():
        return
    alpha = np.zeros(high - low, np.float32)
    for i, (start, end) in enumerate(pairwise(points - low), start=1):
        opacity = _FAINTEST + (1 - _FAINTEST) * i / (len(points) - 1)
        y0, x0 = np.maximum(np.floor(np.minimum(start, end) - reach).astype(int), 0)
        y1, x1 = np.maximum(np.ceil(np.maximum(start, end) + reach).astype(int) + 1, 0)
        part = alpha[y0:y1, x0:x1]
        if part.size:
            covered = _coverage(start - (y0, x0), end - (y0, x0), part.shape, width)
            np.maximum(part, covered * np.float32(opacity), out=part)
    under = pixels[low[0] : high[0], low[1] : high[1], :3]
    mixed = under + (colour.astype(np.float32) - under) * alpha[..., None]
    under[:] = np.rint(mixed).astype(np.uint8)


def _coverage(
    start: NDArray[np.float64], end: NDArray[np.float64], shape: tuple[int, ...], width: float
) -> NDArray[np.float32]:
    """How much of each pixel lies on a line of ``width`` with round ends: 0 to 1."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    along = end - start
    length = float(along @ along)
    dy, dx = y - start[0], x - start[1]
    share = np.clip((dy * along[0] + dx * along[1]) / length, 0, 1) if length else 0.0
    apart = np.hypot(dy - share * along[0], dx - share * along[1])
    return np.asarray(np.clip(width / 2 + 0.5 - apart, 0, 1), dtype=np.float32)
