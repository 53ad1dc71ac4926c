"""*Train on what I repaired, and go on*: train, segment the movie anew, on to the worst doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QAbstractButton, QWidget

from napari_unet.gui.session.segmenting import segment

if TYPE_CHECKING:
    from napari_unet.gui.session.job import JobState
    from napari_unet.gui.session.session import Session

_WORSE = "The movie is not segmented anew: decide in Train."
_DECIDE = "Keep it or discard it in Train."


class GoingOn(QObject):
    """Goes through the jobs one after the other; what is stopped or fails ends it."""

    arrived = Signal()  # the movie is segmented by the new model
    changed = Signal()

    def __init__(self, session: Session, owner: str, parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._owner = session, owner
        self._doing = ""  # "train", "segment", or nothing
        session.lifetime.connect(session.job.changed, self._on_job, self)

    @property
    def under_way(self) -> bool:
        """Whether it goes on now."""
        return bool(self._doing)

    def begin(self) -> None:
        """Train as the Train dock is set up, by its button; docks do not know each other."""
        session = self._session
        _, dock = session.viewer.window.add_plugin_dock_widget("napari-unet-live", "Train")
        start = dock.findChild(QWidget, "train.start")
        if not isinstance(start, QAbstractButton) or not start.isEnabled():
            why = start.toolTip() if start is not None else ""
            session.job.say(self._owner, f"{why or 'Train cannot start now'}.", failed=True)
            return
        self._do("train")
        start.click()
        if not session.training.running:
            self._do("")

    def _do(self, what: str) -> None:
        self._doing = what
        self.changed.emit()

    def _on_job(self, _: JobState) -> None:
        if self._doing and not self._session.job.running:
            QTimer.singleShot(0, self._go_on)  # once all have heard that it ended

    def _go_on(self) -> None:
        """Do what comes next; training ends with a look at a frame, which is a job, too."""
        session, outcome = self._session, self._session.training.outcome
        if not self._doing or session.job.running:
            return
        doing, failed = self._doing, session.job.state.failed
        self._do("")
        if failed or outcome is None:
            return
        if doing == "segment":
            live = session.labels.live
            if live is not None and live.probabilities is not None:
                if live.probabilities.computed.all():  # it was not stopped
                    self.arrived.emit()
        elif outcome.worse:
            session.job.say(self._owner, f"{outcome.words} {_WORSE}", failed=True)
        elif segment(session, self._owner, None, said=f"{outcome.words} {_DECIDE}"):
            self._do("segment")
