"""Titled groups of a dock: a heading with a rule, and what is below; one may fold to a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFrame, QHBoxLayout, QLayout, QWidget

from napari_unet.gui.widgets.parts import Column, Hint, heading

if TYPE_CHECKING:
    from collections.abc import Iterable


class Group(QWidget):
    """A title, what is beside it, and the parts below."""

    def __init__(
        self, title: str, *parts: QWidget | QLayout, beside: Iterable[QWidget] = ()
    ) -> None:
        super().__init__()
        self.title = heading(title)
        self.line = Hint()  # what it comes to, while it is folded
        self.inside = QWidget()
        self.column = Column(self.inside)
        self.column.add(*parts)
        top = QHBoxLayout()
        top.addWidget(self.title)
        top.addWidget(rule(), 1)
        for widget in beside:
            top.addWidget(widget)
        outside = Column(self)
        outside.add(top, self.line, self.inside)
        self.folded = False

    def add(self, *parts: QWidget | QLayout) -> None:
        """Add parts below those there are."""
        self.column.add(*parts)

    def fold(self, line: str) -> None:
        """Show the line in place of the parts; the parts again where it is empty."""
        self.folded = bool(line)
        self.line.say(line)
        self.inside.setVisible(not line)


def rule() -> QFrame:
    """Return a thin line across."""
    line = QFrame()
    line.setFrameShape(QFrame.Shape.NoFrame)
    line.setFixedHeight(1)
    line.setStyleSheet("background: rgba(128, 128, 128, 90);")
    return line
