"""Curves over frames or time as a figure: panels one below the other, one axis for all."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Sequence

# Okabe and Ito: told apart with any kind of colour vision
COLOURS = (
    "#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#999999", "#000000",
)  # fmt: skip
_WIDTH, _HEIGHT = 760, 230  # px of a panel
_LEFT, _TOP, _RIGHT, _BOTTOM = 74, 34, 170, 26
_FOOT = 30  # px below the last panel
_FINE = 2  # drawn so many times larger, for smooth lines
_INK, _GRID = "#222222", "#dddddd"
_LEGEND = 12  # rows that a panel has room for
Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Curve:
    """Points (x, y) in the order of x; a gap where y is not finite."""

    name: str
    points: Points


@dataclass(frozen=True)
class Panel:
    """Curves with one axis; a ``share`` reaches from 0 to 1, others from 0 to the highest."""

    title: str
    curves: Sequence[Curve]
    share: bool = False


def plot_curves(panels: Sequence[Panel], x_title: str) -> bytes:
    """Return a PNG."""
    page = Image.new("RGB", (_WIDTH * _FINE, (len(panels) * _HEIGHT + _FOOT) * _FINE), "white")
    pen = _Pen(ImageDraw.Draw(page))
    every = [x for panel in panels for curve in panel.curves for x, _ in curve.points]
    ends = (min(every), max(every)) if every else (0.0, 1.0)
    for index, panel in enumerate(panels):
        _draw(pen, index * _HEIGHT, panel, ends)
    middle = _LEFT + (_WIDTH - _LEFT - _RIGHT) / 2
    pen.text((middle, len(panels) * _HEIGHT + _FOOT / 2 - 4), x_title, "mm")
    buffer = io.BytesIO()
    size = (page.width // _FINE, page.height // _FINE)
    page.resize(size, Image.Resampling.BOX).save(buffer, "PNG")
    return buffer.getvalue()


def _draw(pen: _Pen, corner: float, panel: Panel, ends: tuple[float, float]) -> None:
    """Draw a panel: its ticks, its curves, and their names beside it."""
    left, top = _LEFT, corner + _TOP
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    values = [y for curve in panel.curves for _, y in curve.points if math.isfinite(y)]
    low, high = min(values, default=0.0), max(values, default=1.0)
    ticks = [0, 0.25, 0.5, 0.75, 1] if panel.share else ticks_of(min(low, 0.0), max(high, 0.0))
    first, last = ends

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - first) / (last - first) if last > first else 0.5
        up = (y - ticks[0]) / (ticks[-1] - ticks[0])
        return left + width * across, top + height * (1 - min(1.0, max(0.0, up)))

    pen.text((left, corner + 16), panel.title, "lm", size=15)
    for tick in ticks:
        y = place(first, tick)[1]
        pen.line([(left, y), (left + width, y)], _GRID, 1)
        pen.text((left - 8, y), f"{tick:g}", "rm")
    for x, anchor in ((first, "lm"), (last, "rm")):
        pen.text((place(x, 0)[0], top + height + 13), f"{x:g}", anchor)
    for number, curve in enumerate(panel.curves):
        colour = COLOURS[number % len(COLOURS)]
        for part in _parts(curve.points):
            places = [place(x, y) for x, y in part]
            pen.line(places, colour, 2)
            if len(places) == 1:
                pen.dot(places[0], colour)
        if number < _LEGEND:
            y = top + 8 + number * 14
            pen.line([(left + width + 14, y), (left + width + 34, y)], colour, 3)
            pen.text((left + width + 40, y), curve.name, "lm", size=11)
    if len(panel.curves) > _LEGEND:
        more = f"and {len(panel.curves) - _LEGEND} more"
        pen.text((left + width + 40, top + 8 + _LEGEND * 14), more, "lm", size=11)


def _parts(points: Points) -> list[Points]:
    """Part a curve where it has no value."""
    parts: list[Points] = [[]]
    for x, y in points:
        if math.isfinite(y):
            parts[-1].append((x, y))
        elif parts[-1]:
            parts.append([])
    return [part for part in parts if part]


def ticks_of(low: float, high: float) -> list[float]:
    """Return round numbers that hold both ends."""
    span = max(high - low, 1e-9)
    power = 10.0 ** math.floor(math.log10(span / 4))
    step = next(k * power for k in (1, 2, 2.5, 5, 10) if k * power >= span / 4 * 0.999)
    start, end = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * k, 12) for k in range(start, max(end, start + 1) + 1)]


class _Pen:
    """Draws in px of the finished figure."""

    def __init__(self, draw: ImageDraw.ImageDraw) -> None:
        self._draw = draw

    def text(self, place: tuple[float, float], words: str, anchor: str, size: int = 12) -> None:
        """Write words at a place."""
        font = ImageFont.load_default(size * _FINE)
        self._draw.text((place[0] * _FINE, place[1] * _FINE), words, _INK, font, anchor)

    def line(self, places: Points, colour: str, width: int) -> None:
        """Draw a line."""
        fine = [(x * _FINE, y * _FINE) for x, y in places]
        if len(fine) > 1:
            self._draw.line(fine, colour, width * _FINE, joint="curve")

    def dot(self, place: tuple[float, float], colour: str) -> None:
        """Draw a dot."""
        box = [v * _FINE for v in (place[0] - 3, place[1] - 3, place[0] + 3, place[1] + 3)]
        self._draw.ellipse(box, fill=colour)
