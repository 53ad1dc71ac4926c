"""How far apart sections and pixels of a volume are: shown, and asked for where no file says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QGridLayout, QWidget
from superqt.utils import signals_blocked

from napari_unet.gui.widgets.number_boxes import DecimalBox
from napari_unet.gui.widgets.parts import Column, Hint, label
from napari_unet.gui.widgets.wrapping import GAP

if TYPE_CHECKING:
    from napari_unet.gui.session.movie_view import MovieView
    from napari_unet.gui.session.session import Session

_LEAST = 0.001  # µm
_UNKNOWN = "not known"


class VolumeLengths(QWidget):
    """Two boxes in µm; what is typed takes the place of what the file says."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._movie = session.movie
        self.step = DecimalBox(_LEAST, none=_UNKNOWN)
        self.step.setObjectName("movie.z_step")
        self.step.setToolTip("How far apart the sections are")
        self.pixel = DecimalBox(_LEAST, none=_UNKNOWN)
        self.pixel.setObjectName("movie.pixel_size")
        self.pixel.setToolTip("Width of a pixel")
        self.words = Hint(name="movie.lengths_doubt")
        rows = QGridLayout()  # one below the other: side by side the second had no room
        rows.setSpacing(GAP)
        rows.setColumnStretch(1, 1)
        for row, (title, box) in enumerate((("Sections", self.step), ("Pixels", self.pixel))):
            rows.addWidget(label(title), row, 0)
            rows.addWidget(box, row, 1)
        column = Column(self)
        column.add(rows, self.words)
        for box, name in ((self.step, "z_step"), (self.pixel, "pixel_size")):
            box.setSuffix(" µm")
            box.valueChanged.connect(lambda _, box=box, name=name: self._choose(box, name))

    def _choose(self, box: DecimalBox, name: str) -> None:
        value: Any = box.value()
        self._movie.select(**{name: value})

    def show_view(self, view: MovieView) -> None:
        """Show what is known of the movie."""
        for box, value in ((self.step, view.z_step), (self.pixel, view.pixel_size)):
            with signals_blocked(box):
                box.setValue(value)
        missing = view.z_step is None or view.pixel_size is None
        self.words.say(
            "Give both: else cells are taken for as thick as they are wide." if missing else "",
            warn=missing,
        )
