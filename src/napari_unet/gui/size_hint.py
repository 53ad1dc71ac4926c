"""A doubt that the cells are of the size that the model knows, and the button that follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_unet.gui.parts import Column, Hint, button

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_unet.gui.session import Session

_TIP = "Frames are resized to what the model knows when they are segmented next"


class SizeDoubt(QWidget):
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

    def look(self, labels: NDArray[np.integer] | None) -> None:
        """Compare the cells of a frame (Y, X) with the model that found them."""
        model, live = self._session.labels.model, self._session.labels.live
        doubt = None
        if labels is not None and model is not None and live is not None:
            from napari_unet.engine.cell_size import diameter_of, found_doubt

            found = diameter_of([labels])
            doubt = found_doubt(model, float(live.probabilities.key.get("scale", 1)), found)
            self._found = float(round(found or 0))
        size = f"{self._found:.0f} px"
        taken = self._session.predict_settings.diameter == self._found
        again = f"Segment again, to bring cells of {size} to the size that the model knows"
        self.words.say(f"{again if taken else doubt}." if doubt else "", warn=not taken)
        self.take.setText(f"Set the cell diameter to {size}")
        self.take.setVisible(not taken)
        self.setVisible(doubt is not None)
