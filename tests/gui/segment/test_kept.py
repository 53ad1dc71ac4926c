"""What is said to be kept is kept; labels of one channel belong to that channel."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile


@pytest.fixture
def channels(tmp_path, small):
    """A file of three channels, each of which opens as a layer of its own."""
    path = tmp_path / "channels.ome.tif"
    movie = np.stack([small[0]] * 3, axis=1)
    tifffile.imwrite(path, movie, metadata={"axes": "TCYX"})
    return path


def remove_movie(hand):
    hand.viewer.layers.remove(hand.session.movie.image)


def turn_movie(hand):
    movie = hand.session.movie.image
    movie.data = np.asarray(movie.data).swapaxes(-1, -2)


def cancel(hand):
    hand.session.job.cancel()


@pytest.mark.parametrize(
    ("has_file", "act", "said"),
    [
        (False, remove_movie, "Nothing is kept: the layer of the movie was removed"),
        (False, cancel, "What is done is kept until napari closes"),
        (False, turn_movie, "Nothing is kept: the layer of the movie has another shape now"),
        (True, cancel, "What is done is kept; Segment movie goes on"),
        (True, remove_movie, "What is done is kept; Segment movie goes on"),
    ],
)
def test_what_is_said_to_be_kept_is(hand, tmp_path, model_file, small, has_file, act, said):
    dock, movie = hand.open("Segment"), np.concatenate([small[0]] * 50)
    file = tmp_path / "long.tif"
    if has_file:
        tifffile.imwrite(file, movie, imagej=True, metadata={"axes": "TYX"})
        hand.open_movie(dock, file)
    else:
        hand.viewer.add_image(movie, name="long", axis_labels=("t", "y", "x"))
    hand.load_model(dock, model_file)
    job = hand.session.job
    run = []

    def stop(state):
        if state.done >= 1 and not run:
            run.append(state)
            act(hand)

    job.changed.connect(stop)
    hand.click(dock, "segment.run_movie")
    hand.qtbot.waitUntil(lambda: not job.running, timeout=60000)
    assert said in job.state.line
    if not has_file and act is not cancel:
        assert hand.session.labels.live is None
    else:
        if has_file and act is remove_movie:
            hand.open_movie(dock, file)
        hand.qtbot.waitUntil(lambda: hand.session.labels.live is not None, timeout=10000)
        probabilities = hand.session.labels.live.probabilities
        assert probabilities.computed.any()


def test_pixels_replaced_before_the_model_is_open(hand, model_file, small):
    dock = hand.open("Segment")
    hand.viewer.add_image(small[0], name="turned", axis_labels=("t", "y", "x"))
    hand.load_model(dock, model_file)
    hand.click(dock, "segment.run_movie")
    turn_movie(hand)  # the job answers for the pixels there were
    hand.qtbot.waitUntil(lambda: not hand.session.job.running, timeout=60000)
    assert "Stopped" in hand.session.job.state.line
    hand.click(dock, "segment.run_movie")
    hand.done()
    assert hand.session.labels.live.shape == small[0].swapaxes(1, 2).shape


def test_another_channel_stays_and_its_labels_do_not(hand, channels, model_file, viewer, qtbot):
    dock = hand.open("Segment")
    hand.open_movie(dock, channels)
    hand.load_model(dock, model_file)
    hand.click(dock, "segment.run_frame")
    hand.done()
    first = hand.session.labels.layer
    assert first.visible
    menu = hand.find(dock, "movie.channel")
    menu.setCurrentIndex(1)
    qtbot.wait(800)  # what is kept of the movie is read meanwhile
    assert hand.session.movie.view.channel == 1
    assert menu.currentIndex() == 1
    assert not first.visible
    assert hand.session.labels.layer is None
    menu.setCurrentIndex(0)
    qtbot.waitUntil(lambda: first.visible, timeout=5000)
    assert hand.session.labels.layer is first
