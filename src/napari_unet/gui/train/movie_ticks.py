"""A tick for each other movie that has annotations: those ticked are learned from together.

What is ticked belongs to the session, and is kept with the movie on screen: a movie that is closed
and opened again is ticked as it was.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget
from superqt.utils import signals_blocked

from napari_unet.gui.widgets.parts import Column, Hint
from napari_unet.gui.widgets.wrapping import WrapCheck

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.engine.session.session_folder import Mark
    from napari_unet.gui.session.training import Training
    from napari_unet.gui.train.other_movies import OtherMovie

_TIP = "One model learns from all that are ticked, each normalised as itself"


class MovieTicks(QWidget):
    """Boxes of movies, ticked as the session has it; hidden where there is no other movie."""

    changed = Signal()

    def __init__(self, name: str, training: Training) -> None:
        super().__init__()
        self.setObjectName(name)
        self._training = training
        self._column = Column(self)
        self._head = Hint("Learn from these movies, too:")
        self._column.add(self._head)
        self._boxes: dict[Mark, tuple[OtherMovie, WrapCheck]] = {}
        self.hide()

    @property
    def movies(self) -> tuple[OtherMovie, ...]:
        """All that can be ticked, as they lie in the layer list."""
        return tuple(movie for movie, _ in self._boxes.values())

    def ticked(self) -> tuple[OtherMovie, ...]:
        """Return the movies that are ticked, as they lie in the layer list."""
        return tuple(movie for movie, box in self._boxes.values() if box.isChecked())

    def show_movies(self, movies: Sequence[OtherMovie]) -> None:
        """Show a box for each movie. Says so where a tick came or went."""
        before = {mark: box for mark, (_, box) in self._boxes.items()}
        was_ticked = {movie.mark for movie in self.ticked()}
        self._boxes = {}
        for number, movie in enumerate(movies):
            box = before.pop(movie.mark, None) or self._new_box(movie.mark)
            box.setText(movie.name)
            box.setObjectName(f"{self.objectName()}.{number}")
            box.setToolTip(f"{movie.tip}. {_TIP}")
            with signals_blocked(box):
                box.setChecked(movie.mark in self._training.form.movies)
            self._boxes[movie.mark] = movie, box
        for box in before.values():
            self._column.removeWidget(box)
            box.hide()
            box.setObjectName("")  # it goes a moment later; another one has its name by then
            box.deleteLater()
        self.setVisible(bool(movies))
        if was_ticked != {movie.mark for movie in self.ticked()}:
            self.changed.emit()

    def _new_box(self, mark: Mark) -> WrapCheck:
        box = WrapCheck()
        box.toggled.connect(partial(self._on_toggled, mark))
        self._column.add(box)
        return box

    def _on_toggled(self, mark: Mark, on: bool) -> None:
        self._training.tick([mark], on)
        self.changed.emit()
