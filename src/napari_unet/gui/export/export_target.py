"""What is exported and where to: the labels, which frames of them, and the folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QLineEdit, QWidget
from superqt.utils import signals_blocked

from napari_unet.engine.errors import BadInput, Notice
from napari_unet.engine.files.names import user_path
from napari_unet.engine.text import counted
from napari_unet.gui.dock.layer_menu import LabelsMenu
from napari_unet.gui.widgets.parts import Column, add_field, allow, button, form_rows, row
from napari_unet.gui.widgets.wrapping import LineButton, WrapCheck

if TYPE_CHECKING:
    from napari_unet.engine.session.live_labels import LiveLabels
    from napari_unet.gui.session.session import Session


class ExportTarget(QWidget):
    """Labels, frames and folder in one line, unfolded by a click.

    A folder beside the movie is proposed.
    """

    chosen = Signal()  # other labels
    folder_changed = Signal()

    def __init__(self, session: Session, owner: str) -> None:
        super().__init__()
        self._session, self._proposed = session, ""
        self.labels = LabelsMenu(session, f"{owner}.labels", "The labels that are exported")
        self.frames = QLineEdit(objectName=f"{owner}.frames")
        self.frames.setPlaceholderText("all, or 0,3-5")
        self.frames.setToolTip("Frames to export, counted from 0; empty for all")
        self.done_only = WrapCheck("Only done frames", f"{owner}.done_only")
        self.done_only.setProperty("tip", "Leave out frames that nobody said are done")
        self.folder = QLineEdit(objectName=f"{owner}.folder")
        self.folder.setPlaceholderText("folder to write to")
        browse = button("Browse…", f"{owner}.browse", "Choose the folder")
        rows = form_rows()
        add_field(rows, "Labels", self.labels.native)
        add_field(rows, "Frames", self.frames)
        add_field(rows, "", self.done_only)
        add_field(rows, "Folder", row(self.folder, browse, stretch=0))
        self.line = LineButton(f"{owner}.where")
        inside = QWidget()
        inside.setLayout(rows)
        inside.hide()
        Column(self).add(self.line, inside)
        self.line.toggled.connect(inside.setVisible)
        self.frames.textChanged.connect(self._show_line)
        self.folder.textChanged.connect(self._show_line)
        session.lifetime.connect(self.labels.chosen, self._on_labels, self)
        self.folder.textChanged.connect(lambda _: self.folder_changed.emit())
        browse.clicked.connect(self._on_browse)
        session.lifetime.connect(session.movie.changed, self._propose_folder, self)
        self._propose_folder()

    def live(self) -> LiveLabels | None:
        """Return the movie's live labels, where they are the ones chosen."""
        labels, layer = self._session.labels, self.labels.layer()
        return labels.live if layer is not None and layer is labels.layer else None

    def positions(self) -> tuple[int, ...]:
        """Return the frames chosen; `BadInput` where there are none."""
        from napari_unet.engine.stack.frame_numbers import parse_frames

        stack, text = self._session.movie.require_stack(), self.frames.text().strip()
        chosen = parse_frames(text, len(stack)) if text else tuple(range(len(stack)))
        if not (self.done_only.isEnabled() and self.done_only.isChecked()):
            return chosen
        done = tuple(t for t in chosen if t in self._done_frames())
        if not done:
            raise BadInput(
                "none of these frames is marked done", "at least one", "mark some, or export all"
            )
        return done

    def place(self) -> Path:
        """Return the folder, made where only its last part is missing."""
        return checked_folder(self.folder.text())

    def update_state(self) -> None:
        """Offer what the labels allow."""
        self._show_line()
        done = len(self._done_frames())
        allow(self.done_only, "" if done else "No frame of these labels is marked done")
        self.done_only.setText(f"Only done frames ({done})" if done else "Only frames marked done")

    def status(self) -> str:
        """Say how many frames are segmented and done; empty where the labels do not tell."""
        live = self.live()
        if live is None or live.probabilities is None:
            return ""
        missing = len(live) - int(live.probabilities.computed.sum())
        if missing:
            return f"{missing} of {len(live)} frames are not segmented yet."
        done = len(self._done_frames())
        return f"All {len(live)} frames are segmented" + (f", {done} marked done." if done else ".")

    def _show_line(self, *_: object) -> None:
        """Say in one line what is written where to."""
        layer, folder = self.labels.layer(), self.folder.text().strip()
        frames = self.frames.text().strip()
        what = layer.name if layer is not None else "Labels"
        where = "/".join(Path(folder).parts[-2:]) if folder else "…"
        self.line.say(f"{what} to {where}", f"frames {frames}" if frames else "all frames")

    def notices(self) -> list[Notice]:
        """Say of how many of the frames chosen there are neither labels nor corrections."""
        live, chosen = self.live(), self.positions()
        if live is None or live.probabilities is None:
            return []
        known = live.corrections.frames()
        missing = sum(not live.probabilities.computed[t] and t not in known for t in chosen)
        line = f"{missing} of {counted(len(chosen), 'frame')} are not segmented yet"
        return [Notice("check", line)] if missing else []

    def _done_frames(self) -> frozenset[int]:
        live = self.live()
        return frozenset(live.corrections.complete_frames) if live else frozenset()

    def _on_labels(self) -> None:
        self.chosen.emit()

    def _on_browse(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder for the export", self.folder.text())
        if chosen:
            self.folder.setText(chosen)

    def _propose_folder(self) -> None:
        """Propose a folder beside the movie; one that a user typed stays."""
        stack = self._session.movie.stack
        if stack is None or self.folder.text() not in ("", self._proposed):
            return
        place = stack.path.parent if stack.path else Path.home()
        name = stack.path.name.split(".")[0] if stack.path else stack.name
        self._proposed = str(place / f"{name} results")
        with signals_blocked(self.folder):
            self.folder.setText(self._proposed)
        self._show_line()


def checked_folder(text: str) -> Path:
    """Return the folder to write to, made where only its last part is missing."""
    if not text.strip():
        raise BadInput(
            "no folder is given", "a folder to write to", "type or choose one under Folder"
        )
    folder = user_path(text.strip())
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{folder} is a file", "a folder", "choose another one")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"the folder {folder} cannot be made ({error.strerror})",
            "a place you may write to",
            "choose another folder",
        ) from error
    return folder
