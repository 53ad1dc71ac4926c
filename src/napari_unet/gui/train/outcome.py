"""After a training: how good it is, a look at before and after, keep, revert, save."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog, QLineEdit, QPushButton, QWidget
from superqt.utils import signals_blocked

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.names import user_path
from napari_unet.engine.network.model_files import SUFFIX, library
from napari_unet.gui.session.job import Task
from napari_unet.gui.session.models import ModelChoice
from napari_unet.gui.viewer import layers
from napari_unet.gui.widgets.parts import Column, Hint, allow, button, row

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.engine.stack.stack import Stack
    from napari_unet.gui.session.session import Session

OWNER = "train"


class OutcomePanel(QWidget):
    """*Keep* while it trains means stop and keep; afterwards it puts the model into the library."""

    def __init__(
        self, session: Session, discard: QPushButton, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._discard = session, discard
        self._choice: ModelChoice | None = None
        self._base: ModelChoice | None = None
        self._former: ModelChoice | None = None
        self._stack: Stack | None = None
        self._task: Task | None = None
        self._keep_at_end = False
        self._pair: tuple[int, NDArray[Any], NDArray[Any]] | None = None
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
        session.movie.frame_changed.connect(self._on_frame)
        session.movie.changed.connect(self._stop_comparing)
        self.update_state()

    # ---- the training tells -----------------------------------------------------------------

    @property
    def undecided(self) -> bool:
        """Whether there is a new model that is neither kept nor reverted."""
        return self._choice is not None and not self._choice.saved

    @property
    def training(self) -> bool:
        """Whether a network learns now; saving or comparing models is no training."""
        return self._session.job.runs(self._task)

    def begin(self, stack: Stack, task: Task) -> None:
        """Take in that a training on ``stack`` begins, as ``task``."""
        self._keep_at_end, self._stack, self._task = False, stack, task
        self.update_state()

    def forget(self) -> None:
        """Put the last outcome aside; its model stays in the menus."""
        self._stop_comparing()
        self._choice = self._base = self._former = None
        self.words.say("")

    def show_model(
        self, choice: ModelChoice, base: ModelChoice | None, former: ModelChoice | None
    ) -> str:
        """Show how good a new model is; gives the line in which the training ended."""
        from napari_unet.gui.train.training_worker import verdict

        self._choice, self._base, self._former = choice, base, former
        assert choice.model is not None
        line, figures, worse = verdict(choice.model.record)
        self.words.say(line, warn=worse)
        self.revert.setDefault(worse)
        self.words.setToolTip(figures)
        self.update_state()
        if self._keep_at_end:
            self._on_keep()
            return ""
        return f"{choice.name} is in the model menu. Keep it, or revert."

    # ---- a user acts ----------------------------------------------------------------------

    def _on_keep(self) -> None:
        from napari_unet.gui.train.training_worker import Message

        if self.training:
            self._keep_at_end = True
            self._session.job.send(Message(stop=True), Message.then)
            self.update_state()
            return
        if self._choice is not None:
            path = library() / f"{_file_name(self._choice.name)}{SUFFIX}"
            self._write(path, f"{self._choice.name} is kept.", into_library=True)

    def _on_save(self) -> None:
        text = self.path.text().strip()
        if not text and self._choice is not None:
            proposed = f"{_file_name(self._choice.name)}{SUFFIX}"
            text, _ = QFileDialog.getSaveFileName(
                self, "Save the model", proposed, f"Models (*{SUFFIX})"
            )
        if text:
            path = user_path(text)
            path = path if path.suffix == SUFFIX else path.with_name(path.name + SUFFIX)
            self._write(path, f"Saved {path}", into_library=False)

    def _write(self, path: Path, line: str, into_library: bool) -> None:
        session, choice = self._session, self._choice
        if choice is None or choice.model is None:
            return
        model = choice.model

        def work() -> Any:
            from napari_unet.gui.train.training_worker import saving

            if not into_library and path.parent != Path() and not path.parent.is_dir():
                raise BadInput(
                    f"there is no folder {path.parent}",
                    "a folder that is there",
                    "correct the path",
                )
            return saving(model, path, history=not into_library)

        def done(written: Path) -> str:
            if into_library:
                kept = ModelChoice(choice.name, "mine", written, model)
                session.models.replace(choice, kept)
                self._choice = kept
            self._in_safety()
            self.update_state()
            return line

        session.job.start(Task(OWNER, "Saving the model", work, on_done=done))

    def _on_revert(self) -> None:
        session, choice, former = self._session, self._choice, self._former
        self.forget()
        if choice is None:
            return
        session.models.replace(choice, None)
        if not choice.saved:
            self._in_safety()
        if former in session.models.all:
            session.models.choose(former)
        name = session.models.chosen.name if session.models.chosen else "no model"
        session.job.say(OWNER, f"Back to {name}.")
        self.update_state()

    def _in_safety(self) -> None:
        """Let the checkpoint go: the model is written, or not wanted."""
        from napari_unet.gui.train.resume import forget

        if self._stack is not None:
            forget(self._stack)

    # ---- before and after -------------------------------------------------------------------

    def _on_compare(self, on: bool) -> None:
        session = self._session
        if self._pair is not None and self._pair[0] == session.movie.frame:
            self._show_pair(before=on)
            return
        if not on:
            self._stop_comparing()
            return
        base, choice, stack = self._base, self._choice, session.movie.stack
        if base is None or choice is None or stack is None:
            return
        frame, settings = session.movie.frame, session.labels.settings

        def work() -> Any:
            from napari_unet.gui.train.training_worker import both_labels

            return both_labels(stack, frame, base, choice, settings)

        def done(pair: tuple[int, Any, Any]) -> str:
            self._pair = pair
            self._show_pair(before=True)
            return "On screen: before. Press again for after."

        if not session.job.start(Task(OWNER, "Comparing", work, total=2, on_done=done)):
            self._uncheck()

    def _show_pair(self, before: bool) -> None:
        session, pair = self._session, self._pair
        if pair is None or session.movie.stack is None:
            return
        image = session.movie.require_layer()
        shape = (len(session.movie.stack), *session.movie.stack.frame_shape)
        frames = layers.OneFrame(shape, pair[0], pair[1] if before else pair[2])
        name = "before training" if before else "after training"
        layers.show_preview(session.viewer, image, frames, name)
        self.compare.setText("Show after" if before else "Show before")

    def _on_frame(self, frame: int) -> None:
        if self._pair is not None and self._pair[0] != frame:
            self._stop_comparing()

    def _stop_comparing(self) -> None:
        if self._pair is not None:
            self._pair = None
            layers.remove_preview(self._session.viewer)
        self._uncheck()

    def _uncheck(self) -> None:
        with signals_blocked(self.compare):
            self.compare.setChecked(False)
        self.compare.setText("Compare")

    # ---- what is shown ----------------------------------------------------------------------

    def update_state(self) -> None:
        """Resolve which buttons can be pressed, and say why the others cannot."""
        choice, busy = self._choice, self._session.job.running
        none_yet = "" if choice is not None else "Train a model first"
        wait = "Wait until the work under way is done" if busy else ""
        no_base = (
            "" if self._base is not None else "It began from new: there is nothing to compare with"
        )
        self.setVisible(choice is not None or self._session.job.running)
        for part in (self.words, self.compare, self.revert, self.path, self.save):
            part.setVisible(choice is not None and not self.training)
        allow(self.compare, none_yet or wait or no_base)
        allow(self.revert, none_yet or wait)
        allow(self.save, none_yet or wait)
        self.keep.setVisible(choice is not None or self.training)
        self._discard.setText("Stop and discard" if self.training else "Cancel")
        if self.training:
            self.keep.setText("Stopping…" if self._keep_at_end else "Stop and keep")
            allow(self.keep, "It stops at the next step" if self._keep_at_end else "")
        else:
            kept = choice is not None and choice.saved
            self.keep.setText("Kept" if kept else "Keep")
            allow(self.keep, none_yet or wait or ("It is in your library" if kept else ""))


def _file_name(name: str) -> str:
    """Return a name that every file system takes."""
    return "".join(c if c.isalnum() or c in " -_.()" else "_" for c in name).strip() or "model"
