"""Layers, on a viewer without a window."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_unet.engine.settings import Selection
from napari_unet.gui.viewer import label_frames, layers
from napari_unet.gui.viewer.layer_stack import stack_of


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
    assert layers.scale_of(image)[:2] == pytest.approx(found)
    assert layers.scale_of(image)[2] is None  # there are no sections


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
    one = label_frames.OneFrame((5, 3, 4), 2, labels)
    assert (len(one), one.size, one.ndim) == (5, 60, 3)
    for key in (2, 0, -3, np.int64(2), (2, slice(1, 3)), slice(1, 4), (slice(None), 1, 2), ...):
        np.testing.assert_array_equal(np.asarray(one)[key], whole[key])
        np.testing.assert_array_equal(one[key], whole[key])
    large = label_frames.OneFrame((3000, 300, 400), 2, np.ones((300, 400), np.uint16))
    assert large[:, 5, 6].nonzero()[0].tolist() == [2]


def test_preview_is_one_layer_and_no_choice():
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((5, 3, 4)))
    for t in (1, 2):
        one = label_frames.OneFrame((5, 3, 4), t, np.ones((3, 4), np.uint16))
        layers.show_preview(viewer, image, one, f"preview {t}")
    assert [x.name for x in viewer.layers] == ["Image", "preview 2"]
    assert layers.label_layers(viewer) == []
    layers.remove_preview(viewer)
    assert list(viewer.layers) == [image]


@pytest.mark.parametrize(
    "lies",
    [
        {"rotate": 30},
        {"shear": [0.3]},
        {"rotate": 20, "shear": [-0.2], "scale": (2, 3), "translate": (5, 7)},
        {"affine": [[0, -1, 40], [1, 0, 3], [0, 0, 1]]},
    ],
    ids=lambda lies: " ".join(lies),
)
@pytest.mark.parametrize("ndim", [2, 3, 4])
def test_our_layers_lie_on_one_that_is_turned(lies, ndim):
    image = Image(np.zeros((4, 2, 8, 9)[-ndim:]), **_padded(lies, ndim))
    shape = (1 if ndim == 2 else image.data.shape[0], 8, 9)
    labels = Labels(np.zeros(shape, np.uint8), **layers.place(image))
    for corner in ((0, 0), (0, 8), (7, 0), (7, 8)):
        on_image = image.data_to_world((0,) * (ndim - 2) + corner)
        np.testing.assert_allclose(
            labels.data_to_world((0, *corner))[-2:], on_image[-2:], atol=1e-9
        )


def _padded(lies, ndim):
    """Return what turns an image of two axes for one of more, whose first are left alone."""
    flat = Image(np.zeros((8, 9)), **lies)
    whole = np.eye(ndim + 1)
    whole[-3:, -3:] = flat._transforms["data2physical"].affine_matrix
    if "affine" in lies:
        whole[-3:, -3:] = flat.affine.affine_matrix
        return {"affine": whole}
    if ndim == 2:
        return lies
    matrix = np.eye(ndim)
    matrix[-2:, -2:] = flat.rotate
    shear = np.eye(ndim)
    shear[-2, -1] = flat.shear[0]
    extra = ndim - 2
    return {
        "rotate": matrix,
        "shear": shear,
        "scale": (1,) * extra + tuple(flat.scale),
        "translate": (0,) * extra + tuple(flat.translate),
    }


def test_the_finest_of_several_resolutions_is_the_movie():
    movie = np.arange(3 * 32 * 40, dtype=np.uint16).reshape(3, 32, 40)
    image = Image([movie, movie[:, ::2, ::2]], multiscale=True)
    stack = stack_of(image, Selection())
    assert stack.shape == movie.shape and layers.is_movie_shaped(image, stack)
    np.testing.assert_array_equal(stack[1], movie[1])


class Other:
    """An array of another library: shape, dtype and indexing, read a part at a time."""

    def __init__(self, data):
        self._data = data
        self.shape, self.dtype, self.ndim, self.size = data.shape, data.dtype, data.ndim, data.size

    def __getitem__(self, key):
        part = self._data[key]
        return Other(part) if isinstance(part, np.ndarray) and part.ndim else part

    def __len__(self):
        return len(self._data)

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self._data, dtype=dtype)


def test_an_array_of_another_library_is_read_as_numpys():
    movie = np.arange(3 * 32 * 40, dtype=np.uint16).reshape(3, 32, 40)
    stack = stack_of(Image(Other(movie), contrast_limits=(0, 9)), Selection())
    np.testing.assert_array_equal(stack[2], movie[2])
    assert type(stack[2]) is np.ndarray
