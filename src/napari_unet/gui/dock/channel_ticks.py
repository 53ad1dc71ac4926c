"""A tick for each channel: those ticked are one model's input together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget
from superqt.utils import signals_blocked

from napari_unet.gui.widgets.wrapping import Flow, WrapCheck

if TYPE_CHECKING:
    from collections.abc import Sequence

_TIP = "Tick several for a model that takes them together, in this order"


class ChannelTicks(QWidget):
    """Boxes in the order of the file; one at least is ticked."""

    changed = Signal(tuple)  # numbers of the channels

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self._flow = Flow()
        self.setLayout(self._flow)
        self.boxes: list[WrapCheck] = []

    def show_channels(self, names: Sequence[str], ticked: Sequence[int]) -> None:
        """Show a box for each name, and which of them are ticked; tells nobody."""
        if [box.text() for box in self.boxes] != list(names):
            for box in self.boxes:
                self._flow.removeWidget(box)
                box.deleteLater()
            self.boxes = [WrapCheck(name) for name in names]
            for box in self.boxes:
                self._flow.addWidget(box)
                box.setToolTip(_TIP)
                box.toggled.connect(self._on_toggled)
        for channel, box in enumerate(self.boxes):
            with signals_blocked(box):
                box.setChecked(channel in ticked)

    def _on_toggled(self, on: bool) -> None:
        ticked = tuple(i for i, box in enumerate(self.boxes) if box.isChecked())
        if ticked:
            self.changed.emit(ticked)
            return
        box = self.sender()
        if isinstance(box, WrapCheck):
            with signals_blocked(box):
                box.setChecked(True)  # a movie without channels is none
