"""A user who corrects in any order, with kills in between: what must hold after each act.

Used by the tests, and by benchmarks/fuzz_edits.py with programs that are killed for good.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tifffile
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.annotations.hand_links import HandLink
from napari_unet.engine.errors import BadInput
from napari_unet.engine.jobs.progress import run
from napari_unet.engine.labels.codes import decode
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.engine.session.reviewing.cell_links import CellLinks
from napari_unet.engine.session.reviewing.cell_states import CellStates
from napari_unet.engine.session.session_folder import SessionFolder
from napari_unet.engine.session.verbs import Verbs
from napari_unet.engine.settings import LabelSettings, PredictSettings, TrainSettings
from napari_unet.engine.stack.stack import Stack
from tests.engine.session.movies import SHAPE, Discs

FINE = LabelSettings(min_size=5)
THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9)
MODELS = ((-2.0, 8.0), (5.0, 8.0), (5.0, 9.5), (-2.0, 6.0))  # how sure the faint disc, how large
WORDS = ("mitotic", "dead", "debris", "round", "")
ACTS = (
    "brush brush brush scribble background erase fill cancel confirm done delete merge split cut "
    "draw redraw take_in grow shrink smooth fill_holes copy interpolate back lock unlock track "
    "state state debris_back link unlink set_mother"
).split()
_RING = np.linspace(0, 2 * np.pi, 20)

Mask = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Act:
    """One thing that a user does, at a place; what it is done to follows from the labels there."""

    name: str
    frame: int
    y: int
    x: int
    which: int


@dataclass(frozen=True)
class Said:
    """All that a user has said of the movie."""

    masks: tuple[Mask, ...]
    complete: tuple[int, ...]
    states: tuple[dict[Any, str], ...]
    links: frozenset[HandLink]

    @classmethod
    def of(cls, live: LiveLabels) -> Said:
        states = [live.state(t) for t in range(SHAPE[0])]
        said = live.corrections
        return cls(
            tuple((s.ids, s.flags) for s in states),
            said.complete_frames,
            tuple(dict(said.states.at(t)) for t in range(SHAPE[0])),
            frozenset(said.links),
        )

    def same(self, other: Said) -> bool:
        pairs = zip(self.masks, other.masks, strict=True)
        masks = all(np.array_equal(a, b) for p, q in pairs for a, b in zip(p, q, strict=True))
        mine, others = ((one.complete, one.states, one.links) for one in (self, other))
        return masks and mine == others


def carry_out(live: LiveLabels, act: Act) -> None:
    """Do one act; `BadInput` where it cannot be done here."""
    verbs, states = Verbs(live), CellStates(live)
    frame, y, x, which = act.frame, act.y, act.x, act.which
    cells = [int(i) for i in np.unique(live[frame, :, :]) if 0 < i < BACKGROUND_ID] or [0]
    cell, other = cells[which % len(cells)], cells[(which + 1) % len(cells)]
    source = (frame + 1) % SHAPE[0]
    there = [int(i) for i in np.unique(live[source, :, :]) if 0 < i < BACKGROUND_ID] or [0]
    ring = np.c_[y + 6 * np.sin(_RING), x + 6 * np.cos(_RING)]
    acts: dict[str, Callable[[], Any]] = {
        "brush": lambda: _stroke(live, act, cell if which % 2 and cell else live.new_id()),
        "scribble": lambda: _stroke(live, act, live.new_id(), length=4),
        "background": lambda: _stroke(live, act, BACKGROUND_ID),
        "erase": lambda: _stroke(live, act, 0),
        "fill": lambda: _fill(live, frame, cell),
        "cancel": lambda: _stroke(live, act, live.new_id(), keep=False),
        "confirm": lambda: live.confirm_cell(frame, y, x),
        "done": lambda: live.confirm_frame(frame, not live.corrections.is_complete(frame)),
        "merge": lambda: verbs.merge(frame, cell, other),
        "cut": lambda: verbs.split_along(frame, [(y, 0), (y + 3, SHAPE[2])]),
        "draw": lambda: verbs.draw(frame, ring),
        "redraw": lambda: verbs.redraw(frame, ring),
        "take_in": lambda: verbs.fill(frame, y, x),
        "copy": lambda: verbs.copy(frame, source, there[which % len(there)]),
        "back": lambda: verbs.back_to_model(frame, cell, y, x),
        "lock": lambda: verbs.lock(frame, cell),
        "unlock": lambda: verbs.lock(frame, cell, on=False),
        "track": lambda: _all(verbs.delete_track(frame, cell)),
        "state": lambda: _all(states.say(frame, cell, WORDS[which % len(WORDS)])),
        **{
            name: partial(_link, live, name, (frame, cell), (source, there[which % len(there)]))
            for name in ("link", "unlink", "set_mother")
        },
        "debris_back": lambda: _all(states.take_debris_back(frame, _debris(live, frame, (y, x)))),
    }
    acts.get(act.name, lambda: getattr(verbs, act.name)(frame, cell))()


def _link(live: LiveLabels, verb: str, *cells: tuple[int, int]) -> None:
    getattr(CellLinks(live), verb)(*sorted(cells))


def _debris(live: LiveLabels, frame: int, place: tuple[int, int]) -> tuple[int, ...]:
    spots = live.corrections.states.debris(frame, np.asarray(live[frame, :, :]))
    return spots[0] if spots else place


def _all(steps: Any) -> None:
    for _ in steps:
        pass


def _stroke(live: LiveLabels, act: Act, label: int, length: int = 1, *, keep: bool = True) -> None:
    """Drag a brush, as napari hands it on: boxes that hold what was there, and the new pixels."""
    reach = 2 + act.which % 3
    live.begin_stroke()
    for step in range(length):
        y, x = act.y + 3 * step, act.x + 4 * step
        rows = slice(max(0, y - reach), min(SHAPE[1], y + reach + 1))
        columns = slice(max(0, x - reach), min(SHAPE[2], x + reach + 1))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            continue
        block = np.array(live[act.frame, rows, columns])
        yy, xx = np.mgrid[rows, columns]
        block[np.hypot(yy - y, xx - x) <= reach] = label
        live[act.frame, rows, columns] = block
        spot = np.array([y % SHAPE[1]]), np.array([x % SHAPE[2]])
        live.touch(act.frame, spot, label)
    live.end_stroke() if keep else live.cancel_stroke()


def _fill(live: LiveLabels, frame: int, cell: int) -> None:
    """Give a cell another number, as napari's bucket does."""
    ys, xs = np.nonzero(np.asarray(live[frame, :, :]) == cell)
    if cell and len(ys):
        live[np.full(len(ys), frame), ys, xs] = live.new_id()


