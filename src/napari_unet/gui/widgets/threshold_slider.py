"""A slider for probabilities whose scale is logit: 0.9, 0.99 and 0.999 are equally far apart."""

from __future__ import annotations

import math

from qtpy.QtCore import QPoint, Qt, Signal
from qtpy.QtGui import QFontMetrics, QPainter, QPaintEvent
from qtpy.QtWidgets import QSlider, QStyle, QStyleOptionSlider, QWidget

from napari_unet.engine.labels.codes import LOGIT_RANGE

_STEPS = 1000  # either side of 0.5
_MARKS = (0.5, 0.1, 0.9, 0.001, 0.999, 0.01, 0.99)  # the first where there is no room for all
_APART = 3  # px between their numbers


class ThresholdSlider(QSlider):
    """A slider whose value is a probability, spaced as the probabilities are stored."""

    valueChanged = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._probability = 0.5
        self.setRange(-_STEPS, _STEPS)
        self.setSingleStep(_STEPS // 100)
        self.setPageStep(_STEPS // 10)
        self.setMinimumHeight(40)
        super().valueChanged.connect(self._on_moved)

    def value(self) -> float:  # type: ignore[override]
        """Return the probability, exactly as it was set."""
        return self._probability

    def setValue(self, value: float) -> None:
        """Move to a probability; values outside 0.00003 to 0.99997 go to the ends."""
        edge = 1 / (1 + math.exp(LOGIT_RANGE))
        value = min(max(float(value), edge), 1 - edge)
        if value == self._probability:
            return
        self._probability = value
        blocked = self.blockSignals(True)
        super().setValue(_position(value))
        self.blockSignals(blocked)
        self.update()
        self.valueChanged.emit(value)

    def _on_moved(self, position: int) -> None:
        if position != _position(self._probability):
            self._probability = _rounded(1 / (1 + math.exp(-position / _STEPS * LOGIT_RANGE)))
            self.valueChanged.emit(self._probability)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the slider and, below it, the probabilities its scale stands for."""
        super().paintEvent(event)
        painter = QPainter(self)
        font = painter.font()
        font.setPointSizeF(max(6.0, font.pointSizeF() * 0.8))
        painter.setFont(font)
        color = self.palette().windowText().color()
        color.setAlphaF(0.6)
        painter.setPen(color)
        for text, x, _ in self.numbers(painter.fontMetrics()):
            painter.drawText(QPoint(x, self.height() - 2), text)

    def numbers(self, metrics: QFontMetrics) -> list[tuple[str, int, int]]:
        """Return the numbers of the scale that have room beside each other, px from and to."""
        shown: list[tuple[str, int, int]] = []
        for mark in _MARKS:
            text = f"{mark:g}"
            width = metrics.horizontalAdvance(text)
            x = min(max(0, self._pixel(_position(mark)) - width // 2), self.width() - width)
            if all(x > end + _APART or x + width < start - _APART for _, start, end in shown):
                shown.append((text, x, x + width))
        return shown

    def _pixel(self, position: int) -> int:
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        style = self.style()
        assert style is not None
        groove = style.subControlRect(
            QStyle.ComplexControl.CC_Slider, option, QStyle.SubControl.SC_SliderGroove, self
        )
        handle = style.subControlRect(
            QStyle.ComplexControl.CC_Slider, option, QStyle.SubControl.SC_SliderHandle, self
        )
        room = groove.width() - handle.width()
        at = QStyle.sliderPositionFromValue(self.minimum(), self.maximum(), position, room)
        return groove.left() + handle.width() // 2 + at


def _position(probability: float) -> int:
    logit = math.log(probability) - math.log1p(-probability)
    return round(logit / LOGIT_RANGE * _STEPS)


def _rounded(probability: float) -> float:
    """Round to three figures of what is left to 0 or to 1: 0.713, 0.0123, 0.99923."""
    left = min(probability, 1 - probability)
    return round(probability, 2 - math.floor(math.log10(left)))
