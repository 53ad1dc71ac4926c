"""The head of the docks: a way in while nothing is open, one line for the movie afterwards."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.mark.parametrize(
    ("axes", "shape", "words"),
    [
        ("tyx", (5, 16, 20), "array · 5 frames"),
        ("tzyx", (5, 3, 16, 20), "array · 5 frames · max of 3 z"),
        ("tcyx", (5, 2, 16, 20), "array · channel 0 · 5 frames"),
    ],
)
def test_one_line_says_what_the_movie_is(hand, viewer, axes, shape, words):
    dock = hand.open("Export")
    assert not dock.head.line.isVisibleTo(dock)
    viewer.add_image(np.random.default_rng(0).random(shape, np.float32), axis_labels=tuple(axes),
                     name="array")  # fmt: skip
    assert dock.head.line.isVisibleTo(dock)
    assert dock.head.line.words() == words
    axes_field = hand.find(dock, "movie.axes")
    assert not axes_field.isVisibleTo(dock) and not hand.find(dock, "movie.open").isVisibleTo(dock)
    hand.click(dock, "movie.line")
    assert axes_field.isVisibleTo(dock) and hand.find(dock, "movie.path").isVisibleTo(dock)


def test_a_line_says_whether_the_work_is_saved(hand, file, movie, viewer):
    dock = hand.open("Train")
    hand.click(dock, "train.annotate")
    assert "not saved" in dock.head.saved.text() and "no file" in dock.head.saved.toolTip()
    hand.open_movie(dock, file)
    hand.click(dock, "train.annotate")
    assert dock.head.saved.text() == "saved ✓"


def test_an_empty_dock_offers_the_sample_movie(hand, viewer):
    dock = hand.open("Segment")
    for name in ("movie.open", "movie.sample"):
        assert hand.find(dock, name).isVisibleTo(dock)
    assert not hand.find(dock, "movie.path").isVisibleTo(dock)
    hand.click(dock, "movie.sample")
    hand.done()
    assert len(hand.session.movie.stack) == 48
    assert hand.session.movie.stack.pixel_size == 0.65
    assert not hand.find(dock, "movie.sample").isVisibleTo(dock)
