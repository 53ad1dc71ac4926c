"""The doubts about a movie's labels as a list, and what a user does about each by a key."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QWidget

from napari_unet.engine.text import counted
from napari_unet.gui.review.doubt_search import DoubtSearch
from napari_unet.gui.session.workers import Latest
from napari_unet.gui.viewer.look_at import look_at
from napari_unet.gui.viewer.verb_keys import DOUBT_VERBS, VERBS, keys_of
from napari_unet.gui.widgets.parts import Column, Fold, Hint, allow, button
from napari_unet.gui.widgets.wrapping import Flow

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtGui import QShowEvent

    from napari_unet.engine.tracks.doubts.doubt import Doubt
    from napari_unet.gui.session.session import Session
    from napari_unet.gui.viewer.live_layer import LiveLayer

_ROWS, _ROWS_SHOWN = 200, 5  # of the list; the worst, as many as anyone goes through at once
_SHORT = {"previous_doubt": "◂", "next_doubt": "Next ▸"}  # on buttons, which stand in one row
_LIKELY = 0.5  # score from which a frame has a mark in the timeline


class DoubtPanel(QWidget):
    """Doubts, worst first, found in the background while this is in sight."""

    marked = Signal()  # other frames have doubts

    def __init__(self, session: Session, actions: Callable[[], LiveLayer | None]) -> None:
        super().__init__()
        self._session, self._actions = session, actions
        self._why_not = ""
        self._row = -1  # of the doubt that is looked at
        self._at: Doubt | None = None
        self.search = DoubtSearch(self)
        self._ahead = Latest(self, wait_ms=0)
        self.list = QListWidget(objectName="review.doubts")
        self.list.setMaximumHeight(self.list.fontMetrics().height() * (_ROWS_SHOWN + 1) + 12)
        self.line = Hint(name="review.doubt")
        self.buttons = {
            name: button(VERBS[name].title, f"review.{name}", VERBS[name].tip)
            for name in DOUBT_VERBS
        }
        for name, made in self.buttons.items():
            made.clicked.connect(partial(self.act, name))
        self.all = Fold("All doubts", lambda: self.list)
        Column(self).add(self.line, Flow(*self.buttons.values()), self.all)
        self.list.itemClicked.connect(lambda _: self._go_to(self.list.currentRow()))
        self.search.found.connect(self._show)
        session.lifetime.connect(session.labels.painted, self._on_painted, self)

    @property
    def frames(self) -> frozenset[int]:
        """Frames on which something is likely wrong."""
        return frozenset(one.frame for one in self.search.doubts if one.score >= _LIKELY)

    def update_state(self, why_not: str) -> None:
        """Follow the movie's labels, or say why there are none to follow."""
        self._why_not = why_not
        if self.isVisible():
            self.search.follow(None if why_not else self._session.labels.live)
        self._say()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Begin to look, or go on."""
        super().showEvent(event)
        self.update_state(self._why_not)

    def act(self, verb: str, *_: object) -> None:
        """Do what a button or a key is for."""
        if self._why_not or verb not in self.buttons:
            return
        if verb == "next_doubt":
            self._go_to(self._row + 1)
        elif verb == "previous_doubt":
            self._go_to(self._row - 1)
        elif self._at is not None:
            (self._take if verb == "repair" else self._leave)(self._at)

    # ---- inside -----------------------------------------------------------------------------

    def _take(self, doubt: Doubt) -> None:
        from napari_unet.engine.session.reviewing.repairs import Repairs

        actions = self._actions()
        if actions is None:
            return
        before = actions.live.corrections.last_done
        repairs = Repairs(actions.live)
        actions.corrector.run(lambda: repairs.take(doubt), doubt.frame)
        if actions.live.corrections.last_done is not before:
            self._done_with(doubt)

    def _leave(self, doubt: Doubt) -> None:
        from napari_unet.engine.session.reviewing.settled import say_fine

        actions = self._actions()
        if actions is not None:
            say_fine(actions.live, doubt)
            actions.corrector.say("Fine as it is.")
            self._done_with(doubt)

    def _done_with(self, doubt: Doubt) -> None:
        """Go on to the next one, which takes the row of this one."""
        self.search.drop(doubt)
        self._at = None
        self._show()
        self._go_to(min(self._row, len(self.search.doubts) - 1))

    def _go_to(self, row: int) -> None:
        doubts = self.search.doubts[:_ROWS]
        actions = self._actions()
        if actions is None or not 0 <= row < len(doubts):
            self._say()
            return
        self._row, one = row, doubts[row]
        self._at = one
        self.list.setCurrentRow(row)
        viewer, layer = self._session.viewer, actions.layer
        viewer.layers.selection.active = layer  # so that its keys hold
        look_at(viewer, layer, (one.frame, one.y, one.x), one.size)
        if one.cells:
            layer.selected_label = one.cells[0]
        live = actions.live
        source = one.repair.source if one.repair is not None else -1
        frames = [t for t in (one.frame, source) if t >= 0 and not live.is_prepared(t)]
        if frames:  # a repair must not wait for a watershed
            self._ahead.ask(lambda: [live.prepare(t) for t in frames])
        self._say()

    def _on_painted(self, frames: tuple[int, ...]) -> None:
        self.search.look_again(frames)

    def _show(self) -> None:
        """Fill the list; the doubt that is looked at keeps its place."""
        doubts = self.search.doubts[:_ROWS]
        if self._at is not None:
            same = next((i for i, one in enumerate(doubts) if _is_same(one, self._at)), -1)
            if same >= 0:
                self._row, self._at = same, doubts[same]
            elif self.search.done:
                self._row, self._at = self._row - 1, None  # the next one is in its row now
        self.list.blockSignals(True)
        self.list.clear()
        for one in doubts:
            where = f"{one.frame} · {one.cells[0]}" if one.cells else f"{one.frame}"
            item = QListWidgetItem(f"{where}   {one.words}")
            item.setToolTip(f"Frame {one.frame}: {one.words}. Repair: {one.repair or 'none'}")
            item.setData(Qt.ItemDataRole.UserRole, one.score)
            self.list.addItem(item)
        self.list.setCurrentRow(self._row if self._at is not None else -1)
        self.list.blockSignals(False)
        self._say()
        self.marked.emit()

    def _say(self) -> None:
        n, one = len(self.search.doubts), self._at
        if self._why_not:
            words = ""
        elif one is not None:
            offered = f"{one.repair}" if one.repair is not None else "look at it"
            words = f"{self._row + 1} of {n}: {one.words}. {offered[:1].upper()}{offered[1:]}?"
        else:
            words = counted(n, "doubt") if n else "No doubts"
            words += "" if self.search.done else ", still looking…"
        self.line.say(words)
        none = self._why_not or ("" if n else "There are no doubts")
        at = none or ("" if one is not None else "Go to a doubt first")
        allow(self.buttons["next_doubt"], none)
        allow(self.buttons["previous_doubt"], none)
        no_repair = "" if one is None or one.repair is not None else "Nothing is offered here"
        allow(self.buttons["repair"], at or no_repair)
        allow(self.buttons["fine"], at)
        for name, made in self.buttons.items():
            title = _SHORT.get(name, VERBS[name].title)
            made.setText(f"{title}  {' '.join(keys_of(name)[:1])}".rstrip())


def _is_same(one: Doubt, other: Doubt) -> bool:
    """Whether two doubts are of the same place, after what lies around it was changed."""
    apart = max(abs(one.y - other.y), abs(one.x - other.x))
    return one.frame == other.frame and apart <= max(one.size, other.size) / 4
