"""Crop and zoom: no id is invented or lost, and outlines get smoother."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.draw import disk
from skimage.measure import perimeter

from napari_unet.engine.export.overlay.zooming import doubled, zoomed_labels
from napari_unet.engine.settings import OverlaySettings

LABELS = hnp.arrays(
    np.uint16, hnp.array_shapes(min_dims=2, max_dims=2, max_side=8), elements=st.integers(0, 3)
)


@settings(max_examples=80, deadline=None)
@given(LABELS)
def test_doubled_keeps_every_object(labels):
    large = doubled(labels)
    assert large.shape == (2 * labels.shape[0], 2 * labels.shape[1])
    assert large.dtype == labels.dtype
    blocks = large.reshape(labels.shape[0], 2, labels.shape[1], 2)
    # of each pixel's four at least two stay, and the others are a neighbour's
    assert ((blocks == labels[:, None, :, None]).sum(axis=(1, 3)) >= 2).all()
    turned = doubled(np.rot90(labels))
    np.testing.assert_array_equal(turned, np.rot90(large))


@pytest.mark.parametrize("zoom", [0.5, 1.0, 1.4, 2.0, 3.0, 4.0, 6.5])
def test_a_disc_stays_a_disc(zoom):
    labels = np.zeros((60, 80), np.int32)
    labels[disk((30, 40), 15.5)] = 70_001
    shown = zoomed_labels(labels, OverlaySettings(zoom=zoom))
    assert shown.shape == (round(60 * zoom), round(80 * zoom))
    assert set(np.unique(shown)) == {0, 70_001}
    mask = shown > 0
    assert mask.sum() == pytest.approx((labels > 0).sum() * zoom**2, rel=0.02)
    if zoom >= 2:
        nearest = np.kron(labels > 0, np.ones((round(zoom), round(zoom)), bool))
        smooth, steps = (perimeter(m) ** 2 / m.sum() for m in (mask, nearest))
        assert smooth < steps  # nearer to a circle's 4 pi


def test_a_crop_is_taken_before_the_zoom():
    labels = np.arange(48, dtype=np.uint16).reshape(6, 8)
    shown = zoomed_labels(labels, OverlaySettings(zoom=1.4, crop=(1, 2, 4, 6)))
    assert set(np.unique(shown)) == set(np.unique(labels[1:4, 2:6]))
