"""One picture of a movie, composed in numpy: image, labels, probability, scale, time, title.

Pictures are held as one uint32 for each pixel (bytes R, G, B, 0): one look-up or one assignment
moves a whole pixel, and the encoder takes it as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.export.overlay.colours import CODE_COLOURS, LABEL_COLOURS, LINE_COLOURS
from napari_unet.engine.export.overlay.marks import (
    draw_captions,
    draw_ids,
    draw_scale_bar,
    draw_tails,
    draw_title_and_time,
)
from napari_unet.engine.export.overlay.zooming import cropped, zoomed, zoomed_image, zoomed_labels
from napari_unet.engine.settings import OverlaySettings
from napari_unet.engine.stack.missing_pixels import measured_values

Bytes = NDArray[np.uint8]
Packed = NDArray[np.uint32]
Window = tuple[float, float]

_GAP = 4  # px between panels
_GAP_COLOUR = 0x303030
_GREY = np.uint32(0x010101)
_PIXEL = np.dtype("<u4")  # little-endian on every machine: byte 0 is red
CAPTIONS = {
    "contours": ("",),
    "filled": ("",),
    "side_by_side": ("raw", "overlay"),
    "probability": ("raw", "probability", "overlay"),
    "before_after": ("before", "after"),
}


@dataclass(frozen=True)
class Look:
    """What stays the same through a movie: contrast, colours, scale.

    ``windows`` are (black, white) in raw intensities, one for each channel; ``channels`` the
    colour of each channel as (r, g, b), grey for one channel. ``fill`` and ``line`` (n, 3) are
    the colours of ids 1, 2, … and again from the start. ``pixel_size`` in µm, ``interval`` in s.
    """

    windows: tuple[Window, ...] = ((0.0, 255.0),)
    channels: tuple[tuple[int, int, int], ...] = ()
    fill: Bytes = field(default_factory=lambda: LABEL_COLOURS)
    line: Bytes = field(default_factory=lambda: LINE_COLOURS)
    pixel_size: float | None = None
    interval: float | None = None


@dataclass(frozen=True)
class Picture:
    """What one frame shows: raw ``frame`` (Y, X) or (C, Y, X) and ``labels`` (Y, X).

    ``probability`` (Y, X) are uint8 codes, ``before`` are earlier labels, ``time`` is in s,
    ``tails`` maps an id to its path [(y, x), …], newest last, in px of the whole frame.
    """

    frame: NDArray[Any]
    labels: NDArray[Any]
    probability: NDArray[np.uint8] | None = None
    before: NDArray[Any] | None = None
    time: float | None = None
    tails: dict[int, Sequence[tuple[float, float]]] | None = None


def compose_overlay(
    frame: NDArray[Any],
    labels: NDArray[Any],
    settings: OverlaySettings | None = None,
    look: Look | None = None,
    *,
    probability: NDArray[np.uint8] | None = None,
    before: NDArray[Any] | None = None,
    time: float | None = None,
    tails: dict[int, Sequence[tuple[float, float]]] | None = None,
) -> Bytes:
    """Compose one frame as it is in the movie, (Y, X, 3) uint8; see `Picture` and `Look`.

    Without a ``look`` the contrast is measured on this frame.
    """
    settings = settings or OverlaySettings()
    look = look or Look(windows=measure_windows([frame], settings))
    picture = Picture(frame, labels, probability, before, time, tails)
    return as_bytes(compose(picture, settings, look))[..., :3]


def compose(picture: Picture, settings: OverlaySettings, look: Look) -> Packed:
    """Compose one frame as packed pixels (Y, X) uint32."""
    raw = _image(picture.frame, settings, look)
    panels = _panels_before(raw, picture, settings, look)
    panels.append(_overlay(raw, picture.labels, picture, settings, look))
    whole = panels[0] if len(panels) == 1 else _side_by_side(panels)
    pixels = whole.view(np.uint8).reshape(*whole.shape, 4)
    step = panels[0].shape[1] + _GAP
    draw_captions(pixels, CAPTIONS[settings.style], step)
    draw_title_and_time(pixels, settings, picture.time, look.interval)
    if settings.show_scale_bar and look.pixel_size:
        draw_scale_bar(pixels, panels[0].shape[1], look.pixel_size / settings.zoom)
    return whole


def _panels_before(
    raw: Packed, picture: Picture, settings: OverlaySettings, look: Look
) -> list[Packed]:
    """Return the panels to the left of the overlay; ``raw`` stays as it is, to be drawn on."""
    if settings.style == "side_by_side":
        return [raw.copy()]
    if settings.style == "probability":
        return [raw.copy(), _probability(picture.probability, settings, raw.shape)]
    if settings.style == "before_after":
        earlier = np.zeros_like(picture.labels) if picture.before is None else picture.before
        return [_overlay(raw.copy(), earlier, picture, settings, look)]
    return []


def picture_shape(frame_shape: tuple[int, ...], settings: OverlaySettings) -> tuple[int, int]:
    """Return (Y, X) of the composed picture, before padding to even numbers."""
    y0, x0, y1, x1 = settings.crop or (0, 0, frame_shape[0], frame_shape[1])
    height, width = (zoomed(y1 - y0, settings.zoom), zoomed(x1 - x0, settings.zoom))
    n = len(CAPTIONS[settings.style])
    return height, n * width + (n - 1) * _GAP


def as_bytes(packed: Packed) -> Bytes:
    """View packed pixels (Y, X) as bytes (Y, X, 4): R, G, B, 0."""
    return packed.astype(_PIXEL, copy=False).view(np.uint8).reshape(*packed.shape, 4)


def measure_windows(
    frames: Sequence[NDArray[Any]], settings: OverlaySettings
) -> tuple[Window, ...]:
    """Return (black, white) of each channel from the percentiles of some frames together."""
    stacked = [f[None] if f.ndim == 2 else f for f in frames]
    windows = []
    for channel in range(stacked[0].shape[0]):
        values = np.concatenate([measured_values(f[channel, ::2, ::2]) for f in stacked])
        if values.size == 0:
            windows.append((0.0, 1.0))
            continue
        low, high = (float(v) for v in np.percentile(values, (settings.low, settings.high)))
        windows.append((low, high if high > low else low + 1.0))
    return tuple(windows)


def outlines(labels: NDArray[Any], width: int) -> NDArray[np.bool_]:
    """Mark the pixels of each object within ``width`` px of its edge, also where cells touch."""
    edge = np.zeros(labels.shape, dtype=bool)
    down, right = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    edge[1:] |= down
    edge[:-1] |= down
    edge[:, 1:] |= right
    edge[:, :-1] |= right
    inside = labels != 0
    edge &= inside
    # Wider lines grow from the edge inwards; a neighbour's pixel is nearer to its own edge.
    return _grown(edge, width - 1) & inside if width > 1 else edge


def _grown(mask: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """Dilate by crosses and squares in turn: together an octagon, close to a disc."""
    for step in range(steps):
        wider = mask.copy()
        wider[1:] |= mask[:-1]
        wider[:-1] |= mask[1:]
        middle = wider.copy() if step % 2 else mask
        wider[:, 1:] |= middle[:, :-1]
        wider[:, :-1] |= middle[:, 1:]
        mask = wider
    return mask


def _image(frame: NDArray[Any], settings: OverlaySettings, look: Look) -> Packed:
    channels = cropped(frame, settings)
    if channels.ndim == 2:
        channels = channels[None]
    grey = [
        zoomed_image(_windowed(c, w), settings.zoom)
        for c, w in zip(channels, look.windows, strict=True)
    ]
    if len(grey) == 1 and not look.channels:
        return np.multiply(grey[0], _GREY, dtype=np.uint32)
    tints = look.channels or _tints(len(grey))
    light = np.zeros((*grey[0].shape, 4), np.uint16)
    for image, tint in zip(grey, tints, strict=True):
        for i, strength in enumerate(tint):
            if strength:
                light[..., i] += (image.astype(np.uint16) * strength) >> 8
    return np.minimum(light, 255).astype(np.uint8).view(_PIXEL)[..., 0].astype(np.uint32)


def _tints(n: int) -> tuple[tuple[int, int, int], ...]:
    """Return magenta and green, then cyan, yellow, …: told apart with red-green blindness too."""
    if n == 1:
        return ((256, 256, 256),)
    some = ((0, 256, 0), (256, 0, 256), (0, 256, 256), (256, 256, 0), (256, 0, 0), (0, 0, 256))
    return tuple(some[i % len(some)] for i in range(n))


def _windowed(image: NDArray[Any], window: Window) -> Bytes:
    """Raw intensities as 0..255 between black and white."""
    low, high = window
    if image.dtype not in (np.uint8, np.uint16) or low < 0:
        light = np.clip(image.astype(np.float64), low, high) - low
        light = np.nan_to_num(light, copy=False) * (255 / (high - low))  # what is missing is black
        return np.asarray(light + 0.5, dtype=np.uint8)
    # Whole numbers: a multiplication and a shift, with no way to floats and back.
    kind = image.dtype.type
    top = min(max(int(np.ceil(high)), 1), int(np.iinfo(image.dtype).max))
    bottom = min(int(low), top - 1)
    above = np.clip(image, kind(bottom), kind(top)) - kind(bottom)
    light_16 = np.multiply(above, np.uint32((255 << 16) // (top - bottom)), dtype=np.uint32)
    return np.asarray((light_16 + np.uint32(1 << 15)) >> np.uint32(16), dtype=np.uint8)


def _overlay(
    canvas: Packed, shown: NDArray[Any], picture: Picture, settings: OverlaySettings, look: Look
) -> Packed:
    """Draw labels of the whole frame on a panel, in place."""
    labels = zoomed_labels(shown, settings)
    pixels = canvas.view(np.uint8).reshape(*canvas.shape, 4)
    if settings.style == "filled":
        inside = labels != 0
        colour = look.fill[_colour_index(labels[inside], look.fill)].astype(np.uint16)
        share = round(settings.opacity * 256)
        mixed = pixels[inside][:, :3] * np.uint16(256 - share) + colour * np.uint16(share)
        pixels[inside, :3] = mixed >> 8
    width = max(1, round(settings.line_width * settings.zoom))
    line = np.flatnonzero(outlines(labels, width))
    canvas.ravel()[line] = _packed(look.line)[_colour_index(labels.ravel()[line], look.line)]
    if settings.tail and picture.tails:
        draw_tails(pixels, picture.tails, settings, look.line)
    if settings.show_ids:
        draw_ids(pixels, labels, settings.zoom)
    return canvas


def _colour_index(ids: NDArray[Any], colours: Bytes) -> NDArray[np.intp]:
    return (ids.astype(np.intp) - 1) % len(colours)


def _packed(colours: Bytes) -> Packed:
    wide = colours.astype(np.uint32)
    return np.asarray(wide[:, 0] | wide[:, 1] << 8 | wide[:, 2] << 16, dtype=np.uint32)


def _probability(
    codes: NDArray[np.uint8] | None, settings: OverlaySettings, shape: tuple[int, ...]
) -> Packed:
    if codes is None:
        return np.full(shape, _packed(CODE_COLOURS[:1])[0], np.uint32)
    grey = zoomed_image(np.ascontiguousarray(cropped(codes, settings)), settings.zoom)
    return _packed(CODE_COLOURS)[grey]


def _side_by_side(panels: list[Packed]) -> Packed:
    height, width = panels[0].shape
    step = width + _GAP
    whole = np.full((height, len(panels) * step - _GAP), _GAP_COLOUR, np.uint32)
    for i, panel in enumerate(panels):
        whole[:, i * step : i * step + width] = panel
    return whole
