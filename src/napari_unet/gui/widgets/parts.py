"""Parts that docks are built from: headings, hints, buttons that say why they are off, folds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

if TYPE_CHECKING:
    pass


WARNING = "⚠"
_TITLE_WIDTH = 100


class Hint(QLabel):
    """A short line in plain words; takes no room while it is empty."""

    def __init__(self, text: str = "", name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setMinimumWidth(10)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.say(text)

    def minimumSizeHint(self) -> QSize:
        """Ask for one line: Qt would reserve the height that the narrowest column needs."""
        return QSize(10, self.fontMetrics().height())

    def say(self, text: str, warn: bool = False) -> None:
        """Show ``text``, with a sign in front where it is a warning."""
        self.setText(f"{WARNING} {text}" if warn and text else text)
        self.setVisible(bool(text))


def heading(text: str) -> QLabel:
    """Return the title of a part of a dock."""
    label = QLabel(text)
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    return label


def button(text: str, name: str, tip: str = "", checkable: bool = False) -> QPushButton:
    """Return a button with its object name and what it does."""
    made = QPushButton(text)
    made.setObjectName(name)
    made.setToolTip(tip)
    made.setProperty("tip", tip)
    made.setCheckable(checkable)
    made.setMinimumWidth(40)
    return made


def allow(widget: QWidget, why_not: str = "") -> None:
    """Enable ``widget``, or disable it and say why in its tooltip."""
    widget.setEnabled(not why_not)
    widget.setToolTip(why_not or widget.property("tip") or "")


def row(*widgets: QWidget, stretch: int | None = None) -> QHBoxLayout:
    """Return ``widgets`` side by side; the one at ``stretch`` takes the room that is left."""
    line = QHBoxLayout()
    line.setSpacing(6)
    for index, widget in enumerate(widgets):
        line.addWidget(widget, 1 if stretch is None or index == stretch else 0)
    return line


def form_rows(parent: QWidget | None = None) -> QFormLayout:
    """Return an empty form whose fields take all the width there is."""
    rows = QFormLayout(parent)
    rows.setContentsMargins(0, 0, 0, 0)
    rows.setSpacing(6)
    rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return rows


def add_field(rows: QFormLayout, title: str, field: QWidget | QLayout) -> None:
    """Add a field with its title; titles of one dock are equally wide, so that fields align."""
    label = QLabel(title)
    label.setMinimumWidth(_TITLE_WIDTH)
    rows.addRow(label, field)


class Column(QVBoxLayout):
    """Parts from top to bottom."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setContentsMargins(0, 0, 0, 0)
        self.setSpacing(6)

    def add(self, *parts: QWidget | QLayout) -> None:
        """Add widgets and layouts below each other."""
        for part in parts:
            if isinstance(part, QLayout):
                self.addLayout(part)
            else:
                self.addWidget(part)

    def section(self, title: str, *parts: QWidget | QLayout) -> None:
        """Add parts under a heading, a little apart from what is above."""
        if self.count():
            self.addSpacing(8)
        self.addWidget(heading(title))
        self.add(*parts)


class Disclosure(QWidget):
    """Shows ``content`` under a title that is clicked; closed at first."""

    def __init__(self, title: str, content: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.toggle = QToolButton()
        self.toggle.setText(title)
        self.toggle.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.toggle.setArrowType(Qt.ArrowType.RightArrow)
        self.toggle.setAutoRaise(True)
        self.toggle.setCheckable(True)
        self._content = content
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.toggle)
        column.addWidget(content)
        content.setContentsMargins(8, 0, 0, 0)
        content.hide()
        self.toggle.toggled.connect(self.open)

    def open(self, opened: bool = True) -> None:
        """Show the content, or hide it."""
        arrow = Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow
        self.toggle.setArrowType(arrow)
        self._content.setVisible(opened)
