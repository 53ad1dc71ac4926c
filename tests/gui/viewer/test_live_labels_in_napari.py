"""The laws of LiveLabels, by a user's hand: real strokes in a real napari."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtCore import Qt

from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.gui.viewer.layers import place
from napari_unet.gui.viewer.live_layer import actions_of
from tests.gui.viewer.hand import FRAMES, SIDE, Cells, Hand


@pytest.fixture
def hand(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    return Hand(viewer, qtbot)


def same_as_data(hand) -> None:
    """What is on screen is what the array holds."""
    np.testing.assert_array_equal(hand.seen(), hand.live[hand.frame, :, :])


def test_the_layer_lies_on_the_movie_and_shows_the_cells(hand):
    image = hand.viewer.layers[0]
    assert tuple(hand.layer.scale) == tuple(image.scale)
    assert [str(u) for u in hand.layer.units] == [str(u) for u in image.units]
    assert tuple(hand.layer.axis_labels) == ("t", "y", "x")
    assert len(np.unique(hand.seen())) == 5
    same_as_data(hand)


def test_background_brush_on_empty_ground(hand):
    hand.key(Qt.Key.Key_B, Qt.KeyboardModifier.ShiftModifier)
    assert hand.layer.selected_label == 65535
    hand.drag((45, 40), (45, 55))
    taught = hand.live.annotation(0)
    labels, supervised, complete = taught.labels, taught.supervised, taught.complete
    assert hand.seen()[45, 48] == 65535 and supervised[45, 48] and labels[45, 48] == 0
    assert not complete
    grey = hand.layer.get_color(65535)
    assert np.ptp(grey[:3]) == 0 and grey[3] < 1
    hand.threshold(0.01)
    assert hand.seen()[45, 48] == 65535
    same_as_data(hand)


def test_painting_over_a_correct_cell_vouches_for_it(hand):
    label = int(hand.seen()[20, 20])
    before = hand.seen() == label
    hand.drag((20, 20), (22, 20), label=label, size=5)
    assert label in hand.live.corrections.ids(0)
    hand.threshold(0.9999)
    np.testing.assert_array_equal(hand.seen() == label, before)
    taught = hand.live.annotation(0)
    supervised = taught.supervised
    assert supervised[before].all()


def test_erasing_empty_ground_is_supervised_background(hand):
    hand.drag((45, 45), mode="erase", size=7)
    taught = hand.live.annotation(0)
    labels, supervised = taught.labels, taught.supervised
    assert supervised[45, 45] and labels[45, 45] == 0 and hand.seen()[45, 45] == 0


def test_enlarging_freezes_the_whole_cell_with_its_id(hand):
    label = int(hand.seen()[20, 20])
    hand.drag((20, 28), (20, 36), label=label)
    outline = hand.seen() == label
    assert outline[20, 38] and outline[20, 12]
    for threshold in (0.1, 0.3, 0.7, 0.9):
        hand.threshold(threshold)
        np.testing.assert_array_equal(hand.seen() == label, outline)
        same_as_data(hand)


def test_a_deleted_cell_never_returns(hand):
    hand.drag((68, 70), mode="fill", label=0)
    assert hand.seen()[68, 70] == 0
    for threshold in (0.1, 0.5, 0.9):
        hand.threshold(threshold)
        assert not hand.seen()[55:82, 57:84].any()
    hand.live.probabilities = Cells(grow=1.5)
    assert not hand.seen()[60:78, 60:80].any()
    assert len(np.unique(hand.seen())) == 4


def test_undo_after_the_threshold_moved_restores_the_person_not_pixels(hand):
    label = int(hand.seen()[20, 20])
    hand.drag((20, 28), (20, 36), label=label)
    hand.threshold(0.95)
    expected = LiveLabels((FRAMES, SIDE, SIDE), Cells(), hand.live.settings)[0, :, :]
    hand.undo()
    np.testing.assert_array_equal(hand.seen(), expected)
    hand.redo()
    assert hand.seen()[20, 38] == label
    same_as_data(hand)


def test_a_drag_is_one_step(hand):
    before = hand.seen().copy()
    hand.drag((45, 20), (45, 30), (50, 40), (45, 50), label=hand.live.new_id())
    hand.undo()
    np.testing.assert_array_equal(hand.seen(), before)
    assert hand.live.next_undo() == ()


def test_undo_after_a_frame_change_goes_there_first(hand):
    hand.go(2)
    before = hand.seen().copy()
    hand.drag((45, 45), label=hand.live.new_id())
    hand.go(0)
    hand.undo()
    assert hand.frame == 2
    np.testing.assert_array_equal(hand.seen(), before)
    hand.go(1)
    hand.redo()
    assert hand.frame == 2 and hand.seen()[45, 45] > 0


def test_new_cell_confirm_cell_confirm_frame_by_key(hand):
    hand.key(Qt.Key.Key_M)
    assert hand.layer.selected_label == 5 and hand.layer.mode == "paint"
    hand.point(20, 70)
    hand.key(Qt.Key.Key_C)
    assert list(hand.live.corrections.ids(0)) == [hand.seen()[20, 70]]
    hand.key(Qt.Key.Key_C, Qt.KeyboardModifier.ShiftModifier)
    before = hand.seen().copy()
    assert hand.live.annotation(0).complete
    hand.threshold(0.05)
    np.testing.assert_array_equal(hand.seen(), before)
    hand.undo()
    assert not hand.live.annotation(0).complete


def test_polygon_and_encircling_stroke(hand):
    new = hand.live.new_id()
    hand.layer.selected_label = new
    hand.layer.paint_polygon([[0, 40, 40], [0, 40, 52], [0, 52, 46]], new)
    assert hand.seen()[44, 46] == new
    hand.undo()
    assert hand.seen()[44, 46] == 0
    circle = [(20 + 12 * np.sin(a), 20 + 12 * np.cos(a)) for a in np.linspace(0, 6, 12)]
    before = hand.seen().copy()
    hand.drag(circle[0], label=new, size=3, button=2)  # right button: encircle and fill
    hand.hover(*circle[1:6])
    assert (hand.seen() != before).any()
    hand.key(Qt.Key.Key_Escape)
    np.testing.assert_array_equal(hand.seen(), before)
    assert not hand.live.corrections.ids(0).size and hand.live.next_undo() == ()
    hand.drag(circle[0], label=new, size=3, button=2)
    hand.hover(*circle[1:], circle[0])
    assert hand.seen()[20, 20] == new
    hand.undo()
    np.testing.assert_array_equal(hand.seen(), before)


def test_toggling_3d_reads_the_movie_and_comes_back(hand):
    hand.drag((45, 45), label=9)
    hand.viewer.dims.ndisplay = 3
    volume = np.asarray(hand.layer._slice.image.raw)
    assert volume.shape == (FRAMES, SIDE, SIDE) and volume[0, 45, 45] == 9
    hand.viewer.dims.ndisplay = 2
    same_as_data(hand)


def test_a_duplicate_is_its_own(hand):
    hand.drag((45, 45), label=9)
    hand.viewer.layers.selection.active = hand.layer
    from napari.layers._layer_actions import _duplicate_layer

    _duplicate_layer(hand.viewer.layers)
    copy = next(x for x in hand.viewer.layers if isinstance(x, Labels) and x is not hand.layer)
    assert copy.data is not hand.live
    np.testing.assert_array_equal(copy.data[0, :, :], hand.live[0, :, :])
    assert actions_of(copy) is not None
    copy.data[0, 45, 45] = 0
    assert hand.live[0, 45, 45] == 9
    copy.undo()
    assert copy.data[0, 45, 45] == 9


def test_saving_the_layer_writes_what_is_seen(hand, tmp_path):
    import tifffile

    hand.drag((45, 45), label=9)
    hand.layer.save(str(tmp_path / "labels.tif"))
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "labels.tif"), np.asarray(hand.live))


def test_a_removed_layer_lets_go(hand):
    hand.viewer.layers.remove(hand.layer)
    assert not len(hand.live.changed) and not len(hand.live.noticed)
    hand.threshold(0.3)


def test_a_plain_layer_has_no_actions(hand):
    plain = Labels(np.zeros((4, 4), np.uint16))
    assert actions_of(plain) is None and place(hand.viewer.layers[0])["scale"] == (1, 0.5, 0.5)
