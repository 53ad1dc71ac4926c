"""Review: go through the frames, correct cells by verbs, and train on what was corrected."""

from __future__ import annotations

import weakref
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.action_manager import action_manager
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QAbstractButton, QLabel, QWidget
from superqt.utils import signals_blocked

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.target.writing import WriteOptions
from napari_unet.engine.text import counted
from napari_unet.gui.dock.dock import Dock
from napari_unet.gui.review.cell_panel import CellPanel
from napari_unet.gui.review.cells_panel import CellsPanel
from napari_unet.gui.review.doubt_panel import DoubtPanel
from napari_unet.gui.review.going_on import GoingOn
from napari_unet.gui.review.lineage.lineage_panel import LineagePanel
from napari_unet.gui.review.lineage.link_verbs import LinkVerbs
from napari_unet.gui.review.sample_panel import SamplePanel
from napari_unet.gui.review.state_panel import StatePanel
from napari_unet.gui.review.truth.truth_panel import TruthPanel
from napari_unet.gui.review.verb_panel import VerbPanel
from napari_unet.gui.session.job import Task
from napari_unet.gui.viewer import layers
from napari_unet.gui.viewer.label_frames import LayerFrames, said_by_hand
from napari_unet.gui.viewer.live_layer import LiveLayer, actions_of
from napari_unet.gui.viewer.verb_keys import LINK_VERBS, SAMPLE_VERBS, VERBS, with_key
from napari_unet.gui.widgets.groups import rule
from napari_unet.gui.widgets.parts import Column, Fold, Hint, allow, button, primary
from napari_unet.gui.widgets.timeline import Tick, Timeline
from napari_unet.gui.widgets.wrapping import Flow, WrapCheck

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Labels

    from napari_unet.engine.annotations.corrections import Corrections
    from napari_unet.engine.jobs.export import Export

OWNER = "review"
_OF_IMAGES = "Samples are of images: take each section as a frame, under Z above"


