"""Plots: curves of a training run, and one curve with a mark where the user is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


_MARGIN = 6.0
_SMOOTH = 0.9  # weight of the past in the smoothed loss
_MOST_POINTS = 600
_HEIGHT = 96
LOSS, SCORE = QColor("#e8a33d"), QColor("#3fb8af")
CURVE, HERE = SCORE, LOSS


def _begin(widget: QWidget) -> tuple[QPainter, QColor]:
    """Return a painter whose pen draws faint lines, and the colour of words."""
    painter = QPainter(widget)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    ink = widget.palette().windowText().color()
    faint = QColor(ink)
    faint.setAlphaF(0.25)
    painter.setPen(QPen(faint, 1))
    return painter, ink


@dataclass
class Series:
    """Points of one curve, thinned so that a long run costs no more to draw than a short one."""

    points: list[tuple[float, float]] = field(default_factory=list)

    def add(self, x: float, y: float) -> None:
        """Add a point; every other one is dropped when there are too many."""
        self.points.append((x, y))
        if len(self.points) > _MOST_POINTS:
            self.points = self.points[:-1:2] + self.points[-1:]


class Curve:
    """Loss (smoothed) and score against the steps of a run; a view shows it."""

    def __init__(self) -> None:
        self.loss, self.score = Series(), Series()
        self.scored: str | None = None
        self.steps = 1
        self._smooth: float | None = None

    def add_loss(self, step: int, steps: int, loss: float) -> None:
        """Add the loss of one step."""
        before = self._smooth
        self._smooth = loss if before is None else _SMOOTH * before + (1 - _SMOOTH) * loss
        self.steps = max(steps, step, 1)
        self.loss.add(step, self._smooth)

    def add_score(self, step: int, score: float, of: str | None = None) -> None:
        """Add the share (0 to 1) of the cells kept aside that are right, or the score ``of``."""
        self.score.add(step, score)
        self.scored = of


class CurveView(QWidget):
    """Loss (smoothed, own scale) and score (0 to 1) against the steps of a run."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumHeight(130)
        self.setToolTip(
            "Loss on the crops it trains on, and the score of the cells on the frames kept aside"
        )
        self._curve = Curve()

    def show_curve(self, curve: Curve) -> None:
        """Show the curve of a run as it is by now."""
        self._curve = curve
        self.update()

    @property
    def loss(self) -> Series:
        """The losses that are shown."""
        return self._curve.loss

    @property
    def score(self) -> Series:
        """The scores that are shown."""
        return self._curve.score

    def sizeHint(self) -> QSize:
        """Wide and low."""
        return QSize(280, 130)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw frame, curves and a legend with the newest values."""
        painter, ink = _begin(self)
        line = painter.fontMetrics().height()
        area = QRectF(self.rect()).adjusted(_MARGIN, line + 2 * _MARGIN, -_MARGIN, -_MARGIN)
        if not self.loss.points:
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 3, 3)
            painter.setPen(ink)
            words = "Loss and score are drawn here\nwhile it trains"
            painter.drawText(QRectF(self.rect()), Qt.AlignmentFlag.AlignCenter, words)
            return
        for part in range(5):
            y = area.top() + area.height() * part / 4
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
        highest = max(y for _, y in self.loss.points) or 1.0
        self._draw(painter, area, self.loss, highest, LOSS)
        self._draw(painter, area, self.score, 1.0, SCORE)
        self._legend(painter, line)

    def _draw(
        self, painter: QPainter, area: QRectF, series: Series, top: float, color: QColor
    ) -> None:
        spots = [
            QPointF(
                area.left() + area.width() * x / self._curve.steps,
                area.bottom() - area.height() * min(y / top, 1),
            )
            for x, y in series.points
        ]
        painter.setPen(QPen(color, 2))
        painter.drawPolyline(QPolygonF(spots))
        if spots:
            painter.setBrush(color)
            painter.drawEllipse(spots[-1], 2.5, 2.5)
            painter.setBrush(Qt.BrushStyle.NoBrush)

    def _legend(self, painter: QPainter, line: int) -> None:
        words = [(f"loss {self.loss.points[-1][1]:.3f}", LOSS)]
        if self.score.points:
            last = self.score.points[-1][1]
            said = f"{self._curve.scored} {last:.2f}" if self._curve.scored else None
            words.append((said or f"{100 * last:.0f} of 100 cells right", SCORE))
        x = _MARGIN
        for text, color in words:
            painter.setPen(color)
            painter.drawText(QPointF(x, _MARGIN + line * 0.8), text)
            x += painter.fontMetrics().horizontalAdvance(text) + 3 * _MARGIN


class LinePlot(QWidget):
    """``y`` against ``x``; gaps in ``x`` are joined, ``here`` is marked."""

    clicked = Signal(float)  # x

    def __init__(self, title: str, name: str, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setToolTip(tip)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._title = title
        self.xs, self.ys = np.zeros(0), np.zeros(0)
        self.low, self.high, self.here = 0.0, 1.0, 0.0

    def show_curve(
        self, x: ArrayLike, y: ArrayLike, bounds: tuple[float, float], here: float
    ) -> None:
        """Draw a curve over the range ``bounds`` of x, and a line at ``here``."""
        self.xs, self.ys = np.asarray(x, float), np.asarray(y, float)
        self.low, self.high, self.here = *bounds, here
        self.update()

    def sizeHint(self) -> QSize:
        """Wide and low."""
        return QSize(280, _HEIGHT)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Tell which x was clicked."""
        area = self._area()
        if event is None or area.width() <= 0 or not self.xs.size:
            return
        share = (event.position().x() - area.left()) / area.width()
        self.clicked.emit(self.low + (self.high - self.low) * float(np.clip(share, 0, 1)))

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw frame, curve, mark and the value there."""
        painter, ink = _begin(self)
        area = self._area()
        painter.drawRect(area)
        top = float(self.ys.max(initial=0)) or 1.0
        spots = [
            QPointF(self._across(area, x), area.bottom() - area.height() * y / top)
            for x, y in zip(self.xs, self.ys, strict=True)
        ]
        painter.setPen(QPen(CURVE, 2))
        painter.drawPolyline(QPolygonF(spots))
        if spots:
            painter.setPen(QPen(HERE, 1))
            mark = self._across(area, self.here)
            painter.drawLine(QPointF(mark, area.top()), QPointF(mark, area.bottom()))
        painter.setPen(ink)
        most = f", {top:.0f} at most" if spots else ""
        painter.drawText(QPointF(_MARGIN, self._line() * 0.9), f"{self._title}{most}")

    def _area(self) -> QRectF:
        box = QRectF(self.rect())
        return box.adjusted(_MARGIN, self._line() + _MARGIN, -_MARGIN, -_MARGIN)

    def _across(self, area: QRectF, x: float) -> float:
        span = self.high - self.low
        return area.left() + area.width() * ((x - self.low) / span if span > 0 else 0.5)

    def _line(self) -> int:
        return self.fontMetrics().height()
