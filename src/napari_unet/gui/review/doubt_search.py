"""The search for doubts behind the Review dock: in a worker, a piece at a time, kept up."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_unet.gui.review.collector import old_objects_set_aside
from napari_unet.gui.review.mirroring import Mirroring
from napari_unet.gui.session.workers import Latest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from napari_unet.engine.jobs.quality import Quality
    from napari_unet.engine.session.live_labels import LiveLabels
    from napari_unet.engine.session.reviewing.live_doubts import LiveDoubts
    from napari_unet.engine.stack.stack import Stack
    from napari_unet.engine.tracks.doubts.doubt import Doubt
    from napari_unet.gui.review.mirroring import Seeing

    Passed = tuple[tuple[str, int], ...]

_AT_ONCE = 0.5  # s of work before the list is shown anew


class DoubtSearch(QObject):
    """Doubts about the labels of a movie; ``found`` tells that they are others.

    Of another model or threshold they are found anew; frames that were corrected, or segmented
    since, are looked at again, with what lies around them. Once the cells are looked at, so are
    whole frames, once a movie: out of focus, jumped, dark. Then it is ``done``; what the model
    contradicts on frames that it sees mirrored joins the list while no job runs.
    """

    found = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.doubts: list[Doubt] = []
        self.done = True
        self.failed = ""  # why they could not be found; empty where they were
        self.looked_at = 0
        self.aside = ExitStack()  # what is set aside while a movie is searched
        self._live: LiveLabels | None = None
        self._of: LiveDoubts | None = None
        self._steps: Generator[int, None, None] | None = None
        self._changed: set[int] = set()
        self._passed: Passed = ()
        self._frames, self._mirroring = _WholeFrames(None), Mirroring()
        self._latest = Latest(self, wait_ms=20)
        self._latest.answered.connect(self._on_answer)
        self._latest.failed.connect(self._on_failed)

    def follow(
        self,
        live: LiveLabels | None,
        stack: Stack | None = None,
        passed: Passed = (),
        seeing: Seeing | None = None,
    ) -> None:
        """Look for the doubts about some labels; nothing is done where they are known.

        Whole frames that were ``passed`` for a reason are not doubted for that; ``seeing`` is the
        model that the labels come from.
        """
        self._passed = passed
        self._mirroring.take(seeing)
        if live is None or live.classes:
            self._live = self._of = self._steps = None
            self.doubts, self.done, self.failed = [], True, ""
            self.aside.close()
            self._latest.forget()
            self.found.emit()
            return
        if self._of is not None and self._of.fits(live):
            if self.done and self._of.fresh():
                self.look_again(())
            elif self.done and self._mirroring.wants(self._of):
                self._go_on()
            return
        from napari_unet.engine.session.reviewing.live_doubts import LiveDoubts

        if stack is not self._frames.stack:
            self._frames = _WholeFrames(stack)
        self._begin(live, LiveDoubts(live))

    def look_again(self, frames: Iterable[int]) -> None:
        """Look again at frames that were changed."""
        if self._of is not None:
            self._changed |= set(frames)
            self.done = False
            self._go_on()

    def may_predict(self, may: bool) -> None:
        """Say whether the model is free: it is not while a job runs."""
        self._mirroring.free = may
        if self._of is not None and self.done and self._mirroring.wants(self._of):
            self._go_on()

    def way(self, frame: int, other: int) -> tuple[float, ...]:
        """Return how far the stage jumped from a frame to another, px; () where nobody looks."""
        return self._of.way(frame, other) if self._of is not None else ()

    def drop(self, doubt: Doubt) -> None:
        """Take a doubt off the list, before it is looked at again."""
        self.doubts = [one for one in self.doubts if one != doubt]

    def _begin(self, live: LiveLabels, of: LiveDoubts) -> None:
        """Search the whole movie."""
        self._live, self._of = live, of
        self._steps, self._changed = of.find(), set()
        self._frames.give(of)
        self.done, self.looked_at, self.failed = False, 0, ""
        self.aside.close()
        self.aside.enter_context(old_objects_set_aside())
        self._go_on()

    def _go_on(self) -> None:
        of = self._of
        if of is not None:
            self._latest.ask(lambda: (of, *self._some(of)))

    def _some(self, of: LiveDoubts) -> tuple[list[Doubt], bool, int]:
        """Look at some frames, in a worker; returns the doubts so far and whether that is all."""
        end, read, frames = time.monotonic() + _AT_ONCE, 0, self._frames
        while of is self._of and time.monotonic() < end:
            if self._steps is None:
                changed, self._changed = self._changed | of.fresh(), set()
                if changed:
                    self._steps = of.find(changed)
                elif frames.look():
                    frames.give(of)
                    continue
                elif self._mirroring.look(of):
                    continue
                else:
                    break
            try:
                next(self._steps)
                read += 1
            except StopIteration:
                self._steps = None
        frames.give(of)
        done = self._steps is None and not self._changed and frames.done
        return of.doubts(self._passed), done, read

    def _on_answer(self, answer: tuple[LiveDoubts, list[Doubt], bool, int]) -> None:
        of, doubts, done, read = answer
        if of is not self._of:
            self._go_on()
            return
        news = not (self.done and done) or doubts != self.doubts or bool(self.failed)
        self.doubts, self.done, self.failed = doubts, done, ""
        self.looked_at += read
        if done:
            self.aside.close()
        if not done or self._mirroring.wants(of):
            self._go_on()
        if news:  # a list that is read must not be filled anew for nothing
            self.found.emit()

    def _on_failed(self, line: str) -> None:
        """End where a frame cannot be read: what was found until then stays."""
        self.failed = line
        self.doubts = self._of.doubts(self._passed) if self._of is not None else []
        self._steps, self._frames.done, self.done = None, True, True
        self.aside.close()
        self.found.emit()


class _WholeFrames:
    """What is wrong with whole frames of a movie, found frame by frame, once."""

    def __init__(self, stack: Stack | None) -> None:
        self.stack = stack
        self.done = stack is None
        self._steps: Generator[int, None, Quality] | None = None
        self._found: Quality | None = None

    def look(self) -> bool:
        """Look at a frame; False where all were."""
        if self.done or self.stack is None:
            return False
        if self._steps is None:
            from napari_unet.engine.jobs.quality import check_quality

            self._steps = check_quality(self.stack)
        try:
            next(self._steps)
        except StopIteration as end:
            self._found, self.done, self._steps = end.value, True, None
        return True

    def give(self, of: LiveDoubts) -> None:
        """Let what was found be among the doubts."""
        if self._found is not None:
            of.take_findings(self._found.findings)