class ReviewDock(Dock):
    """From labels that are nearly right to frames that are done."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, OWNER)
        self._linked: weakref.WeakSet[LiveLayer] = weakref.WeakSet()
        self._build_frames()
        self._build_doubts()
        self._build_verbs()
        self._build_sample()
        self._build_end()
        self.column.addStretch(1)
        session = self.session
        session.lifetime.connect(session.movie.frame_changed, self._on_frame, self)
        self._keys = QTimer(self, interval=0, singleShot=True)  # a preset changes all of them
        self._keys.timeout.connect(self.update_state)
        session.lifetime.connect(action_manager.events.shortcut_changed, self._on_keys, self)
        self.watch()

    # ---- parts ------------------------------------------------------------------------------

    def _build_frames(self) -> None:
        self.timeline = Timeline("review.timeline")
        self.previous = button(
            "◂ Touched", "review.previous", "Go to the frame before that is yours"
        )
        self.next = button("Touched ▸", "review.next", "Go to the next frame that is yours")
        self.done = WrapCheck("Done", "review.confirm_frame")
        self.done.setProperty("tip", VERBS["confirm_frame"].tip)
        to_touched = Flow(self.previous, self.next)
        self.frame = self.group("Frame", self.timeline, to_touched, beside=(self.done,))
        self.timeline.chosen.connect(self._go_to)
        self.previous.clicked.connect(lambda: self._go_on(-1))
        self.next.clicked.connect(lambda: self._go_on(1))
        self.done.toggled.connect(self._on_done)

    def _build_doubts(self) -> None:
        self.doubts = DoubtPanel(self.session, self.actions)
        self.group("Doubts", self.doubts, beside=(self.doubts.all,))
        self.doubts.marked.connect(lambda: self.timeline.show_doubts(*self.doubts.frames))
        self.doubts.turned.connect(self._show_next)

    def _build_verbs(self) -> None:
        self.verbs = VerbPanel(self.session, self.actions)
        self.undo = button("Undo", "review.undo", "Take the last step back, on its frame")
        self.redo = button("Redo", "review.redo", "Do it again")
        self.last = Hint(name="review.last")
        self.line = Hint(name="review.line")
        beside = (self.verbs.unfold, self.undo, self.redo)
        self.group("Correct", self.verbs, self.line, self.last, beside=beside)
        self.cell = CellPanel(self.session, self.actions)
        self.cells = CellsPanel(self.session, OWNER, self._labels, self._to_link)
        self.states = StatePanel(self.session, self.actions)
        self.links = LinkVerbs(self.session, self.actions, self)
        self.lineage = LineagePanel(self.session, OWNER, self.links, self._labels, self._to_link)
        self.group("Cell", self.cell, self.states)
        self.cells.over_time.appeared.connect(self._show_curves)
        self.undo.clicked.connect(lambda: (a := self.actions()) and a.undo())
        self.redo.clicked.connect(lambda: (a := self.actions()) and a.redo())

    def _show_curves(self) -> None:
        self.bring_into_sight(self.cells.over_time.found)

    def _build_sample(self) -> None:
        self.sample = SamplePanel(self.session, self.actions)
        self.checking = Fold("Check a sample", lambda: self.sample)
        self.truth = TruthPanel(self.session, OWNER, self._labels)
        self.comparing = Fold("Compare with a truth", lambda: self.truth)
        self.truth.appeared.connect(lambda: self.bring_into_sight(self.truth.found))
        rarer = QWidget()
        self.column.addWidget(rarer)
        folds = Fold("Lineage", lambda: self.lineage), Fold("Cells, tracks", lambda: self.cells)
        Column(rarer).add(*folds, self.checking, self.comparing)

    def _build_end(self) -> None:
        """Pin below what scrolls how far it is, and what is to be pressed then."""
        self.counts = QLabel(objectName="review.counts")
        self.counts.setWordWrap(True)
        self.counts.setIndent(0)
        self.train = button(
            "Train on these",
            "review.train",
            "Open Train and start, with all that you corrected",
        )
        self.train_on = button("", "review.train_on", VERBS["train_on"].tip)
        self.pinned.add(rule(), self.sample.running, self.counts, Flow(self.train, self.train_on))
        self.train.clicked.connect(self._on_train)
        self.train_on.clicked.connect(self._on_train_on)
        self.going = GoingOn(self.session, OWNER, self)
        self.going.changed.connect(self._on_going)
        self.going.arrived.connect(self._on_arrived)

    # ---- a user acts ------------------------------------------------------------------------

    def actions(self) -> LiveLayer | None:
        """Return what the movie's labels layer can do; None where there is none."""
        layer = self.session.labels.layer
        return actions_of(layer) if layer is not None else None

    def _labels(self) -> Labels | None:
        """Return the movie's labels layer; another one where it has none of ours."""
        layer = self.session.labels.layer
        others = layers.label_layers(self.session.viewer) if layer is None else []
        return others[-1] if others else layer

    def _to_link(self) -> Export:
        """Return what is linked and measured: the labels of all frames."""
        from napari_unet.engine.jobs.export import Export

        layer, stack = self._labels(), self.session.movie.require_stack()
        if layer is None:
            raise BadInput("there are no labels", "a Labels layer", "segment the movie first")
        labels = LayerFrames(layer.data, stack, layer.name)
        live = self.session.labels.live if layer is self.session.labels.layer else None
        hand = live.corrections if live is not None else None
        return Export(
            stack,
            labels,
            Path(),
            WriteOptions(tuple(range(len(stack)))),
            threshold=live.settings.threshold if live is not None else None,
            corrected=hand.ids if hand is not None else None,
            stated=hand.states.of if hand is not None and hand.states else None,
            by_hand=partial(said_by_hand, hand),
            classes=bool(live and live.classes),
        )

    def _go_to(self, frame: int) -> None:
        image = self.session.movie.image
        if image is not None:
            layers.go_to_frame(self.session.viewer, image, frame)

    def _go_on(self, step: int) -> None:
        """Go to the nearest frame before or after that a user touched."""
        now = self.session.movie.frame
        found = [t for t in self._touched() if (t - now) * step > 0]
        if found:
            self._go_to(min(found) if step > 0 else max(found))

    def _on_done(self, on: bool) -> None:
        live = self.session.labels.live
        if live is not None:
            live.confirm_frame(self.session.movie.frame, on)

    def _on_said(self, line: str, warn: bool) -> None:
        self.line.say(line if warn else "", warn=warn)
        self.update_state()

    def _on_takes_time(self, title: str, steps: Any) -> None:
        words = {"Deleting": "Deleted", "Merging": "Merged", "Calling": "Said"}[title.split()[0]]
        task = Task(
            OWNER,
            title,
            lambda: steps,
            on_done=lambda n: f"{words} on {counted(n, 'frame')}.",
            cancelled_line="Stopped; nothing was changed.",
        )
        self.session.job.start(task)

    def _on_train(self) -> None:
        """Open the Train dock and press its button: docks do not know each other."""
        window = self.session.viewer.window
        holder, dock = window.add_plugin_dock_widget("napari-unet-live", "Train")
        holder.raise_()  # one that is open already stays behind the others
        start = dock.findChild(QWidget, "train.start")
        if isinstance(start, QAbstractButton) and start.isEnabled():
            start.click()

    def _on_train_on(self) -> None:
        """Train, segment and go on, with this dock in front all the while."""
        if not self.train_on.isEnabled():
            self._on_said(self.train_on.toolTip(), warn=True)
            return
        self.going.begin()
        QTimer.singleShot(0, self._to_front)  # a dock that opens comes to the front

    def _to_front(self) -> None:
        holder = self.holder()
        if holder is not None:
            holder.raise_()

    def _on_going(self) -> None:
        self.foot.also = "train" if self.going.under_way else ""
        self.update_state()

    def _on_arrived(self) -> None:
        """Go to the worst doubt that is left, once all are found."""
        self.doubts.begin_when_found()

    def _on_asked(self, verb: str) -> None:
        """Do a verb of this dock, by its key."""
        if verb == "train_on":
            self._on_train_on()
        elif verb in SAMPLE_VERBS:
            self.sample.act(verb)
        elif verb in LINK_VERBS:
            self.links.act(verb, at_cursor=True)
        else:
            self.doubts.act(verb)

    # ---- what is shown ----------------------------------------------------------------------

    def _link(self) -> None:
        """Hear of another layer's verbs than before."""
        actions = self.actions()
        if actions is not None and actions not in self._linked:
            self._linked.add(actions)
            corrector = actions.corrector  # Qt's: what goes first lets go of the other
            corrector.changed.connect(self._show_verbs)
            corrector.said.connect(self._on_said)
            corrector.takes_time.connect(self._on_takes_time)
            corrector.asked.connect(self._on_asked)
            chosen = actions.layer.events.selected_label
            self.session.lifetime.connect(chosen, self._show_cell, self)
            self.links.follow(actions)

    def _on_keys(self, _: object) -> None:
        self._keys.start()

    def _on_frame(self, _: int) -> None:
        self.line.say("")
        self.update_state()

    def _why_not(self) -> str:
        live = self.session.labels.live
        if self.no_movie():
            return self.no_movie()
        if live is None or self.actions() is None:
            return "Segment a frame first, or start painting in Train"
        if live.corrections.read_only:
            return live.corrections.read_only
        return "These labels are classes: paint with the brush" if live.classes else ""

    def _touched(self) -> set[int]:
        live = self.session.labels.live
        if live is None:
            return set()
        return {*live.corrections.touched, *live.corrections.complete_frames}

    def update_state(self) -> None:
        """Resolve what can be done and show it."""
        self._link()
        self._show_frames()
        self._show_verbs()
        self._show_steps()
        stack = self.session.movie.stack
        of_volumes = stack is not None and stack.dims == 3
        self.sample.of_images.say(f"{_OF_IMAGES}." if of_volumes else "")
        self.doubts.update_state(self._why_not())
        self.sample.update_state(_OF_IMAGES if of_volumes else self._why_not())
        none = "" if self._labels() is not None else "Segment a frame first: there are no labels"
        self.cells.allow(self.busy() or self.no_movie() or none)
        self.cells.update_cells()
        self.lineage.update_state(self._why_not() or self.busy())
        self.truth.update_state(self.busy() or self.no_movie() or none or self._classes())

    def _classes(self) -> str:
        live = self.session.labels.live
        return "These labels are classes, not cells" if live is not None and live.classes else ""

    def _show_next(self) -> None:
        """Let what is to be pressed next stand out: the repair that is offered, or *Correct*."""
        primary(self.verbs.correct, self.verbs.correct.isChecked() or not self.doubts.offered)

    def _show_verbs(self) -> None:
        self.verbs.update_state(self._why_not())
        self._show_next()
        self._show_cell()

    def _show_cell(self, _: Any = None) -> None:
        self.cell.update_cell(self._why_not())
        self.states.update_state(self._why_not())

    def _show_frames(self) -> None:
        session = self.session
        live, now, stack = session.labels.live, session.movie.frame, session.movie.stack
        n = len(stack) if stack is not None else 0
        ticks = [Tick.NOTHING] * n
        touched = self._touched()
        if live is not None:
            if live.probabilities is not None:
                for t in live.probabilities.computed.nonzero()[0].tolist():
                    ticks[t] = Tick.SEGMENTED
            for t in touched:
                ticks[t] = Tick.DONE if live.corrections.is_complete(t) else Tick.TOUCHED
        self.timeline.show_frames(ticks, now)
        self.timeline.setVisible(n > 0)
        self.frame.title.setText(f"Frame {now}/{n - 1}" if n else "Frame")
        allow(self.previous, "" if any(t < now for t in touched) else "None is before this one")
        allow(self.next, "" if any(t > now for t in touched) else "None is after this one")
        there = live is not None and not live.corrections.read_only
        allow(self.done, self.no_movie() or ("" if there else self._why_not()))
        with signals_blocked(self.done):
            self.done.setChecked(live is not None and live.corrections.is_complete(now))
            who = live.corrections.reviewed_by(now) if live is not None else ""
            others = who and live is not None and who != live.corrections.author
            self.done.setText(f"Done · {who}" if others else with_key("confirm_frame", "Done"))

    def _show_steps(self) -> None:
        live = self.session.labels.live
        self.train_on.setText(with_key("train_on"))
        done = live.corrections.n_done if live is not None else 0
        self.undo.setText(f"Undo {done}" if done else "Undo")
        self.last.say(f"Last: {_said(live.corrections)}." if live and done else "")
        again = bool(live is not None and live.corrections.last_undone)
        allow(self.undo, "" if done else "Nothing was done yet")
        allow(self.redo, "" if again else "Nothing was taken back")
        stack = self.session.movie.stack
        if live is None or stack is None:
            why_not = "" if self.no_movie() else self._why_not()  # the head says that none is open
            self.counts.setText(f"{why_not or 'Nothing is corrected yet'}.")
            for each in (self.train, self.train_on):
                allow(each, self._why_not() or "Nothing is corrected yet")
            return
        complete = len(live.corrections.complete_frames)
        touched = len(live.corrections.touched - set(live.corrections.complete_frames))
        what = ((complete, "done"), (touched, "touched"))
        states = ", ".join(f"{n} {state}" for n, state in what if n) or "none touched"
        corrections = counted(done, "correction")
        self.counts.setText(f"{counted(len(stack), 'frame')}: {states} · {corrections}")
        none = self.busy() or ("" if touched or complete else "Correct a cell first")
        for each in (self.train, self.train_on):
            allow(each, none)


def _said(corrections: Corrections) -> str:
    """Return what the last step was, and whose, where it is somebody else's."""
    step = corrections.last_done
    others = step.author and step.author != corrections.author
    return f"{step.words}, by {step.author}" if others else step.words
