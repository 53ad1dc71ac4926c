"""Parts that docks are built from: hints, buttons that say why they are off, folds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QRect, QSize, Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QToolTip,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from napari_unet.gui.widgets.wrapping import GAP, Eliding, Flow

if TYPE_CHECKING:
    from collections.abc import Callable


WARNING = "⚠"
TITLE_WIDTH = 100
_PRIMARY = (
    "QPushButton:enabled { background: #2f6fd0; color: white; font-weight: bold; }"
    "QPushButton:enabled:hover { background: #4a86e0; }"
    "QPushButton:enabled:pressed { background: #245ab0; }"
    "QPushButton:enabled:checked { background: #b36b00; }"  # as the frame of the canvas is
)  # reads on the dark and on the light theme
_AS_TEXT = "text-align: left; border: none; background: transparent; padding: 2px;"
_UNLIMITED = (1 << 24) - 1  # Qt's QWIDGETSIZE_MAX


class Hint(QLabel):
    """A short line in plain words; takes no room while it is empty.

    Else that of as many ``lines`` at the least: what is below stays where it is.
    """

    def __init__(
        self, text: str = "", name: str = "", parent: QWidget | None = None, lines: int = 1
    ) -> None:
        super().__init__(parent)
        self._lines = lines
        if lines > 1:
            self.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.setObjectName(name)
        self.setWordWrap(True)
        self.setIndent(0)  # napari's style indents labels, and their height is then too large
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setMinimumWidth(10)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.say(text)

    def minimumSizeHint(self) -> QSize:
        """Ask for one line: Qt would reserve the height that the narrowest column needs."""
        return QSize(10, self.fontMetrics().height())

    def heightForWidth(self, width: int) -> int:
        """Return the height of its words in so many px, and of its lines."""
        few, whole = "\n".join("x" * self._lines), QRect(0, 0, _UNLIMITED, _UNLIMITED)
        least = self.fontMetrics().boundingRect(whole, Qt.TextFlag.TextWordWrap, few).height()
        edges = self.contentsMargins()
        return max(super().heightForWidth(width), least + edges.top() + edges.bottom())

    def say(self, text: str, warn: bool = False) -> None:
        """Show ``text``, with a sign in front where it is a warning."""
        self.setText(f"{WARNING} {text}" if warn and text else text)
        self.setVisible(bool(text))


def button(text: str, name: str, tip: str = "", checkable: bool = False) -> QPushButton:
    """Return a button with its object name and what it does."""
    made = QPushButton(text)
    made.setObjectName(name)
    made.setToolTip(tip)
    made.setProperty("tip", tip)
    made.setCheckable(checkable)
    made.setMinimumWidth(30)
    return made


def primary(made: QPushButton, on: bool = True) -> QPushButton:
    """Give a button the look of what is to be pressed next; a dock has one. Return it."""
    style = _PRIMARY if on else ""
    if made.styleSheet() != style:
        made.setStyleSheet(style)
    return made


def allow(widget: QWidget, why_not: str = "") -> None:
    """Enable ``widget``, or disable it and say why in its tooltip."""
    widget.setEnabled(not why_not)
    widget.setToolTip(why_not or widget.property("tip") or "")


def what_is(text: str) -> QToolButton:
    """Return a *?* that explains a word, when pointed at or pressed."""
    made = QToolButton()
    made.setText("?")
    made.setToolTip(text)
    made.setAutoRaise(True)
    made.setStyleSheet("border: none; background: transparent; padding: 0px 3px;")
    made.setAccessibleName("What is this")

    def tell() -> None:
        QToolTip.showText(made.mapToGlobal(made.rect().bottomLeft()), text, made)

    made.clicked.connect(lambda *_: tell())
    return made


def narrow(menu: QComboBox) -> QComboBox:
    """Keep a long word in a menu from widening the dock, and show it with an …; return the menu."""
    menu.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    menu.setMinimumContentsLength(8)
    menu.installEventFilter(Eliding(menu))
    return menu


def row(*widgets: QWidget, stretch: int | None = None) -> QHBoxLayout:
    """Return ``widgets`` side by side; the one at ``stretch`` takes the room that is left."""
    line = QHBoxLayout()
    line.setSpacing(GAP)
    for index, widget in enumerate(widgets):
        line.addWidget(widget, 1 if stretch is None or index == stretch else 0)
    return line


def label(words: str) -> QLabel:
    """Return words that begin where the buttons below them do."""
    made = QLabel(words)
    made.setIndent(0)
    return made


def together(*widgets: QWidget, stretch: int | None = None) -> QWidget:
    """Return ``widgets`` side by side as one, which no line end parts."""
    made, line = QWidget(), row(*widgets, stretch=stretch)
    line.setContentsMargins(0, 0, 0, 0)
    made.setLayout(line)
    return made


def titled(title: str, field: QWidget) -> QWidget:
    """Return a field with its title in front of it, or above it where there is no room."""
    made = QWidget()
    made.setLayout(Flow(label(title), field, shares=(0, 1)))
    policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
    policy.setHeightForWidth(True)
    made.setSizePolicy(policy)
    return made


def form_rows(parent: QWidget | None = None) -> QFormLayout:
    """Return an empty form whose fields take all the width there is."""
    rows = QFormLayout(parent)
    rows.setContentsMargins(0, 0, 0, 0)
    rows.setSpacing(GAP)
    rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    rows.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
    return rows


def add_field(rows: QFormLayout, title: str, field: QWidget | QLayout) -> None:
    """Add a field with its title; titles of one dock are equally wide, so that fields align."""
    before = label(title)
    before.setMinimumWidth(TITLE_WIDTH)
    rows.addRow(before, field)


class Column(QVBoxLayout):
    """Parts from top to bottom."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setContentsMargins(0, 0, 0, 0)
        self.setSpacing(GAP)

    def add(self, *parts: QWidget | QLayout) -> None:
        """Add widgets and layouts below each other."""
        for part in parts:
            if isinstance(part, QLayout):
                self.addLayout(part)
            else:
                self.addWidget(part)


