"""What lies over the canvas while *Correct* is on: a frame, a line of words, and the way drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, QPointF, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

from napari_unet.gui.viewer.preferences import colour

if TYPE_CHECKING:
    from qtpy.QtGui import QPaintEvent

_BEHIND_WORDS = QColor(0, 0, 0, 170)
_RIM, _PAD = 3, 4  # px


class OverCanvas(QWidget):
    """Lies over the canvas, as large as it, and is nothing for the mouse: it goes to napari."""

    resized = Signal()

    def __init__(self, canvas: QWidget | None, name: str) -> None:
        super().__init__(canvas)
        self.setObjectName(name)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        if canvas is not None:
            canvas.installEventFilter(self)
            self.resize(canvas.size())

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Stay as large as the canvas."""
        if event is not None and event.type() == QEvent.Type.Resize:
            canvas: Any = watched
            self.resize(canvas.size())
            self.resized.emit()
        return False


class CanvasMarks(OverCanvas):
    """A frame, a line of words and the way that is drawn."""

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas, "review.on_canvas")
        self.words = ""
        self._colour = colour("correct")
        self._way: list[QPointF] = []
        self._closed = False

    def say(self, words: str) -> None:
        """Show the frame and some words; nothing where there are none."""
        self.words = words
        self.setVisible(bool(words))
        self.raise_()
        self.update()

    def show_way(self, points: list[tuple[float, float]], closed: bool = False) -> None:
        """Show a way (x, y) in pixels of the canvas; none where there are no points."""
        self._way, self._closed = [QPointF(x, y) for x, y in points], closed
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the frame, the words and the way."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._colour, _RIM))
        half = _RIM // 2 + 1
        painter.drawRect(self.rect().adjusted(half, half, -half, -half))
        room = self.rect().adjusted(2 * _RIM + _PAD, 2 * _RIM, -2 * _RIM - _PAD, -2 * _RIM)
        words = painter.fontMetrics().boundingRect(room, int(Qt.TextFlag.TextWordWrap), self.words)
        painter.fillRect(words.adjusted(-_PAD, -1, _PAD, 1), _BEHIND_WORDS)
        painter.setPen(self._colour)
        painter.drawText(words, int(Qt.TextFlag.TextWordWrap), self.words)
        if len(self._way) > 1:
            way = QPolygonF(self._way)
            for pen in (QPen(QColor(0, 0, 0, 200), 3), QPen(self._colour, 1.5)):
                painter.setPen(pen)
                (painter.drawPolygon if self._closed else painter.drawPolyline)(way)
