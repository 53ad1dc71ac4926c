"""After a training: how good it is, a look at before and after, keep, discard, save."""

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
from napari_unet.gui.widgets.parts import Column, Fold, Hint, allow, button, primary, row
from napari_unet.gui.widgets.wrapping import Flow

if TYPE_CHECKING:
    from napari_unet.gui.session.session import Session


class OutcomePanel(QWidget):
    """*Keep* while it trains means stop and keep; afterwards it puts the model into the library.

    Shows the session's training; holds nothing of it. ``decision`` are the buttons that must be in
    sight. While it runs, *Keep* stands in the foot of
    the dock, ``running``, beside ``discard``.
    """

    def __init__(self, session: Session, running: Flow, discard: QPushButton) -> None:
        super().__init__()
        self._session, self._running, self._discard = session, running, discard
        self.words = Hint(name="train.outcome")
        self.compare = button(
            "Compare", "train.compare", "Before, after, and back to your labels", checkable=True
        )
        self.keep = button("Keep", "train.keep")
        self.revert = button(
            "Discard", "train.revert", "Forget the new model; go back to the one chosen before"
        )
        self.path = QLineEdit(objectName="train.model_path")
        self.path.setPlaceholderText("path for a model file")
        self.save = button(
            "Save model…", "train.save_model", "Write the model to a file for others"
        )
        self._ended = Flow(self.compare, self.keep, self.revert)
        self.decision = QWidget()  # stands where the dock wants it: in sight
        self.decision.setLayout(self._ended)
        file = QWidget()
        Column(file).add(row(self.path, self.save, stretch=0))
        self.to_file = Fold("Save to a file", lambda: file)
        Column(self).add(self.words, self.to_file)
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
        """Show before, then after; a third press ends it."""
        session, pair = self._session, self._session.training.compared
        with session.job.refusing(OWNER):
            if pair is not None and pair.shows_before:
                show_compared(session, before=False)
            elif pair is not None or not on:
                stop_comparing(session)
            else:
                compare(session)
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
                self.compare.setChecked(True)
            elif not comparing:
                self.compare.setChecked(False)
        words = "Show after" if pair is not None and pair.shows_before else "End comparing"
        self.compare.setText("Compare" if pair is None else words)

    def update_state(self) -> None:
        """Resolve which buttons can be pressed, and say why the others cannot."""
        outcome, busy = self._session.training.outcome, self._session.job.running
        training = self._session.training
        none_yet = "" if outcome is not None else "Train a model first"
        wait = "Wait until the work under way is done" if busy else ""
        from_new = outcome is not None and outcome.base is None
        no_base = "It began from new: there is nothing to compare with" if from_new else ""
        self.words.say(outcome.words if outcome else "", warn=bool(outcome and outcome.worse))
        self.words.setToolTip(outcome.figures if outcome else "")
        for part in (self.compare, self.revert, self.to_file, self.decision):
            part.setVisible(outcome is not None and not training.running)
        self._place_keep(running=training.running)
        allow(self.compare, none_yet or wait or no_base)
        allow(self.revert, none_yet or wait)
        allow(self.save, none_yet or wait)
        self._show_compared()
        self.keep.setVisible(outcome is not None or training.running)
        self._discard.setText("Stop and discard" if training.running else "Stop")
        if training.running:
            self.keep.setText("Stopping…" if training.keep_at_end else "Stop and keep")
            allow(self.keep, "It stops at the next step" if training.keep_at_end else "")
        else:
            kept = outcome is not None and outcome.choice.saved
            self.keep.setText("Kept" if kept else "Keep")
            allow(self.keep, none_yet or wait or ("It is in your library" if kept else ""))
        worse = bool(outcome and outcome.worse)
        primary(self.keep, training.undecided and not worse)
        primary(self.revert, training.undecided and worse)

    def _place_keep(self, *, running: bool) -> None:
        """Put *Keep* beside *Stop* while it learns, and beside *Compare* afterwards."""
        wanted, at = (self._running, 0) if running else (self._ended, 1)
        if wanted.indexOf(self.keep) < 0:
            other = self._ended if running else self._running
            other.removeWidget(self.keep)
            wanted.insert(at, self.keep)
