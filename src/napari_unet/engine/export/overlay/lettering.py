"""Text and scale bars for movies: white with a dark rim, legible on any picture.

Stamps are drawn once and kept: a movie of 10,000 frames draws a title once and each id once.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from math import floor, log10
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Bytes = NDArray[np.uint8]
Anchor = Literal["top left", "top centre", "top right", "bottom left", "bottom right", "centre"]
Colour = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)
_FONTS = (
    ("vispy", "util/fonts/data/OpenSans-Regular.ttf"),
    ("napari_resources", "resources/fonts/M_PLUS_1p/MPLUS1p-Regular.ttf"),
)
_RIM = 10  # brightness of the rim around letters and bars


@lru_cache(maxsize=4096)
def text_stamp(text: str, size: int, colour: Colour = WHITE) -> tuple[Bytes, Bytes]:
    """Return colour (Y, X, 3) and opacity (Y, X, 1) of ``text``, ``size`` px high, with its rim."""
    font = _font(text, size)
    rim = max(1, round(size / 12))
    box = ImageDraw.Draw(Image.new("RGBA", (1, 1))).textbbox((0, 0), text, font, stroke_width=rim)
    width, height = max(1, round(box[2] - box[0])), max(1, round(box[3] - box[1]))
    image = Image.new("RGBA", (width, height), (_RIM, _RIM, _RIM, 0))
    ImageDraw.Draw(image).text(
        (-box[0], -box[1]),
        text,
        (*colour, 255),
        font,
        stroke_width=rim,
        stroke_fill=(_RIM, _RIM, _RIM, 255),
    )
    pixels = np.asarray(image)
    return pixels[..., :3].copy(), pixels[..., 3:].copy()


def _font(text: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the first font that has every letter of ``text`` (Pillow's own knows no µ)."""
    fonts = range(len(_font_files()))
    for i in fonts:
        if all(_has(i, letter) for letter in set(text)):
            return _opened(i, size)
    return _opened(0, size) if fonts else ImageFont.load_default(size=size)


@lru_cache(maxsize=4096)
def _has(font: int, letter: str) -> bool:
    opened = _opened(font, 11)
    return bytes(opened.getmask(letter)) != bytes(opened.getmask("\uffff"))


@lru_cache(maxsize=16)
def _opened(font: int, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(_font_files()[font]), size)


@lru_cache(maxsize=1)
def _font_files() -> tuple[Path, ...]:
    """Fonts that come with napari: Open Sans (vispy) and M PLUS 1p for Japanese and Chinese."""
    found = []
    for package, file in _FONTS:
        spec = find_spec(package)  # finds the folder, imports nothing
        if spec is not None and spec.origin is not None:
            found.append(Path(spec.origin).parent / file)
    return tuple(path for path in found if path.is_file())


@lru_cache(maxsize=64)
def bar_stamp(length: int, thickness: int) -> tuple[Bytes, Bytes]:
    """Return colour and opacity of a scale bar of ``length`` x ``thickness`` px, with its rim."""
    colour = np.full((thickness + 2, length + 2, 3), _RIM, np.uint8)
    colour[1:-1, 1:-1] = WHITE
    return colour, np.full((*colour.shape[:2], 1), 255, np.uint8)


def put(canvas: Bytes, stamp: tuple[Bytes, Bytes], y: int, x: int, anchor: Anchor) -> None:
    """Blend ``stamp`` into ``canvas`` (Y, X, 3 or more), cut where it reaches beyond the edge."""
    colour, opacity = stamp
    height, width = opacity.shape[:2]
    x -= {"left": 0, "centre": width // 2, "right": width}[anchor.split()[-1]]
    y -= {"top": 0, "bottom": height, "centre": height // 2}[anchor.split()[0]]
    y0, x0, y1, x1 = (
        max(y, 0),
        max(x, 0),
        min(y + height, canvas.shape[0]),
        min(x + width, canvas.shape[1]),
    )
    if y0 >= y1 or x0 >= x1:
        return
    part = (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x))
    under = canvas[y0:y1, x0:x1, :3].astype(np.uint16)
    alpha = opacity[part].astype(np.uint16)
    canvas[y0:y1, x0:x1, :3] = (colour[part] * alpha + under * (255 - alpha) + 127) // 255


def text_size(height: int) -> int:
    """Letter height in px for a picture of ``height`` px: 3 %, and never too small to read."""
    return int(min(max(11, round(height * 0.03)), 64))


def scale_bar_length(width_px: int, pixel_size: float) -> float:
    """Length of a scale bar in µm: 1, 2 or 5 times a power of ten, at most a fifth of the width."""
    most = width_px * pixel_size / 5
    power = 10.0 ** floor(log10(most))
    return max(step * power for step in (1, 2, 5) if step * power <= most)


def say_length(um: float) -> str:
    """Say a length in µm as a scale bar does: ``"50 µm"``, ``"500 nm"``, ``"2 mm"``."""
    if um < 1:
        return f"{um * 1000:g} nm"
    return f"{um:g} µm" if um < 1000 else f"{um / 1000:g} mm"
