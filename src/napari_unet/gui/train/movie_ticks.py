"""A tick for each other movie that has annotations: those ticked are learned from together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_unet.gui.widgets.parts import Column, Hint
from napari_unet.gui.widgets.wrapping import WrapCheck

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.gui.train.other_movies import OtherMovie

_TIP = "One model learns from all that are ticked, each normalised as itself"


class MovieTicks(QWidget):
    """Boxes of movies, none ticked at first; hidden where there is no other movie."""

    changed = Signal()

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self._column = Column(self)
        self._head = Hint("Learn from these movies, too:")
        self._column.add(self._head)
        self._boxes: dict[object, tuple[OtherMovie, WrapCheck]] = {}
        self.hide()

    def ticked(self) -> tuple[OtherMovie, ...]:
        """Return the movies that are ticked, as they lie in the layer list."""
        return tuple(movie for movie, box in self._boxes.values() if box.isChecked())

    def show_movies(self, movies: Sequence[OtherMovie]) -> None:
        """Show a box for each movie; those ticked stay ticked. Says so where a tick went."""
        before = {key: box for key, (_, box) in self._boxes.items()}
        lost = [
            box.isChecked() for key, box in before.items() if key not in {m.key for m in movies}
        ]
        self._boxes = {}
        for number, movie in enumerate(movies):
            box = before.pop(movie.key, None)
            if box is None:
                box = WrapCheck()
                box.toggled.connect(self.changed)
                self._column.add(box)
            box.setText(movie.name)
            box.setObjectName(f"{self.objectName()}.{number}")
            box.setToolTip(f"{movie.tip}. {_TIP}")
            self._boxes[movie.key] = movie, box
        for box in before.values():
            self._column.removeWidget(box)
            box.deleteLater()
        self.setVisible(bool(movies))
        if any(lost):
            self.changed.emit()