class Fold(QCollapsible):
    """A title that unfolds what ``build`` returns, which is built when first opened.

    `QCollapsible` squeezes its content to height 0, where the Tab key and a count while it is in
    sight still find it, and holds it at the height it had when it was opened. Here it is hidden,
    and free to grow.
    """

    built = Signal()

    def __init__(self, title: str, build: Callable[[], QWidget]) -> None:
        super().__init__(title)
        self._build: Callable[[], QWidget] | None = build
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.toggleButton().setStyleSheet(_AS_TEXT)
        self.toggleButton().setMinimumWidth(10)
        column = self.layout()
        assert column is not None
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self.content().hide()
        self.toggled.connect(self._show)

    def build(self) -> None:
        """Build what is inside, unless it is there already."""
        if self._build is None:
            return
        build, self._build = self._build, None
        empty, inside = self.content(), build()
        inside.setContentsMargins(8, 0, 0, 0)
        inside.hide()
        self.setContent(inside)
        empty.setParent(None)
        self.built.emit()

    def expand(self, animate: bool = False) -> None:
        """Show the content."""
        self.build()
        super().expand(animate)

    def collapse(self, animate: bool = False) -> None:
        """Hide the content."""
        super().collapse(animate)

    def findChild(self, *what: Any) -> Any:
        """Return a child by name, as Qt does; what is inside is built for that."""
        self.build()
        return super().findChild(*what)

    def changeEvent(self, event: QEvent | None) -> None:
        """Draw the arrows in the colour of the theme."""
        super().changeEvent(event)
        if event is not None and event.type() in (QEvent.Type.StyleChange, QEvent.Type.FontChange):
            self.setCollapsedIcon("▸")
            self.setExpandedIcon("▾")

    def _show(self, opened: bool) -> None:
        self.content().setMaximumHeight(_UNLIMITED)
        self.content().setVisible(opened)


def build_folded(widget: QWidget) -> None:
    """Build all that is still folded away in ``widget``."""
    for fold in QWidget.findChildren(widget, Fold):
        fold.build()
        build_folded(fold)
