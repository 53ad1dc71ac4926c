"""Intensities are of the pixels that have a value, whatever the rest holds."""

import numpy as np
import pytest

from napari_unet.engine.labels.measuring.measurement import measure_frame
from napari_unet.engine.settings import TableSettings

LABELS = np.zeros((64, 64), np.uint16)
LABELS[10:20, 10:20], LABELS[40:50, 40:50] = 1, 2
FRAME = np.full((64, 64), 2, np.float32)
FRAME[LABELS == 1] = np.arange(1, 101)
FRAME[LABELS == 2] = 7


def measured(frame, dtype=np.float32):
    found = measure_frame(LABELS, frame.astype(dtype), ["x"], pixel_size=1.0)
    return {name.removeprefix("x_"): values.tolist() for name, values in found.items()}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_without_a_value_are_left_out(value, dtype):
    frame = FRAME.copy()
    frame[16:20, 10:20] = value  # the 40 brightest pixels of cell 1
    found = measured(frame, dtype)
    assert found["mean"] == found["median"] == [30.5, 7]
    assert found["sum"] == [1830, 700]
    assert found["sum_minus_background"] == [1830 - 2 * 60, 700 - 2 * 100]
    assert found["area_px"] == [100, 100]


def test_without_any_value_nothing_is_said():
    frame = FRAME.copy()
    frame[LABELS == 1] = np.nan
    frame[34:56, 34:56] = np.where(LABELS[34:56, 34:56] == 2, 7, np.nan)
    found = measured(frame)
    assert np.isnan([found[name][0] for name in ("mean", "median", "sum")]).all()
    assert [found[name][1] for name in ("mean", "median", "sum")] == [7, 7, 700]
    assert found["area_px"] == [100, 100]
    nothing = measured(np.full_like(FRAME, np.nan))
    assert np.isnan([nothing[name] for name in nothing if "background" in name]).all()


def test_background_and_ring_are_found_without_them():
    frame, near = FRAME.copy(), np.zeros(LABELS.shape, bool)
    near[8:22, 8:22] = True
    near &= LABELS == 0
    frame[near] = np.where(np.arange(near.sum()) % 2, 2, np.nan)
    columns = TableSettings(ring=2.0)
    holed = measure_frame(LABELS, frame, ["x"], pixel_size=1.0, settings=columns)
    whole = measure_frame(LABELS, FRAME, ["x"], pixel_size=1.0, settings=columns)
    for name in ("background", "ring_mean", "ring_median", "mean_minus_background"):
        np.testing.assert_array_equal(holed[f"x_{name}"], whole[f"x_{name}"])
    assert (holed["x_ring_sum"] < whole["x_ring_sum"]).tolist() == [True, False]


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.longdouble])
def test_pixels_of_any_float_are_measured(dtype):
    labels, frame = np.zeros((8, 8), int), np.full((8, 8), -2, dtype)
    labels[2:5, 2:5] = 3
    assert measure_frame(labels, frame, ["x"])["x_sum"] == [-18]


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.5, 0.5, 0.5), (0.8, 0.4, 0.5)])
def test_a_ball_has_the_volume_and_surface_of_a_ball(spacing):
    shape = tuple(int(22 / step) for step in spacing)
    places = np.stack(np.indices(shape), -1) * np.array(spacing)
    inside = np.linalg.norm(places - (10.1, 10.7, 11.3), axis=-1) < 7
    labels = np.where(inside, np.uint16(5), np.uint16(0))
    labels[:2, :3] = 9  # along the edge
    frame = np.where(inside, 40.0, 3.0)
    found = measure_frame(labels, frame, ["x"], pixel_size=spacing, settings=TableSettings(ring=1))
    of_ball = {name: values[0] for name, values in found.items()}
    assert [of_ball[f"centroid_{a}_um"] for a in "zyx"] == pytest.approx(
        (10.1, 10.7, 11.3), abs=0.1
    )
    assert of_ball["volume_um3"] == pytest.approx(4 / 3 * np.pi * 7**3, rel=0.02)
    assert of_ball["volume_um3"] == pytest.approx(of_ball["volume_voxels"] * np.prod(spacing))
    assert of_ball["surface_um2"] == pytest.approx(4 * np.pi * 7**2, rel=0.03)
    assert of_ball["sphericity"] == pytest.approx(1, abs=0.03)
    assert found["sphericity"][1] < 0.85  # a rod
    assert found["label"].tolist() == [5, 9] and found["touches_border"].tolist() == [0, 1]
    assert of_ball["x_mean"] == 40 and of_ball["x_background"] == of_ball["x_ring_mean"] == 3


def test_a_volume_of_unknown_spacing_has_no_surface():
    labels = np.zeros((5, 9, 9), np.uint8)
    labels[1:4, 2:6, 2:6] = 1
    found = measure_frame(labels, np.ones((2, 5, 9, 9)), ["a", "b"])
    assert found["volume_voxels"].tolist() == [48] and found["centroid_z_px"].tolist() == [2]
    for name in ("volume_um3", "surface_um2", "sphericity", "centroid_z_um"):
        assert np.isnan(found[name]).all()
    assert found["b_sum"].tolist() == [48]
