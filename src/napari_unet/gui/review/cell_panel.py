"""The chosen cell: whose it is, and what can be said of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtWidgets import QWidget

from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.gui.viewer.verb_keys import VERBS, keys_of
from napari_unet.gui.widgets.parts import Column, Hint, allow, button
from napari_unet.gui.widgets.wrapping import Flow

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet.engine.session.live_labels import LiveLabels
    from napari_unet.gui.session.session import Session
    from napari_unet.gui.viewer.live_layer import LiveLayer

_NONE = "Click a cell to choose it."


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

    def _act(self, name: str, *_: object) -> None:
        if (actions := self._actions()) is not None:
            actions.act(name)

    def update_cell(self, why_not: str) -> None:
        """Show the cell that is chosen in the layer."""
        actions = self._actions()
        cell, mine, locked = 0, False, False
        if actions is not None:
            cell, frame, live = int(actions.layer.selected_label), actions.frame, actions.live
            if live.is_prepared(frame):  # else a watershed would run here
                words, mine, locked = self._describe(live, frame, cell)
                self.line.say(words)
                cell = cell if words != _NONE else 0
            else:
                self.line.say("Finding the cells of this frame…")
                cell = 0
        else:
            self.line.say("")
        none = why_not or ("" if cell else "Click a cell first")
        allow(self.buttons["confirm_cell"], none or ("It is yours already" if mine else ""))
        allow(self.buttons["back_to_model"], none or ("" if mine else "It is the model's"))
        allow(self.buttons["lock"], none)
        for name, made in self.buttons.items():
            title = "Unlock" if name == "lock" and locked else VERBS[name].title
            made.setText(f"{title}  {' '.join(keys_of(name)[:1])}".rstrip())

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
        pixel = stack.pixel_size if stack is not None else None
        size = f"{area * pixel**2:.3g} µm²" if pixel else f"{area} px"
        whose = "locked" if locked else "yours" if mine else "the model's"
        said = f" · {state}" if state else ""
        return f"Cell {cell} · {size} · {whose}{said}", mine, locked
