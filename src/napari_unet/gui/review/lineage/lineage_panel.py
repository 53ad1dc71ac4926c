"""Cells through time: the verbs that link them by hand, and which cells those are done to."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari.utils.action_manager import action_manager
from qtpy.QtWidgets import QWidget

from napari_unet.gui.viewer.verb_keys import LINK_VERBS, VERBS, action_of, keys_of
from napari_unet.gui.widgets.parts import Column, Hint, allow, button
from napari_unet.gui.widgets.wrapping import Flow

if TYPE_CHECKING:
    from napari_unet.gui.review.lineage.link_verbs import LinkVerbs
    from napari_unet.gui.session.session import Session

_NONE = "Choose a cell, go to another frame, and choose the one that it is there."


class LineagePanel(QWidget):
    """*Link*, *Unlink* and *Mother*, and the two cells that were chosen last."""

    def __init__(self, session: Session, verbs: LinkVerbs) -> None:
        super().__init__()
        self._session, self._verbs, self._why_not = session, verbs, ""
        self.line = Hint(_NONE, name="review.pair")
        self.buttons = {
            name: button(VERBS[name].title, f"review.{name}", VERBS[name].tip)
            for name in LINK_VERBS
        }
        for name, made in self.buttons.items():
            made.clicked.connect(partial(self._act, name))
        Column(self).add(self.line, Flow(*self.buttons.values()))
        verbs.changed.connect(self._show)
        session.lifetime.connect(action_manager.events.shortcut_changed, self._show_keys, self)
        self._show_keys()

    def update_state(self, why_not: str) -> None:
        """Switch the buttons on, or off with the reason."""
        self._why_not = why_not
        self._show()

    def _act(self, name: str, *_: object) -> None:
        self._verbs.act(name, at_cursor=False)

    def _show(self) -> None:
        chosen, before = self._verbs.chosen, self._verbs.before
        pair = chosen is not None and before is not None and chosen[0] != before[0]
        two = "" if pair else _NONE
        for name, made in self.buttons.items():
            one = "" if chosen is not None else "Choose a cell first"
            allow(made, self._why_not or (one if name == "unlink" else two))
        if chosen is None:
            self.line.say(_NONE)
        elif pair and before is not None:
            (s, was), (t, now) = sorted((before, chosen))
            self.line.say(f"Cell {was} of frame {s}, and cell {now} of frame {t}")
        else:
            self.line.say(f"Cell {chosen[1]} of frame {chosen[0]}, and one of another frame")

    def _show_keys(self, event: object = None) -> None:
        if getattr(event, "name", action_of("link")) in map(action_of, LINK_VERBS):
            for name, made in self.buttons.items():
                made.setText(f"{VERBS[name].title}  {' '.join(keys_of(name)[:1])}".rstrip())
