"""The Review dock by a user's clicks, with the canvas beside it."""

from __future__ import annotations

import threading
from typing import ClassVar

import numpy as np
import pytest
from napari.utils.action_manager import action_manager
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QWidget

from napari_unet.engine.labels.codes import encode
from napari_unet.gui.viewer.verb_keys import (
    VERBS,
    action_of,
    kept_preset,
    keys_of,
    preset_in_use,
    use_preset,
)
from napari_unet.gui.widgets.timeline import Tick

SHIFT = Qt.KeyboardModifier.ShiftModifier


class TrueCells:
    """Probabilities that show the true cells of the sample, on all frames but the last."""

    outputs = ("object",)
    parts = ()
    key: ClassVar = {"model": "the truth"}

    def __init__(self, truth) -> None:
        self.truth, self.shape = truth, (len(truth), 1, *truth.shape[1:])
        self.computed = np.ones(len(truth), bool)
        self.computed[-1] = False

    def __getitem__(self, frame):
        return encode(np.where(self.truth[frame] > 0, 0.99, 0.01))[None]


@pytest.fixture
def dock(hand, movie, small, qtbot):
    """The dock, over labels of a model that is nearly right."""
    dock = hand.open("Review")
    hand.session.labels.show()
    hand.session.labels.set_probabilities(TrueCells(small[1]))
    for t in range(len(small[1])):  # as a worker does, of what is on screen
        hand.session.labels.live.prepare(t)
    dock._go_to(0)
    yield dock
    use_preset("own")


def cells(live, frame=0) -> list[int]:
    return [int(i) for i in np.unique(live[frame, :, :]) if i]


def test_before_there_is_anything_it_says_what_to_do(hand, viewer):
    dock = hand.open("Review")
    for name in ("correct", "delete", "confirm_cell", "undo", "train", "confirm_frame"):
        assert not hand.find(dock, f"review.{name}").isEnabled()
    assert "Open a movie first" in hand.find(dock, "review.correct").toolTip()
    assert hand.find(dock, "review.counts").text() == "Nothing is corrected yet."
    assert not hand.find(dock, "review.timeline").isVisibleTo(dock)
    viewer.add_image(np.zeros((3, 16, 20), np.uint8))
    assert hand.find(dock, "review.timeline").isVisibleTo(dock)
    assert "Segment a frame first" in hand.find(dock, "review.counts").text()


def test_the_timeline_shows_the_frames_and_goes_there(hand, dock, qtbot):
    line, live = hand.find(dock, "review.timeline"), hand.session.labels.live
    verbs = dock.actions().corrector.verbs
    verbs.delete(2, cells(live, 2)[0])
    live.confirm_frame(4)
    n = len(live)
    assert line.ticks == tuple(
        {2: Tick.TOUCHED, 4: Tick.DONE, n - 1: Tick.NOTHING}.get(t, Tick.SEGMENTED)
        for t in range(n)
    )
    line.resize(300, 24)
    qtbot.mouseClick(line, Qt.MouseButton.LeftButton, pos=QPoint(int(line.centre_of(3)), 5))
    assert hand.session.movie.frame == 3 and line.frame == 3
    assert dock.frame.title.text() == f"Frame 3/{n - 1}"
    hand.click(dock, "review.next")
    assert hand.session.movie.frame == 4 and hand.find(dock, "review.confirm_frame").isChecked()
    hand.click(dock, "review.previous")
    assert hand.session.movie.frame == 2
    assert hand.find(dock, "review.counts").text() == (
        f"{n} frames: 1 done, 1 touched · 2 corrections"
    )
    live.undo()
    live.undo()
    assert set(line.ticks) == {Tick.SEGMENTED, Tick.NOTHING}
    assert not hand.find(dock, "review.train").isEnabled()


