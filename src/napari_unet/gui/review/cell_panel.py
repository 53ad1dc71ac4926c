"""The chosen cell: whose it is, and what can be said of it."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtWidgets import QWidget

from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.gui.session.workers import Latest
from napari_unet.gui.viewer.verb_keys import VERBS, with_key
from napari_unet.gui.widgets.parts import Column, Hint, allow, button
from napari_unet.gui.widgets.wrapping import Flow

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet.engine.session.live_labels import LiveLabels
    from napari_unet.gui.session.session import Session
    from napari_unet.gui.viewer.live_layer import LiveLayer

_NONE = "Click a cell to choose it."
_OF_CELL = "Cell "


class CellPanel(QWidget):
    """``Cell 11 · 143 µm² · the model's``, with *Confirm*, *Back to the model* and *Lock*."""

    def __init__(self, session: Session, actions: Callable[[], LiveLayer | None]) -> None:
        super().__init__()
        self._session, self._actions = session, actions
        self.line = Hint(_NONE, name="review.cell")
        self.buttons = {
            name: button(VERBS[name].title, f"review.{name}", VERBS[name].tip)
            for name in ("confirm_cell", "back_to_model", "lock")
        }
        for name, made in self.buttons.items():
            made.clicked.connect(partial(self._act, name))
        Column(self).add(self.line, Flow(*self.buttons.values()))
        self._why_not = ""
        self._latest = Latest(self)  # of a volume: too many pixels to look at here
        self._latest.answered.connect(lambda found: self._show(*found))

    def _act(self, name: str, *_: object) -> None:
        if (actions := self._actions()) is not None:
            actions.act(name)

    def update_cell(self, why_not: str) -> None:
        """Show the cell that is chosen in the layer."""
        actions, self._why_not = self._actions(), why_not
        self._latest.forget()
        if actions is None:
            self._show("", mine=False, locked=False)
            return
        cell, frame, live = int(actions.layer.selected_label), actions.frame, actions.live
        if not live.is_prepared(frame):  # else a watershed would run here
            self._show("Finding the cells of this frame…", mine=False, locked=False)
        elif live.ndim > 3 and 0 < cell < BACKGROUND_ID:
            self._latest.ask(lambda: self._describe(live, frame, cell))
        else:
            self._show(*self._describe(live, frame, cell))

    def _show(self, words: str, mine: bool, locked: bool) -> None:
        self.line.say(words)
        cell = words.startswith(_OF_CELL)
        none = self._why_not or ("" if cell else "Click a cell first")
        allow(self.buttons["confirm_cell"], none or ("It is yours already" if mine else ""))
        allow(self.buttons["back_to_model"], none or ("" if mine else "It is the model's"))
        allow(self.buttons["lock"], none)
        for name, made in self.buttons.items():
            title = "Unlock" if name == "lock" and locked else VERBS[name].title
            made.setText(with_key(name, title))

    def _describe(self, live: LiveLabels, frame: int, cell: int) -> tuple[str, bool, bool]:
        """Return the words on a cell, whether it is the user's, and whether it is locked."""
        if not 0 < cell < BACKGROUND_ID:
            return _NONE, False, False
        with live.frame_state(frame) as frame_state:
            area = int(np.count_nonzero(frame_state.labels == cell))
            if not area:
                return _NONE, False, False
            mine = bool((frame_state.mask.ids == cell).any())
            locked = mine and frame_state.is_locked(cell)
            state = live.corrections.states.of(frame, frame_state.labels).get(cell, "")
        stack = self._session.movie.stack
        spacing = stack.spacing if stack is not None else None
        if live.ndim > 3:
            size = f"{area * prod(spacing):.3g} µm³" if spacing else f"{area} voxels"
        else:
            pixel = stack.pixel_size if stack is not None else None
            size = f"{area * pixel**2:.3g} µm²" if pixel else f"{area} px"
        whose = "locked" if locked else "yours" if mine else "the model's"
        said = f" · {state}" if state else ""
        return f"{_OF_CELL}{cell} · {size} · {whose}{said}", mine, locked
