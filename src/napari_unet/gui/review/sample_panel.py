"""*Check a sample*: random windows one by one, in which a user counts errors by keys."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

import numpy as np
from qtpy.QtWidgets import QWidget

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.text import counted
from napari_unet.gui.session.workers import Latest
from napari_unet.gui.viewer.look_at import look_at
from napari_unet.gui.viewer.marks.window_mark import WindowMark
from napari_unet.gui.viewer.verb_keys import SAMPLE_VERBS, VERBS, with_key
from napari_unet.gui.widgets.groups import rule
from napari_unet.gui.widgets.parts import Column, Hint, allow, button
from napari_unet.gui.widgets.wrapping import Flow

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_unet.engine.jobs.check.sample import Kind, Sample
    from napari_unet.engine.jobs.check.windows import Window
    from napari_unet.engine.session.live_labels import LiveLabels
    from napari_unet.gui.session.session import Session
    from napari_unet.gui.viewer.live_layer import LiveLayer

N_WINDOWS = 20
_ACROSS = 6.0  # a window is that part of what `look_at` takes for a cell
_WHAT = (
    f"Count errors in {N_WINDOWS} random windows: the rate of errors, with its 95 % interval, goes "
    "with what is exported."
)
_HERE = "Below: count what is wrong in the window on the canvas, then go on to the next."
_FEW = "Fewer than two windows with cells were looked at."
_CHANGED = "The labels changed since then: what was found is of others."


class SamplePanel(QWidget):
    """Draws windows of the labels, shows one after the other, and says the rate of errors.

    What is pressed meanwhile is ``running``, which the dock puts where it stays in sight.
    """

    def __init__(self, session: Session, actions: Callable[[], LiveLayer | None]) -> None:
        super().__init__()
        self._session, self._actions = session, actions
        self._known: Sample | None = None  # that is spoken of
        self._of: LiveLabels | None = None  # it is
        self._goes_on = False  # else it is of an earlier session, or of labels that came back
        self._window: WindowMark | None = None
        self._shown: Window | None = None  # that the canvas was brought to
        self._why_not = ""
        self._drawn = 0  # samples
        self._drawer = Latest(self, wait_ms=0)
        self._drawer.answered.connect(self._begin)
        self._drawer.failed.connect(lambda line: self.rate.say(line, warn=True))
        self.line, self.rate = Hint(name="review.sample"), Hint(_WHAT, name="review.rate")
        self.of_images = Hint(name="review.of_images")
        self.start = button(
            "Draw windows", "review.check", "Draw random windows, and show the first"
        )
        self.take_back = button("Take back", "review.take_back", "The last error counted was none")
        self.buttons = {
            name: button(VERBS[name].title, f"review.{name}", VERBS[name].tip)
            for name in SAMPLE_VERBS
        }
        for name, made in self.buttons.items():
            made.clicked.connect(partial(self.act, name))
        self.start.clicked.connect(self._on_start)
        self.take_back.clicked.connect(self._on_take_back)
        self.stop = button("Stop", "review.stop_check", "What was looked at counts")
        self.stop.clicked.connect(self._on_stop)
        self.running = QWidget()
        inside = (*self.buttons.values(), self.take_back, self.stop)
        Column(self.running).add(self.line, Flow(*inside), rule())
        Column(self).add(self.rate, self.of_images, Flow(self.start))
        session.lifetime.connect(session.labels.looked, self._on_looked, self)

    @property
    def sample(self) -> Sample | None:
        """The windows of the labels as they are; None where none were drawn, or they changed."""
        return self._session.labels.sample

    def update_state(self, why_not: str) -> None:
        """Follow the labels: what was found in them goes as they change."""
        self._why_not = why_not
        sample = self.sample
        if sample is not self._known:
            self._turn_to(sample)
        under_way = sample is not None and not sample.ended
        looks = under_way and self._goes_on
        self.start.setText("Go on" if under_way and not looks else "Draw windows")
        allow(self.start, "A sample is looked at now" if looks else why_not)
        self.running.setVisible(looks)
        none = "" if looks else "Draw windows first"
        for name, made in self.buttons.items():
            allow(made, none)
            made.setText(with_key(name))
        for made in (self.take_back, self.stop):
            allow(made, none)

    def act(self, verb: str, *_: object) -> None:
        """Do what a button or a key is for."""
        sample, actions = self.sample, self._actions()
        if sample is None or sample.ended or not self._goes_on:
            if actions is not None:
                ended = "All windows were looked at: see " if sample and sample.ended else ""
                first = ended or f"{self.start.text()} first, under "
                actions.corrector.say(f"{first}Check a sample.", warn=True)
            return
        if verb == "looked_at":
            sample.go_on()
        else:
            try:
                sample.mark(cast("Kind", verb))
            except BadInput as error:
                self.line.say(str(error), warn=True)
                return
        self._show()

    # ---- inside -----------------------------------------------------------------------------

    def _on_looked(self) -> None:
        self.update_state(self._why_not)

    def _turn_to(self, sample: Sample | None) -> None:
        """Speak of another sample: kept of an earlier session, or none, as the labels changed."""
        live, before = self._session.labels.live, self._of
        self._known, self._of, self._goes_on, self._shown = sample, live, False, None
        self._hide_window()
        if sample is None:
            self.rate.say(_CHANGED if live is before else _WHAT)
        elif sample.ended:
            self.rate.say(_said(sample))
        else:
            self.rate.say(f"{len(sample.done)} of {len(sample.windows)} windows were looked at.")

    def _on_stop(self) -> None:
        if (sample := self.sample) is not None:
            sample.stopped = True
            self._show()

    def _on_start(self) -> None:
        """Go on with the windows that there are, or draw other ones than before."""
        from napari_unet.engine.session.reviewing.mark import mark_of

        live, sample = self._session.labels.live, self.sample
        if live is None:
            return
        if sample is not None and not sample.ended:
            self._begin(sample)
            return
        frames = [
            t for t in range(len(live)) if live.computed(t) or live.corrections.is_complete(t)
        ]
        if not frames:
            self.rate.say("Segment the movie first: no frame has labels.", warn=True)
            return
        self.rate.say("Drawing windows…")
        self._drawn += 1
        mark, n = mark_of(live), self._drawn
        self._drawer.ask(lambda: _draw(live, frames, mark, n))

    def _begin(self, sample: Sample) -> None:
        """Look through a sample, from the first window that was not looked at."""
        labels = self._session.labels
        self._known, self._of, self._goes_on = sample, labels.live, True
        labels.take_sample(sample)
        if labels.sample is sample:  # else they changed meanwhile
            self.rate.say(_HERE)
            self._show()

    def _on_take_back(self) -> None:
        if (sample := self.sample) is not None and sample.take_back():
            self._show()

    def _show(self) -> None:
        """Show the window that is looked at, and what was counted; or the end. Keep both."""
        sample, actions = self.sample, self._actions()
        if sample is None or actions is None:
            return
        self._session.labels.take_sample(sample)
        if sample.ended:
            self._hide_window()
            self.rate.say(_said(sample))
            return
        one, now = sample.window, sample.counts[sample.at]
        found = ((now.wrong, "wrong"), (now.missed, "missed"), (now.invented, "invented"))
        said = ", ".join(f"{n} {what}" for n, what in found if n) or "no error yet"
        self.line.say(
            f"Window {sample.at + 1} of {len(sample.windows)}, frame {one.frame}, "
            f"{counted(now.cells, 'cell')}: {said}."
        )
        viewer, layer = self._session.viewer, actions.layer
        viewer.layers.selection.active = layer  # so that its keys hold
        box = (one.y, one.x, one.height, one.width)
        if self._window is None:
            self._window = mark = WindowMark(viewer)
            self._session.lifetime.connect_all(mark.news, mark.follow, mark)
        if self._shown is not one:  # else a user may have moved on in it
            self._shown = one
            middle = (one.frame, one.y + (one.height - 1) / 2, one.x + (one.width - 1) / 2)
            look_at(viewer, layer, middle, max(one.height, one.width) / _ACROSS)
        self._window.show_window(layer, one.frame, box)

    def _hide_window(self) -> None:
        if self._window is not None:
            self._window.show_window(None, 0, (0, 0, 0, 0))


def _said(sample: Sample) -> str:
    """Return what came of a sample: the rate of errors."""
    rate = sample.rate()
    return f"{rate}. It goes with what is exported." if rate is not None else _FEW


def _draw(live: LiveLabels, frames: list[int], mark: str, n: int) -> Sample:
    """Draw windows of the labels, other ones each time and for other labels.

    Takes a watershed for each frame that was not on screen.
    """
    from napari_unet.engine.jobs.check.sample import draw_sample
    from napari_unet.engine.session.reviewing.aside import labels_aside

    def labels(t: int) -> NDArray[np.uint16]:
        found = labels_aside(live, t)
        if found is None:
            return np.zeros(live.shape[1:], np.uint16)
        return np.where(found == BACKGROUND_ID, np.uint16(0), found)

    seed = int(mark[:8], 16) + n
    return draw_sample(labels, frames, live.shape[1:], N_WINDOWS, seed, mark)
