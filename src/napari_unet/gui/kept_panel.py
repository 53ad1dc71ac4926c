"""Where the movie's session is kept, in each dock; asks for a place where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QLineEdit, QWidget

from napari_unet.engine.errors import BadInput
from napari_unet.gui.parts import Column, Hint, button, row

if TYPE_CHECKING:
    from napari_unet.gui.session import Session


class KeptPanel(QWidget):
    """A line, and a path to fill in where nothing can be written beside the movie."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._keeper = session.keeper
        self.line = Hint(name="movie.kept")
        self.place = QLineEdit(objectName="movie.place")
        self.place.setPlaceholderText("a folder to keep it in")
        self.keep = button("Keep here", "movie.keep_here", "Asked once for this folder of movies")
        self._asking = QWidget()
        asking = Column(self._asking)
        asking.add(row(self.place, self.keep, stretch=0))
        Column(self).add(self.line, self._asking)
        self.keep.clicked.connect(self._on_keep)
        self.place.returnPressed.connect(self._on_keep)
        session.keeper.changed.connect(self.show_state)
        self.show_state()

    def show_state(self) -> None:
        """Show what the keeper says; nothing where there is nothing to say."""
        needed = self._keeper.needs_place
        self.line.say(needed or self._keeper.line, warn=bool(needed))
        self._asking.setVisible(bool(needed))
        self.setVisible(bool(needed or self._keeper.line))

    def _on_keep(self) -> None:
        try:
            self._keeper.keep_at(self.place.text())
        except BadInput as error:
            self.line.say(str(error), warn=True)
