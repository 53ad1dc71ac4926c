"""Shapes of all objects at once, as scikit-image measures them one by one."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage as ndi
from skimage.measure import regionprops_table

from napari_unet.engine.labels.measuring.measurement import measure_frame
from napari_unet.engine.labels.measuring.nearby import nearby
from napari_unet.engine.labels.measuring.shapes import measure_shapes
from napari_unet.engine.labels.objects import numbered
from napari_unet.engine.settings import TableSettings

SIDE = st.integers(1, 24)
# Few ids: lines, holes, several pieces, single pixels and the edge all come by themselves.
LABELS = st.tuples(SIDE, SIDE).flatmap(
    lambda shape: arrays(np.uint8, shape, elements=st.integers(0, 3))
)


def blobs(seed, shape=(90, 120), n=40):
    """Labels as cells are: smooth, touching, some with holes and in pieces."""
    rng = np.random.default_rng(seed)
    field = ndi.gaussian_filter(rng.normal(size=shape), 3)
    points = np.zeros(shape, int)
    points[rng.integers(0, shape[0], n), rng.integers(0, shape[1], n)] = np.arange(1, n + 1)
    nearest = ndi.distance_transform_edt(points == 0, return_distances=False, return_indices=True)
    ids = points[tuple(nearest)]
    return np.where(field > rng.uniform(-0.1, 0.1), ids, 0).astype(np.uint16)


def by_scikit(dense, spacing):
    names = ("centroid", "perimeter", "solidity")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of objects too thin for it
        found = regionprops_table(dense, properties=names)
        found |= regionprops_table(dense, properties=("eccentricity",), spacing=spacing)
    return found


def compare(labels, spacing=(1.0, 1.0)):
    ids, areas, dense = numbered(labels)
    found, expected = measure_shapes(dense, areas, spacing), by_scikit(dense, spacing)
    near = {"rtol": 1e-9, "atol": 1e-9}
    np.testing.assert_allclose(found.y, expected["centroid-0"], **near)
    np.testing.assert_allclose(found.x, expected["centroid-1"], **near)
    np.testing.assert_allclose(found.perimeter, expected["perimeter"], **near)
    np.testing.assert_allclose(found.solidity, expected["solidity"], **near)
    # The root makes 1e-8 of the last digit of an object as wide as it is high.
    np.testing.assert_allclose(found.eccentricity**2, expected["eccentricity"] ** 2, **near)
    assert len(ids) == len(found.y)


@settings(max_examples=150, deadline=None)
@given(LABELS.filter(lambda labels: labels.any()), st.sampled_from([(1.0, 1.0), (0.5, 0.13)]))
def test_random_labels_have_the_shapes_that_scikit_image_finds(labels, spacing):
    compare(labels, spacing)


@pytest.mark.parametrize("seed", range(4))
def test_cells_have_the_shapes_that_scikit_image_finds(seed):
    compare(blobs(seed))


@pytest.mark.parametrize(
    "shape", ["one pixel", "row", "column", "slanted", "frame", "comb", "two pieces", "ring"]
)
def test_odd_objects(shape):
    labels = np.zeros((40, 60), np.uint16)
    if shape == "one pixel":
        labels[0, 0] = labels[39, 59] = 7
        labels[20, 20] = 9
    elif shape == "row":
        labels[5, 3:50] = 2
    elif shape == "column":
        labels[:, 59] = 2
    elif shape == "slanted":
        labels[np.arange(40), np.arange(40)] = 1
    elif shape == "frame":
        labels[:] = 3
    elif shape == "comb":
        labels[::2, 1:58:3] = 5
        labels[20] = 5
    elif shape == "two pieces":
        labels[2:8, 2:8] = labels[30:33, 50:60] = 4
    else:
        y, x = np.ogrid[:40, :60]
        radius = np.hypot(y - 20, x - 30)
        labels[(radius > 9) & (radius < 17)] = 1
        labels[radius < 5] = 2
    compare(labels)


@settings(max_examples=60, deadline=None)
@given(LABELS, st.integers(1, 45))
def test_free_pixels_belong_to_the_object_that_a_distance_transform_finds(labels, reach):
    dense = numbered(labels)[2]
    found = nearby(dense, reach)
    if not dense.any():
        assert not len(found.where)
        return
    distance, nearest = ndi.distance_transform_edt(dense == 0, return_indices=True)
    where = np.flatnonzero((distance > 0) & (distance <= reach))
    np.testing.assert_array_equal(found.where, where)
    np.testing.assert_array_equal(found.squared, np.rint(distance.flat[where] ** 2))
    np.testing.assert_array_equal(found.owner, dense[tuple(nearest)].flat[where])


@settings(max_examples=60, deadline=None)
@given(
    LABELS,
    st.sampled_from(["u1", "i1", "u2", "i2", "u4", "i4", "i8", "f2", "f4", "f8"]),
    st.integers(0, 2**32 - 1),
)
def test_intensities_are_those_of_each_object_by_itself(labels, dtype, seed):
    rng = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        image = np.round(rng.normal(size=labels.shape) * 20, 1).astype(dtype)
        image[rng.random(labels.shape) < 0.1] = np.nan
    else:
        limits = np.iinfo(dtype)
        image = rng.integers(limits.min, limits.max, labels.shape, dtype, endpoint=True)
    found = measure_frame(labels, image, ["x"], settings=TableSettings(background_reach=3))
    for i, label in enumerate(found["label"]):
        values = image[labels == label].astype(float)
        values = values[np.isfinite(values)]
        expected = [np.mean, np.median, np.sum]
        for name, function in zip(("mean", "median", "sum"), expected, strict=True):
            wanted = function(values) if len(values) else np.nan
            np.testing.assert_allclose(found[f"x_{name}"][i], wanted, rtol=1e-9, atol=1e-9)
