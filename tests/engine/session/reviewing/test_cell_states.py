"""States of cells: said along a track, kept, undone, and what debris teaches."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from napari_unet.engine.annotations.corrections import Corrections
from napari_unet.engine.annotations.states import StateChange
from napari_unet.engine.annotations.steps import Step
from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.journal import Journal
from napari_unet.engine.jobs import progress
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.engine.session.reviewing.aside import count_curve
from napari_unet.engine.session.reviewing.cell_states import CellStates
from napari_unet.engine.session.verbs import Verbs
from napari_unet.engine.settings import LabelSettings
from tests.engine.session.movies import CENTRES, SHAPE, Discs

FINE = LabelSettings(min_size=5)
LEFT, RIGHT, LOW, FAR, FAINT = CENTRES


class Hand:
    """A user who says states, of cells named by where they are on frame 0."""

    def __init__(self, corrections: Corrections | None = None) -> None:
        self.live = LiveLabels(SHAPE, Discs(), FINE, corrections)
        self.states, self.verbs = CellStates(self.live), Verbs(self.live)

    def at(self, centre, frame=0) -> int:
        return int(self.live[frame, centre[0], centre[1] + frame])

    def say(self, frame, centre, state) -> int:
        return finish(self.states.say(frame, self.at(centre, frame), state))

    def seen(self, centre) -> list[str]:
        """The state of a cell on each frame."""
        places = ((t, (centre[0], centre[1] + t)) for t in range(SHAPE[0]))
        return [self.states.at(t, place) for t, place in places]

    def frames(self) -> list[np.ndarray]:
        return [np.array(self.live[t, :, :]) for t in range(SHAPE[0])]


finish = partial(progress.run, quiet=True)


# What is said in turn (frame, state), what is seen of it by frame, and the words of the last step.
SAID = {
    "to the end": ([(1, "dead")], ["", "dead", "dead", "dead"], "called 4 dead on frames 1 to 3"),
    "until another": (
        [(0, "mitotic"), (2, "dead")],
        ["mitotic", "mitotic", "dead", "dead"],
        "called 4 dead on frames 2 to 3",
    ),
    "until none": (
        [(0, "mitotic"), (3, "")],
        ["mitotic", "mitotic", "mitotic", ""],
        "took back what 4 was called on frame 3",
    ),
    "own words": ([(2, "  round  up ")], ["", "", "round up", "round up"], "called 4 round up"),
    "debris": ([(2, "debris")], ["debris"] * 4, "called 4 debris on frames 0 to 3"),
    "debris over another": (
        [(0, "dead"), (1, "debris")],
        ["debris"] * 4,
        "called 4 debris on frames 0 to 3",
    ),
}


@pytest.mark.parametrize("name", SAID)
def test_a_state_follows_the_track_is_undone_redone_and_reopened(name, tmp_path):
    said, seen, words = SAID[name]
    hand = Hand(Corrections(SHAPE, Journal(tmp_path / "journal"), author="ada"))
    news: list[tuple[int, ...]] = []
    hand.live.edited.connect(news.append)
    before = hand.frames()
    for frame, state in said:
        hand.say(frame, LOW, state)
    step = hand.live.corrections.last_done
    assert hand.seen(LOW) == seen and hand.seen(FAR) == [""] * 4
    assert step.words.startswith(words) and step.author == "ada" and news[-1] == step.frames
    after = hand.frames()
    reopened = Hand(Corrections(SHAPE, Journal(tmp_path / "journal")))
    assert reopened.live.corrections.last_done == step and reopened.seen(LOW) == seen
    np.testing.assert_array_equal(reopened.frames(), after)
    for _ in said:
        reopened.live.undo()
    assert reopened.seen(LOW) == [""] * 4 and not reopened.live.corrections.states
    np.testing.assert_array_equal(reopened.frames(), before)
    for _ in said:
        reopened.live.redo()
    assert reopened.seen(LOW) == seen and reopened.live.corrections.copy().states
    np.testing.assert_array_equal(reopened.frames(), after)


def test_a_state_stays_whatever_number_outline_and_model_the_cell_has():
    hand = Hand()
    hand.say(0, FAR, "dead")
    assert not hand.live.corrections.frames()  # the outline is the model's still
    hand.live.settings = FINE.replace(threshold=0.9)
    assert hand.seen(FAR) == ["dead"] * 4
    hand.live.probabilities = Discs(faint=5, reach=9)
    assert hand.seen(FAR) == ["dead"] * 4
    hand.verbs.merge(0, hand.at(LOW), hand.at(FAR))
    assert hand.states.at(0, FAR) == hand.states.at(0, LOW) == "dead"
    labels = np.array(hand.live[1, :, :])
    renumbered = np.where(labels > 0, labels + 70, 0)
    states = hand.live.corrections.states
    assert states.of(1, renumbered) == {hand.at(FAR, 1) + 70: "dead"}
    hand.verbs.delete(2, hand.at(FAR, 2))
    assert hand.seen(FAR)[2] == "" and states.of(2, np.array(hand.live[2, :, :])) == {}
    assert states.words() == ("dead",) and states.frames() == (0, 1, 2, 3)


def test_debris_is_background_that_teaches_and_is_no_cell():
    hand = Hand()
    before, n = hand.frames(), len(np.unique(hand.live[0, :, :])) - 1
    hand.say(0, LOW, "debris")
    for t, shown in enumerate(hand.frames()):
        was = before[t] == before[t][LOW[0], LOW[1] + t]
        assert (shown[was] == BACKGROUND_ID).all() and (shown[~was] == before[t][~was]).all()
        annotation = hand.live.annotation(t)
        assert annotation.supervised[was].all() and not annotation.labels[was].any()
        assert not hand.live.corrections.ids(t).size
        assert not hand.live.corrections.states.of(t, shown)
    curve = count_curve(hand.live, 0)
    assert curve.max() <= n and hand.live.corrections.states.debris(0, hand.live[0, :, :])
    hand.live.settings = FINE.replace(threshold=0.05)
    assert hand.seen(LOW) == ["debris"] * 4  # and no cell grows around it
    hand.live.settings = FINE
    taken = hand.states.take_debris_back(2, (LOW[0], LOW[1] + 2))
    assert finish(taken) == SHAPE[0] and not hand.live.corrections.states
    np.testing.assert_array_equal(hand.frames(), before)
    hand.live.undo()
    assert hand.seen(LOW) == ["debris"] * 4
    hand.live[1, LOW[0] - 3 : LOW[0] + 4, LOW[1] - 2 : LOW[1] + 5] = 9  # a cell after all
    assert hand.seen(LOW) == ["debris", "", "debris", "debris"]


@pytest.mark.parametrize(
    ("do", "words"),
    [
        (lambda h: h.states.say(0, 99, "dead"), "no cell 99 on frame 0"),
        (lambda h: h.states.say(0, 0, "dead"), "no cell is there"),
        (lambda h: h.states.say(9, 1, "dead"), "no frame 9"),
        (lambda h: h.states.say(0, 1, "x" * 41), "no state of a cell"),
        (lambda h: h.states.say(0, 1, "  "), "no state of a cell"),
        (lambda h: (h.verbs.lock(1, h.at(FAR, 1)), h.states.say(0, 3, "debris"))[1], "is locked"),
        (lambda h: h.states.take_debris_back(0, FAR), "no debris is there"),
    ],
)
def test_what_cannot_be_said_changes_nothing(do, words):
    hand = Hand()
    before = hand.frames()
    with pytest.raises(BadInput, match=words):
        finish(do(hand))
    np.testing.assert_array_equal(hand.frames(), before)
    assert not hand.live.corrections.states


def test_nothing_to_take_back_is_no_step():
    hand = Hand()
    hand.say(0, FAR, "")
    assert hand.live.corrections.n_done == 0


@pytest.mark.parametrize(
    "states", [[[0, [1], "", "dead"]], [[0, [99, 1], "", "dead"]], [[0, [1, 1], "", 3]], [[0]], 3]
)
def test_damaged_states_are_refused(states, tmp_path):
    journal = Journal(tmp_path / "journal")
    journal.append({"format": "napari-unet corrections 1", "shape": list(SHAPE)})
    journal.append({"do": [], "verb": "state", "cells": [1], "states": states})
    with pytest.raises(BadInput, match="is no correction"):
        Corrections(SHAPE, Journal(tmp_path / "journal"))


def test_steps_say_who_made_them_and_frames_who_reviewed_them(tmp_path):
    step = Step((), "state", (3,), (StateChange(2, (1, 1), "", "dead"),), "ada")
    assert Step.from_record(step.to_record()) == step and step.words == "called 3 dead on frame 2"
    corrections = Corrections(SHAPE, Journal(tmp_path / "journal"), author="ada")
    live = LiveLabels(SHAPE, Discs(), FINE, corrections)
    live.confirm_frame(0)
    corrections.author = "bo"
    live.confirm_frame(1)
    live.confirm_frame(0, False)
    live.confirm_frame(0)
    again = Corrections(SHAPE, Journal(tmp_path / "journal"))
    assert [again.reviewed_by(t) for t in range(3)] == ["bo", "bo", ""]
    again.undo()
    assert again.reviewed_by(0) == ""
    again.undo()
    assert again.reviewed_by(0) == "ada"
