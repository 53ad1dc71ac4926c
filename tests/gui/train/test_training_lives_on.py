"""A training belongs to the session: its dock may be closed; other viewers hear of its model."""

from __future__ import annotations

import re

import pytest

from napari_unet.engine.network.model_files import library


@pytest.fixture
def hand_at_truth(hand, movie, small):
    """A user at a viewer with the movie and its true labels."""
    hand.viewer.add_labels(small[1], name="truth")
    return hand


def close(hand, dock):
    """Press the × of a dock."""
    with hand.qtbot.waitSignal(dock.destroyed, timeout=5000):
        dock._stack_as_tab()
        hand.viewer.window.remove_dock_widget(dock)


def test_a_dock_closed_in_a_training_and_opened_again_shows_all_of_it(hand_at_truth, qtbot):
    hand = hand_at_truth
    dock = hand.open_train(steps=5000)
    hand.find(dock, "train.minutes").setValue(0.5)
    hand.find(dock, "train.name").setText("patient")
    hand.find(dock, "train.frames").setText("0,3")
    hand.click(dock, "train.start")
    job = hand.session.job
    qtbot.waitUntil(lambda: job.state.done >= 3, timeout=60000)
    close(hand, dock)
    done = job.state.done
    qtbot.waitUntil(lambda: job.state.done > done, timeout=60000)  # it goes on
    dock = hand.open("Train")
    for name, value in (("minutes", 0.5), ("steps", 5000), ("filters", (8, 16))):
        assert hand.find(dock, f"train.{name}").value() == value
    assert hand.find(dock, "train.start_from").currentText() == "a new network"
    assert hand.find(dock, "train.name").text() == "patient"
    assert hand.find(dock, "train.frames").text() == "0,3"
    assert len(hand.find(dock, "train.curve").loss.points) >= done
    assert hand.find(dock, "train.keep").text() == "Stop and keep"
    hand.click(dock, "train.keep")
    close(hand, dock)  # it is kept, dock or none
    qtbot.waitUntil(lambda: len(list(library().glob("*.safetensors"))) == 1, timeout=60000)
    hand.done()
    dock = hand.open("Train")
    assert hand.find(dock, "train.keep").text() == "Kept"
    assert re.search("^Trained|Checked on frame 3", hand.find(dock, "train.outcome").text())
    assert hand.find(dock, "train.revert").isVisibleTo(dock)
    assert hand.find(dock, "train.start_from").currentText() == "patient (mine)"


def test_a_model_that_ended_while_the_dock_was_closed_can_be_reverted(hand_at_truth):
    hand = hand_at_truth
    dock = hand.open_train(steps=3)
    former = hand.session.models.chosen
    hand.click(dock, "train.start")
    close(hand, dock)
    hand.done()
    dock = hand.open("Train")
    assert hand.find(dock, "train.start_from").currentText() == "a new network"
    hand.click(dock, "train.revert")
    assert hand.session.models.chosen is former
    assert hand.find(dock, "train.outcome").text() == ""


def test_two_viewers_keep_models_of_one_name(make_napari_viewer, hand_at, small, qtbot):
    hands = [hand_at(make_napari_viewer(show=False)) for _ in range(2)]
    docks = []
    for hand in hands:
        hand.viewer.add_image(small[0], name="small", axis_labels=("t", "y", "x"))
        hand.viewer.add_labels(small[1], name="truth")
        docks.append(hand.open_train(steps=3))
        hand.click(docks[-1], "train.start")
        hand.done()
    lines = []
    for hand, dock in zip(hands, docks, strict=True):
        hand.click(dock, "train.keep")
        lines.append(hand.done())
    assert lines[0] == "small model is kept."
    assert lines[1].startswith("small model is kept as small model 2")
    assert {p.stem for p in library().glob("*.safetensors")} == {"small model", "small model 2"}
    for hand in hands:  # each menu has both, once
        kept = [m.path.stem for m in hand.session.models.all if m.origin == "mine" and m.path]
        assert sorted(kept) == ["small model", "small model 2"]
    for hand, name in zip(hands, ("small model", "small model 2"), strict=True):
        assert hand.session.models.chosen.path.stem == name


@pytest.mark.parametrize("order", ["dock last", "dock first"])
def test_what_the_dock_says_is_what_it_learns_from(hand, movie, small, order):
    dock = hand.open("Train") if order == "dock first" else None
    hand.viewer.add_labels(small[1], name="truth")
    dock = dock or hand.open("Train")
    box = hand.find(dock, "train.complete")
    for ticked in (True, False, True):
        box.setChecked(ticked)
        share = 100 * dock.annotations.source().read().supervised_fraction
        hand.said(dock, "train.summary", f"{share:.3g} % of the pixels")
    assert share == 100


def test_a_checkpoint_that_cannot_be_removed_is_said(hand_at_truth, monkeypatch):
    hand = hand_at_truth
    dock = hand.open_train(steps=3)
    hand.click(dock, "train.start")
    hand.done()

    def refused(_):
        raise PermissionError(13, "Permission denied", "some.checkpoint")

    monkeypatch.setattr("napari_unet.gui.train.training_run.forget", refused)
    hand.click(dock, "train.revert")
    assert hand.failure() == (
        "some.checkpoint: Permission denied. "
        "Ask for the right to use this place, or take another one."
    )
