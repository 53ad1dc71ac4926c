"""Layers that the program adds, hides and removes leave to the user what is in hand."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.gui.session.session import Session
from napari_unet.gui.viewer import label_frames, layers
from napari_unet.gui.viewer.live_layer import actions_of, live_colormap

SHAPE = (4, 64, 80)


def frames(value=1):
    return label_frames.OneFrame(SHAPE, 1, np.full(SHAPE[1:], value, np.uint16))


@pytest.fixture
def painting(hand, movie, viewer):
    """The Train dock, and the brush of its layer in the hand."""
    dock = hand.open("Train")
    hand.click(dock, "train.annotate")
    layer = hand.session.labels.layer
    assert viewer.layers.selection.active is layer and layer.mode == "paint"
    return dock, layer


def in_hand(viewer):
    layer = viewer.layers.selection.active
    return layer, layer.mode, layer.selected_label


@pytest.mark.parametrize("rounds", [1, 3])
def test_previews_come_and_go_beside_the_brush(painting, viewer, movie, rounds):
    before = in_hand(viewer)
    for n in range(rounds):
        layers.show_preview(viewer, movie, frames(), f"preview {n}")
        assert in_hand(viewer) == before
    layers.remove_preview(viewer)
    assert in_hand(viewer) == before


def test_a_preview_that_a_user_chose_gives_way_to_the_layer_below(painting, viewer, movie):
    preview = layers.show_preview(viewer, movie, frames(), "preview")
    viewer.layers.selection.active = preview
    layers.remove_preview(viewer)
    assert viewer.layers.selection.active is painting[1]


def test_in_3d_ours_become_active_before_the_mouse_moved_and_painting_goes_back_to_a_frame(
    hand, movie, viewer
):
    dock = hand.open("Train")
    hand.click(dock, "train.annotate")
    layer = hand.session.labels.layer
    layer.mode = "pan_zoom"
    layer.features = {"index": [0, 1], "area": [0, 9]}
    viewer.layers.selection.active = movie
    viewer.dims.ndisplay, viewer.mouse_over_canvas = 3, True
    assert viewer.cursor._view_direction is None
    viewer.layers.selection.active = layer
    hand.click(dock, "train.annotate")
    assert viewer.layers.selection.active is layer and layer.mode == "paint"
    assert viewer.dims.ndisplay == 2


def test_training_leaves_the_brush(hand, painting, viewer, small):
    dock, layer = painting
    hand.make_small(dock, 8)
    for t in (0, 3):
        layer.data[t] = small[1][t]
        layer.data.confirm_frame(t)
    before = in_hand(viewer)
    hand.click(dock, "train.start")
    hand.done()
    assert in_hand(viewer) == before


def test_labels_that_appear_take_no_tool_out_of_the_hand(hand, movie, viewer, small):
    mine = viewer.add_labels(np.zeros(small[0].shape, np.uint16), name="mine")
    mine.mode = "paint"
    hand.session.labels.show()
    assert viewer.layers.selection.active is mine and mine.mode == "paint"


def test_unfolding_leaves_the_brush(hand, viewer, small):
    image = viewer.add_image(np.stack([small[0]] * 2, 1), axis_labels=("t", "c", "y", "x"))
    points = viewer.add_points(np.zeros((1, 4)))
    assert hand.session.movie.require_layer() is not image
    assert viewer.layers.selection.active is points


def test_the_background_button_is_pressed_while_its_brush_is_in_hand(hand, painting, viewer, movie):
    dock, layer = painting
    button = hand.find(dock, "train.background")

    def pressed():
        held = (viewer.layers.selection.active is layer and layer.mode == "paint"
                and layer.selected_label == BACKGROUND_ID)  # fmt: skip
        assert button.isChecked() is held
        return held

    hand.click(dock, "train.background")
    assert pressed()
    layer.selected_label = 3
    assert not pressed()
    actions_of(layer).background_brush()
    assert pressed()
    layer.mode = "pan_zoom"
    assert not pressed()
    layer.mode = "paint"
    assert pressed()
    viewer.layers.selection.active = movie
    assert not pressed()
    viewer.layers.selection.active = layer
    assert pressed()
    actions_of(layer).new_cell()
    assert not pressed()
    actions_of(layer).background_brush()
    hand.click(dock, "train.background")
    assert not pressed() and layer.mode == "paint"
    actions_of(layer).background_brush()
    viewer.layers.remove(layer)
    assert not button.isChecked()


def test_colours_are_shuffled(painting, viewer):
    layer = painting[1]
    grey = layer.get_color(BACKGROUND_ID)
    before = [layer.get_color(i) for i in range(1, 40)]
    layer.show_selected_label = True
    layer.new_colormap()
    layer.show_selected_label = False
    after = [layer.get_color(i) for i in range(1, 40)]
    np.testing.assert_allclose(layer.get_color(BACKGROUND_ID), grey)
    assert not np.allclose(before, after)
    np.testing.assert_array_equal(live_colormap(5).colors, live_colormap(5).colors)


REMOVES = """
import time

import napari
import numpy as np
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

from napari_unet.gui.session.session import Session


def wait(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)


viewer = napari.Viewer(show=True)
viewer.add_image(np.random.default_rng(0).random((4, 64, 80)))
wait(0.5)
canvas, none = viewer.window._qt_viewer.canvas.native, Qt.MouseButton.NoButton
at = QPointF(canvas.width() / 2, canvas.height() / 2)
for mode in ("paint", "erase", "fill", "polygon") * 2:
    _, layer = Session.of(viewer).labels.show()
    viewer.layers.selection.active = layer
    layer.mode, layer.brush_size = mode, 10
    keys = Qt.KeyboardModifier.NoModifier
    move = QMouseEvent(QEvent.Type.MouseMove, at, at, none, none, keys)
    QApplication.sendEvent(canvas, move)
    wait(0.05)
    viewer.layers.remove(layer)
    assert layer.mode == "pan_zoom"
    wait(0.1)
print("still here", flush=True)
os._exit(0)
"""


def test_a_layer_removed_with_the_brush_in_hand_is_put_down():
    """In a process of its own, on a real canvas: napari itself crashed."""
    run = [sys.executable, "-c", f"import os\n{REMOVES}"]
    done = subprocess.run(run, capture_output=True, text=True, timeout=120)
    assert "still here" in done.stdout, done.stderr


@pytest.mark.parametrize("how", ["viewer", "layers"])
def test_closing_keeps_the_frame_that_was_on_screen(make_napari_viewer, qtbot, file, how):
    viewer = make_napari_viewer(show=False)
    viewer.open(file, plugin="napari-unet-live")
    session = Session.of(viewer)
    session.labels.show()
    viewer.dims.set_current_step(0, 4)
    kept = session.place.folder.path / "session.json"

    def frame():
        if not kept.exists():
            return None
        state = json.loads(kept.read_text())
        return [view["frame"] for view in state["views"].values()]

    qtbot.waitUntil(lambda: frame() == [4], timeout=10000)
    if how == "viewer":
        viewer.close()
    else:
        viewer.layers.clear()
    qtbot.wait(600)
    assert frame() == [4]
