"""Which cells are chosen: one dock chooses them, another one asks."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_unet.engine.labels.ids import BACKGROUND_ID

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.layers import Labels

    Cell = tuple[int, int]  # a frame, and an id on it


class ChosenCells:
    """The cells of one layer that were chosen last, by frame and id: each frame has its own ids."""

    changed = Signal()

    def __init__(self) -> None:
        self._layer: weakref.ref[Labels] | None = None
        self._cells: tuple[Cell, ...] = ()

    def choose(self, layer: Labels, cells: Iterable[Cell]) -> None:
        """Take cells as the ones that are chosen now; what is none is left out."""
        found = tuple(cell for cell in cells if cell[1] not in (0, BACKGROUND_ID))
        if found and found != self.of(layer):
            self._layer, self._cells = weakref.ref(layer), found
            self.changed.emit()

    def of(self, layer: Labels | None) -> tuple[Cell, ...]:
        """Return those of a layer; none where cells of another one were chosen last."""
        mine = self._layer is not None and layer is not None and self._layer() is layer
        return self._cells if mine else ()
