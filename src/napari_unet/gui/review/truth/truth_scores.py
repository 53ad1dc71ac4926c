"""Labels beside a truth, frame by frame in the background; kept up as cells are repaired."""

from __future__ import annotations

import weakref
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.text import counted
from napari_unet.gui.dock.labels_file import frames_of
from napari_unet.gui.session.job import Task
from napari_unet.gui.session.workers import Latest
from napari_unet.gui.viewer.label_frames import LayerFrames

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_unet.engine.export.plots.score_curves import Row
    from napari_unet.engine.labels.truth.wrong_cells import ScoredFrame
    from napari_unet.engine.session.live_labels import LiveLabels
    from napari_unet.engine.stack.stack import Stack
    from napari_unet.gui.session.session import Session

_SOON_MS = 250  # between two looks at what was found


class TruthScores(QObject):
    """Scores of the movie's labels against a truth; ``changed`` tells that there are others."""

    changed = Signal()

    def __init__(self, session: Session, owner: str, parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._owner = session, owner
        self.scored: dict[int, ScoredFrame] = {}
        self.rows: dict[int, Row] = {}  # of a table, by frame
        self._of: _Compared | None = None
        self._again: set[int] = set()
        self._edited: set[int] = set()
        self._latest = Latest(self, wait_ms=20)
        self._latest.answered.connect(self._on_again)
        self._soon = QTimer(self, interval=_SOON_MS, singleShot=True)
        self._soon.timeout.connect(self.changed.emit)
        session.lifetime.connect(session.labels.painted, self._on_painted, self)

    @property
    def layer(self) -> Labels | None:
        """The labels that were compared."""
        return self._of.layer() if self._of is not None else None

    def holds(self, layer: Labels | None, truth: Labels | None) -> bool:
        """Whether what was found is of these labels as they are now, and of this truth."""
        of, live = self._of, self._live(layer)
        return of is not None and layer is not None and of.fits(layer, truth, live)

    def compare(self, layer: Labels, truth: Labels) -> None:
        """Score all frames that have a truth, as a job."""
        with self._session.job.refusing(self._owner):
            of = _Compared.of(self._session.movie.require_stack(), layer, truth, self._live(layer))
            task = Task(
                self._owner,
                "Comparing with the truth",
                lambda: _comparing(of),
                total=len(of.frames),
                on_item=partial(self._on_item, of),
                on_done=lambda _: self._end(of),
                cancelled_line="Stopped; what was compared is shown.",
            )
            if self._session.job.start(task):
                self._of, self.scored, self.rows = of, {}, {}
                self._again, self._edited = set(), set()
                for event in (truth.events.paint, truth.events.data, *_edits(layer, of.live)):
                    self._session.lifetime.connect(event, of.spoil, self)
                self.changed.emit()

    def forget(self) -> None:
        """Let go of what was found: it is of another movie."""
        self._of, self.scored, self.rows = None, {}, {}
        self._latest.forget()

    # ---- inside -----------------------------------------------------------------------------

    def _live(self, layer: Labels | None) -> LiveLabels | None:
        labels = self._session.labels
        return labels.live if layer is not None and layer is labels.layer else None

    def _on_item(self, of: _Compared, item: ScoredFrame | None) -> None:
        if item is not None and of is self._of and item.frame not in self._edited:
            self._keep(item)
            with suppress(RuntimeError):  # the dock was closed meanwhile
                if not self._soon.isActive():
                    self._soon.start()

    def _end(self, of: _Compared) -> str:
        with suppress(RuntimeError):
            self.changed.emit()
        missing = len(of.frames) - len(self.scored)
        left = f"; {counted(missing, 'frame')} without labels or truth left out" if missing else ""
        return f"Compared {counted(len(self.scored), 'frame')}{left}."

    def _on_painted(self, frames: Iterable[int]) -> None:
        """Score frames again that were corrected; what is asked last asks for all of them."""
        of = self._of
        if of is None or of.live is None or of.live is not self._session.labels.live:
            return
        edited = set(frames) & set(of.frames)
        self._edited |= edited
        self._again |= edited
        again = sorted(self._again)
        if again:
            self._latest.ask(lambda: (of, again, [of.score(t) for t in again]))

    def _on_again(self, answer: tuple[_Compared, list[int], list[ScoredFrame | None]]) -> None:
        of, frames, found = answer
        if of is not self._of:
            return
        self._again -= set(frames)
        for item in found:
            if item is not None:
                self._keep(item)
        self.changed.emit()

    def _keep(self, item: ScoredFrame) -> None:
        from napari_unet.engine.export.plots.score_curves import frame_rows

        self.scored[item.frame] = item
        (self.rows[item.frame],) = frame_rows([item.frame], [item.scores])


@dataclass(eq=False)
class _Compared:
    """Labels and a truth as they were when they were compared."""

    layer: weakref.ref[Labels]
    truth_layer: weakref.ref[Labels]
    live: LiveLabels | None
    probabilities: Any
    settings: Any
    mine: LayerFrames
    truth: LayerFrames
    frames: tuple[int, ...]
    numbers: NDArray[np.int64] | None
    spoilt: bool = field(default=False)

    @classmethod
    def of(cls, stack: Stack, layer: Labels, truth: Labels, live: LiveLabels | None) -> _Compared:
        """Take them; refuses labels of other frames and classes."""
        mine = LayerFrames(layer.data, stack, layer.name)
        right = LayerFrames(truth.data, stack, truth.name)
        if live is not None and live.classes:
            raise BadInput("the labels are classes", "cells, each with a number", "choose others")
        known = frames_of(truth)
        return cls(
            weakref.ref(layer),
            weakref.ref(truth),
            live,
            live.probabilities if live is not None else None,
            live.settings if live is not None else None,
            mine,
            right,
            tuple(range(len(stack))) if known is None else known,
            stack.numbers if stack.numbered else None,
        )

    def fits(self, layer: Labels, truth: Labels | None, live: LiveLabels | None) -> bool:
        """Whether they are still the same, corrections apart."""
        same = self.layer() is layer and self.truth_layer() is truth and self.live is live
        made = live is None or (
            live.probabilities is self.probabilities and live.settings == self.settings
        )
        return same and made and not self.spoilt

    def spoil(self, _: Any = None) -> None:
        """Take note that one of them was painted on."""
        self.spoilt = True

    def labels_at(self, t: int) -> NDArray[Any] | None:
        """Return the labels of a frame; None where it is not segmented."""
        from napari_unet.engine.session.reviewing.aside import labels_aside

        if self.live is None:
            return self.mine[t]
        found = labels_aside(self.live, t)
        return None if found is None else np.where(found == BACKGROUND_ID, np.uint16(0), found)

    def truth_at(self, t: int) -> NDArray[Any] | None:
        """Return the truth of a frame; None where it has not a single cell."""
        found = self.truth[t]
        return found if found.any() else None

    def score(self, t: int) -> ScoredFrame | None:
        """Score one frame."""
        return next(self.steps([t]))

    def steps(self, frames: Iterable[int]) -> Generator[ScoredFrame | None, None, None]:
        """Score frames one by one."""
        from napari_unet.engine.labels.truth.wrong_cells import score_each

        return score_each(self.labels_at, self.truth_at, frames, self.numbers)


def _comparing(of: _Compared) -> Generator[ScoredFrame | None, None, None]:
    """Part masks in their pieces first, as `evaluate` does; in a worker, since it reads."""
    of.truth.labels.part_mask()
    if of.live is None:
        of.mine.labels.part_mask()
    yield from of.steps(of.frames)


def _edits(layer: Labels, live: LiveLabels | None) -> tuple[Any, ...]:
    """Return the news of painting on labels that are not ours: ours tell which frames."""
    return () if live is not None else (layer.events.paint, layer.events.data)
