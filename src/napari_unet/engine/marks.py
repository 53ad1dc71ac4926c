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
from skimage.draw import line_aa

from napari_unet.engine import lettering

if TYPE_CHECKING:
    from napari_unet.engine.settings import OverlaySettings

Bytes = NDArray[np.uint8]
Path = Sequence[tuple[float, float]]
_FAINTEST = 0.25  # opacity of the oldest piece of a tail


def draw_ids(pixels: Bytes, labels: NDArray[Any]) -> None:
    """Write the id of each object of ``labels`` (Y, X) on it."""
    size = max(9, round(lettering.text_size(pixels.shape[0]) * 0.8))
    for y, x, label in _anchors(labels):
        lettering.put(pixels, lettering.text_stamp(str(label), size), y, x, "centre")


def draw_tails(
    pixels: Bytes, tails: Mapping[int, Path], settings: OverlaySettings, colours: Bytes
) -> None:
    """Draw the last positions of each cell, in px of the whole frame, fading into the past."""
    origin = np.array(settings.crop[:2] if settings.crop else (0, 0))
    for label, path in tails.items():
        recent = np.asarray(path[-settings.tail - 1 :], dtype=float).reshape(-1, 2)
        steps = np.rint((recent - origin + 0.5) * settings.zoom - 0.5).astype(int).tolist()
        colour = colours[(label - 1) % len(colours)]
        for i, (start, end) in enumerate(pairwise(steps), start=1):
            _line(pixels, start, end, colour, _FAINTEST + (1 - _FAINTEST) * i / len(steps))


def draw_title_and_time(
    pixels: Bytes, settings: OverlaySettings, time: float | None, interval: float | None
) -> None:
    """Write the title, and the time (s) where it is known."""
    size, margin = _layout(pixels)
    if settings.title_text:
        stamp = lettering.text_stamp(settings.title_text, size)
        lettering.put(pixels, stamp, margin, margin, "top left")
    if settings.show_time and time is not None:
        stamp = lettering.text_stamp(lettering.say_time(time, interval), size)
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
    """Give letter height and margin in px."""
    size = lettering.text_size(pixels.shape[0])
    return size, max(4, round(size * 0.6))


def _anchors(labels: NDArray[Any]) -> list[tuple[int, int, int]]:
    """Give (y, x, id): the object's own pixel nearest to its centre, so on a bent cell too."""
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


def _line(
    pixels: Bytes, start: Sequence[int], end: Sequence[int], colour: Bytes, opacity: float
) -> None:
    rows, columns, weight = line_aa(*start, *end)  # type: ignore[no-untyped-call]
    seen = (rows >= 0) & (columns >= 0) & (rows < pixels.shape[0]) & (columns < pixels.shape[1])
    rows, columns = rows[seen], columns[seen]
    alpha = (weight[seen] * opacity)[:, None]
    mixed = pixels[rows, columns, :3] * (1 - alpha) + colour.astype(np.float64) * alpha
    pixels[rows, columns, :3] = np.rint(mixed).astype(np.uint8)
