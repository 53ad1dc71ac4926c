"""Titled groups of a dock: a heading with a rule, and what is below; one may fold to a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QLayout, QWidget

from napari_unet.gui.widgets.parts import Column, Hint
from napari_unet.gui.widgets.wrapping import Flow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qtpy.QtGui import QMouseEvent


class _Title(QLabel):
    """A heading that can be pressed."""

    pressed = Signal()

    def __init__(self, text: str) -> None:
        super().__init__(text)
        font = self.font()
        font.setBold(True)
        self.setFont(font)
        self.setIndent(0)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Tell that it is pressed."""
        super().mousePressEvent(event)
        self.pressed.emit()


class Group(QWidget):
    """A title, what is beside it, and the parts below."""

    def __init__(
        self, title: str, *parts: QWidget | QLayout, beside: Iterable[QWidget] = ()
    ) -> None:
        super().__init__()
        beside = tuple(beside)
        self._words, self._line = title, ""
        self.title = _Title(title)
        self.title.pressed.connect(self._on_title)
        self.line = Hint()  # what it comes to, while it is folded
        self.inside = QWidget()
        self.column = Column(self.inside)
        self.column.add(*parts)
        head = QWidget()
        top = QHBoxLayout(head)
        top.setContentsMargins(0, 0, 0, 0)
        top.addWidget(self.title)
        top.addWidget(rule(), 1)
        outside = Column(self)
        # what has no room beside the title goes below it
        outside.add(Flow(head, *beside, shares=(1, *(0 for _ in beside))), self.line, self.inside)
        self.folded = self._opened = False

    def add(self, *parts: QWidget | QLayout) -> None:
        """Add parts below those there are."""
        self.column.add(*parts)

    def fold(self, line: str) -> None:
        """Show the line in place of the parts; the parts again where it is empty.

        A press on the title shows them all the same, until it is folded anew.
        """
        if bool(line) != self.folded:
            self.folded, self._opened = bool(line), False
        self.title.setText(
            f"{self._words}  {'▾' if self._opened else '▸'}" if line else self._words
        )
        shown = not line or self._opened
        self.line.say("" if shown else line)
        self._line = line
        self.inside.setVisible(shown)

    def _on_title(self) -> None:
        if self.folded:
            self._opened = not self._opened
            self.fold(self._line)


def rule() -> QFrame:
    """Return a thin line across."""
    line = QFrame()
    line.setFrameShape(QFrame.Shape.NoFrame)
    line.setFixedHeight(1)
    line.setStyleSheet("background: rgba(128, 128, 128, 90);")
    return line
