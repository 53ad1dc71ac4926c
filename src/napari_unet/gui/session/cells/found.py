"""What was found of some labels, such as a tree or a table of all cells, until they change."""

from __future__ import annotations

import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from napari_unet.gui.viewer.label_frames import edits_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Labels
    from qtpy.QtCore import QObject

    from napari_unet.gui.session.lifetime import Lifetime
    from napari_unet.gui.session.movie_labels import MovieLabels

Value = TypeVar("Value")


class Found(Generic[Value]):
    """What was found of the labels of one layer, and whether it still holds.

    Our own labels tell by their mark that they are others; of a layer from elsewhere its events
    tell, painting on it among them. What changes while it is looked for counts, too.
    """

    def __init__(self, labels: MovieLabels, lifetime: Lifetime, owner: QObject) -> None:
        self._labels, self._lifetime, self._owner = labels, lifetime, owner
        self._heard: weakref.WeakKeyDictionary[Labels, int] = weakref.WeakKeyDictionary()
        self._layer: weakref.ref[Labels] | None = None
        self._mark: object = None
        self._value: Value | None = None

    def begin(self, layer: Labels) -> Callable[[Value], None]:
        """Note which labels are looked at from now on; return what takes what was found of them."""
        if layer not in self._heard:
            self._heard[layer] = 0
            for event in edits_of(layer):
                self._lifetime.connect(event, self._on_edit, self._owner)
        return partial(self._take, weakref.ref(layer), self._now(layer))

    def of(self, layer: Labels | None) -> Value | None:
        """Return what was found of a layer, old or not; None where nothing was."""
        mine = self._layer is not None and layer is not None and self._layer() is layer
        return self._value if mine else None

    def holds(self, layer: Labels | None) -> bool:
        """Whether something was found of a layer, and its labels are the same since."""
        known = layer is not None and self.of(layer) is not None
        return bool(known and self._mark == self._now(layer))

    def forget(self) -> None:
        """Forget what was found."""
        self._layer = self._mark = self._value = None

    def _take(self, layer: weakref.ref[Labels], mark: object, value: Value) -> None:
        self._layer, self._mark, self._value = layer, mark, value

    def _now(self, layer: Labels | None) -> object:
        return self._labels.mark, self._heard.get(layer, 0) if layer is not None else 0

    def _on_edit(self, event: Any) -> None:
        if event.source in self._heard:
            self._heard[event.source] += 1
