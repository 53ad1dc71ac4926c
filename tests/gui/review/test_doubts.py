"""Doubts in the Review dock: ten gone through without the mouse, and what the list follows."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from qtpy.QtCore import Qt
from scipy.ndimage import maximum_filter

from napari_unet.engine.labels.codes import encode
from napari_unet.engine.settings import LabelSettings
from napari_unet.gui.viewer.verb_keys import use_preset
from napari_unet.sample.movie import sample_movie
from napari_unet.sample.slips import labels_with_slips

SHIFT = Qt.KeyboardModifier.ShiftModifier


class Shown:
    """Probabilities that show labels as they are, a line of ground between cells that touch."""

    outputs = ("object",)
    parts = ()
    key: ClassVar = {"model": "the slips"}

    def __init__(self, labels) -> None:
        self.shape = (len(labels), 1, *labels.shape[1:])
        self.computed = np.ones(len(labels), bool)
        large = maximum_filter(labels, (1, 3, 3))
        least = maximum_filter(np.where(labels > 0, 65535 - labels, 0), (1, 3, 3))
        self.alone = (labels > 0) & (large == labels) & (65535 - least == labels)

    def __getitem__(self, frame):
        return encode(np.where(self.alone[frame], 0.97, 0.03))[None]


@pytest.fixture
def dock(hand, viewer, qtbot):
    """The dock, over the sample movie with twelve slips, once they are found."""
    movie, truth = sample_movie(frames=14, shape=(192, 240), density=2.5, seed=1)
    viewer.add_image(movie, name="slips", axis_labels=("t", "y", "x"))
    hand.session.labels.set_settings(LabelSettings(min_size=10, split=False))
    hand.session.labels.show()
    damaged, _ = labels_with_slips(truth, 12, seed=1)
    hand.session.labels.set_probabilities(Shown(damaged))
    dock = hand.open("Review")
    viewer.window._qt_window.show()
    found = dock.doubts.search
    qtbot.waitUntil(lambda: found.done and len(found.doubts) >= 10, timeout=20000)
    yield dock
    use_preset("own")


def key(hand, key, held=Qt.KeyboardModifier.NoModifier):
    canvas = hand.viewer.window._qt_viewer.canvas.native
    hand.qtbot.keyClick(canvas, key, held)


def test_ten_doubts_are_repaired_without_the_mouse(hand, dock, qtbot):
    live, search, listed = (
        hand.session.labels.live,
        dock.doubts.search,
        hand.find(dock, "review.doubts"),
    )
    hand.session.viewer.layers.selection.active = hand.session.labels.layer
    n = len(search.doubts)
    assert listed.count() == n
    assert hand.find(dock, "review.doubt").text() == f"{n} doubts"
    assert dock.timeline.doubted == {one.frame for one in search.doubts if one.score >= 0.5}
    for done in range(10):
        if dock.doubts._at is None:  # the first; or what it was about is mended by the one before
            key(hand, Qt.Key.Key_N)
        one = dock.doubts._at
        assert one is not None
        assert one.repair is not None
        assert hand.session.movie.frame == one.frame
        centre = dock.session.viewer.scene.camera.center[-2:]
        assert np.allclose(centre, (one.y, one.x), atol=1)
        key(hand, Qt.Key.Key_Y)
        assert live.corrections.n_done == done + 1
        qtbot.waitUntil(lambda: search.done, timeout=20000)
        assert one not in search.doubts
    assert live.corrections.n_done == 10
    assert len(search.doubts) <= n - 10


def test_fine_as_it_is_back_and_undone(hand, dock, qtbot):
    live, search = hand.session.labels.live, dock.doubts.search
    repair = hand.find(dock, "review.repair")
    assert not repair.isEnabled()
    assert repair.text() == "Repair  Y"
    hand.click(dock, "review.next_doubt")
    hand.click(dock, "review.next_doubt")
    second = dock.doubts._at
    assert "2 of" in hand.find(dock, "review.doubt").text()
    key(hand, Qt.Key.Key_N, SHIFT)
    first = dock.doubts._at
    assert search.doubts[:2] == [first, second]
    shown = np.asarray(live[first.frame, :, :])
    key(hand, Qt.Key.Key_Q)
    qtbot.waitUntil(lambda: search.done and first not in search.doubts, timeout=20000)
    assert np.array_equal(live[first.frame, :, :], shown)
    assert dock.doubts._at == second
    dock.actions().undo()
    qtbot.waitUntil(lambda: search.done and first in search.doubts, timeout=20000)


def test_a_moved_threshold_and_labels_that_go(hand, dock, qtbot):
    search = dock.doubts.search
    before = list(search.doubts)
    hand.session.labels.set_settings(hand.session.labels.settings.replace(threshold=0.99))
    qtbot.waitUntil(lambda: search.done and search.doubts != before, timeout=20000)
    assert not search.doubts
    assert hand.find(dock, "review.doubt").text() == "No doubts"
    assert not hand.find(dock, "review.next_doubt").isEnabled()


def test_what_is_to_be_pressed_is_in_sight_at_720_px(hand, dock, qtbot):
    hand.viewer.window._qt_window.resize(1280, 720)
    hand.click(dock, "review.next_doubt")
    dock.actions().corrector.act("grow", at_cursor=False)  # so that undo has its line
    qtbot.wait(100)
    tools = "previous_doubt next_doubt repair fine correct delete merge split draw fill undo redo"
    for name in (*tools.split(), "previous", "next", "confirm_frame", "train"):
        part = hand.find(dock, f"review.{name}")
        seen = part.visibleRegion().boundingRect()
        assert seen == part.rect(), f"{name} is not in sight: {seen} of {part.rect()}"
