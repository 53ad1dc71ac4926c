"""A comparison of networks as a figure: rows of networks, panels of scores, dots of folds."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Protocol

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Sequence

_PANELS = (
    ("Dice", "dice"), ("IoU", "iou"), ("Accuracy", "accuracy"), ("SEG", "seg"), ("F1", "f1"),
    ("Seconds a frame", "seconds"),
)  # fmt: skip
_NAMES, _PANEL, _SPACE, _RIGHT = 190, 170, 26, 24  # px
_TOP, _ROW, _BOTTOM = 58, 30, 64
_FINE = 2  # drawn so many times larger, for smooth lines
_INK, _PALE, _GRID, _FOLD, _BEST = "#222222", "#666666", "#e2e2e2", "#8fb8d8", "#e6550d"
_MEAN = "#1f77b4"


class Compared(Protocol):
    """What is drawn: names, and for each the values of its folds."""

    @property
    def networks(self) -> tuple[str, ...]:
        """Names of the networks, in order."""
        ...

    def of(self, network: str) -> Sequence[object]:
        """Return the results of one of them."""
        ...

    def mean(self, network: str, name: str) -> float:
        """Return the mean of one of its scores."""
        ...


def plot_comparison(compared: Compared) -> bytes:
    """Return a PNG: small dots are folds, large ones their mean, the best of them orange."""
    n = len(compared.networks)
    width = _NAMES + len(_PANELS) * (_PANEL + _SPACE) + _RIGHT
    page = Image.new("RGB", (width * _FINE, (_TOP + n * _ROW + _BOTTOM) * _FINE), "white")
    pen = _Pen(ImageDraw.Draw(page))
    for row, network in enumerate(compared.networks):
        y = _TOP + (row + 0.5) * _ROW
        pen.text((16, y - 6), network, "lm", size=13)
        results = compared.of(network)
        pen.text((16, y + 8), _parameters(results), "lm", size=9, colour=_PALE)
    for index, (title, name) in enumerate(_PANELS):
        left = _NAMES + index * (_PANEL + _SPACE)
        _panel(pen, left, title, compared, name)
    _legend(pen, _TOP + n * _ROW + 40)
    buffer = io.BytesIO()
    page.resize((page.width // _FINE, page.height // _FINE), Image.Resampling.BOX).save(
        buffer, "PNG"
    )
    return buffer.getvalue()


def _legend(pen: _Pen, y: float) -> None:
    x = float(_NAMES + 8)
    for words, radius, colour in (
        ("a fold", 3, _FOLD),
        ("mean", 5, _MEAN),
        ("best mean", 5, _BEST),
    ):
        pen.dot((x, y), radius, colour)
        pen.text((x + 12, y), words, "lm", size=11, colour=_PALE)
        x += 90


def _panel(pen: _Pen, left: float, title: str, compared: Compared, name: str) -> None:
    """Draw a panel of one score: its axis, the folds, the means."""
    folds = {n: [float(getattr(r, name)) for r in compared.of(n)] for n in compared.networks}
    means = {n: compared.mean(n, name) for n in compared.networks}
    every = [value for values in folds.values() for value in values]
    is_time = name == "seconds"
    ticks = _ticks(0.0 if is_time else min(every), max(every) if is_time else 1.0)
    low, high = ticks[0], ticks[-1]

    def at(value: float) -> float:
        return left + 8 + (_PANEL - 16) * (value - low) / (high - low)

    bottom = _TOP + len(folds) * _ROW
    pen.text((left + _PANEL / 2, _TOP - 26), title, "mm", size=14)
    for tick in ticks:
        pen.line([(at(tick), _TOP - 6), (at(tick), bottom)], _GRID, 1)
        pen.text((at(tick), bottom + 12), f"{tick:g}", "mm", size=10, colour=_PALE)
    best = min(means.values()) if is_time else max(means.values())
    for row, network in enumerate(compared.networks):
        y = _TOP + (row + 0.5) * _ROW
        values = folds[network]
        if len(values) > 1:
            pen.line([(at(min(values)), y), (at(max(values)), y)], _FOLD, 2)
        for value in values:
            pen.dot((at(value), y), 3, _FOLD)
        pen.dot((at(means[network]), y), 5, _BEST if means[network] == best else _MEAN)


def _parameters(results: Sequence[object]) -> str:
    n = getattr(results[0], "parameters", 0)
    return f"{n / 1e6:.3g} M parameters" if n >= 1e5 else f"{n:,} parameters"


def _ticks(low: float, high: float) -> list[float]:
    """Return three to six round numbers that hold both ends."""
    span = max(high - low, 1e-3)
    power = 10.0 ** math.floor(math.log10(span / 3))
    step = next(k * power for k in (1, 2, 2.5, 5, 10) if span / (k * power) <= 4)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * k, 10) for k in range(first, max(last, first + 1) + 1)]


class _Pen:
    """Draws in px of the finished figure."""

    def __init__(self, draw: ImageDraw.ImageDraw) -> None:
        self._draw = draw

    def text(
        self,
        place: tuple[float, float],
        words: str,
        anchor: str,
        *,
        size: int = 12,
        colour: str = _INK,
    ) -> None:
        """Write words at a place."""
        font = ImageFont.load_default(size * _FINE)
        self._draw.text((place[0] * _FINE, place[1] * _FINE), words, colour, font, anchor)

    def line(self, places: list[tuple[float, float]], colour: str, width: int) -> None:
        """Draw a line."""
        self._draw.line([(x * _FINE, y * _FINE) for x, y in places], colour, width * _FINE)

    def dot(self, place: tuple[float, float], radius: float, colour: str) -> None:
        """Draw a dot."""
        x, y = place
        box = [v * _FINE for v in (x - radius, y - radius, x + radius, y + radius)]
        self._draw.ellipse(box, fill=colour)
