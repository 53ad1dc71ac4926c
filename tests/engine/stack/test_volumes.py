"""Sections: one of them, their maximum, all as a volume, or each as a frame."""

import numpy as np
import pytest
import tifffile

from napari_unet.engine.errors import BadInput
from napari_unet.engine.settings import Selection
from napari_unet.engine.stack.stack import Stack

T, C, Z, Y, X = 2, 3, 5, 7, 9
SIZES = {"T": T, "C": C, "Z": Z, "Y": Y, "X": X}


def array(axes: str) -> np.ndarray:
    shape = [SIZES[axis] for axis in axes]
    return np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)


@pytest.mark.parametrize("axes", ["ZYX", "TZYX", "ZTYX", "TCZYX", "TZCYX"])
def test_a_volume_is_all_of_its_sections(axes):
    data = array(axes)
    stack = Stack.from_array(data, Selection(z="volume"), axes=axes)
    in_order = np.moveaxis(data, axes.index("Z"), -3)
    in_order = in_order if "T" in axes else in_order[None]
    expected = in_order[:, 0] if "C" in axes else in_order
    assert (stack.dims, stack.shape, stack.frame_shape) == (3, expected.shape, (Z, Y, X))
    for t, volume in enumerate(expected):
        np.testing.assert_array_equal(stack[t], volume)
    np.testing.assert_array_equal(stack.lazy()[0, 2], expected[0, 2])
    assert stack.fingerprint != Stack.from_array(data, axes=axes).fingerprint


def test_several_channels_of_a_volume_stand_before_its_sections():
    data = array("TZCYX")
    stack = Stack.from_array(data, Selection(z="volume", channel=(2, 0)), axes="TZCYX")
    assert (stack.channels, stack.shape) == (2, (T, 2, Z, Y, X))
    np.testing.assert_array_equal(stack[1], data[1].swapaxes(0, 1)[[2, 0]])


@pytest.mark.parametrize("axes", ["ZYX", "TZYX", "TCZYX"])
def test_each_section_is_a_frame_where_that_is_wanted(axes):
    data = array(axes)
    stack = Stack.from_array(
        data, Selection(z="frames"), axes=axes, frame_interval=3.0, pixel_size=0.5
    )
    expected = (data[:, 1 - 1] if "C" in axes else data).reshape(-1, Y, X)
    assert (stack.dims, stack.shape, len(stack)) == (2, expected.shape, len(expected))
    np.testing.assert_array_equal(np.stack([stack[t] for t in range(len(stack))]), expected)
    assert (stack.numbers, stack.numbered) == (tuple(range(len(expected))), False)
    assert stack.frame_interval is None  # from section to section no time passes
    assert stack.spacing == (0.5, 0.5)


def test_a_file_says_how_far_apart_its_sections_are(tmp_path):
    path, data = tmp_path / "volume.ome.tif", array("TZYX")
    sizes = {"PhysicalSizeX": 0.4, "PhysicalSizeY": 0.4, "PhysicalSizeZ": 1.5}
    tifffile.imwrite(path, data, metadata={"axes": "TZYX", **sizes})
    with Stack.open(path, Selection(z="volume")) as stack:
        np.testing.assert_array_equal(stack[1], data[1])
        assert stack.spacing == pytest.approx((1.5, 0.4, 0.4))
        assert not [notice for notice in stack.notices if "apart" in notice.line]
        with stack.select(z_step=2.0) as other:
            assert other.spacing == pytest.approx((2.0, 0.4, 0.4))
        with stack.select(z="max") as flat:
            assert flat.spacing == pytest.approx((0.4, 0.4))
            np.testing.assert_array_equal(flat[1], data[1].max(0))


def test_unknown_distances_are_taken_for_equal_and_that_is_said():
    stack = Stack.from_array(array("ZYX"), Selection(z="volume"), axes="ZYX", pixel_size=0.4)
    assert stack.spacing is None
    (notice,) = stack.notices
    assert notice.level == "check" and "--z-step" in notice.line
    assert not stack.select(z_step=1.2).notices
    assert not stack.select(z=2).notices


@pytest.mark.parametrize("axes", ["YX", "TYX"])
def test_one_section_is_no_volume(axes):
    with pytest.raises(BadInput, match="one section"):
        Stack.from_array(array(axes), Selection(z="volume"), axes=axes)