def write_movie(folder: Path) -> Path:
    """Write the movie that is corrected: the discs, as bright as they are sure."""
    folder.mkdir(parents=True, exist_ok=True)
    path, discs = folder / "movie.tif", Discs(faint=5.0)
    pixels = np.stack([1000 * decode(discs[t][0]) for t in range(SHAPE[0])]).astype(np.uint16)
    tifffile.imwrite(path, pixels, imagej=True, metadata={"axes": "TYX"})
    return path


class Sitting:
    """A program that has the movie open, with everything kept in its session folder."""

    def __init__(self, movie: Path) -> None:
        self.stack = Stack.open(movie)
        self.folder = SessionFolder.for_movie(self.stack)
        self.live = LiveLabels(
            SHAPE,
            self.folder.probabilities(self.stack),
            self.folder.state.labels if self.folder.state.models else FINE,
            self.folder.corrections(),
        )

    def predict(self, codes: Callable[[int], np.ndarray], model: str, frames: int) -> None:
        """Take in what a model found on the first frames, kept in a file."""
        key = {"fingerprint": self.stack.fingerprint, "model": model, "outputs": ["object"]}
        path = self.folder.probabilities_path(key)
        made = Probabilities.create(path, (SHAPE[0], 1, *SHAPE[1:]), key)
        for t in range(frames):
            made.write(t, codes(t))
        made.flush()
        former, self.live.probabilities = self.live.probabilities, made
        if former is not None:
            former.close()
        self.folder.save(models=(model,), labels=self.live.settings)

    def train(self, seed: int) -> bool:
        """Learn two steps from what was corrected, segment with that; False where too little."""
        from napari_unet.engine.prediction.predictor import open_predictor
        from napari_unet.engine.training.training import train

        painted = {t: self.live.annotation(t) for t in self.live.corrections.frames()}
        taught = {t: one for t, one in painted.items() if one.labels.any()}
        settings = TrainSettings(
            minutes=None, steps=2, filters=(4, 8), crop=32, batch=2, threads=1, device="cpu",
            seed=seed, validation=(),
        )  # fmt: skip
        if not taught:
            return False
        steps = train(self.stack, Annotations(SHAPE, taught), settings, name="tiny")
        try:
            model = run(steps, quiet=True)
        except BadInput:
            return False
        with_model = open_predictor(model, PredictSettings(backend="torch", device="cpu"))
        try:
            self.predict(
                lambda t: with_model(self.stack[t])[:1], f"tiny {model.sha256[:8]}", SHAPE[0]
            )
        finally:
            with_model.close()
        return True

    def frames(self) -> list[np.ndarray]:
        """Everything that is shown."""
        return [np.array(self.live[t, :, :]) for t in range(SHAPE[0])]

    def drop(self) -> None:
        """End as a killed program does: nothing is written any more, files are let go."""
        if self.live.probabilities is not None:
            self.live.probabilities.close()
        self.stack.close()


