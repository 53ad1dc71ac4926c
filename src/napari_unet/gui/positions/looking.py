"""Looks at the movies of the table one after the other, off the GUI thread."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_unet.gui.positions.rows import EDGE
from napari_unet.gui.session.workers import Latest

if TYPE_CHECKING:
    from napari_unet.engine.jobs.queue.look import Look
    from napari_unet.engine.jobs.queue.movies import Movie
    from napari_unet.gui.session.lifetime import Lifetime


class Looking(QObject):
    """Asks for one look after the other; ``looked`` carries a movie's name and what was seen."""

    looked = Signal(str, object)

    def __init__(self, parent: QObject, lifetime: Lifetime) -> None:
        super().__init__(parent)
        self._waiting: dict[str, Movie] = {}
        self._out = Path()
        self._latest = Latest(self, wait_ms=0, lifetime=lifetime)
        self._latest.answered.connect(self._on_look)
        self._latest.failed.connect(lambda _: self._next())
        self._busy = False

    def at(self, movies: list[Movie], out: Path) -> None:
        """Look at movies once more; those that wait already are looked at once."""
        self._out = out
        self._waiting.update({movie.name: movie for movie in movies})
        if not self._busy:
            self._next()

    def forget(self) -> None:
        """Drop those that wait."""
        self._waiting.clear()

    def _next(self) -> None:
        self._busy = bool(self._waiting)
        if self._busy:
            name = next(iter(self._waiting))
            self._latest.ask(partial(_look, self._waiting.pop(name), self._out))

    def _on_look(self, found: tuple[str, Look]) -> None:
        self.looked.emit(*found)
        self._next()


def _look(movie: Movie, out: Path) -> tuple[str, Any]:
    from napari_unet.engine.jobs.queue.look import look_at

    return movie.name, look_at(movie, out, EDGE)
