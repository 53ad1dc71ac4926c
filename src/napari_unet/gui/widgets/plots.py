"""Plots with axes: curves of a training run, and one curve with a mark where the user is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_unet.gui.widgets.axes import Axes, Scale, nice_ticks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike


_SMOOTH = 0.9  # weight of the past in the smoothed loss
_MOST_POINTS = 600
_LINES, _CURVE = 3, 60  # the height of a plot: of words in any font, and of what is drawn, px
_DARK_INK = 128  # lightness below which the theme is a light one
_COLORS = {False: ("#e8a33d", "#3fb8af"), True: ("#a35f00", "#00756c")}  # by: light theme
_SHARES = [(0.0, "0"), (0.5, "50"), (1.0, "100 %")]


def begin(widget: QWidget) -> tuple[QPainter, QColor, QColor, QColor]:
    """Return a painter, the colour of words, and two of curves that read on the theme."""
    painter = QPainter(widget)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    ink = widget.palette().windowText().color()
    one, other = _COLORS[ink.lightness() < _DARK_INK]
    return painter, ink, QColor(one), QColor(other)


class Plot(QWidget):
    """As wide as the dock, and as high as its font asks for."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Wide and low."""
        return QSize(200, _LINES * self.fontMetrics().height() + _CURVE)


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


class CurveView(Plot):
    """Loss (smoothed, axis on the left) and score (on the right) against the steps of a run."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setToolTip(
            "Loss: how wrong it still is on the parts it learns from; falling is good.\n"
            "Cells right: on the frames kept for checking, which it does not learn from"
        )
        self._curve = Curve()

    def show_curve(self, curve: Curve) -> None:
        """Show the curve of a run as it is by now; nothing before there is one."""
        self._curve = curve
        self.setVisible(bool(curve.loss.points))
        self.update()

    @property
    def loss(self) -> Series:
        """The losses that are shown."""
        return self._curve.loss

    @property
    def score(self) -> Series:
        """The scores that are shown."""
        return self._curve.score

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw axes, curves and a legend with the newest values."""
        if not self.loss.points:
            return
        painter, ink, of_loss, of_score = begin(self)
        highest = max(y for _, y in self.loss.points) or 1.0
        steps = Scale(0, self._curve.steps, nice_ticks(0, self._curve.steps, 4))
        left = Scale(0, highest, nice_ticks(0, highest, 3))
        right = Scale(0, 1, _SHARES) if self.score.points else None
        axes = Axes(self, steps, left, right, "step")
        axes.draw(painter, ink, (of_loss, of_score))
        self._draw(painter, axes, self.loss, left, of_loss)
        if right is not None:
            self._draw(painter, axes, self.score, right, of_score)
        self._legend(painter, axes, of_loss, of_score)

    @staticmethod
    def _draw(painter: QPainter, axes: Axes, series: Series, scale: Scale, color: QColor) -> None:
        spots = [axes.spot(x, y, scale) for x, y in series.points]
        painter.setPen(QPen(color, 2))
        painter.drawPolyline(QPolygonF(spots))
        painter.setBrush(color)
        painter.drawEllipse(spots[-1], 2.5, 2.5)
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _legend(self, painter: QPainter, axes: Axes, of_loss: QColor, of_score: QColor) -> None:
        words = f"loss {self.loss.points[-1][1]:.3f}"
        painter.setPen(of_loss)
        painter.drawText(QPointF(axes.area.left(), axes.line * 0.8), words)
        if not self.score.points:
            return
        last = self.score.points[-1][1]
        scored = self._curve.scored
        said = f"{scored} {last:.2f}" if scored else f"{100 * last:.0f} % of cells right"
        painter.setPen(of_score)
        box = QRectF(0, 0, axes.area.right(), axes.line)
        painter.drawText(box, Qt.AlignmentFlag.AlignRight, said)


class LinePlot(Plot):
    """``y`` against ``x``; gaps in ``x`` are joined, ``here`` is marked."""

    clicked = Signal(float)  # x

    def __init__(self, title: str, name: str, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setToolTip(tip)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._title = title
        self._unit = self._note = ""
        self._ticks: tuple[tuple[float, str], ...] = ()
        self.xs, self.ys = np.zeros(0), np.zeros(0)
        self.low, self.high, self.here = 0.0, 1.0, 0.0

    def name_axis(self, unit: str, ticks: Sequence[tuple[float, str]] = (), note: str = "") -> None:
        """Say what x is, and where its ticks are; round numbers where none are given."""
        self._unit, self._ticks, self._note = unit, tuple(ticks), note
        self.update()

    def show_curve(
        self, x: ArrayLike, y: ArrayLike, bounds: tuple[float, float], here: float
    ) -> None:
        """Draw a curve over the range ``bounds`` of x, and a line at ``here``."""
        self.xs, self.ys = np.asarray(x, float), np.asarray(y, float)
        self.low, self.high, self.here = *bounds, here
        self.update()

    def axes(self) -> Axes:
        """Return where things lie now."""
        top = float(self.ys.max(initial=0)) or 1.0
        ticks = self._ticks or nice_ticks(self.low, self.high, 4)
        return Axes(
            self,
            Scale(self.low, self.high, ticks),
            Scale(0, top, nice_ticks(0, top, 3)),
            unit=self._unit,
        )

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Tell which x was clicked."""
        if event is not None and self.xs.size:
            self.clicked.emit(self.axes().value_at(event.position().x()))

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw axes, curve, mark and the value there."""
        painter, ink, mark, color = begin(self)
        axes = self.axes()
        axes.draw(painter, ink)
        spots = [axes.spot(x, y) for x, y in zip(self.xs, self.ys, strict=True)]
        painter.setPen(QPen(color, 2))
        painter.drawPolyline(QPolygonF(spots))
        if len(spots) == 1:
            painter.drawEllipse(spots[0], 2, 2)
        if spots:
            painter.setPen(QPen(mark, 1.5))
            x = axes.across(self.here)
            painter.drawLine(QPointF(x, axes.area.top()), QPointF(x, axes.area.bottom()))
        painter.setPen(ink)
        painter.drawText(QPointF(2, axes.line * 0.8), f"{self._title}{self._note}")
