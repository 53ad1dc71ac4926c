"""Doubts in the Review dock: ten gone through without the mouse, and what the list follows."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from qtpy.QtCore import Qt
from scipy.ndimage import gaussian_filter, maximum_filter

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.codes import encode
from napari_unet.engine.labels.space.neighbours import steps_of
from napari_unet.engine.network.model import Model
from napari_unet.engine.network.unet import UNet, UNetConfig
from napari_unet.engine.settings import LabelSettings, PredictSettings
from napari_unet.gui.review.doubt_list import words_of
from napari_unet.gui.session.job import Task
from napari_unet.gui.viewer.verb_keys import use_preset
from napari_unet.sample.movie import sample_movie
from napari_unet.sample.slips import labels_with_slips
from napari_unet.sample.volumes import VolumeWorld, sample_volumes

SHIFT = Qt.KeyboardModifier.ShiftModifier


class Shown:
    """Probabilities that show labels as they are, a line of ground between cells that touch."""

    outputs = ("object",)
    parts = ()
    key: ClassVar = {"model": "the slips"}

    def __init__(self, labels) -> None:
        self.shape = (len(labels), 1, *labels.shape[1:])
        self.computed = np.ones(len(labels), bool)
        reach = (1, *(3,) * (labels.ndim - 1))
        large = maximum_filter(labels, reach)
        least = maximum_filter(np.where(labels > 0, 65535 - labels, 0), reach)
        self.alone = (labels > 0) & (large == labels) & (65535 - least == labels)

    broken = False

    def __getitem__(self, frame):
        if self.broken:
            raise BadInput("it cannot be read", "", "segment again")
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


def grey_of(tile):
    """The picture of a tile, a number a pixel, coarse."""
    small = tile.scaled(26, 26)
    return np.array([[small.pixelColor(x, y).lightness() for x in range(26)] for y in range(26)])


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
    first = search.doubts[0]
    assert listed.item(0).text() == words_of(first)
    assert listed.item(0).text().startswith(f"Frame {first.frame}, cell")
    assert "→" in listed.item(0).text() and first.reason in listed.item(0).text().lower()
    assert hand.find(dock, "review.doubt").text() == f"{n} doubts"
    likely = [one for one in search.doubts if one.score >= 0.5]
    assert dock.timeline.doubted == {one.frame for one in likely}
    further = {frame for one in likely for frame in one.frames} - dock.timeline.doubted
    assert dock.timeline.going_on == further
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
    search, listed = dock.doubts.search, hand.find(dock, "review.doubts")
    assert not listed.isVisible()
    hand.click(dock, "review.all_doubts")
    assert listed.isVisible()
    before = list(search.doubts)
    hand.session.labels.set_settings(hand.session.labels.settings.replace(threshold=0.99))
    qtbot.waitUntil(lambda: search.done and search.doubts != before, timeout=20000)
    assert not search.doubts
    assert hand.find(dock, "review.doubt").text().startswith("No doubts: every cell goes on")
    assert not listed.isVisible()
    assert not hand.find(dock, "review.next_doubt").isEnabled()


def test_a_doubt_is_seen_in_time_while_it_is_repaired(hand, dock, qtbot):
    strip = hand.find(dock, "review.strip")
    assert not strip.isVisible()
    key(hand, Qt.Key.Key_N, SHIFT)  # none is before the first: nothing happens
    hand.session.viewer.layers.selection.active = hand.session.labels.layer
    key(hand, Qt.Key.Key_N)
    one = dock.doubts._at
    qtbot.waitUntil(lambda: len(strip.tiles) == 3, timeout=10000)
    assert sorted(strip.tiles) == [one.frame - 1, one.frame, one.frame + 1]
    assert strip.isVisible()
    before = strip.tiles[one.frame].copy()
    dock.actions().corrector.act("grow", at_cursor=False)
    qtbot.waitUntil(lambda: strip.tiles[one.frame] != before, timeout=10000)
    qtbot.waitUntil(lambda: dock.doubts._at is None, timeout=10000)  # the cell is the user's
    assert hand.find(dock, "review.doubt").text() == f"{len(dock.doubts.search.doubts)} doubts left"
    assert strip.at.frame == one.frame
    qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=strip._rect(1).center())
    assert hand.session.movie.frame == one.frame + 1


def test_what_is_to_be_pressed_is_in_sight_at_720_px(hand, dock, qtbot):
    window = hand.viewer.window._qt_window
    window.resize(1280, 720)
    hand.click(dock, "review.next_doubt")
    qtbot.waitUntil(lambda: len(dock.doubts.strip.tiles) == 3, timeout=10000)
    dock.actions().corrector.act("grow", at_cursor=False)  # so that undo has its line
    qtbot.wait(100)
    tools = "previous_doubt next_doubt repair fine correct delete merge split draw fill undo redo"
    tools += " previous next confirm_frame train train_on"
    of_cell = "confirm_cell back_to_model lock state own_state no_state"
    for wide, names in ((280, tools), (340, f"{tools} {of_cell}")):
        window.resizeDocks([dock.holder()], [wide], Qt.Orientation.Horizontal)
        qtbot.wait(100)
        for name in names.split():
            part = hand.find(dock, f"review.{name}")
            seen = part.visibleRegion().boundingRect()
            assert seen == part.rect(), f"{name} is not in sight: {seen} of {part.rect()}"
            assert part.width() >= min(part.sizeHint().width(), 60), f"{name} is cut off"


@pytest.mark.slow
def test_doubts_of_volumes_are_gone_through_in_their_sections(hand, viewer, qtbot):
    world = VolumeWorld(frames=6, shape=(14, 112, 112), density=5, seed=1)
    movie, truth = sample_volumes(world)
    steps = steps_of(world.spacing, 3)
    damaged, _ = labels_with_slips(truth, 4, seed=30, steps=steps)
    units = ("second", *("micrometer",) * 3)
    named = {"axis_labels": ("t", "z", "y", "x"), "scale": (600, *world.spacing), "units": units}
    viewer.add_image(movie, name="nuclei", **named)
    dock, session = hand.open("Review"), hand.session
    hand.find(dock, "movie.z").setCurrentText("volume")
    session.labels.set_settings(LabelSettings(min_size=10, split=False))
    session.labels.show()
    session.labels.set_probabilities(Shown(damaged))
    viewer.window._qt_window.show()
    search, strip, live = dock.doubts.search, dock.doubts.strip, session.labels.live
    qtbot.waitUntil(lambda: search.done and len(search.doubts) > 3, timeout=20000)
    assert live.steps == steps
    listed = hand.find(dock, "review.doubts")
    assert f", z {search.doubts[0].z:.0f}, cell" in listed.item(0).text()
    viewer.layers.selection.active = session.labels.layer
    verbs = set()
    for _ in range(3):
        if dock.doubts._at is None:
            key(hand, Qt.Key.Key_N)
        one = dock.doubts._at
        assert (session.movie.frame, viewer.dims.current_step[1]) == (one.frame, round(one.z))
        centre = viewer.scene.camera.center[-2:]
        assert np.allclose(centre, np.multiply(one.place[1:], world.spacing[1:]), atol=0.5)
        verbs.add(one.repair.verb)
        there = [t for t in range(one.frame - 1, one.frame + 2) if 0 <= t < 6]
        qtbot.waitUntil(lambda: sorted(strip.tiles) == there, timeout=10000)  # noqa: B023
        shown = strip.tiles[there[0]]
        assert (shown.width(), grey_of(shown).std() > 5) == (shown.height(), True)
        done = live.corrections.n_done
        key(hand, Qt.Key.Key_Y)
        assert live.corrections.n_done == done + 1
        qtbot.waitUntil(lambda: search.done, timeout=20000)
        assert one not in search.doubts
    assert verbs == {"split", "delete", "take"}
    qtbot.waitUntil(lambda: strip.at.frame + 1 in strip.tiles, timeout=10000)
    qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=strip._rect(1).center())
    at = strip.at
    assert (session.movie.frame, viewer.dims.current_step[1]) == (at.frame + 1, round(at.place[0]))


@pytest.mark.slow
def test_the_frames_around_a_doubt_follow_a_jump_of_the_stage(hand, viewer, qtbot):
    movie, truth = (
        np.concatenate([one[:4, :-31, 44:], one[4:, 31:, :-44]])
        for one in sample_movie(frames=8, shape=(208, 256))
    )
    truth[4][truth[4] == truth[4, 63, 118]] = 0
    viewer.add_image(movie, name="jumped", axis_labels=("t", "y", "x"))
    hand.session.labels.set_settings(LabelSettings(min_size=10, split=False))
    hand.session.labels.show()
    hand.session.labels.set_probabilities(Shown(truth))
    dock = hand.open("Review")
    viewer.window._qt_window.show()
    search, strip = dock.doubts.search, dock.doubts.strip
    qtbot.waitUntil(lambda: search.done and search.looked_at > 0, timeout=20000)
    (one,) = [doubt for doubt in search.doubts if not doubt.whole_frame]
    assert (one.frame, one.reason) == (4, "gone for a frame")
    while dock.doubts._at != one:
        hand.click(dock, "review.next_doubt")
    assert np.allclose(strip.at.on(3), (one.y + 31, one.x - 44), atol=2)
    qtbot.waitUntil(lambda: len(strip.tiles) == 3, timeout=10000)
    qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=strip._rect(-1).center())
    assert hand.session.movie.frame == 3
    assert np.allclose(viewer.scene.camera.center[-2:], strip.at.on(3), atol=1)
    before, after = (grey_of(strip.tiles[t]) for t in (3, 5))
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.6


def test_frames_segmented_while_the_dock_is_open_are_looked_at(hand, viewer, qtbot):
    """The dock may be a tab behind Segment all the while."""
    movie, truth = sample_movie(frames=6, shape=(128, 160), seed=2)
    gone = int(truth[3].max())
    truth[3][truth[3] == gone] = 0
    viewer.add_image(movie, name="later", axis_labels=("t", "y", "x"))
    labels = hand.session.labels
    labels.set_settings(LabelSettings(min_size=10, split=False))
    labels.show()
    shown = Shown(truth)
    shown.computed[:] = False
    labels.set_probabilities(shown)
    dock = hand.open("Review")
    viewer.window._qt_window.show()
    search, line = dock.doubts.search, hand.find(dock, "review.doubt")
    qtbot.waitUntil(lambda: search.done and search.looked_at > 0, timeout=20000)
    assert not search.doubts
    for t in (5, 0, 1, 2, 4, 3):  # the one on screen is the last
        viewer.dims.set_current_step(0, t)
        shown.computed[t] = True
        labels.predicted(t)
    qtbot.waitUntil(lambda: search.done and bool(search.doubts), timeout=20000)
    assert [(one.frame, one.reason) for one in search.doubts] == [(3, "gone for a frame")]
    hand.click(dock, "review.next_doubt")
    dock.doubts._at = replace(dock.doubts._at, repair=None)
    height = line.height()
    dock.doubts.act("repair")
    assert "No repair is offered here" in hand.find(dock, "review.line").text()
    line.say("short")
    qtbot.wait(20)
    assert line.height() == height  # what is below stays where it is
    shown.broken = True
    labels.set_settings(labels.settings.replace(threshold=0.6))
    qtbot.waitUntil(lambda: bool(search.failed), timeout=20000)
    assert line.text().startswith("Doubts could not be found: ")


def test_a_frame_out_of_focus_is_doubted_until_it_is_passed(hand, viewer, qtbot):
    movie, truth = sample_movie(frames=9, shape=(128, 160), seed=2)
    movie[5] = gaussian_filter(movie[5], 4)
    viewer.add_image(movie, name="blurred", axis_labels=("t", "y", "x"))
    hand.session.labels.show()
    hand.session.labels.set_probabilities(Shown(truth))
    dock = hand.open("Review")
    viewer.window._qt_window.show()
    search = dock.doubts.search
    qtbot.waitUntil(lambda: search.done and search.looked_at > 0, timeout=20000)
    (one,) = [doubt for doubt in search.doubts if doubt.whole_frame]
    assert (one.frame, one.reason) == (5, "out of focus")
    while dock.doubts._at != one:
        hand.click(dock, "review.next_doubt")
    assert hand.session.movie.frame == 5
    assert "Paint this frame, or leave it out?" in hand.find(dock, "review.doubt").text()
    assert not hand.find(dock, "review.strip").isVisible()
    hand.click(dock, "review.fine")
    assert hand.session.labels.passed == (("out of focus", 5),)
    dock.actions().corrector.verbs.delete(5, int(np.asarray(hand.session.labels.live[5]).max()))
    qtbot.waitUntil(lambda: search.done, timeout=20000)
    assert not any(doubt.whole_frame for doubt in search.doubts)


@pytest.mark.slow
def test_what_the_model_contradicts_joins_the_list_while_no_job_runs(hand, viewer, qtbot):
    def contradicted():
        reason = "the model contradicts itself"
        return [one for one in dock.doubts.search.doubts if one.reason == reason]

    def waits():
        while not goes_on.wait(0.01):
            yield

    movie, truth = sample_movie(frames=5, shape=(96, 128), seed=1)
    viewer.add_image(movie, name="mirrored", axis_labels=("t", "y", "x"))
    session, goes_on = hand.session, threading.Event()
    session.models.settings = PredictSettings(backend="torch", precision="fp32")
    session.labels.set_settings(LabelSettings(min_size=10, split=False))
    session.labels.show()
    model, shown = Model(UNet(UNetConfig(filters=(4, 8))).eval(), name="new"), Shown(truth)
    shown.key = {"model": model.sha256}  # it learned nothing, so it finds what is there otherwise
    session.labels.set_model(model, shown)
    assert session.job.start(Task("segment", "Waiting", waits))
    dock = hand.open("Review")
    viewer.window._qt_window.show()
    search = dock.doubts.search
    qtbot.waitUntil(lambda: search.done and search.looked_at > 0, timeout=20000)
    qtbot.wait(100)
    assert contradicted() == []
    goes_on.set()
    qtbot.waitUntil(lambda: {one.frame for one in contradicted()} == set(range(5)), timeout=20000)
    assert search.done
    one, opened = contradicted()[0], search._mirroring._opened[2]
    session.labels.live.confirm_frame(one.frame)
    qtbot.waitUntil(lambda: one.frame not in {it.frame for it in contradicted()}, timeout=20000)
    session.labels.set_settings(session.labels.settings.replace(threshold=0.6))
    qtbot.waitUntil(lambda: len({it.frame for it in contradicted()}) == 4, timeout=20000)
    assert search._mirroring._opened[2] is opened  # nothing is predicted again
