"""A movie's frames side by side, one tick each, in the colour of what was done to it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING

from qtpy.QtCore import QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter
from qtpy.QtWidgets import QSizePolicy, QWidget

if TYPE_CHECKING:
    from qtpy.QtGui import QMouseEvent, QPaintEvent


class Tick(IntEnum):
    """What was done to a frame; the higher stands out where there is no room for all."""

    NOTHING = 0
    SEGMENTED = 1
    TOUCHED = 2
    DONE = 3


_COLOURS = {
    Tick.NOTHING: QColor(128, 128, 128, 60),
    Tick.SEGMENTED: QColor(140, 140, 140),
    Tick.TOUCHED: QColor(66, 135, 245),
    Tick.DONE: QColor(60, 170, 80),
}
_AMBER, _DOUBT = QColor(255, 170, 0), 0.4  # of a doubt: on top, so much of the height
_PALE, _GOES_ON = QColor(255, 170, 0, 130), 0.12  # where it goes on: amber leads to its beginning
_HEIGHT, _MARK = 24, 5  # px: all of it, and the mark below the frame on screen


class Timeline(QWidget):
    """Ticks of the frames; a click or a drag goes to one."""

    chosen = Signal(int)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.ticks: tuple[Tick, ...] = ()
        self.frame = 0
        self.doubted: frozenset[int] = frozenset()
        self.going_on: frozenset[int] = frozenset()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setToolTip(
            "Grey: segmented · blue: touched by you · green: done · amber: doubts, "
            "a thin line where they go on. A click goes there"
        )

    def show_frames(self, ticks: Sequence[Tick], frame: int) -> None:
        """Show what was done to each frame, and which one is on screen."""
        if (tuple(ticks), frame) != (self.ticks, self.frame):
            self.ticks, self.frame = tuple(ticks), frame
            self.update()

    def show_doubts(self, frames: frozenset[int], going_on: frozenset[int]) -> None:
        """Show on which frames something is likely wrong, and on which it goes on to be."""
        if (frames, going_on) != (self.doubted, self.going_on):
            self.doubted, self.going_on = frames, going_on
            self.update()

    def sizeHint(self) -> QSize:
        """Ask for one line."""
        return QSize(200, _HEIGHT)

    def centre_of(self, frame: int) -> float:
        """Return where the middle of a frame's tick is, in pixels from the left."""
        return (frame + 0.5) * self.width() / max(1, len(self.ticks))

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Go to the frame that is clicked."""
        if event is not None and self.ticks:
            at = int(event.position().x() * len(self.ticks) / max(1, self.width()))
            self.chosen.emit(min(max(at, 0), len(self.ticks) - 1))

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Go along while the button is down."""
        self.mousePressEvent(event)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the ticks, as many as have a pixel of their own."""
        painter, n = QPainter(self), len(self.ticks)
        if not n:
            return
        columns = min(n, self.width())
        width, gap = self.width() / columns, 1.0 if self.width() / columns >= 4 else 0.0
        height = self.height() - _MARK - 1
        for i in range(columns):
            frames = range(i * n // columns, max((i + 1) * n // columns, i * n // columns + 1))
            tick = max(self.ticks[t] for t in frames)
            painter.fillRect(QRectF(i * width, 0, width - gap, height), _COLOURS[tick])
            if not self.doubted.isdisjoint(frames):
                painter.fillRect(QRectF(i * width, 0, width - gap, height * _DOUBT), _AMBER)
            elif not self.going_on.isdisjoint(frames):
                painter.fillRect(QRectF(i * width, 0, width, height * _GOES_ON), _PALE)
        mark = self.palette().text().color()
        half = max(width / 2, 2.0)
        centre = self.centre_of(self.frame)
        painter.fillRect(QRectF(centre - half, height + 1, 2 * half, _MARK), mark)
