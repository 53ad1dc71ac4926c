"""After a training: how good it is, a look at before and after, keep, revert, save."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QLineEdit, QPushButton, QWidget
from superqt.utils import signals_blocked

from napari_unet.engine.files.names import user_path
from napari_unet.engine.network.model_files import SUFFIX
from napari_unet.gui.train.training_run import (
    OWNER,
    compare,
    file_name,
    keep,
    revert,
    save,
    show_compared,
    stop_comparing,
)
from napari_unet.gui.widgets.parts import Column, Hint, allow, button, row

if TYPE_CHECKING:
    from napari_unet.gui.session.session import Session


class OutcomePanel(QWidget):
    """*Keep* while it trains means stop and keep; afterwards it puts the model into the library.

    Shows the session's training; holds nothing of it.
    """

    def __init__(
        self, session: Session, discard: QPushButton, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._discard = session, discard
        self.words = Hint(name="train.outcome")
        self.compare = button("Compare", "train.compare", checkable=True)
        self.keep = button("Keep", "train.keep")
        self.revert = button("Revert", "train.revert", "Go back to the model chosen before")
        self.path = QLineEdit(objectName="train.model_path")
        self.path.setPlaceholderText("path for a model file")
        self.save = button(
            "Save model…", "train.save_model", "Write the model to a file for others"
        )
        column = Column(self)
        column.add(
            self.words,
            row(self.compare, self.keep, discard, self.revert),
            row(self.path, self.save, stretch=0),
        )
        self.compare.toggled.connect(self._on_compare)
        self.keep.clicked.connect(self._on_keep)
        self.revert.clicked.connect(self._on_revert)
        self.save.clicked.connect(self._on_save)
        life = session.lifetime
        life.connect(session.movie.frame_changed, self._on_frame, self)
        life.connect(session.movie.changed, self._stop_comparing, self)
        life.connect(session.training.changed, self.update_state, self)
        self.update_state()

    def forget(self) -> None:
        """Put the last outcome aside; its model stays in the menus."""
        self._stop_comparing()
        self._session.training.set_outcome(None)

    # ---- a user acts ----------------------------------------------------------------------

    def _on_keep(self) -> None:
        with self._session.job.refusing(OWNER):
            keep(self._session)

    def _on_save(self) -> None:
        outcome, text = self._session.training.outcome, self.path.text().strip()
        if not text and outcome is not None:
            proposed = f"{file_name(outcome.choice.name)}{SUFFIX}"
            text, _ = QFileDialog.getSaveFileName(
                self, "Save the model", proposed, f"Models (*{SUFFIX})"
            )
        if text:
            path = user_path(text)
            with self._session.job.refusing(OWNER):
                save(
                    self._session,
                    path if path.suffix == SUFFIX else path.with_name(path.name + SUFFIX),
                )

    def _on_revert(self) -> None:
        with self._session.job.refusing(OWNER):
            revert(self._session)

    def _on_compare(self, on: bool) -> None:
        session, pair = self._session, self._session.training.compared
        with session.job.refusing(OWNER):
            if pair is not None and pair.frame == session.movie.frame:
                show_compared(session, before=on)
            elif on:
                compare(session)
            else:
                stop_comparing(session)
        self._show_compared()

    def _on_frame(self, frame: int) -> None:
        pair = self._session.training.compared
        if pair is not None and pair.frame != frame:
            self._stop_comparing()

    def _stop_comparing(self) -> None:
        stop_comparing(self._session)

    # ---- what is shown ----------------------------------------------------------------------

    def _show_compared(self) -> None:
        pair, comparing = self._session.training.compared, self._session.job.running
        with signals_blocked(self.compare):
            if pair is not None:
                self.compare.setChecked(pair.shows_before)
            elif not comparing:
                self.compare.setChecked(False)
        words = "Compare" if pair is None else "after" if pair.shows_before else "before"
        self.compare.setText(words if pair is None else f"Show {words}")

    def update_state(self) -> None:
        """Resolve which buttons can be pressed, and say why the others cannot."""
        outcome, busy = self._session.training.outcome, self._session.job.running
        training = self._session.training
        none_yet = "" if outcome is not None else "Train a model first"
        wait = "Wait until the work under way is done" if busy else ""
        from_new = outcome is not None and outcome.base is None
        no_base = "It began from new: there is nothing to compare with" if from_new else ""
        self.setVisible(outcome is not None or busy)
        self.words.say(outcome.words if outcome else "", warn=bool(outcome and outcome.worse))
        self.words.setToolTip(outcome.figures if outcome else "")
        self.revert.setDefault(bool(outcome and outcome.worse))
        for part in (self.words, self.compare, self.revert, self.path, self.save):
            part.setVisible(outcome is not None and not training.running)
        allow(self.compare, none_yet or wait or no_base)
        allow(self.revert, none_yet or wait)
        allow(self.save, none_yet or wait)
        self._show_compared()
        self.keep.setVisible(outcome is not None or training.running)
        self._discard.setText("Stop and discard" if training.running else "Cancel")
        if training.running:
            self.keep.setText("Stopping…" if training.keep_at_end else "Stop and keep")
            allow(self.keep, "It stops at the next step" if training.keep_at_end else "")
        else:
            kept = outcome is not None and outcome.choice.saved
            self.keep.setText("Kept" if kept else "Keep")
            allow(self.keep, none_yet or wait or ("It is in your library" if kept else ""))
