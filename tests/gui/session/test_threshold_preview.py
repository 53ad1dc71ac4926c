"""A very large frame while the hand moves the threshold: an image first, labels when it rests."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.engine.labels.codes import threshold_code
from napari_unet.gui.session import threshold_preview
from napari_unet.gui.viewer.layers import PREVIEW, images, role


@pytest.fixture
def segment(hand, movie, model_file, monkeypatch):
    """The Segment dock with a frame segmented, taken for a very large one."""
    monkeypatch.setattr(threshold_preview, "LARGE", 1)
    dock = hand.open("Segment")
    hand.load_model(dock, model_file)
    hand.click(dock, "segment.run_frame")
    hand.done()
    live, t = hand.session.labels.live, hand.session.movie.frame
    hand.qtbot.waitUntil(lambda: live.is_prepared(t), timeout=10000)
    return dock


def previews(viewer):
    return [x for x in viewer.layers if role(x) == PREVIEW]


def test_an_image_is_cut_at_the_threshold_until_the_hand_rests(hand, segment, viewer, movie):
    labels, t = hand.session.labels, hand.session.movie.frame
    live, layer, before = labels.live, labels.layer, labels.live.settings
    chosen = viewer.layers.selection.active
    for threshold in (0.7, 0.8, 0.9):
        hand.find(segment, "segment.threshold").setValue(threshold)
        (image,) = previews(viewer)
        code = threshold_code(threshold)
        assert tuple(image.contrast_limits) == (code - 1, code)
        np.testing.assert_array_equal(image.data[t], live.probabilities[t][0])
        assert not layer.visible
        assert live.settings == before
    assert images(viewer) == [movie]
    hand.qtbot.waitUntil(lambda: not previews(viewer), timeout=10000)
    assert live.settings == labels.settings == before.replace(threshold=0.9)
    assert layer.visible
    assert viewer.layers.selection.active is chosen


def test_another_frame_ends_it(hand, segment, viewer):
    labels = hand.session.labels
    hand.find(segment, "segment.threshold").setValue(0.8)
    viewer.dims.set_current_step(0, 5)
    assert not previews(viewer)
    assert labels.live.settings.threshold == 0.8
    hand.find(segment, "segment.threshold").setValue(0.9)  # this frame is not segmented
    assert not previews(viewer)
    assert labels.live.settings.threshold == 0.9


def test_other_settings_change_the_labels_at_once(hand, segment, viewer):
    hand.find(segment, "segment.min_size").setValue(300)
    assert not previews(viewer)
    assert hand.session.labels.live.settings.min_size == 300
