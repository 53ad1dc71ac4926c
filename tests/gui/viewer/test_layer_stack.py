"""What a layer's movie is: the file behind it where there is one, else its array."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image

from napari_unet.engine.settings import Selection
from napari_unet.gui.viewer.layer_stack import stack_of


@pytest.fixture
def dropped(viewer, file):
    """The layer of a TIFF dropped into napari and read by napari's own reader."""
    (layer,) = viewer.open(file, plugin="napari")
    return layer


def test_the_file_behind_a_layer_of_another_reader(dropped, file):
    stack = stack_of(dropped, Selection())
    assert stack.path == file
    np.testing.assert_array_equal(stack[1], dropped.data[1])


def test_a_layer_says_the_scale_where_its_file_does_not(dropped, file):
    dropped.axis_labels = ("t", "y", "x")
    dropped.units = ("second", "micrometer", "micrometer")
    dropped.scale = (300, 0.65, 0.65)
    stack = stack_of(dropped, Selection())
    assert stack.path == file
    assert stack.pixel_size == pytest.approx(0.65)
    assert stack.frame_interval == pytest.approx(300)


@pytest.mark.parametrize(
    "change",
    [
        lambda layer: setattr(layer, "data", layer.data + 1),
        lambda layer: setattr(layer, "data", layer.data[:2]),
    ],
    ids=["other pixels", "fewer frames"],
)
def test_a_layer_that_was_changed_is_its_array(dropped, change):
    change(dropped)
    stack = stack_of(dropped, Selection())
    assert stack.path is None
    np.testing.assert_array_equal(stack[1], dropped.data[1])


def test_a_file_that_is_gone_does_not_matter(dropped, file):
    data = np.array(dropped.data)
    file.unlink()
    assert stack_of(dropped, Selection()).path is None
    np.testing.assert_array_equal(stack_of(dropped, Selection())[0], data[0])


def test_an_array_has_no_file(small):
    assert stack_of(Image(small[0]), Selection()).path is None
