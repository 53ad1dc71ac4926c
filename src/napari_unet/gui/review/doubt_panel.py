"""The doubts about a movie's labels, and what a user does about each by a key."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_unet.engine.text import counted
from napari_unet.gui.review.doubt_list import ROWS, DoubtList, likely_frames
from napari_unet.gui.review.doubt_search import DoubtSearch
from napari_unet.gui.review.doubt_strip import DoubtStrip, Place, Scene
from napari_unet.gui.review.mirroring import Seeing
from napari_unet.gui.session.workers import Latest
from napari_unet.gui.viewer.look_at import look_at
from napari_unet.gui.viewer.preferences import preference
from napari_unet.gui.viewer.verb_keys import DOUBT_VERBS, VERBS, with_key
from napari_unet.gui.widgets.parts import Column, Hint, allow, button, primary
from napari_unet.gui.widgets.wrapping import Flow

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtGui import QShowEvent

    from napari_unet.engine.session.live_labels import LiveLabels
    from napari_unet.engine.tracks.doubts.doubt import Doubt
    from napari_unet.gui.session.session import Session
    from napari_unet.gui.viewer.live_layer import LiveLayer

_SHORT = {"previous_doubt": "◂", "next_doubt": "Next ▸"}  # on buttons, which stand in one row
_WHEN = "They are found once frames with cells are segmented."
_NO_REPAIR = "No repair is offered here."
_NONE = "No doubts: every cell goes on as on the frames before and after."


class DoubtPanel(QWidget):
    """Doubts, worst first, found in the background while this is in sight.

    One is looked at: in the canvas, in a strip of the frames around it, and in words.
    """

    marked = Signal()  # other frames have doubts
    turned = Signal()  # to another doubt, or to none

    def __init__(self, session: Session, actions: Callable[[], LiveLayer | None]) -> None:
        super().__init__()
        self._session, self._actions = session, actions
        self._why_not, self._begins = "", False
        self._row = -1  # of the doubt that is looked at
        self._at: Doubt | None = None
        self._seen: Doubt | None = None  # the last one looked at, which may be mended by now
        self._live: LiveLabels | None = None
        self.search = DoubtSearch(self)
        self._ahead = Latest(self, wait_ms=0)
        self.list, self.strip = DoubtList(), DoubtStrip()
        self.line = Hint(name="review.doubt", lines=2)
        self.buttons = {
            name: button(VERBS[name].title, f"review.{name}", VERBS[name].tip)
            for name in DOUBT_VERBS
        }
        for name, made in self.buttons.items():
            made.clicked.connect(partial(self.act, name))
        self.all = button("All", "review.all_doubts", "Show them as a list", checkable=True)
        self.all.toggled.connect(lambda _: self._show_list())
        Column(self).add(self.line, Flow(*self.buttons.values()), self.strip, self.list)
        self.list.itemClicked.connect(lambda _: self._go_to(self.list.currentRow()))
        self.strip.chosen.connect(self._on_tile)
        self.search.found.connect(self._show)
        life = session.lifetime
        life.connect(session.labels.painted, self._on_painted, self)
        life.connect(session.job.changed, self._on_job, self)
        life.at_end(self.search.aside.close, self)

    @property
    def frames(self) -> tuple[frozenset[int], frozenset[int]]:
        """Frames on which something is likely wrong, and those on which it goes on."""
        return likely_frames(self.search.doubts)

    @property
    def offered(self) -> bool:
        """Whether a doubt is looked at that offers a repair."""
        return self._at is not None and self._at.repair is not None

    def update_state(self, why_not: str) -> None:
        """Follow the movie's labels, or say why there are none to follow."""
        self._why_not = why_not
        if self.isVisible():
            labels, stack = self._session.labels, self._session.movie.stack
            if labels.live is not self._live:  # of another movie
                self._live, self._at, self._seen = labels.live, None, None
            live = None if why_not else labels.live
            self.search.follow(live, stack, labels.passed, self._seeing())
        self._say()
        self._show_strip()

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

    def begin_when_found(self) -> None:
        """Go to the worst doubt, once all are found."""
        self._begins = True
        self._at = self._seen = None
        self.update_state(self._why_not)
        self._begin()

    def _begin(self) -> None:
        if self._begins and self.search.done:
            self._begins = False
            self._go_to(0)

    # ---- inside -----------------------------------------------------------------------------

    def _take(self, doubt: Doubt) -> None:
        from napari_unet.engine.session.reviewing.repairs import Repairs

        actions = self._actions()
        if actions is None:
            return
        if doubt.repair is None:
            actions.corrector.say(f"{_NO_REPAIR} Correct it by hand, or say Fine.", warn=True)
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
            if doubt.whole_frame:
                self._session.labels.pass_frames((doubt.reason, doubt.frame))
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
        doubts = self.search.doubts[:ROWS]
        actions = self._actions()
        if actions is None or not 0 <= row < len(doubts):
            self._say()
            return
        self._row, one = row, doubts[row]
        self._at = self._seen = one
        self.list.setCurrentRow(row)
        viewer, layer = self._session.viewer, actions.layer
        viewer.layers.selection.active = layer  # so that its keys hold
        look_at(viewer, layer, (one.frame, *one.place), one.size)
        if one.cells:
            layer.selected_label = one.cells[0]
        live = actions.live
        source = one.repair.source if one.repair is not None else -1
        near = dict.fromkeys((one.frame, source, one.frame - 1, one.frame + 1))
        there = [t for t in near if 0 <= t < len(live)][: live.keeps]  # volumes may be large
        frames = [t for t in sorted(there) if not live.is_prepared(t)]
        if frames:  # a repair must not wait for a watershed
            self._ahead.ask(lambda: [live.prepare(t) for t in frames])
        self._say()
        self._show_strip()

    def _on_tile(self, frame: int) -> None:
        actions, place = self._actions(), self.strip.at
        if actions is not None and place is not None:
            look_at(self._session.viewer, actions.layer, (frame, *place.on(frame)), place.size)

    def _seeing(self) -> Seeing | None:
        """Return the model of the labels, where it is open, to see some frames mirrored."""
        session = self._session
        stack, model = session.movie.stack, session.labels.model
        if stack is None or model is None:
            return None
        return Seeing(stack, model, session.models.settings, int(preference("doubts", "flips")))

    def _on_job(self, _: object) -> None:
        self.search.may_predict(not self._session.job.running)

    def _on_painted(self, frames: tuple[int, ...]) -> None:
        self.search.look_again(frames)
        self._show_strip()

    def _show(self) -> None:
        """Fill the list; the doubt that is looked at keeps its place."""
        doubts = self.search.doubts[:ROWS]
        if self._at is not None:
            same = next((i for i, one in enumerate(doubts) if _is_same(one, self._at)), -1)
            if same >= 0:
                self._row, self._at = same, doubts[same]
                self._seen = self._at
            elif self.search.done:
                self._row, self._at = self._row - 1, None  # the next one is in its row now
        self.list.show_doubts(doubts, self._row if self._at is not None else -1)
        self._say()
        self._show_strip()
        self.marked.emit()
        self._begin()

    def _show_strip(self) -> None:
        """Show the doubt on its frame and on those beside it."""
        one, scene = self._seen, self._scene()
        if one is None or one.whole_frame or self._why_not:
            scene = None
        place = self._place_of(one) if one and scene else None
        if not self.isVisible() and place is not None:
            return
        self.strip.look(scene, place, self._session.labels.mark)

    def _place_of(self, one: Doubt) -> Place:
        t, way = one.frame, self.search.way
        return Place(t, one.place, one.size, one.cells, (way(t, t - 1), way(t, t + 1)))

    def _scene(self) -> Scene | None:
        session = self._session
        image, stack = session.movie.image, session.movie.stack
        actions = self._actions()
        if image is None or stack is None or actions is None:
            return None
        low, high = (float(v) for v in image.contrast_limits)
        colours = np.asarray(actions.layer.colormap.colors, np.float32)
        return Scene(stack, actions.live, (low, high if high > low else low + 1), colours)

    def _words(self) -> str:
        n, one, search = len(self.search.doubts), self._at, self.search
        if self._why_not:
            return "" if self._session.movie.stack is None else _WHEN
        if one is not None:
            offered = f"{one.repair}" if one.repair is not None else _unasked(one)
            return f"{self._row + 1} of {n}: {one.words}. {offered[:1].upper()}{offered[1:]}?"
        if not search.done:
            return f"{counted(n, 'doubt')}, still looking…" if n else "Looking for doubts…"
        left = " left" if self._seen is not None else ""
        found = f"{counted(n, 'doubt')}{left}" if n else _NONE
        if search.failed:
            found = f"{found}. Others" if n else "Doubts"
            return f"{found} could not be found: {search.failed}"
        return found

    def _say(self) -> None:
        n, one = len(self.search.doubts), self._at
        self.line.say(self._words())
        none = self._why_not or ("" if n else "There are no doubts")
        at = none or ("" if one is not None else "Go to a doubt first")
        allow(self.buttons["next_doubt"], none)
        allow(self.buttons["previous_doubt"], none)
        no_repair = "" if one is None or one.repair is not None else _NO_REPAIR[:-1]
        allow(self.buttons["repair"], at or no_repair)
        allow(self.buttons["fine"], at)
        primary(self.buttons["repair"], self.offered)
        allow(self.all, none)
        self._show_list()
        for name, made in self.buttons.items():
            made.setText(with_key(name, _SHORT.get(name, "")))
        self.turned.emit()

    def _show_list(self) -> None:
        self.list.setVisible(self.all.isChecked() and bool(self.search.doubts))


def _unasked(doubt: Doubt) -> str:
    """Return what a user may do about a doubt that offers no repair."""
    return "paint this frame, or leave it out" if doubt.whole_frame else "look at it"


def _is_same(one: Doubt, other: Doubt) -> bool:
    """Whether two doubts are of the same place, after what lies around it was changed."""
    if one.whole_frame or other.whole_frame:
        return (one.frame, one.reason) == (other.frame, other.reason)
    return one.frame == other.frame and one.away(other.place) <= max(one.size, other.size) / 4