def test_the_chosen_cell_is_told_of_and_decided_on(hand, dock):
    live, layer = hand.session.labels.live, hand.session.labels.layer
    said = hand.find(dock, "review.cell")
    layer.selected_label = 60000
    assert said.text() == "Click a cell to choose it."
    cell = cells(live)[1]
    layer.selected_label = cell
    area = int((live[0, :, :] == cell).sum())
    assert said.text() == f"Cell {cell} · {area} px · the model's"
    hand.click(dock, "review.confirm_cell")
    assert said.text().endswith("yours")
    hand.click(dock, "review.lock")
    assert said.text().endswith("locked")
    assert hand.find(dock, "review.lock").text().startswith("Unlock")
    hand.click(dock, "review.lock")
    hand.click(dock, "review.back_to_model")
    assert said.text().endswith("the model's")


def test_the_last_step_is_said_and_taken_back_on_its_frame(hand, dock):
    live = hand.session.labels.live
    one, other = cells(live)[:2]
    dock.actions().corrector.verbs.merge(0, one, other)
    assert hand.find(dock, "review.undo").text() == "Undo 1"
    assert hand.find(dock, "review.last").text() == f"Last: merged {one} + {other} on frame 0."
    dock._go_to(3)
    hand.click(dock, "review.undo")
    assert hand.session.movie.frame == 0 and other in cells(live)
    assert str(hand.viewer.status) == f"Took back: merged {one} + {other} on frame 0."
    hand.click(dock, "review.redo")
    assert other not in cells(live)


def test_each_key_is_on_its_button_and_follows_the_preferences(hand, dock, qtbot):
    shown = {name for name in VERBS if dock.findChild(QWidget, f"review.{name}") is not None}
    by_key_alone = {"background_brush", "mitotic", "dead", "debris", "previous_frame", "next_frame"}
    assert set(VERBS) - shown == by_key_alone
    for name in sorted(shown):
        made = hand.find(dock, f"review.{name}")
        assert made.text().endswith(keys_of(name)[0]), name
        action_manager.unbind_shortcut(action_of(name))
        action_manager.bind_shortcut(action_of(name), "Control-Alt-Shift-9")
        key = keys_of(name)[0]
        qtbot.waitUntil(lambda made=made, key=key: made.text().endswith(key))
        action_manager.unbind_shortcut(action_of(name))


def test_buttons_take_tools_and_show_their_keys(hand, dock, qtbot):
    correct, delete = (hand.find(dock, f"review.{n}") for n in ("correct", "delete"))
    assert correct.text() == "Correct  R" and delete.text() == "Delete  D"
    hand.click(dock, "review.delete")
    assert correct.isChecked() and delete.isChecked()
    assert dock.actions().corrector.tool == "delete"
    hand.click(dock, "review.split")
    assert not delete.isChecked() and hand.find(dock, "review.split").isChecked()
    hand.click(dock, "review.split")
    assert correct.isChecked() and not hand.find(dock, "review.split").isChecked()
    hand.click(dock, "review.correct")
    assert not correct.isChecked() and hand.session.labels.layer.mode == "pan_zoom"
    hand.find(dock, "review.preset").setValue("cellpose")
    qtbot.waitUntil(lambda: delete.text() != "Delete  D")
    assert delete.text() != "Delete  D" and preset_in_use() == "cellpose" == kept_preset()


def test_a_verb_of_more_is_done_to_the_chosen_cell(hand, dock):
    live, layer = hand.session.labels.live, hand.session.labels.layer
    cell = layer.selected_label = cells(live)[0]
    before = int((live[0, :, :] == cell).sum())
    hand.click(dock, "review.grow")
    assert int((live[0, :, :] == cell).sum()) > before
    layer.selected_label = 60000
    hand.click(dock, "review.grow")
    assert "there is no cell 60000" in hand.find(dock, "review.line").text()


@pytest.mark.slow
def test_a_cell_goes_through_its_track_in_a_worker(hand, dock):
    live, layer = hand.session.labels.live, hand.session.labels.layer
    layer.selected_label = cells(live)[0]
    heard_in = []
    hand.session.labels.painted.connect(lambda _: heard_in.append(threading.current_thread()))
    hand.click(dock, "review.delete_track")
    line = hand.done()
    assert heard_in == [threading.main_thread()]  # widgets follow it
    step = live.corrections.last_done
    assert line == f"Deleted on {len(step.frames)} frames." and step.verb == "delete"
    assert len(step.frames) > 1 and live.corrections.n_done == 1


