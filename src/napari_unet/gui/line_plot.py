"""A small plot of one curve with a mark where the person is; a click gives a place on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_MARGIN = 6.0
_HEIGHT = 96
CURVE, HERE = QColor("#3fb8af"), QColor("#e8a33d")


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
        painter, area = QPainter(self), self._area()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ink = self.palette().windowText().color()
        faint = QColor(ink)
        faint.setAlphaF(0.25)
        painter.setPen(QPen(faint, 1))
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
