"""A menu of the Labels layers, which follows the layer list."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox
from superqt.utils import signals_blocked

from napari_unet.gui.viewer import layers

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_unet.gui.session.session import Session


class LabelsMenu(QComboBox):
    """Labels layers by name; the movie's live labels are chosen until a user chooses others."""

    chosen = Signal()  # another layer, whoever chose it

    def __init__(self, session: Session, name: str, tip: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setToolTip(tip)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self._session = session
        self._layers: list[weakref.ref[Labels]] = []
        self._picked: weakref.ref[Labels] | None = None
        self.currentIndexChanged.connect(self._on_picked)
        session.movie.layers_changed.connect(self.show_layers)
        session.labels.changed.connect(self.show_layers)
        session.movie.changed.connect(self.show_layers)
        self.show_layers()

    def layer(self) -> Labels | None:
        """Return the layer chosen, or None."""
        index = self.currentIndex()
        return self._layers[index]() if 0 <= index < len(self._layers) else None

    def show_layers(self) -> None:
        """Show the layers there are; what was chosen stays chosen."""
        before = self.layer()
        found = layers.label_layers(self._session.viewer)
        picked = self._picked() if self._picked is not None else None
        live = self._session.labels.layer
        chosen = next(
            (x for x in (picked, live, before) if x in found), found[-1] if found else None
        )
        with signals_blocked(self):
            self.clear()
            self._layers = [weakref.ref(x) for x in found]
            self.addItems([x.name for x in found] or ["no labels yet"])
            self.setCurrentIndex(found.index(chosen) if chosen is not None else 0)
        self.setEnabled(bool(found))
        if chosen is not before:
            self.chosen.emit()

    def _on_picked(self, _: int) -> None:
        layer = self.layer()
        self._picked = weakref.ref(layer) if layer is not None else None
        self.chosen.emit()
