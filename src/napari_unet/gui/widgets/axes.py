"""Axes of the plots: where values lie, ticks that read well, titles with their units."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

Ticks = "Sequence[tuple[float, str]]"
_GAP = 4.0
_SMALL = 0.85  # of the dock's font
_FAINT = 0.18  # of the ink, for the grid


def nice_ticks(low: float, high: float, most: int) -> list[tuple[float, str]]:
    """Return at most ``most`` round values within a range, each as it is written."""
    span = high - low
    if span <= 0 or most < 1:
        return [(low, f"{low:g}")]
    rough = span / most
    size = 10 ** math.floor(math.log10(rough))
    step = next((size * f for f in (1, 2, 5, 10) if size * f >= rough * 0.999), size * 10)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [(i * step, f"{i * step:.10g}") for i in range(first, last + 1)]


@dataclass
class Scale:
    """A range of values with its ticks."""

    low: float
    high: float
    ticks: Sequence[tuple[float, str]] = ()

    def share(self, value: float) -> float:
        """Return where a value lies, 0 to 1 within the range."""
        span = self.high - self.low
        return (value - self.low) / span if span > 0 else 0.5


class Axes:
    """The area of a plot in a widget: a line of words above it, ticks left, below and right."""

    def __init__(
        self, widget: QWidget, x: Scale, left: Scale, right: Scale | None = None, unit: str = ""
    ) -> None:
        self.x, self.left, self.right, self._unit = x, left, right, unit
        self._font = widget.font()
        if self._font.pointSizeF() > 0:
            self._font.setPointSizeF(max(6.0, self._font.pointSizeF() * _SMALL))
        self.line = widget.fontMetrics().height()
        self._metrics = widget.fontMetrics()
        beside = [self._widest(scale.ticks) + _GAP for scale in (left, right) if scale]
        box = QRectF(widget.rect())
        self.area = box.adjusted(
            beside[0],
            self.line + _GAP,
            -(beside[1] if right else _GAP + 2),
            -(self.line + _GAP),
        )

    def _widest(self, ticks: Sequence[tuple[float, str]]) -> float:
        return max((self._metrics.horizontalAdvance(text) for _, text in ticks), default=0) + 0.0

    def spot(self, x: float, y: float, scale: Scale | None = None) -> QPointF:
        """Return where a point lies."""
        up = min(max((scale or self.left).share(y), 0.0), 1.0)
        return QPointF(self.across(x), self.area.bottom() - self.area.height() * up)

    def across(self, x: float) -> float:
        """Return where an x lies."""
        return self.area.left() + self.area.width() * self.x.share(x)

    def value_at(self, pixel: float) -> float:
        """Return the x at a pixel, within the range."""
        share = (pixel - self.area.left()) / max(1.0, self.area.width())
        return self.x.low + (self.x.high - self.x.low) * min(max(share, 0.0), 1.0)

    def draw(self, painter: QPainter, ink: QColor, colors: tuple[QColor, ...] = ()) -> None:
        """Draw the grid, the ticks, and the unit of x at the right end below."""
        faint = QColor(ink)
        faint.setAlphaF(_FAINT)
        words = QColor(ink)
        words.setAlphaF(0.75)
        for value, _ in self.left.ticks:
            painter.setPen(QPen(faint, 1))
            y = self.spot(self.x.low, value).y()
            painter.drawLine(QPointF(self.area.left(), y), QPointF(self.area.right(), y))
        font = painter.font()
        painter.setFont(self._font)
        self._words_beside(painter, self.left, colors[0] if colors else words, left=True)
        if self.right is not None:
            self._words_beside(painter, self.right, colors[-1] if colors else words, left=False)
        painter.setPen(words)
        self._words_below(painter)
        painter.setFont(font)

    def _words_beside(self, painter: QPainter, scale: Scale, color: QColor, *, left: bool) -> None:
        painter.setPen(color)
        for value, text in scale.ticks:
            y = self.spot(self.x.low, value, scale).y()
            box = QRectF(0, y - self.line / 2, self.area.left() - _GAP, self.line)
            side = Qt.AlignmentFlag.AlignRight
            if not left:
                box = QRectF(self.area.right() + _GAP, y - self.line / 2, 200, self.line)
                side = Qt.AlignmentFlag.AlignLeft
            painter.drawText(box, side | Qt.AlignmentFlag.AlignVCenter, text)

    def _words_below(self, painter: QPainter) -> None:
        """Write the ticks of x; those that the unit needs the room of are left out."""
        top, metrics = self.area.bottom() + 1, painter.fontMetrics()
        width = metrics.horizontalAdvance(self._unit)
        end = self.area.right() - width
        painter.drawText(QPointF(end, top + metrics.ascent()), self._unit)
        taken = -1.0
        for value, text in self.x.ticks:
            wide = metrics.horizontalAdvance(text)
            x = max(self.across(value) - wide / 2, 0.0)
            if x > taken and x + wide < end - _GAP:
                painter.drawText(QPointF(x, top + metrics.ascent()), text)
                taken = x + wide + _GAP
