"""Verbs on live labels: each with undo, redo, other frames, other models and reopening."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from napari_unet.engine.annotations.corrections import Corrections
from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.journal import Journal
from napari_unet.engine.jobs import progress
from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.engine.session.verbs import Verbs
from napari_unet.engine.settings import LabelSettings
from tests.engine.session.movies import CENTRES, SHAPE, Discs

FINE = LabelSettings(min_size=5)
LEFT, RIGHT, LOW, FAR, FAINT = CENTRES
ROUND = np.linspace(0, 2 * np.pi, 24)


def ring(y: float, x: float, radius: float) -> np.ndarray:
    return np.c_[y + radius * np.sin(ROUND), x + radius * np.cos(ROUND)]


finish = partial(progress.run, quiet=True)


class Hand:
    """A user with verbs, on cells named by where they are on frame 0."""

    def __init__(self, corrections: Corrections | None = None) -> None:
        self.live = LiveLabels(SHAPE, Discs(), FINE, corrections)
        self.verbs = Verbs(self.live)

    def at(self, centre: tuple[int, int], frame: int = 0) -> int:
        return int(self.live[frame, centre[0], centre[1] + frame])

    def pixels(self, label: int, frame: int = 0) -> np.ndarray:
        return np.asarray(self.live[frame, :, :] == label)

    def frames(self) -> list[np.ndarray]:
        return [np.array(self.live[t, :, :]) for t in range(SHAPE[0])]


@pytest.fixture
def hand() -> Hand:
    return Hand()


def drawn_twice(hand: Hand) -> int:
    """A cell drawn by hand on frames 0 and 3."""
    (cell,) = hand.verbs.draw(0, ring(28, 40, 5))
    hand.verbs.copy(3, 0, cell)
    return cell


# What is done, what is said of it, and what holds then.
Verb = Callable[[Hand], object]
VERBS: dict[str, tuple[Verb, str, Callable[[Hand], bool]]] = {
    "delete": (
        lambda h: h.verbs.delete(0, h.at(LOW), h.at(FAR)),
        "deleted 4 + 3 on frame 0",
        lambda h: not h.at(LOW) and not h.at(FAR) and h.at(LEFT) > 0,
    ),
    "merge": (
        lambda h: h.verbs.merge(0, h.at(RIGHT), h.at(LEFT)),
        "merged 2 + 1 on frame 0",
        lambda h: h.at(LEFT) == h.at(RIGHT) == 2,
    ),
    "split along": (
        lambda h: h.verbs.split_along(0, [(30, 21), (54, 21)]),
        "split 4 on frame 0",
        lambda h: h.at((42, 16)) != h.at((42, 25)) and 4 in (h.at((42, 16)), h.at((42, 25))),
    ),
    "draw": (
        lambda h: h.verbs.draw(0, ring(28, 40, 5)),
        "drew 5 on frame 0",
        lambda h: h.at((28, 40)) == 5 and h.pixels(5).sum() > 60,
    ),
    "redraw": (
        lambda h: h.verbs.redraw(0, ring(40, 61, 9)),
        "redrew 3 on frame 0",
        lambda h: h.at(FAR) == 3 and 150 < h.pixels(3).sum() < 260,
    ),
    "redraw by two lines": (
        lambda h: h.verbs.redraw(0, ring(40, 57, 6), ring(40, 65, 6)),
        "redrew 3 on frame 0",
        lambda h: h.at(FAR) == 3 and 150 < h.pixels(3).sum() < 260,
    ),
    "fill": (
        lambda h: h.verbs.fill(0, FAINT[0] + 1, FAINT[1]),
        "filled in 5 on frame 0",
        lambda h: h.at(FAINT) == 5 and h.pixels(5).sum() > 100,
    ),
    "grow": (
        lambda h: h.verbs.grow(0, h.at(FAR)),
        "grew 3 on frame 0",
        lambda h: h.pixels(3).sum() > 197,
    ),
    "shrink": (
        lambda h: h.verbs.shrink(0, h.at(FAR)),
        "shrank 3 on frame 0",
        lambda h: 0 < h.pixels(3).sum() < 197,
    ),
    "lower": (
        lambda h: h.verbs.lower(0, h.at(FAR)),
        "lowered the threshold of 3 on frame 0",
        lambda h: 197 * 1.08 <= h.pixels(3).sum() < 197 * 1.5,
    ),
    "higher": (
        lambda h: h.verbs.higher(0, h.at(FAR)),
        "raised the threshold of 3 on frame 0",
        lambda h: 197 * 0.5 < h.pixels(3).sum() <= 197 * 0.92,
    ),
    "interpolate": (
        lambda h: h.verbs.interpolate(1, drawn_twice(h)),
        "interpolated 5 on frames 1 to 2",
        lambda h: all(h.at((28, 40 - t), t) == 5 for t in range(4)),
    ),
    "back to the model": (
        lambda h: (h.verbs.grow(0, h.at(FAR)), h.verbs.back_to_model(0, h.at(FAR))),
        "gave 3 back to the model on frame 0",
        lambda h: h.pixels(3).sum() == 197 and not h.live.corrections.ids(0).size,
    ),
    "lock": (
        lambda h: h.verbs.lock(0, h.at(FAR)),
        "locked 3 on frame 0",
        lambda h: h.verbs.is_locked(0, 3),
    ),
    "confirm": (
        lambda h: h.verbs.confirm(0, h.at(FAR)),
        "confirmed 3 on frame 0",
        lambda h: h.live.corrections.ids(0).tolist() == [3],
    ),
    "delete track": (
        lambda h: finish(h.verbs.delete_track(2, h.at(LOW, 2))),
        "deleted 4 on frames 0 to 3",
        lambda h: not any(h.at(LOW, t) for t in range(4)),
    ),
    "merge track": (
        lambda h: finish(h.verbs.merge_track(0, h.at(LEFT), h.at(RIGHT))),
        "merged 1 + 2 on frames 0 to 3",
        lambda h: all(h.at(LEFT, t) == h.at(RIGHT, t) > 0 for t in range(4)),
    ),
}


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_is_done_said_undone_redone_and_reopened(name, tmp_path):
    do, words, holds = VERBS[name]
    hand = Hand(Corrections(SHAPE, Journal(tmp_path / "journal")))
    news: list[tuple[int, ...]] = []
    hand.live.edited.connect(news.append)
    do(hand)
    step = hand.live.corrections.last_done
    assert step.words == words and holds(hand) and news[-1] == step.frames
    after = hand.frames()
    assert hand.live.undo() == step.frames
    before = hand.frames()
    assert (
        any((a != b).any() for a, b in zip(before, after, strict=True))
        or "ock" in name
        or (name == "confirm")
    )
    assert hand.live.redo() == step.frames
    for shown, expected in zip(hand.frames(), after, strict=True):
        np.testing.assert_array_equal(shown, expected)
    again = Hand(Corrections(SHAPE, Journal(tmp_path / "journal")))
    assert again.live.corrections.last_done.words == words and holds(again)
    for shown, expected in zip(again.frames(), after, strict=True):
        np.testing.assert_array_equal(shown, expected)
    again.live.undo()
    for shown, expected in zip(again.frames(), before, strict=True):
        np.testing.assert_array_equal(shown, expected)


@pytest.mark.parametrize("name", sorted(set(VERBS) - {"back to the model"}))
def test_what_a_verb_did_survives_thresholds_and_another_model(name, hand):
    do, _, _ = VERBS[name]
    do(hand)
    frames = range(SHAPE[0])
    mine = [hand.live.state(t) for t in frames]
    for change in (
        lambda: setattr(hand.live, "settings", FINE.replace(threshold=0.9)),
        lambda: setattr(hand.live, "settings", FINE.replace(threshold=0.05)),
        lambda: setattr(hand.live, "probabilities", Discs(faint=5, reach=9)),
    ):
        change()
        for t in frames:
            shown, said = np.asarray(hand.live[t, :, :]), mine[t].edited()
            np.testing.assert_array_equal(shown[said], mine[t].ids[said])
    if name in ("delete", "merge"):  # nothing grows around what was touched
        a = hand.pixels(hand.at(LEFT))
        assert VERBS[name][2](hand) and a.any()


# Whose ids


def test_ids_are_the_next_free_ones_and_the_larger_part_keeps_its_own(hand):
    ids = hand.verbs.split_along(0, [(30, 24), (54, 24)])
    assert ids == (4, 5) and hand.pixels(4).sum() > hand.pixels(5).sum()
    hand.verbs.merge(0, *ids)
    assert hand.verbs.draw(0, ring(28, 40, 5)) == (6,)


def test_what_was_merged_is_split_by_itself_again(hand):
    hand.verbs.merge(0, hand.at(LEFT), hand.at(RIGHT))
    ids = hand.verbs.split(0, hand.at(LEFT))
    assert len(ids) == 2 and hand.at(LEFT) != hand.at(RIGHT)


def test_a_copy_keeps_its_id_where_no_other_cell_has_it(hand):
    (new,) = hand.verbs.draw(0, ring(28, 40, 5))
    assert hand.verbs.copy(1, 0, new) == (new,)
    np.testing.assert_array_equal(hand.pixels(new, 0), hand.pixels(new, 1))
    hand.verbs.delete(2, hand.at(LOW, 2))
    shown = hand.at(FAR, 1)
    hand.verbs.delete(2, hand.at(FAR, 2))
    (copied,) = hand.verbs.copy(2, 1, shown)
    assert copied == shown and hand.pixels(shown, 2).sum() == 197
    assert hand.verbs.copy(3, 0, hand.at(LEFT))[0] > new  # its id is another cell's there


def test_interpolation_renames_the_models_cell_that_has_the_id(hand):
    cell = hand.at(LOW)  # an id that each frame's model gives, too
    hand.verbs.confirm(0, cell)
    for t in (1, 2, 3):
        hand.verbs.delete(t, hand.at(LOW, t))
    hand.live[3, 38:46, 19:27] = cell
    hand.verbs.interpolate(2, cell)
    assert hand.at(LOW, 1) == hand.at(LOW, 2) == cell
    assert len(np.unique(hand.live[1, :, :])) == 5  # no two cells are one


def test_interpolation_finds_the_cell_that_was_drawn_with_another_number(hand):
    (first,) = hand.verbs.draw(0, ring(28, 38, 5))
    (last,) = hand.verbs.draw(3, ring(30, 46, 7))
    (far,) = hand.verbs.draw(0, ring(54, 4, 3))
    assert len({first, last, far}) == 3
    assert hand.verbs.interpolate(3, last) == (first,)
    sizes = [int(hand.pixels(first, t).sum()) for t in range(4)]
    assert sizes == sorted(sizes) and sizes[0] > 60
    assert not hand.pixels(last, 3).any()
    hand.live.undo()
    assert hand.pixels(last, 3).any() and not hand.pixels(first, 1).any()
    with pytest.raises(BadInput, match="not drawn on two frames"):
        hand.verbs.interpolate(0, far)


# What is refused


@pytest.mark.parametrize(
    ("do", "words"),
    [
        (lambda h: h.verbs.delete(0, 99), "there is no cell 99 on frame 0"),
        (lambda h: h.verbs.delete(0, 0), "no cell is there"),
        (lambda h: h.verbs.delete(9, 1), "there is no frame 9"),
        (lambda h: h.verbs.merge(0, 1, 1), "that is one cell"),
        (lambda h: finish(h.verbs.delete_track(1, 99)), "there is no cell 99 on frame 1"),
        (lambda h: finish(h.verbs.delete_track(0, 0)), "no cell is there"),
        (lambda h: finish(h.verbs.merge_track(0, 1, 99)), "there is no cell 99 on frame 0"),
        (lambda h: h.verbs.split(0, h.at(FAR)), "shows no place to split it"),
        (lambda h: h.verbs.split_along(0, [(28, 40), (28, 44)]), "crosses no cell"),
        (lambda h: h.verbs.split_along(0, [(42, 20), (42, 20)]), "no place to split"),
        (lambda h: h.verbs.draw(0, ring(*LOW, 4)), "no room for a new cell"),
        (lambda h: h.verbs.draw(0, ring(-90, 0, 4)), "encloses nothing"),
        (lambda h: h.verbs.draw(0, [(28, 40)]), "encloses nothing"),
        (lambda h: h.verbs.fill(0, *LOW), "there is a cell already"),
        (lambda h: h.verbs.fill(0, 58, 2), "the model sees no cell there"),
        (lambda h: h.verbs.shrink(0, h.at(FAR), 20), "nothing would be left"),
        (lambda h: h.verbs.interpolate(0, 1), "not drawn on two frames"),
        (lambda h: h.verbs.back_to_model(0, 1, 58, 2), "nothing was changed by hand"),
        (lambda h: (h.live.confirm_frame(0), h.verbs.back_to_model(0, 1)), "marked as done"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(do, words, hand):
    before = hand.frames()
    with pytest.raises(BadInput, match=words):
        do(hand)
    for shown, expected in zip(hand.frames(), before, strict=True):
        np.testing.assert_array_equal(shown, expected)


def test_verbs_that_need_probabilities_say_so():
    hand = Hand()
    hand.live.probabilities = None
    for do in (
        lambda: hand.verbs.fill(0, 5, 5),
        lambda: hand.verbs.redraw(0, ring(20, 20, 5)),
        lambda: hand.verbs.lower(0, 1),
    ):
        with pytest.raises(BadInput, match="frame 0 is not segmented"):
            do()
    assert hand.verbs.draw(0, ring(28, 40, 5)) == (1,)


LOCKED = {
    "delete": lambda h: h.verbs.delete(0, 1),
    "merge": lambda h: h.verbs.merge(0, 3, 1),
    "split": lambda h: h.verbs.split_along(0, [(2, 14), (30, 14)], 1),
    "shrink": lambda h: h.verbs.shrink(0, 1),
    "redraw": lambda h: h.verbs.redraw(0, ring(16, 12, 8)),
    "back": lambda h: h.verbs.back_to_model(0, 1),
}


@pytest.mark.parametrize("name", LOCKED)
def test_a_locked_cell_is_left_alone(name, hand):
    hand.verbs.lock(0, 1)
    before = hand.pixels(1)
    with pytest.raises(BadInput, match="cell 1 is locked"):
        LOCKED[name](hand)
    hand.live[0, 5:25, 5:40] = 2  # the brush, over it
    hand.live[0, 5:25, 5:40] = 0
    np.testing.assert_array_equal(hand.pixels(1), before)
    hand.verbs.lock(0, 1, on=False)
    LOCKED[name](hand)
    assert hand.live.corrections.last_done.verb not in ("lock", "unlock", "")


def test_what_was_deleted_can_be_given_back_to_the_model(hand):
    before = hand.frames()
    hand.verbs.delete(0, hand.at(LOW))
    hand.verbs.back_to_model(0, 0, *LOW)
    np.testing.assert_array_equal(hand.live[0, :, :], before[0])


def test_a_plan_made_before_another_change_is_refused(hand):
    steps = hand.verbs.delete_track(0, hand.at(LOW))
    for _ in range(6):
        next(steps)
    hand.verbs.delete(0, hand.at(LOW))
    with pytest.raises(BadInput, match="changed meanwhile"):
        finish(steps)


def test_a_step_of_a_later_version_is_replayed_and_damaged_ones_are_refused(tmp_path):
    journal = Journal(tmp_path / "journal")
    hand = Hand(Corrections(SHAPE, journal))
    hand.verbs.delete(0, hand.at(LOW))
    record = journal.read()[-1]
    other = Journal(tmp_path / "later")
    other.append({"format": "napari-unet corrections 1", "shape": list(SHAPE)})
    other.append({**record, "verb": "twist"})
    assert Corrections(SHAPE, Journal(tmp_path / "later")).last_done.words == "changed on frame 0"
    for damage in ({"verb": 3}, {"cells": ["a"]}, {"cells": 3}):
        path = tmp_path / "damaged"
        path.unlink(missing_ok=True)
        damaged = Journal(path)
        damaged.append({"format": "napari-unet corrections 1", "shape": list(SHAPE)})
        damaged.append({**record, **damage})
        with pytest.raises(BadInput, match="is no correction"):
            Corrections(SHAPE, Journal(path))


# Any order


ANY = (
    "delete merge split cut draw redraw fill grow shrink smooth fill_holes copy interpolate back "
    "lower higher lock confirm track"
).split()


class AnyOrder(RuleBasedStateMachine):
    """Any verbs in any order: undo and redo go through the same states, and so does the journal."""

    folder: Path

    @initialize(n=st.integers(0, 10**9))
    def begin(self, n: int) -> None:
        self.path = self.folder / f"{n}-{id(self)}.journal"
        self.path.unlink(missing_ok=True)
        self.hand = Hand(Corrections(SHAPE, Journal(self.path)))
        self.past, self.future = [self.said()], []

    def said(self) -> list[tuple[np.ndarray, np.ndarray]]:
        states = [self.hand.live.state(t) for t in range(SHAPE[0])]
        return [(s.ids, s.flags) for s in states]

    def same(self, one, other) -> bool:
        pairs = zip(one, other, strict=True)
        return all(np.array_equal(a, b) for x, y in pairs for a, b in zip(x, y, strict=True))

    @rule(
        verb=st.sampled_from(ANY),
        frame=st.integers(0, SHAPE[0] - 1),
        y=st.integers(2, SHAPE[1] - 3),
        x=st.integers(2, SHAPE[2] - 3),
        which=st.integers(0, 5),
    )
    def do(self, verb: str, frame: int, y: int, x: int, which: int) -> None:
        hand, verbs = self.hand, self.hand.verbs
        cells = [int(i) for i in np.unique(hand.live[frame, :, :]) if i] or [0]
        cell, other = cells[which % len(cells)], cells[(which + 1) % len(cells)]
        source = (frame + 1) % SHAPE[0]
        there = [int(i) for i in np.unique(hand.live[source, :, :]) if i] or [0]
        acts = {
            "delete": lambda: verbs.delete(frame, cell),
            "merge": lambda: verbs.merge(frame, cell, other),
            "split": lambda: verbs.split(frame, cell),
            "cut": lambda: verbs.split_along(frame, [(y, 0), (y + 3, SHAPE[2])]),
            "draw": lambda: verbs.draw(frame, ring(y, x, 5)),
            "redraw": lambda: verbs.redraw(frame, ring(y, x, 8)),
            "fill": lambda: verbs.fill(frame, y, x),
            "copy": lambda: verbs.copy(frame, source, there[which % len(there)]),
            "back": lambda: verbs.back_to_model(frame, cell, y, x),
            "lock": lambda: verbs.lock(frame, cell, on=which % 2 == 0),
            "track": lambda: finish(verbs.delete_track(frame, cell)),
        }
        before, n = self.said(), hand.live.corrections.n_done
        try:
            acts.get(verb, lambda: getattr(verbs, verb)(frame, cell))()
        except BadInput:
            assert self.same(self.said(), before)
        if hand.live.corrections.n_done > n:
            self.past.append(self.said())
            self.future.clear()
        else:
            assert self.same(self.said(), before)

    @precondition(lambda self: len(self.past) > 1)
    @rule()
    def undo(self) -> None:
        assert self.hand.live.undo()
        self.future.append(self.past.pop())

    @precondition(lambda self: self.future)
    @rule()
    def redo(self) -> None:
        assert self.hand.live.redo()
        self.past.append(self.future.pop())

    @rule(threshold=st.sampled_from((0.1, 0.5, 0.9)))
    def move(self, threshold: float) -> None:
        self.hand.live.settings = FINE.replace(threshold=threshold)

    @rule()
    def reopen(self) -> None:
        shown, settings = self.hand.frames(), self.hand.live.settings
        self.hand = Hand(Corrections(SHAPE, Journal(self.path)))
        self.hand.live.settings = settings
        for now, before in zip(self.hand.frames(), shown, strict=True):
            np.testing.assert_array_equal(now, before)

    @invariant()
    def the_users_pixels_are_shown(self) -> None:
        assert self.same(self.said(), self.past[-1])
        for t, (ids, flags) in enumerate(self.past[-1]):
            mine = (ids > 0) | ((flags & 1) > 0)
            np.testing.assert_array_equal(self.hand.live[t, :, :][mine], ids[mine])


@pytest.mark.parametrize(
    ("examples", "steps"), [(6, 12), pytest.param(150, 30, marks=pytest.mark.slow)]
)
def test_any_verbs_in_any_order(examples, steps, tmp_path):
    machine = type("Kept", (AnyOrder,), {"folder": tmp_path})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=examples < 9,
        ),
    )
