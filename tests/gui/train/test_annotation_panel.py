"""What counts as taught: rectangles, and frames that are called whole but are not."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.annotations.frame_annotation import annotate
from napari_unet.engine.labels.codes import encode
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.gui.viewer.regions import Rectangle, limit, rectangles


def test_a_rectangle_limits_what_is_learned_on_its_frame(hand, movie, small, viewer):
    viewer.add_labels(small[1], name="truth")
    dock = hand.open("Train")
    hand.find(dock, "train.frames").setText("0,3")
    assert "100 % of the pixels" in hand.said(dock, "train.summary", "2 frames")
    viewer.add_shapes(
        [[(0, 0, 0), (0, 0, 63), (0, 95, 63), (0, 95, 0)]], shape_type="rectangle", ndim=3
    )
    assert rectangles(viewer, movie) == (Rectangle(0, 0, 96, 0, 64),)
    assert "75 % of the pixels" in hand.said(dock, "train.summary", "rectangle")
    annotations = dock.annotations.source().read()
    assert annotations.frames[0].supervised[:, :64].all()
    assert not annotations.frames[0].supervised[:, 64:].any()
    assert annotations.frames[3].supervised.all()
    viewer.layers[-1].data = []
    assert "100 % of the pixels" in hand.said(dock, "train.summary", "100 %")


def test_the_band_left_out_at_the_edge_is_said_and_not_counted(hand, movie, small, viewer):
    viewer.add_labels(small[1], name="truth")
    dock = hand.open("Train")
    hand.find(dock, "train.edge").setValue(12)
    line = hand.said(dock, "train.summary", "without 12 px at the image edge")
    assert f"{100 * 72 * 104 / (96 * 128):.3g} % of the pixels" in line
    assert line.count("image edge") == 1
    test = hand.find(dock, "train.test")
    test.setText("1")
    test.textEdited.emit("1")
    assert "tested on frame 1" in hand.said(dock, "train.summary", "tested on")
    hand.find(dock, "train.edge").setValue(48)
    assert "narrower band" in hand.said(dock, "train.summary", "nothing is left")


def test_what_was_taken_back_does_not_teach(hand, movie, small):
    dock = hand.open("Train")
    hand.click(dock, "train.annotate")
    live = hand.session.labels.live
    for t in (0, 3):
        live[t] = small[1][t]
    hand.said(dock, "train.summary", "2 frames")
    live.undo()
    hand.said(dock, "train.summary", "1 frame,")
    cells = len(np.unique(small[1][0])) - 1
    assert dock.annotations.gist() == f"Trains on 1 frame, {cells} cells"
    live.undo()
    hand.said(dock, "train.summary", "Nothing painted yet")
    assert not hand.find(dock, "train.start").isEnabled()


@pytest.mark.parametrize("frame", [None, 1])
def test_limit(frame):
    labels = np.arange(64).reshape(8, 8)
    known = {t: annotate(labels, complete=True) for t in (0, 1)}
    limited = limit(Annotations((2, 8, 8), known), [Rectangle(frame, -2, 4, 2, 99)])
    assert limited.frames[1].supervised.sum() == 4 * 6
    assert limited.frames[0].supervised.sum() == (64 if frame else 24)


def test_the_dock_warns_of_a_half_painted_frame(hand, movie, small, viewer):
    cells = np.zeros(small[1].shape[1:], bool)
    for y in range(4, 90, 20):
        for x in range(4, 120, 20):
            cells[y : y + 10, x : x + 10] = True
    live, _ = hand.session.labels.show()
    probabilities = Probabilities.in_memory((6, 1, *cells.shape))
    probabilities.write(0, encode(np.where(cells, 0.95, 0.02))[None])
    live.probabilities = probabilities
    viewer.add_labels(small[1], name="half")
    dock = hand.open("Train")
    hand.find(dock, "train.labels").setCurrentText("half")
    hand.find(dock, "train.frames").setText("0,3")
    assert "Frame 0 counts as whole" in hand.said(dock, "train.summary", "not painted")
    hand.find(dock, "train.complete").setChecked(False)
    label = hand.find(dock, "train.summary")
    hand.qtbot.waitUntil(lambda: "not painted" not in label.text(), timeout=10000)
