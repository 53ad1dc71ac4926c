"""Where a dock shows its job: progress, time left, *Cancel*, and the line in which it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize
from qtpy.QtWidgets import QProgressBar, QSizePolicy, QWidget

from napari_unet.gui.session.job import JobState
from napari_unet.gui.widgets.parts import Column, Hint, allow, button, row

if TYPE_CHECKING:
    from qtpy.QtGui import QShowEvent

    from napari_unet.gui.session.session import Session


class JobPanel(QWidget):
    """Progress, time left in words, *Cancel*, and the line in which a job ended."""

    def __init__(self, session: Session, owner: str, prefix: str) -> None:
        super().__init__()
        job = session.job
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
        session.lifetime.connect(job.changed, self._on_job, self)
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
        self._running = running

    def sizeHint(self) -> QSize:
        """Keep the width that the dock gives."""
        return QSize(200, super().sizeHint().height())

    def showEvent(self, event: QShowEvent | None) -> None:
        """Lay out again once the dock's width is known: wrapped lines need it."""
        super().showEvent(event)
        self.updateGeometry()
