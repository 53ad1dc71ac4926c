"""A viewer's training: how it is set up, how it goes, and the model that came of it.

It belongs to the session. The Train dock shows it and may be closed and opened meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_unet.engine.settings import TrainSettings
from napari_unet.gui.viewer.preferences import preference
from napari_unet.gui.widgets.plots import Curve

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_unet.engine.session.session_folder import Mark
    from napari_unet.engine.stack.stack import Stack
    from napari_unet.gui.session.job import Job, Task
    from napari_unet.gui.session.models import ModelChoice, ModelList


@dataclass(frozen=True)
class TrainForm:
    """What a user has set in the Train dock, its start apart."""

    settings: TrainSettings = field(default_factory=TrainSettings)
    name: str = ""
    frames: str = ""
    kind: str = "auto"
    whole: bool = True  # every cell on the frames of a layer is outlined
    movies: frozenset[Mark] = frozenset()  # ticked beside the one on screen, whether open or not


@dataclass(frozen=True)
class Outcome:
    """A new model, what it began from, what was chosen before, and how good it is in words."""

    choice: ModelChoice
    base: ModelChoice | None
    former: ModelChoice | None
    words: str
    figures: str
    worse: bool


@dataclass(frozen=True)
class Comparison:
    """Labels ``(Y, X)`` of one frame before and after a training, and which are on screen."""

    frame: int
    before: NDArray[Any]
    after: NDArray[Any]
    shows_before: bool = True


class Training:
    """The training that is set up, runs or has ended in a viewer."""

    changed = Signal()
    stepped = Signal()  # the curve has another point
    ticked = Signal()  # another choice of movies beside the one on screen

    def __init__(self, job: Job, models: ModelList) -> None:
        self._job = job
        self.form = TrainForm(TrainSettings(device=preference("run", "device")))
        self.start_from: ModelChoice | None = models.chosen  # None: a new network
        self.curve = Curve()
        self.note = ""
        self.outcome: Outcome | None = None
        self.compared: Comparison | None = None
        self.stack: Stack | None = None
        self.seen_before: tuple[Any, ...] | None = None  # what was on screen before a look
        self.keep_at_end = self.discarded = False
        self._task: Task | None = None

    @property
    def running(self) -> bool:
        """Whether a network learns now; saving or comparing models is no training."""
        return self._job.runs(self._task)

    @property
    def undecided(self) -> bool:
        """Whether there is a new model that is neither kept nor reverted."""
        return self.outcome is not None and not self.outcome.choice.saved

    def set_form(self, **changes: Any) -> None:
        """Keep what a user set in the dock."""
        self.form = replace(self.form, **changes)

    def tick(self, movies: Iterable[Mark], on: bool = True) -> None:
        """Learn from these movies, too, or no more."""
        before, marks = self.form.movies, frozenset(movies)
        self.set_form(movies=before | marks if on else before - marks)
        if self.form.movies != before:
            self.ticked.emit()

    def begin(self, stack: Stack, task: Task) -> None:
        """Take in that a training on ``stack`` begins, as ``task``."""
        self.outcome, self.stack, self._task = None, stack, task
        self.seen_before = None
        self.curve, self.note = Curve(), ""
        self.keep_at_end = self.discarded = False
        self.changed.emit()

    def set_outcome(self, outcome: Outcome | None) -> None:
        """Take in the model that came of it, or put it aside."""
        self.outcome = outcome
        self.changed.emit()
