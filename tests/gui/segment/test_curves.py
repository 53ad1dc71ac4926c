"""Curves of Segment and the automatic threshold, on the small movie."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_unet.gui.segment import counts
from napari_unet.gui.segment.auto_threshold import auto_threshold, never_learned


@pytest.fixture
def segment(hand, movie, model_file):
    """The Segment dock with the whole movie segmented."""
    dock = hand.open("Segment")
    hand.load_model(dock, model_file)
    hand.click(dock, "segment.run_movie")
    hand.done()
    return dock


def test_curves_follow_the_threshold_and_a_click_goes_there(hand, segment, viewer):
    viewer.window._qt_window.show()
    over_time = hand.find(segment, "segment.count_over_time")
    over_threshold = hand.find(segment, "segment.count_over_threshold")
    assert not over_threshold.isVisible()
    segment.more.expand()
    hand.qtbot.waitUntil(lambda: over_time.xs.size == 6, timeout=10000)
    live = hand.session.labels.live
    assert over_time.isVisible()
    slider = hand.find(segment, "segment.threshold")
    for threshold in (0.3, 0.8):
        slider.setValue(threshold)
        shown = [len(np.unique(live[t])) - 1 for t in range(6)]
        np.testing.assert_array_equal(over_time.ys, shown)
    assert over_threshold.ys.size == 254
    right = QPoint(over_time.width() - 8, over_time.height() // 2)
    hand.qtbot.mouseClick(over_time, Qt.MouseButton.LeftButton, pos=right)
    assert hand.session.movie.frame == 5
    middle = over_threshold.axes().area.center().toPoint()
    hand.qtbot.mouseClick(over_threshold, Qt.MouseButton.LeftButton, pos=middle)
    assert 0.4 < hand.session.labels.settings.threshold < 0.6


def test_curves_count_what_the_layer_shows(hand, segment, viewer, small, monkeypatch):
    viewer.window._qt_window.show()
    over_time = hand.find(segment, "segment.count_over_time")
    hand.qtbot.waitUntil(lambda: over_time.xs.size == 6, timeout=10000)
    live = hand.session.labels.live
    t, n = hand.session.movie.frame, 6

    def shown():
        return [len(np.unique(np.asarray(live[i]))) - (live[i] == 0).any() for i in range(n)]

    label = int(np.asarray(live[t]).max())
    live[t] = np.where(np.asarray(live[t]) == label, 0, np.asarray(live[t]))  # one deleted
    live[1, 2:6, 2:6] = live.new_id()
    live[4] = small[1][4]
    live.confirm_frame(4)
    slider = hand.find(segment, "segment.threshold")
    for threshold in (0.4, 0.9, 0.05):
        slider.setValue(threshold)
        hand.qtbot.waitUntil(lambda: list(over_time.ys) == shown(), timeout=10000)
    assert over_time.ys[4] == len(np.unique(small[1][4])) - 1
    monkeypatch.setattr(counts, "_MOST_FRAMES", 3)
    hand.session.labels.changed.emit()
    words = hand.find(segment, "segment.curves_hint")
    hand.qtbot.waitUntil(lambda: "one frame in 2 is counted" in words.text(), timeout=10000)


def test_auto_without_checked_frames_is_otsu_and_says_so(hand, segment):
    words = hand.find(segment, "segment.auto_words")
    hand.click(segment, "segment.auto")
    hand.qtbot.waitUntil(lambda: "Otsu" in words.text(), timeout=10000)
    threshold = hand.session.labels.settings.threshold
    assert 0.02 <= threshold <= 0.98
    assert words.text().startswith(f"{threshold:g}:")
    hand.find(segment, "segment.threshold").setValue(0.9)
    assert not words.text()


def test_auto_takes_the_best_objects_on_frames_kept_for_checking(hand, segment, small):
    live = hand.session.labels.live
    for t in (1, 2):
        live[t] = small[1][t]
        live.confirm_frame(t)
    found = auto_threshold(live, (1, 2, 5), 0)
    assert "frames 1-2, kept for checking" in found.words
    assert 0.1 <= found.threshold <= 0.95


@pytest.mark.parametrize(
    ("record", "frames"),
    [
        ({"held_out": {"frames": [4, 5], "gap": [3, 6], "joins": False}}, (4, 5)),
        ({"held_out": {"frames": [4], "joins": True}}, ()),
        ({"checked_on": "frames 4-6"}, (4, 5, 6)),  # as version 0.1.0 says it
    ],
)
def test_frames_never_learned_from(record, frames):
    record = {**record, "movie_fingerprint": "this"}
    assert never_learned(record, "this") == frames
    assert never_learned(record, "other") == ()


def test_sizes_are_said_in_square_micrometres(hand, viewer, small):
    scaled = {"scale": (1, 0.5, 0.5), "units": ("pixel", "micrometer", "micrometer")}
    viewer.add_image(small[0], axis_labels=("t", "y", "x"), **scaled)
    dock = hand.open("Segment")
    box = hand.find(dock, "segment.min_size")
    box.setValue(40)
    assert box.value() == 40
    assert box.text() == "40 px (10 µm²)"


def test_a_moved_threshold_draws_the_labels_once(hand, segment, monkeypatch):
    layer, live = hand.session.labels.layer, hand.session.labels.live
    hand.qtbot.waitUntil(lambda: live.is_prepared(hand.session.movie.frame), timeout=10000)
    drawn = []
    refresh = type(layer).refresh
    monkeypatch.setattr(
        type(layer), "refresh", lambda self, *a, **k: (drawn.append(1), refresh(self, *a, **k))
    )
    hand.find(segment, "segment.threshold").setValue(0.33)
    assert len(drawn) == 1