def test_a_key_of_its_verbs_opens_it(hand, movie, viewer, small, qtbot):
    labels = hand.session.labels
    live, layer = labels.show()
    labels.set_probabilities(TrueCells(small[1]))
    viewer.window._qt_window.show()
    viewer.layers.selection.active = layer
    y, x = np.argwhere(np.asarray(live[0]) == cells(live)[0]).mean(axis=0)
    viewer.cursor.position = layer.data_to_world((0, y, x))
    cell = cells(live)[0]
    assert "Review" not in str(list(viewer.window.dock_widgets))
    qtbot.keyClick(viewer.window._qt_viewer.canvas.native, Qt.Key.Key_D, SHIFT)
    qtbot.waitUntil(lambda: live.corrections.n_done == 1, timeout=20000)
    assert "Review" in str(list(viewer.window.dock_widgets))
    assert cell not in cells(live)
    dock = hand.open("Review")
    qtbot.waitUntil(lambda: not hand.session.job.running)
    assert hand.find(dock, "review.message").text().startswith("Deleted on ")


def test_a_cell_is_called_something_by_the_line_of_states(hand, dock):
    live, layer = hand.session.labels.live, hand.session.labels.layer
    cell = layer.selected_label = cells(live)[0]
    menu, said = hand.find(dock, "review.state"), hand.find(dock, "review.cell")
    assert [menu.itemText(i) for i in range(3)] == ["mitotic", "dead", "debris"]
    menu.setEditText("")
    assert not hand.find(dock, "review.own_state").isEnabled()
    menu.setEditText("blebbing")
    hand.click(dock, "review.own_state")
    assert hand.done().startswith("Said on ")
    assert said.text().endswith("the model's · blebbing") and not live.corrections.frames()
    assert menu.findText("blebbing") == 3
    (spot,) = dock.actions().state_marks.spots
    assert spot[1] == "blebbing" and live[0, :, :][spot[0]] == cell
    hand.click(dock, "review.no_state")
    hand.done()
    assert said.text().endswith("the model's") and not dock.actions().state_marks.spots
    live.undo()
    assert said.text().endswith("blebbing") and dock.actions().state_marks.spots


@pytest.mark.slow
def test_it_trains_on_what_was_corrected(hand, dock, qtbot):
    live = hand.session.labels.live
    live.confirm_frame(0)
    train = hand.open("Train")
    hand.make_small(train, steps=2)
    qtbot.waitUntil(hand.find(train, "train.start").isEnabled, timeout=10000)
    hand.click(dock, "review.train")
    assert hand.session.job.running and hand.session.job.state.owner == "train"
    hand.done()


@pytest.mark.slow
def test_one_key_trains_segments_anew_and_goes_on(hand, dock, qtbot):
    live, layer = hand.session.labels.live, hand.session.labels.layer
    canvas = hand.viewer.window._qt_viewer.canvas.native
    hand.viewer.window._qt_window.show()
    hand.viewer.layers.selection.active = layer
    qtbot.keyClick(canvas, Qt.Key.Key_T, Qt.KeyboardModifier.ShiftModifier)
    assert "Correct a cell first" in hand.find(dock, "review.line").text()
    live.confirm_frame(0)
    train = hand.open("Train")
    hand.make_small(train, steps=2)
    dock._to_front()
    hand.viewer.layers.selection.active = layer
    before = live.probabilities
    qtbot.keyClick(canvas, Qt.Key.Key_T, Qt.KeyboardModifier.ShiftModifier)
    assert hand.session.training.running and hand.find(dock, "review.progress").isVisible()
    qtbot.waitUntil(lambda: not dock.going.under_way, timeout=60000)
    assert live.probabilities is not before and live.probabilities.computed.all()
    assert "Keep it or discard it in Train" in hand.find(dock, "review.message").text()
    found = dock.doubts.search
    qtbot.waitUntil(lambda: found.done and not dock.doubts._begins, timeout=20000)
    assert dock.doubts._at is (found.doubts[0] if found.doubts else None)
    assert dock.isVisible()
    live.undo()
