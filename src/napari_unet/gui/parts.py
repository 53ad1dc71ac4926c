"""Parts that the docks are built from: headings, hints, buttons that say why they are off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLayout,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_unet.gui.job import Job, JobState

if TYPE_CHECKING:
    from qtpy.QtGui import QShowEvent

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
    """Give the title of a part of a dock."""
    label = QLabel(text)
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    return label


def button(text: str, name: str, tip: str = "", checkable: bool = False) -> QPushButton:
    """Give a button with its object name and what it does."""
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
    """Give ``widgets`` side by side; the one at ``stretch`` takes the room that is left."""
    line = QHBoxLayout()
    line.setSpacing(6)
    for index, widget in enumerate(widgets):
        line.addWidget(widget, 1 if stretch is None or index == stretch else 0)
    return line


def form_rows(parent: QWidget | None = None) -> QFormLayout:
    """Give an empty form whose fields take all the width there is."""
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


class JobPanel(QWidget):
    """Progress, time left in words, *Cancel*, and the line in which a job ended."""

    ended = Signal(object)  # JobState

    def __init__(self, job: Job, owner: str, prefix: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._owner, self._running = owner, False
        self.bar = QProgressBar()
        self.bar.setObjectName(f"{prefix}.progress")
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(10)
        self.cancel = button("Cancel", f"{prefix}.cancel", "Stop; what is done is kept")
        self.cancel.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.line = Hint(name=f"{prefix}.message")
        column = Column(self)
        column.add(row(self.bar, self.cancel, stretch=0), self.line)
        self.cancel.clicked.connect(job.cancel)
        job.changed.connect(self._on_job)
        self._on_job(job.state)

    def _on_job(self, state: JobState) -> None:
        mine = state.owner == self._owner
        running = state.running and mine
        if mine:
            self.line.say("\n".join(filter(None, (state.line, state.note))), warn=state.failed)
        if running:
            self.bar.setRange(0, state.total)
            self.bar.setValue(state.done)
        elif self._running and mine:
            self.bar.setRange(0, max(1, state.total))
            self.bar.setValue(state.done if state.total else 1)
        allow(self.cancel, "" if running and not state.cancelling else "Nothing is running here")
        for part in (self.bar, self.cancel):
            part.setVisible(running)
        was, self._running = self._running, running
        if was and not running:
            self.ended.emit(state)

    def sizeHint(self) -> QSize:
        """Keep the width that the dock gives."""
        return QSize(200, super().sizeHint().height())

    def showEvent(self, event: QShowEvent | None) -> None:
        """Lay out again once the dock's width is known: wrapped lines need it."""
        super().showEvent(event)
        self.updateGeometry()
