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
