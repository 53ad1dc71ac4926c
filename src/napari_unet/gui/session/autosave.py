"""Keeps a movie's session in the folder beside it, and goes on there when it is opened again.

Corrections are written stroke by stroke; threshold, model and frame a moment after they change.
Disk is read and written in workers. Where nothing can be written beside the movie, the docks ask
for a place (`kept_panel`); a layer without a file keeps its session in memory.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_unet.engine.errors import BadInput
from napari_unet.engine.text import counted
from napari_unet.gui.session.labelling import show_labels
from napari_unet.gui.session.models import reference
from napari_unet.gui.session.workers import Latest
from napari_unet.gui.viewer import layers

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_unet.engine.annotations.corrections import Corrections
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.prediction.probabilities import Probabilities
    from napari_unet.engine.session.session_folder import SessionFolder
    from napari_unet.engine.stack.stack import Stack
    from napari_unet.gui.session.session import Session

logger = logging.getLogger(__name__)
_WAIT_MS = 300  # after the last change, before it is written
_NO_FILE = (
    "This layer has no file: its labels last until napari closes. Save it as a TIFF to keep them."
)


@dataclass(frozen=True)
class _Found:
    """What a worker read of an earlier session."""

    stack: Stack
    folder: SessionFolder | None = None
    corrections: Corrections | None = None
    probabilities: Probabilities | None = None


class _Unwritten:
    """The newest state that is not on disk yet; whoever comes first writes it, once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: deque[tuple[SessionFolder, dict[str, Any], Model | None]] = deque(maxlen=1)

    def hold(self, folder: SessionFolder, changes: dict[str, Any], model: Model | None) -> None:
        self._newest.append((folder, changes, model))  # never waits for a write

    def write(self) -> None:
        with self._lock:  # a second writer waits until the first is done
            if self._newest:
                _save(*self._newest.pop())

    def write_or_log(self) -> None:
        """Write where nobody is to be told that it failed."""
        try:
            self.write()
        except (BadInput, OSError) as error:
            logger.warning("the last changes are not kept: %s", error)


