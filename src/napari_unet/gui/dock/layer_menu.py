"""Menus of layers: magicgui's layer choices, for the viewer of a session.

napari's own choices ask which viewer a widget is in. A dock is built before it is in one, and there
may be several; the session knows which is meant.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox
from psygnal import Signal
from superqt.utils import signals_blocked

from napari_unet.gui.viewer import layers
from napari_unet.gui.widgets.parts import narrow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.layers import Image, Labels, Layer
    from napari.viewer import Viewer

    from napari_unet.gui.session.session import Session


class LayerMenu(ComboBox):
    """Layers of one kind by name, as they lie in the layer list."""

    chosen = Signal()  # another layer, whoever chose it

    def __init__(
        self,
        session: Session,
        kind: str,
        found: Callable[[Viewer], Sequence[Layer]],
        name: str,
        tooltip: str,
        empty: str,
    ) -> None:
        self._session, self._empty = session, empty
        self._viewer = weakref.ref(session.viewer)  # a parent changes when the viewer closes, too
        self._found = found
        super().__init__(annotation=kind, choices=self._layers, tooltip=tooltip)
        self.native.setObjectName(name)
        narrow(self.native)
        self.changed.connect(self._on_picked)

    def layer(self) -> Any:
        """Return the layer chosen, or None."""
        return self.value

    def reset_choices(self, *_: Any) -> None:
        """Show the layers there are; what is chosen stays chosen, renamed or moved."""
        before = self.layer()
        with self.changed.blocked(), signals_blocked(self.native):
            self.native.clear()  # magicgui keeps the order in which names came
            super().reset_choices()
            self.value = self._choose(before)
        self.native.setEnabled(self.layer() is not None)
        if self.layer() is not before:
            self.chosen.emit()

    def _choose(self, before: Layer | None) -> Any:
        return before if before in self.choices else self.choices[-1]

    def _layers(self, _: Any) -> list[tuple[str, Layer | None]]:
        viewer = self._viewer()
        found = self._found(viewer) if viewer is not None else ()
        return [(layer.name, layer) for layer in found] or [(self._empty, None)]

    def _on_picked(self, _: Any) -> None:
        self.chosen.emit()


class ImageMenu(LayerMenu):
    """The layer that is the movie; the same in all docks."""

    def __init__(self, session: Session, name: str, tooltip: str) -> None:
        empty = "no image layer yet"
        super().__init__(session, "napari.layers.Image", layers.images, name, tooltip, empty)

    def _choose(self, before: Image | None) -> Any:
        return self._session.movie.image or super()._choose(before)

    def _on_picked(self, layer: Image) -> None:
        self._session.movie.choose_image(layer)
        self._session.show_movie()
        super()._on_picked(layer)


class LabelsMenu(LayerMenu):
    """Labels layers; the movie's live labels are chosen until a user chooses others."""

    def __init__(self, session: Session, name: str, tooltip: str) -> None:
        self._picked: weakref.ref[Labels] | None = None
        kind, empty = "napari.layers.Labels", "no labels yet"
        super().__init__(session, kind, layers.label_layers, name, tooltip, empty)
        news = (session.movie.layers_changed, session.labels.changed, session.movie.changed)
        session.lifetime.connect_all(news, self.reset_choices, self.native)

    def stay(self) -> None:
        """Take what is chosen now as a user's choice: labels that come later do not replace it."""
        layer = self.layer()
        self._picked = weakref.ref(layer) if layer is not None else None

    def _choose(self, before: Labels | None) -> Any:
        picked = self._picked() if self._picked is not None else None
        wanted = (picked, self._session.labels.layer, before)
        return next((x for x in wanted if x in self.choices), self.choices[-1])

    def _on_picked(self, layer: Labels) -> None:
        self._picked = weakref.ref(layer)
        super()._on_picked(layer)
