"""The verbs that link cells by hand: the cell that was chosen, and one of another frame."""

from __future__ import annotations

import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_unet.engine.labels.ids import BACKGROUND_ID

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Labels

    from napari_unet.engine.session.reviewing.cell_links import CellLinks
    from napari_unet.gui.session.session import Session
    from napari_unet.gui.viewer.live_layer import LiveLayer

    Cell = tuple[int, int]  # a frame, and an id on it

_HOW = {
    "link": "Choose a cell, go to another frame, and point at the one that it is there",
    "mother": "Choose the mother, go to a later frame, and point at her daughter",
    "unlink": "Point at a cell, or choose one: it is unlinked from the frame before",
}
_REST = ("pan_zoom", "pick")  # modes of the layer in which a click chooses


class LinkVerbs(QObject):
    """Links cells of one viewer's labels, by key where the cursor is, or by a button.

    An id alone names no cell, since each frame has its own: which frame a cell was chosen on is
    kept here, of the last two.
    """

    changed = Signal()  # another cell is chosen
    linked = Signal()  # something was said of two cells

    def __init__(
        self, session: Session, actions: Callable[[], LiveLayer | None], owner: QObject
    ) -> None:
        super().__init__(owner)
        self._session, self._actions = session, actions
        self._followed: weakref.WeakSet[LiveLayer] = weakref.WeakSet()
        self.chosen: Cell | None = None
        self.before: Cell | None = None

    def follow(self, actions: LiveLayer) -> None:
        """Hear which cells of a layer are chosen."""
        if actions in self._followed:
            return
        self._followed.add(actions)
        layer, life = actions.layer, self._session.lifetime
        life.connect(layer.events.selected_label, self._on_label, self)
        callbacks = layer.mouse_drag_callbacks
        callbacks.append(self._on_press)
        life.at_end(partial(_take_out, callbacks, self._on_press), self)

    def choose(self, frame: int, cell: int) -> None:
        """Take a cell as the one that is chosen now."""
        if 0 < cell < BACKGROUND_ID and (frame, cell) != self.chosen:
            self.before, self.chosen = self.chosen, (frame, cell)
            if (actions := self._actions()) is not None:
                self._session.chosen.choose(actions.layer, [self.chosen])
            self.changed.emit()

    def act(self, name: str, *, at_cursor: bool) -> None:
        """Do a verb, to the cell under the cursor and the chosen one; or to the last two chosen."""
        if (actions := self._actions()) is None:
            return
        last = (self._pointed(actions) if at_cursor else None) or self.chosen
        other = self._other(last)
        if last is None or (name != "unlink" and other is None):
            actions.corrector.say(f"{_HOW[name]}.", warn=True)
            return
        from napari_unet.engine.session.reviewing.cell_links import CellLinks

        links = CellLinks(actions.live)
        before = actions.live.corrections.n_done
        actions.corrector.run(lambda: self._do(links, name, last, other), actions.frame)
        if actions.live.corrections.n_done > before:
            self.linked.emit()

    # ---- inside -----------------------------------------------------------------------------

    def _do(self, links: CellLinks, name: str, last: Cell, other: Cell | None) -> tuple[int, ...]:
        if name == "unlink":
            links.unlink_before(*last)
        elif other is not None and name == "link":
            links.link(other, last)
        elif other is not None:
            links.set_mother(*sorted((other, last)))
        self.choose(*last)
        return (last[1],)

    def _other(self, last: Cell | None) -> Cell | None:
        """Return the cell that was chosen last on another frame."""
        found = (self.chosen, self.before) if last is not None else ()
        return next((cell for cell in found if cell and last and cell[0] != last[0]), None)

    def _pointed(self, actions: LiveLayer) -> Cell | None:
        """Return the cell under the cursor, on the frame on screen."""
        place = actions.layer.world_to_data(actions.viewer.cursor.position)[1:]
        label = actions.corrector.label_at(actions.frame, tuple(float(v) for v in place))
        return (actions.frame, label) if label else None

    def _on_label(self, _: Any = None) -> None:
        if (actions := self._actions()) is not None:
            self.choose(actions.frame, int(actions.layer.selected_label))

    def _on_press(self, layer: Labels, event: Any) -> None:
        """Take a press on a cell as choosing it: a cell of the same id says nothing by itself."""
        actions = self._actions()
        if actions is not None and actions.layer is layer and str(layer.mode) in _REST:
            place = tuple(float(v) for v in layer.world_to_data(event.position)[1:])
            self.choose(actions.frame, actions.corrector.label_at(actions.frame, place))


def _take_out(callbacks: list[Any], callback: Any) -> None:
    if callback in callbacks:
        callbacks.remove(callback)
