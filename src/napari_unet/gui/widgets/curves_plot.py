"""Several curves over frames or time in one plot; a click tells which place of which curve."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, Qt, Signal
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap, QPolygonF

from napari_unet.gui.widgets.axes import Axes, Scale, nice_ticks
from napari_unet.gui.widgets.plots import Plot, begin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from qtpy.QtWidgets import QWidget

COLOURS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#0072b2", "#999999")
_APART = 8.0  # px between names
_DOT = 2.0
_FEW = 100  # points, up to which lines are thick: Qt draws those 30 times as slowly


@dataclass(frozen=True)
class Line:
    """Points of a curve in the order of x, with a gap where y is not finite.

    Without a ``colour`` it is drawn in that of words.
    """

    name: str
    xs: NDArray[np.float64]
    ys: NDArray[np.float64]
    colour: str = ""


class CurvesPlot(Plot):
    """Curves with one axis, their names above, and a mark where the user is."""

    clicked = Signal(float, str)  # the x of the point that is nearest, and its curve

    def __init__(self, name: str, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setToolTip(tip)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.lines: tuple[Line, ...] = ()
        self.here: float | None = None
        self._unit, self._low = "", 0.0
        self._picture: QPixmap | None = None
        self._looks: object = None

    def show_lines(self, lines: Sequence[Line], unit: str, *, from_zero: bool = True) -> None:
        """Draw other curves over an x in some unit; the axis begins at 0 where that is wanted."""
        self.lines, self._unit = tuple(lines), unit
        lowest = min((float(np.nanmin(y)) for y in self._known()), default=0.0)
        self._low = min(lowest, 0.0) if from_zero else lowest
        self._picture = None
        self.update()

    def mark(self, here: float | None) -> None:
        """Draw a line at an x."""
        if here != self.here:
            self.here = here
            self.update()

    def axes(self) -> Axes:
        """Return where things lie now."""
        xs = [line.xs for line in self.lines if len(line.xs)]
        left = float(min((x[0] for x in xs), default=0))
        right = float(max((x[-1] for x in xs), default=1))
        top = max((float(np.nanmax(y)) for y in self._known()), default=1.0)
        ticks = nice_ticks(self._low, top, 3)
        step = ticks[1][0] - ticks[0][0] if len(ticks) > 1 else max(abs(top), 1.0)
        low = math.floor(self._low / step + 1e-9) * step
        high = max(math.ceil(top / step - 1e-9) * step, low + step)
        return Axes(
            self,
            Scale(left, right, nice_ticks(left, right, 4)),
            Scale(low, high, nice_ticks(low, high, 4)),
            unit=self._unit,
        )

    def place_of(self, x: float, y: float) -> QPointF:
        """Return where a point is drawn."""
        return self.axes().spot(x, y)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Tell which point is nearest to the click: the nearest place first, then the curve."""
        lines = [line for line in self.lines if np.isfinite(line.ys).any()]
        if event is None or not lines:
            return
        axes, spot = self.axes(), event.position()
        x = axes.value_at(spot.x())
        near = [(line, line.xs[np.isfinite(line.ys)]) for line in lines]
        found = [(float(xs[np.abs(xs - x).argmin()]), line) for line, xs in near]
        best = min(abs(at - x) for at, _ in found)
        there = [(at, line) for at, line in found if abs(at - x) == best]
        at, line = min(there, key=lambda one: abs(_above(axes, *one) - spot.y()))
        self.clicked.emit(at, line.name)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the curves, which are kept as a picture, and over them the mark."""
        painter, ink, _, _ = begin(self)
        looks = (self.size(), self.devicePixelRatioF(), ink.rgba(), self.font().key())
        if self._picture is None or self._looks != looks:
            self._picture, self._looks = self._drawn(ink), looks
        painter.drawPixmap(0, 0, self._picture)
        axes = self.axes()
        if self.here is not None and axes.x.low <= self.here <= axes.x.high:
            faint = QColor(ink)
            faint.setAlphaF(0.6)
            painter.setPen(QPen(faint, 1, Qt.PenStyle.DashLine))
            across = axes.across(self.here)
            painter.drawLine(QPointF(across, axes.area.top()), QPointF(across, axes.area.bottom()))

    def _drawn(self, ink: QColor) -> QPixmap:
        """Return a picture of axes, curves and their names."""
        ratio = self.devicePixelRatioF()
        picture = QPixmap(self.size() * ratio)
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self.font())
        axes = self.axes()
        axes.draw(painter, ink)
        for line in reversed(self.lines):  # the first lies on top
            self._draw(painter, axes, line, QColor(line.colour) if line.colour else ink)
        self._name(painter, axes, ink)
        painter.end()
        return picture

    def _known(self) -> list[NDArray[np.float64]]:
        return [line.ys for line in self.lines if np.isfinite(line.ys).any()]

    def _draw(self, painter: QPainter, axes: Axes, line: Line, colour: QColor) -> None:
        painter.setPen(QPen(colour, 1.6 if len(line.xs) <= _FEW else 1.0))
        for xs, ys in _parts(*_thinned(line.xs, line.ys, max(1, int(axes.area.width())))):
            spots = [axes.spot(x, y) for x, y in zip(xs.tolist(), ys.tolist(), strict=True)]
            if len(spots) > 1:
                painter.drawPolyline(QPolygonF(spots))
                continue
            painter.setBrush(colour)
            painter.drawEllipse(spots[0], _DOT, _DOT)
            painter.setBrush(Qt.BrushStyle.NoBrush)

    def _name(self, painter: QPainter, axes: Axes, ink: QColor) -> None:
        """Write the names above, as many as there is room for."""
        x, metrics = 2.0, painter.fontMetrics()
        for number, line in enumerate(self.lines):
            left = len(self.lines) - number
            more = f"+ {left}" if left > 1 else ""
            width = metrics.horizontalAdvance(line.name)
            room = self.width() - x - (metrics.horizontalAdvance(more) + _APART if more else 0)
            if width > room and number:
                painter.setPen(ink)
                painter.drawText(QPointF(x, axes.line * 0.8), f"+ {left}")
                return
            painter.setPen(QColor(line.colour) if line.colour else ink)
            painter.drawText(QPointF(x, axes.line * 0.8), line.name)
            x += width + _APART


def _above(axes: Axes, x: float, line: Line) -> float:
    return axes.spot(x, float(line.ys[np.abs(line.xs - x).argmin()])).y()


def _parts(
    xs: NDArray[np.float64], ys: NDArray[np.float64]
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Part a curve where it has no value."""
    known = np.isfinite(ys)
    cuts = np.flatnonzero(np.diff(known.astype(np.int8))) + 1
    parts = zip(np.split(xs, cuts), np.split(ys, cuts), strict=True)
    return [(x, y) for x, y in parts if len(y) and np.isfinite(y[0])]


def _thinned(
    xs: NDArray[np.float64], ys: NDArray[np.float64], columns: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Keep the lowest and the highest point of each column of pixels: no peak is lost."""
    if len(xs) <= 2 * columns:
        return xs, ys
    deep = -(-len(xs) // columns)
    padded = np.full(-(-len(xs) // deep) * deep, np.nan)
    padded[: len(ys)] = ys
    each = padded.reshape(-1, deep)
    gone = ~np.isfinite(each)
    low, high = np.where(gone, np.inf, each).argmin(1), np.where(gone, -np.inf, each).argmax(1)
    ends = np.sort(np.stack([low, high], 1), axis=1) + np.arange(len(each))[:, None] * deep
    kept = np.unique(ends)
    return xs[kept], ys[kept]
