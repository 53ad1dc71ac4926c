"""A doubt that the cells are of the size that the model knows, and the button that follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_unet.gui.widgets.parts import Column, Hint, button

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_unet.gui.session.session import Session

_TIP = "Frames are resized to what the model knows when they are segmented next"


class SizeHint(QWidget):
    """Takes no room while cells are of about the expected size."""

    taken = Signal(float)  # diameter in px

    def __init__(self, session: Session, owner: str) -> None:
        super().__init__()
        self._session = session
        self._found = 0.0
        self.words = Hint(name=f"{owner}.size_doubt")
        self.take = button("", f"{owner}.use_diameter", _TIP)
        Column(self).add(self.words, self.take)
        self.take.clicked.connect(lambda: self.taken.emit(self._found))
        self.hide()

    def look(self, areas: NDArray[np.integer]) -> None:
        """Compare the areas of cells in a frame with the model that found them."""
        from napari_unet.engine.network.cell_size import found_doubt

        session = self._session
        model, live = session.labels.model, session.labels.live
        doubt = None
        if model is not None and live is not None and live.probabilities is not None:
            scale = float(live.probabilities.key.get("scale", 1))
            doubt = found_doubt(model, scale, areas, live.settings.min_size, live.spacing)
        self.setVisible(doubt is not None)
        if doubt is None:
            return
        self._found = float(doubt.found)
        size = f"{doubt.found} px"
        taken = session.models.settings.diameter == doubt.found and not doubt.debris
        again = f"Segment again, to bring cells of {size} to the size that the model knows"
        self.words.say(f"{again if taken else doubt}.", warn=not taken)
        self.take.setText(f"Set the cell diameter to {size}")
        self.take.setVisible(not taken and not doubt.debris)