class EditSequences(RuleBasedStateMachine):
    """Edits, undo, frames, thresholds, models, training and kills in any order."""

    folder: ClassVar[Path]
    trains: ClassVar[bool] = False
    killed: ClassVar[Callable[[Path, list[Act]], int] | None] = None  # how many acts were said
    counts: ClassVar[dict[str, int]] = {}

    @initialize(n=st.integers(0, 10**9))
    def begin(self, n: int) -> None:
        self.movie = write_movie(self.folder / f"{n}-{id(self)}")
        self.now = Sitting(self.movie)
        self.now.predict(Discs(*MODELS[0]).__getitem__, "m0", SHAPE[0])
        self.past, self.future = [Said.of(self.now.live)], []
        self.trained = 0
        self.count("sequences")

    def count(self, what: str, n: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + n

    # ---- what a user does -------------------------------------------------------------------

    acts = st.builds(
        Act,
        st.sampled_from(ACTS),
        st.integers(0, SHAPE[0] - 1),
        st.integers(2, SHAPE[1] - 3),
        st.integers(2, SHAPE[2] - 3),
        st.integers(0, 5),
    )

    @rule(some=st.lists(acts, min_size=1, max_size=8))
    def edit(self, some: list[Act]) -> None:
        for act in some:
            self.act(act)
            self.the_users_cells_are_as_they_were_left()

    def act(self, act: Act) -> None:
        live = self.now.live
        n = live.corrections.n_done
        try:
            carry_out(live, act)
        except BadInput:
            assert Said.of(live).same(self.past[-1]), f"{act} was refused, and changed something"
        self.count("edits")
        assert live.corrections.n_done - n in (0, 1), (
            f"{act} is {live.corrections.n_done - n} steps"
        )
        if live.corrections.n_done > n:
            self.past.append(Said.of(live))
            self.future.clear()

    # No rule is left out by what was done before: after a real kill that is a matter of chance,
    # and hypothesis wants the same sequence to be drawn again.

    @rule(times=st.integers(1, 3))
    def undo(self, times: int) -> None:
        for _ in range(min(times, len(self.past) - 1)):
            assert self.now.live.undo()
            self.future.append(self.past.pop())
            self.count("undone and done again")
            assert Said.of(self.now.live).same(self.past[-1])

    @rule()
    def redo(self) -> None:
        if not self.future:
            assert not self.now.live.redo()
            return
        assert self.now.live.redo()
        self.past.append(self.future.pop())
        self.count("undone and done again")

    @rule(frame=st.integers(0, SHAPE[0] - 1))
    def go(self, frame: int) -> None:
        self.now.folder.save(frame=frame)
        self.now.live.prepare(frame)
        self.count("moves of frame and threshold")

    @rule(threshold=st.sampled_from(THRESHOLDS))
    def move(self, threshold: float) -> None:
        settings = self.now.live.settings.replace(threshold=threshold)
        self.now.live.settings = settings
        self.now.folder.save(labels=settings)
        self.count("moves of frame and threshold")

    @rule(model=st.integers(0, len(MODELS) - 1), frames=st.integers(1, SHAPE[0]))
    def predict(self, model: int, frames: int) -> None:
        codes = Discs(*MODELS[model]).__getitem__
        self.now.predict(codes, f"m{model} {frames}", frames)
        self.count("other models")

    @precondition(lambda self: self.trains)
    @rule(seed=st.integers(0, 99))
    def train(self, seed: int) -> None:
        if self.trained or len(self.past) < 3:
            return
        self.trained += 1
        self.count("trainings", int(self.now.train(seed)))

    # ---- kills ------------------------------------------------------------------------------

    @rule(torn=st.integers(0, 40))
    def killed_at_rest(self, torn: int) -> None:
        """Between two strokes, or while the journal of the next one is being written."""
        shown, live = self.now.frames(), self.now.live
        words, n = live.corrections.last_done.words, live.corrections.n_done
        again, frame = live.corrections.last_undone.words, self.now.folder.state.frame
        settings = live.settings
        self.now.drop()
        with self.now.folder.journal_path.open("ab") as journal:
            journal.write(b'00000000 {"do":[{"frame":0,"box":[0,9,0,9],"before'[:torn])
        self.now = Sitting(self.movie)
        live = self.now.live
        assert (live.corrections.last_done.words, live.corrections.n_done) == (words, n)
        assert live.corrections.last_undone.words == again
        assert (live.settings, self.now.folder.state.frame) == (settings, frame)
        for t, (now, before) in enumerate(zip(self.now.frames(), shown, strict=True)):
            np.testing.assert_array_equal(now, before, f"frame {t} after a kill")
        self.count("kills")

    @precondition(lambda self: self.killed is not None)
    @rule(acts=st.lists(acts, min_size=1, max_size=4))
    def killed_at_work(self, acts: list[Act]) -> None:
        """A program of its own does some acts, and is killed -9 at any moment."""
        here = copy.deepcopy(self.now.live)  # the same acts, done in one go
        after, steps = [(Said.of(here), here.corrections.n_done)], [self.past[-1]]
        for act in acts:
            try:
                carry_out(here, act)
            except BadInput:
                pass
            after.append((Said.of(here), here.corrections.n_done))
        self.now.drop()
        assert self.killed is not None
        said = type(self).killed(self.movie, acts)
        self.now = Sitting(self.movie)
        found = Said.of(self.now.live)
        possible = [n for n in range(said, len(after)) if after[n][0].same(found)]
        assert possible, f"{said} of {len(acts)} acts were done, and the movie is as after none"
        done = possible[0]
        for n in range(1, done + 1):
            if after[n][1] > after[n - 1][1]:
                steps.append(after[n][0])
        self.past += steps[1:]
        if len(steps) > 1:
            self.future.clear()
        self.count("kills at work")

    # ---- what holds -------------------------------------------------------------------------

    @invariant()
    def the_users_cells_are_as_they_were_left(self) -> None:
        if not hasattr(self, "now"):
            return
        live = self.now.live
        assert Said.of(live).same(self.past[-1]), "what the user said changed by itself"
        for t, (ids, flags) in enumerate(self.past[-1].masks):
            shown = np.asarray(live[t, :, :])
            mine = (ids > 0) | ((flags & 1) > 0)
            np.testing.assert_array_equal(shown[mine], ids[mine], f"frame {t}")
            own = np.unique(ids[ids > 0])
            assert not np.isin(shown[~mine], own).any(), f"frame {t}: another cell has a user's id"

    def teardown(self) -> None:
        """Take every step back, to the first, and do all again."""
        if not hasattr(self, "now"):
            return
        live = self.now.live
        for expected in reversed(self.past[:-1]):
            assert live.undo()
            assert Said.of(live).same(expected), "undo left something behind"
            self.count("undone and done again")
        assert not live.undo()
        for expected in self.past[1:]:
            assert live.redo()
            assert Said.of(live).same(expected), "redo is not what was undone"
        self.now.drop()