class SessionAutosave:
    """What is kept of the movie that is chosen now; one per viewer."""

    changed = Signal()  # where it is kept, or that there is no place

    def __init__(self, session: Session) -> None:
        self._session = weakref.ref(session)
        self.folder: SessionFolder | None = None
        self.needs_place = ""  # why nothing can be written beside the movie
        self.line = ""
        self._went_on: dict[Path, weakref.ref[Image]] = {}
        self._corrections: weakref.WeakValueDictionary[Path, Corrections]
        self._corrections = weakref.WeakValueDictionary()
        self._reader, self._models = Latest(wait_ms=0), Latest(wait_ms=200)
        self._writer, self._unwritten = Latest(wait_ms=_WAIT_MS), _Unwritten()
        weakref.finalize(self, self._unwritten.write_or_log)  # closed, or the program ends
        self._reader.answered.connect(self._go_on)
        self._models.answered.connect(session.labels.know_model)
        for worker in (self._reader, self._writer):
            worker.failed.connect(self._warn)
        for signal in (
            session.labels.changed,
            session.labels.settings_changed,
            session.models.changed,
            session.frame_changed,
        ):
            signal.connect(self._save_soon)
        session.movie_changed.connect(self._on_movie)
        session.layers_changed.connect(self._forget_closed)

    # ---- a place ----------------------------------------------------------------------------

    def require(self, stack: Stack) -> SessionFolder | None:
        """Return the movie's folder, made where it is missing; None where there is no place."""
        from napari_unet.engine.session.session_folder import NeedsPlace, SessionFolder

        if stack.path is None:
            self._say(_NO_FILE)
            return None
        if self.folder is None:
            try:
                self.folder, self.needs_place = SessionFolder.for_movie(stack), ""
            except NeedsPlace as error:
                self.needs_place = str(error)
            self._say(f"Kept in {self.folder.path.name}." if self.folder else "")
        return self.folder

    def keep_at(self, place: str) -> None:
        """Keep this and later movies of the folder in ``place``; what there is goes there now."""
        from napari_unet.engine.files.journal import Journal
        from napari_unet.engine.session.session_folder import SessionFolder

        session = self._now()
        stack = session.require_stack()
        folder = Path(place).expanduser()
        if not place.strip() or not folder.is_dir():
            raise BadInput(
                f"there is no folder {place.strip() or 'given'}",
                "one you may write to",
                "type its path",
            )
        self.folder, self.needs_place = SessionFolder.for_movie(stack, folder), ""
        live = session.labels.live
        if live is not None:
            live.corrections.keep_in(Journal(self.folder.journal_path))
            self._corrections[self.folder.journal_path] = live.corrections
        self._say(f"Kept in {self.folder.path}.")
        self._save_soon()

    def corrections(self, stack: Stack) -> Corrections | None:
        """Return the corrections kept of a movie, shared by its channels; None without a place."""
        folder = self.require(stack)
        if folder is None:
            return None
        path = folder.journal_path
        known = self._corrections.get(path)
        if known is None:
            known = self._corrections[path] = folder.corrections()
        return known

    # ---- going on ---------------------------------------------------------------------------

    def _on_movie(self) -> None:
        session = self._now()
        stack, self.folder, self.needs_place, self.line = session.stack, None, "", ""
        if session.labels.live is not None:
            session.labels.read_again()  # another channel may have been painted on
        if stack is not None and stack.path is not None:
            self._reader.ask(lambda: self._find(stack))
        self.changed.emit()

    def _forget_closed(self) -> None:
        """Go on again with a movie of which all layers are closed, once it is opened again."""
        session = self._session()
        here = layers.images(session.viewer) if session is not None else []
        sources = {source[0] for source in map(layers.source_of, here) if source}

        def is_open(image: Image | None) -> bool:
            source = layers.source_of(image) if image is not None else None
            return image in here or (source is not None and source[0] in sources)

        self._went_on = {path: ref for path, ref in self._went_on.items() if is_open(ref())}

    def _find(self, stack: Stack) -> _Found:
        """Read what is kept of a movie, once all of it is written; nothing is made."""
        from napari_unet.engine.session.session_folder import SessionFolder

        self._unwritten.write_or_log()  # it may be the same movie, opened again at once
        folder = SessionFolder.find(stack)
        if folder is None:
            return _Found(stack)
        corrections = folder.corrections() if folder.journal_path.exists() else None
        return _Found(stack, folder, corrections, folder.probabilities(stack))

    def _go_on(self, found: _Found) -> None:
        session = self._session()
        if session is None or found.stack is not session.stack or found.folder is None:
            return
        folder, state = found.folder, found.folder.state
        self.folder = self.folder or folder
        self._say(f"Kept in {folder.path.name}.")
        assert session.image is not None
        known = folder.journal_path in self._went_on or session.labels.live is not None
        if known or folder.is_untouched:
            return
        self._went_on[folder.journal_path] = weakref.ref(session.image)
        if state.selection != found.stack.selection:
            session.select(channel=state.selection.channel)
        session.labels.restore(state.labels)
        session.predict_settings = session.predict_settings.replace(diameter=state.diameter)
        choice = session.models.find(state.model) if state.model else None
        session.models.choose(choice or session.models.chosen)
        if found.corrections is not None:
            self._corrections[folder.journal_path] = found.corrections
        if not folder.is_new:
            show_labels(session)
            if found.probabilities is not None:
                session.labels.set_probabilities(found.probabilities)
            if choice is not None:
                self._models.ask(choice.load)
        if session.image is not None:
            layers.go_to_frame(session.viewer, session.image, state.frame)
        self._say(_went_on(folder, found.corrections))

    # ---- writing ----------------------------------------------------------------------------

    def _save_soon(self, *_: Any) -> None:
        session, folder = self._session(), self.folder
        if session is None or folder is None or session.labels.live is None:
            return
        self._unwritten.hold(folder, _state_of(session), session.labels.model)
        self._writer.ask(self._unwritten.write)

    def _warn(self, line: str) -> None:
        self._say(line)

    def _say(self, line: str) -> None:
        self.line = line
        self.changed.emit()

    def _now(self) -> Session:
        session = self._session()
        assert session is not None
        return session


def _state_of(session: Session) -> dict[str, Any]:
    stack = session.require_stack()
    return {
        "selection": stack.selection,
        "model": reference(session.models.chosen),
        "labels": session.labels.settings,
        "diameter": session.predict_settings.diameter,
        "frame": session.frame,
    }


def _save(folder: SessionFolder, changes: dict[str, Any], model: Model | None) -> None:
    """Write what is different; the model's checksum takes its time, so it is made here."""
    if model is not None and (used := model.sha256) not in folder.state.models[-1:]:
        before = (m for m in folder.state.models if m != used)
        changes = {**changes, "models": (*before, used)}
    if any(getattr(folder.state, name) != value for name, value in changes.items()):
        folder.save(**changes)


def _went_on(folder: SessionFolder, corrections: Corrections | None) -> str:
    frames = len(corrections.frames()) if corrections is not None else 0
    what = f", with corrections on {counted(frames, 'frame')}" if frames else ""
    return f"Going on where you left off{what}. Kept in {folder.path.name}."
