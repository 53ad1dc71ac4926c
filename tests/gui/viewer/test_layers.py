"""Layers, on a viewer without a window."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_unet.gui.viewer import layers


@pytest.mark.parametrize(
    ("labels", "shape", "axes"),
    [
        (("t", "y", "x"), (3, 4, 5), "TYX"),
        (("time", "channel", "y", "x"), (2, 2, 4, 5), "TCYX"),
        (None, (3, 4, 5), None),
        (("q", "y", "x"), (3, 4, 5), None),
        (("x", "y", "t"), (3, 4, 5), None),
    ],
)
def test_axes_are_taken_only_where_they_are_named(labels, shape, axes):
    assert layers.axes_of(Image(np.zeros(shape), axis_labels=labels)) == axes


@pytest.mark.parametrize(
    ("units", "scale", "found"),
    [
        (("s", "um", "um"), (30, 0.5, 0.5), (0.5, 30)),
        (("min", "nm", "nm"), (2, 500, 500), (0.5, 120)),
        (None, (1, 1, 1), (None, None)),
    ],
)
def test_scale_is_read_from_units(units, scale, found):
    image = Image(np.zeros((2, 3, 4)), axis_labels=("t", "y", "x"), units=units, scale=scale)
    assert layers.scale_of(image) == pytest.approx(found)


def test_labels_lie_on_the_movie_frame_by_frame():
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((5, 8, 8)), scale=(30, 0.5, 0.5), translate=(60, 1, 2))
    labels = viewer.add_labels(np.zeros((5, 8, 8), np.uint8), **layers.place(image))
    for t in range(5):
        layers.go_to_frame(viewer, image, t)
        assert layers.frame_on_screen(viewer, image, 5) == t
        assert layers.frame_on_screen(viewer, labels, 5) == t
    np.testing.assert_allclose(image.extent.world, labels.extent.world)


def test_one_frame_is_an_array_of_many():
    labels = np.arange(12, dtype=np.uint16).reshape(3, 4)
    whole = np.zeros((5, 3, 4), np.uint16)
    whole[2] = labels
    one = layers.OneFrame((5, 3, 4), 2, labels)
    assert (len(one), one.size, one.ndim) == (5, 60, 3)
    for key in (2, 0, -3, np.int64(2), (2, slice(1, 3)), slice(1, 4), (slice(None), 1, 2), ...):
        np.testing.assert_array_equal(np.asarray(one)[key], whole[key])
        np.testing.assert_array_equal(one[key], whole[key])
    large = layers.OneFrame((3000, 300, 400), 2, np.ones((300, 400), np.uint16))
    assert large[:, 5, 6].nonzero()[0].tolist() == [2]


def test_preview_is_one_layer_and_no_choice():
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((5, 3, 4)))
    for t in (1, 2):
        one = layers.OneFrame((5, 3, 4), t, np.ones((3, 4), np.uint16))
        layers.show_preview(viewer, image, one, f"preview {t}")
    assert [x.name for x in viewer.layers] == ["Image", "preview 2"]
    assert layers.label_layers(viewer) == []
    layers.remove_preview(viewer)
    assert list(viewer.layers) == [image]
