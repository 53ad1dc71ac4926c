"""Where a movie's session is kept: the folder beside it, or the place that a user gives.

Where nothing can be written beside the movie, the docks ask for a place (`KeptPanel`); a layer
without a file keeps its session in memory.
"""

from __future__ import annotations

import weakref
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.names import user_path
from napari_unet.gui.viewer.preferences import preference

if TYPE_CHECKING:
    from napari_unet.engine.annotations.corrections import Corrections
    from napari_unet.engine.session.session_folder import SessionFolder
    from napari_unet.engine.stack.stack import Stack
    from napari_unet.gui.session.movie_choice import MovieChoice

_NO_FILE = (
    "This layer has no file: its labels last until napari closes. Save it as a TIFF to keep them."
)


def author() -> str:
    """Return the user whose corrections these are, as the preferences say; empty where not."""
    return str(preference("sessions", "user")).strip()


class Place:
    """The folder of the movie that is chosen now; one per viewer."""

    changed = Signal()  # where it is kept, or that there is no place

    def __init__(self, movie: MovieChoice) -> None:
        self._movie = movie
        self.folder: SessionFolder | None = None
        self.needed = ""  # why nothing can be written beside the movie
        self.line = ""
        self._corrections: weakref.WeakValueDictionary[Path, Corrections]
        self._corrections = weakref.WeakValueDictionary()
        movie.changed.connect(self._forget)

    def require(self, stack: Stack) -> SessionFolder | None:
        """Return the movie's folder, made where it is missing; None where there is no place."""
        from napari_unet.engine.session.session_folder import NeedsPlace, SessionFolder

        if stack.path is None:
            self.say(_NO_FILE)
            return None
        if self.folder is None:
            try:
                self.folder, self.needed = SessionFolder.for_movie(stack), ""
            except NeedsPlace as error:
                self.needed = str(error)
                self._take_preferred(stack)
            self.say(f"Kept in {self.folder.path.name}." if self.folder else "")
        return self.folder

    def _take_preferred(self, stack: Stack) -> None:
        """Keep it in the folder that the preferences name, where that can be written to."""
        from napari_unet.engine.session.session_folder import NeedsPlace, SessionFolder

        place = str(preference("sessions", "place")).strip()
        if place and user_path(place).is_dir():
            with suppress(NeedsPlace):
                self.folder, self.needed = SessionFolder.for_movie(stack, user_path(place)), ""

    def corrections(self, stack: Stack) -> Corrections | None:
        """Return the corrections kept of a movie, shared by its channels; None without a place."""
        folder = self.require(stack)
        if folder is None:
            return None
        path = folder.journal_path
        known = self._corrections.get(path)
        if known is None:
            from napari_unet.engine.session.users.hold import open_corrections

            known = self._corrections[path] = open_corrections(folder, author())
            if folder.notices or known.read_only:
                self.say(known.read_only or self.line)
        return known

    @property
    def read_only(self) -> str:
        """Why nothing is kept of what is done to this movie: who has it; else empty."""
        known = self._corrections.get(self.folder.journal_path) if self.folder else None
        return known.read_only if known is not None else ""

    def found(self, folder: SessionFolder, corrections: Corrections | None) -> None:
        """Take a folder that is there already, with what was read of it."""
        self.folder = self.folder or folder
        if corrections is not None:
            self._corrections[folder.journal_path] = corrections
        self.say(self.read_only or f"Kept in {folder.path.name}.")

    def give(self, text: str, corrections: Corrections | None) -> None:
        """Keep this and later movies of the folder in a place, and there what was made so far."""
        from napari_unet.engine.files.journal import Journal
        from napari_unet.engine.session.session_folder import SessionFolder

        stack, place = self._movie.require_stack(), user_path(text.strip())
        if not text.strip() or not place.is_dir():
            found = f"there is no folder {text.strip()}" if text.strip() else "no folder is given"
            raise BadInput(found, "one you may write to", "type its path")
        self.folder, self.needed = SessionFolder.for_movie(stack, place), ""
        if corrections is not None:
            corrections.keep_in(Journal(self.folder.journal_path))
            self._corrections[self.folder.journal_path] = corrections
        self.say(f"Kept in {self.folder.path}.")

    def say(self, line: str) -> None:
        """Show a line where the docks say where the session is kept."""
        self.line = line
        self.changed.emit()

    def _forget(self) -> None:
        self.folder, self.needed, self.line = None, "", ""
        self.changed.emit()
