"""The foot of a dock, below what scrolls: words, a bar, *Stop*, and how the last job ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize
from qtpy.QtWidgets import QLayout, QProgressBar, QWidget

from napari_unet.gui.session.job import JobState
from napari_unet.gui.widgets.groups import rule
from napari_unet.gui.widgets.parts import Column, Hint, allow, button
from napari_unet.gui.widgets.wrapping import Flow

if TYPE_CHECKING:
    from qtpy.QtGui import QShowEvent

    from napari_unet.gui.session.session import Session


class Foot(QWidget):
    """Shows the job that its dock started; takes no room while there is nothing to say.

    ``buttons`` is the row in which *Stop* stands: a dock may put others of its own beside it.
    ``also`` names a dock whose jobs are shown, too, as long as they belong to one of this dock's.
    """

    def __init__(self, session: Session, owner: str, parent: QWidget) -> None:
        super().__init__(parent)
        job = session.job
        self._owner, self._running, self.also = owner, False, ""
        self.bar = QProgressBar()
        self.bar.setObjectName(f"{owner}.progress")
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(10)
        self.cancel = button("Stop", f"{owner}.cancel", "Stop; what is done is kept")
        self.line = Hint(name=f"{owner}.message")
        self.buttons = Flow(self.cancel)
        self._inside = QWidget()
        self.column = Column(self._inside)
        self.column.setContentsMargins(10, 2, 10, 8)
        self.column.add(self.line, self.bar, self.buttons)
        Column(self).add(rule(), self._inside)
        self.cancel.clicked.connect(job.cancel)
        session.lifetime.connect(job.changed, self._on_job, self)
        self._on_job(job.state)

    def add(self, *parts: QWidget | QLayout) -> None:
        """Add what a dock asks or offers at its end, below the line."""
        self.column.add(*parts)

    def _on_job(self, state: JobState) -> None:
        mine = state.owner in filter(None, (self._owner, self.also))
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
        self._running = running
        self.setVisible(running or bool(self.line.text()))

    def sizeHint(self) -> QSize:
        """Keep the width that the dock gives."""
        return QSize(200, super().sizeHint().height())

    def showEvent(self, event: QShowEvent | None) -> None:
        """Lay out again once the dock's width is known: wrapped lines need it."""
        super().showEvent(event)
        self.updateGeometry()
