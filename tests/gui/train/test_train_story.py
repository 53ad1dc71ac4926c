"""Train by clicks: paint, train, stop and keep, crash, resume, compare, revert."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.engine.network.model import Model
from napari_unet.engine.network.model_files import library
from napari_unet.engine.training.checkpoint import load_checkpoint
from napari_unet.gui.train.resume import base_of, checkpoint_of


@pytest.fixture
def always_kept(monkeypatch):
    """A checkpoint after each step."""
    monkeypatch.setattr("napari_unet.engine.training.training.SECONDS_BETWEEN", 0.0)


def open_train(hand, file):
    dock = hand.open("Train")
    hand.open_movie(dock, file)
    hand.make_small(dock, steps=5000)
    return dock


def paint(hand, dock, viewer, truth):
    """Outline the cells of two frames, and a stroke of background with the brush."""
    hand.click(dock, "train.annotate")
    layer = viewer.layers.selection.active
    for t in (0, 3):
        for label in np.unique(truth[t])[1:]:
            ys, xs = np.nonzero(truth[t] == label)
            layer.data_setitem((np.full(len(ys), t), ys, xs), int(label))
            hand.click(dock, "train.new_cell")
    hand.click(dock, "train.background")
    empty = np.argwhere(truth[0] == 0)[0]
    layer.brush_size = 1
    layer.paint((0, *empty), layer.selected_label)
    assert hand.session.labels.live[0, empty[0], empty[1]] == 65535


def begin(hand, dock, start_from):
    hand.find(dock, "train.start_from").setCurrentText(start_from)
    hand.click(dock, "train.start")
    learned(hand, 3)


def learned(hand, steps):
    job = hand.session.job
    hand.qtbot.waitUntil(lambda: job.state.done >= steps, timeout=60000)


def crash(hand, dock):
    """Stop as a crash would: the checkpoint and all beside it stay as they are."""
    checkpoint = checkpoint_of(hand.session.movie.stack)
    hand.qtbot.waitUntil(checkpoint.exists, timeout=20000)
    kept = checkpoint.parent.glob("[!.]*")  # not what is being written just now
    left = {path: path.read_bytes() for path in kept}
    hand.click(dock, "train.cancel")
    hand.done()
    assert not list(checkpoint.parent.iterdir())
    for path, content in left.items():
        path.write_bytes(content)
    return load_checkpoint(checkpoint)["step"]


def keep(hand, dock):
    assert hand.find(dock, "train.keep").text() == "Stop and keep"
    hand.click(dock, "train.keep")
    kept = hand.find(dock, "train.keep")
    hand.qtbot.waitUntil(lambda: kept.text() == "Kept", timeout=60000)
    hand.done()  # the frame on screen is segmented with it
    return hand.session.models.chosen


def resume(hand, dock, step):
    """Resume by click, in a napari that was opened anew."""
    button = hand.find(dock, "train.resume")
    hand.qtbot.waitUntil(lambda: button.isVisibleTo(dock) and button.isEnabled(), timeout=20000)
    hand.find(dock, "train.steps").setValue(7)  # it goes on as it was begun
    hand.click(dock, "train.resume")
    learned(hand, step + 2)
    assert hand.session.job.state.total == 5000


def test_paint_train_keep_crash_resume_compare_revert(
    hand, file, small, viewer, make_napari_viewer, always_kept
):
    dock = open_train(hand, file)
    paint(hand, dock, viewer, small[1])
    begin(hand, dock, "a new network")
    first = keep(hand, dock)
    assert first.saved and Model.load(first.path).record["steps"] < 5000
    assert not checkpoint_of(hand.session.movie.stack).exists()

    hand.find(dock, "train.name").setText("child")
    begin(hand, dock, first.title)
    step = crash(hand, dock)

    other = make_napari_viewer(show=False)
    again = type(hand)(other, hand.qtbot)
    dock = open_train(again, file)
    kept = hand.find(dock, "movie.kept")
    hand.qtbot.waitUntil(lambda: "corrections on 2 frames" in kept.text(), timeout=20000)
    former = next(m for m in again.session.models.all if m.path == first.path)
    again.session.models.choose(former)
    resume(again, dock, step)
    child = keep(again, dock)
    assert child.name == "child"
    assert child.model.record["parent"] == Model.load(first.path).sha256
    assert child.model.record["steps"] > step
    assert len(list(library().glob("*.safetensors"))) == 2

    again.click(dock, "train.compare")
    again.done()
    assert "before training" in [x.name for x in other.layers]
    before = np.asarray(other.layers["before training"].data[0])
    again.click(dock, "train.compare")
    after = np.asarray(other.layers["after training"].data[0])
    assert before.shape == after.shape == small[0].shape[1:]
    assert "before training" not in [x.name for x in other.layers]

    again.click(dock, "train.revert")
    assert again.session.models.chosen is former
    assert "after training" not in [x.name for x in other.layers]
    assert not again.find(dock, "train.resume").isVisibleTo(dock)


def test_a_child_of_a_model_that_was_never_saved_goes_on_after_a_restart(
    hand, file, small, viewer, make_napari_viewer, always_kept
):
    dock = open_train(hand, file)
    paint(hand, dock, viewer, small[1])
    hand.find(dock, "train.name").setText("mother")
    hand.find(dock, "train.start_from").setCurrentText("a new network")
    hand.find(dock, "train.steps").setValue(3)
    hand.click(dock, "train.start")
    hand.done()
    mother = hand.session.models.chosen
    assert not mother.saved
    hand.find(dock, "train.steps").setValue(5000)
    hand.find(dock, "train.name").setText("child")
    begin(hand, dock, mother.title)
    step = crash(hand, dock)

    again = type(hand)(make_napari_viewer(show=False), hand.qtbot)
    dock = open_train(again, file)
    assert "mother" not in [m.name for m in again.session.models.all]
    resume(again, dock, step)
    child = keep(again, dock)
    assert child.name == "child"
    assert child.model.record["parent"] == mother.model.sha256
    assert not base_of(again.session.movie.stack).exists()
    again.click(dock, "train.compare")  # with the mother, though her file is gone
    again.done()
    again.click(dock, "train.revert")
    assert again.session.models.chosen.name == "mother"


def test_a_base_that_is_gone_is_one_line(hand, file, small, viewer, always_kept):
    dock = open_train(hand, file)
    paint(hand, dock, viewer, small[1])
    hand.find(dock, "train.steps").setValue(3)
    hand.click(dock, "train.start")
    hand.done()
    mother = hand.session.models.chosen
    hand.find(dock, "train.steps").setValue(5000)
    begin(hand, dock, mother.title)
    crash(hand, dock)
    hand.session.models.replace(mother, None)
    base_of(hand.session.movie.stack).unlink()
    dock.update_state()
    hand.click(dock, "train.resume")
    assert "is gone: start a new training" in hand.failure()
