"""*Run on* of Segment: a cluster by its address, with a worker that is lost."""

from __future__ import annotations

import os

import numpy as np
import psutil
import pytest

from napari_unet.engine.jobs.cluster import block
from napari_unet.engine.jobs.segment import segment as run
from napari_unet.engine.network.model import Model
from napari_unet.gui.session.recent import recent_cluster

FRAMES = 48


@pytest.fixture
def segment(hand, model_file):
    """The Segment dock with the tiny model chosen."""
    dock = hand.open("Segment")
    hand.load_model(dock, model_file)
    return dock


def on_cluster(hand, dock, address):
    """Choose *cluster…* and type an address, as a user does."""
    hand.find(dock, "segment.run_on").setCurrentText("cluster…")
    field = hand.find(dock, "segment.cluster")
    field.clear()
    hand.qtbot.keyClicks(field, address)
    field.editingFinished.emit()


def workers():
    """The processes that were started for this test, from the oldest on."""
    found = []
    for process in psutil.Process(os.getpid()).children(recursive=True):
        try:
            if "spawn_main" in " ".join(process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return sorted(found, key=psutil.Process.create_time)


@pytest.mark.slow
def test_a_cluster_gives_the_labels_of_this_computer_though_a_worker_is_lost(
    hand, segment, viewer, small, model_file, monkeypatch
):
    monkeypatch.setattr(block, "_PIXELS", small[0][0].size)  # a block is a frame
    pixels = np.concatenate([np.roll(small[0], 5 * i, axis=2) for i in range(FRAMES // 6)])
    viewer.add_image(pixels, name="long", axis_labels=("t", "y", "x"))
    lines, killed = [], []

    def follow(state):
        lines.append(state.line)
        if state.done >= 2 and not killed:
            killed.append(state.done)
            workers()[0].kill()

    hand.session.job.changed.connect(follow)
    on_cluster(hand, segment, "local:2")
    hand.click(segment, "segment.run_movie")
    line = hand.done(timeout=120_000)
    assert line.startswith(f"{FRAMES} frames segmented on 2 workers of local:2"), line
    assert killed[0] < FRAMES
    assert "Connecting to local:2…" in lines
    assert any(said.startswith("Segmenting the movie: ") and "left" in said for said in lines)
    stack, live = hand.session.movie.stack, hand.session.labels.live
    for frame in run(stack, Model.load(model_file)):
        np.testing.assert_array_equal(live.probabilities[frame.frame], frame.codes)
        np.testing.assert_array_equal(np.asarray(live[frame.frame]), frame.labels)
    assert recent_cluster() == "local:2"
    _, left = psutil.wait_procs(workers(), timeout=20)  # one begun in place of a lost one, too
    assert not left


def test_no_movie_leaves_this_computer_unasked(hand, segment, movie, viewer):
    where, address = (hand.find(segment, f"segment.{name}") for name in ("run_on", "cluster"))
    assert where.currentText() == "this computer"
    assert address.parentWidget().isHidden()
    on_cluster(hand, segment, "nowhere")
    assert not address.parentWidget().isHidden()
    hand.click(segment, "segment.run_movie")
    line = hand.find(segment, "segment.message").text()
    assert "nowhere names no cluster" in line
    address.clear()
    hand.click(segment, "segment.run_movie")
    assert "nothing names no cluster" in hand.find(segment, "segment.message").text()
    where.setCurrentText("this computer")
    hand.click(segment, "segment.run_frame")
    assert hand.done().startswith("1 frame segmented on the CPU")
