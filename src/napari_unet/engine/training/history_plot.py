"""The history of a training as a figure: one panel for each figure, training and validation."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PANELS = (
    ("Loss", "loss"), ("Accuracy", "accuracy"), ("IoU", "iou"), ("Dice", "dice"),
    ("Mean IoU", "mean_iou"),
)  # fmt: skip
_WIDTH, _HEIGHT = 400, 270  # px of a panel
_LEFT, _TOP, _RIGHT, _BOTTOM = 62, 34, 18, 42
_FINE = 2  # drawn so many times larger, for smooth lines
_TRAINING, _VALIDATION, _INK, _GRID = "#1f77b4", "#e6550d", "#222222", "#dddddd"
Points = list[tuple[float, float]]


def plot_history(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Return a PNG of the rows of a history."""
    page = Image.new("RGB", (3 * _WIDTH * _FINE, 2 * _HEIGHT * _FINE), "white")
    draw = ImageDraw.Draw(page)
    for index, (title, name) in enumerate(_PANELS):
        corner = (index % 3 * _WIDTH, index // 3 * _HEIGHT)
        curves = [
            (_points(rows, name), _TRAINING),
            (_points(rows, f"validation_{name}"), _VALIDATION),
        ]
        _panel(draw, corner, title, curves, share=name != "loss")
    for row, (words, colour) in enumerate((("training", _TRAINING), ("validation", _VALIDATION))):
        x, y = 2 * _WIDTH + _LEFT, _HEIGHT + _TOP + 20 + 28 * row
        _line(draw, [(x, y), (x + 40, y)], colour, 3)
        _text(draw, (x + 52, y), words, "lm")
    buffer = io.BytesIO()
    page.resize((3 * _WIDTH, 2 * _HEIGHT), Image.Resampling.BOX).save(buffer, "PNG")
    return buffer.getvalue()


def _points(rows: Sequence[Mapping[str, Any]], name: str) -> Points:
    return [
        (float(row["step"]), float(row[name]))
        for row in rows
        if row.get(name) is not None and math.isfinite(row[name])
    ]


def _panel(
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    title: str,
    curves: list[tuple[Points, str]],
    *,
    share: bool,
) -> None:
    """Draw the frame, the ticks and the curves; a ``share`` reaches from 0 to 1."""
    left, top = corner[0] + _LEFT, corner[1] + _TOP
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    every = [point for points, _ in curves for point in points]
    last = max((x for x, _ in every), default=1.0)
    ticks = [0, 0.25, 0.5, 0.75, 1] if share else _ticks(max((y for _, y in every), default=1.0))
    _text(draw, (left + width / 2, corner[1] + 18), title, "mm", size=15)
    for tick in ticks:
        y = top + height * (1 - tick / ticks[-1])
        _line(draw, [(left, y), (left + width, y)], _GRID, 1)
        _text(draw, (left - 8, y), f"{tick:g}", "rm")
    for end, anchor in ((0.0, "lm"), (last, "rm")):
        _text(draw, (left + width * end / last, top + height + 14), f"{end:g}", anchor)
    _text(draw, (left + width / 2, top + height + 14), "steps", "mm")
    for points, colour in curves:
        places = [
            (left + width * x / last, top + height * (1 - min(1, max(0, y / ticks[-1]))))
            for x, y in points
        ]
        _line(draw, places, colour, 2)
        if len(places) == 1:
            (x, y), r = places[0], 3
            box = [v * _FINE for v in (x - r, y - r, x + r, y + r)]
            draw.ellipse(box, fill=colour)


def _ticks(top: float) -> list[float]:
    """Return round numbers from 0 to just above ``top``."""
    raw = max(top, 1e-9) / 4
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(k * power for k in (1, 2, 2.5, 5, 10) if k * power >= raw * 0.999)
    return [step * k for k in range(math.ceil(max(top, 1e-9) / step - 1e-9) + 1)]


def _line(draw: ImageDraw.ImageDraw, places: Points, colour: str, width: int) -> None:
    fine = [(x * _FINE, y * _FINE) for x, y in places]
    if len(fine) > 1:
        draw.line(fine, colour, width * _FINE, joint="curve")


def _text(
    draw: ImageDraw.ImageDraw, place: tuple[float, float], words: str, anchor: str, size: int = 12
) -> None:
    font = ImageFont.load_default(size * _FINE)
    draw.text((place[0] * _FINE, place[1] * _FINE), words, _INK, font, anchor)
