"""Where a frame has no value, and what is left to find contrast with."""

import numpy as np
import pytest

from napari_unet.engine.export.overlay.overlay import Look, compose_overlay, measure_windows
from napari_unet.engine.network.normalisation import Normaliser
from napari_unet.engine.settings import Normalisation, OverlaySettings
from napari_unet.engine.stack.missing_pixels import measured_values, missing_pixels
from napari_unet.engine.stack.stack import Stack

RNG = np.random.default_rng(3)
PLAIN = RNG.normal(200, 40, (40, 48))
HOLES = np.zeros((40, 48), bool)
HOLES[:7], HOLES[20:24, 30:] = True, True


def holed(value, dtype=np.float32, plain=PLAIN):
    frame = plain.astype(dtype)
    frame[..., HOLES] = value
    return frame


def test_a_pixel_is_missing_where_any_channel_is():
    assert missing_pixels(PLAIN.astype(np.uint16)) is None
    assert missing_pixels(PLAIN) is None
    np.testing.assert_array_equal(missing_pixels(holed(np.nan)), HOLES)
    two = np.stack([PLAIN, holed(np.inf, float)])
    np.testing.assert_array_equal(missing_pixels(two), HOLES)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.float16, np.float64])
def test_values_can_be_added_up(dtype):
    values = measured_values(PLAIN.astype(dtype))
    assert values.size == PLAIN.size
    assert np.ptp(values) >= 0
    assert np.isfinite(np.percentile(values, (0, 50, 100))).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    "settings",
    [
        Normalisation(),
        Normalisation(peak=2.0),
        Normalisation(kind="minmax"),
        Normalisation(kind="zscore"),
        Normalisation(scope="movie"),
    ],
    ids=str,
)
def test_normalisation_is_that_of_the_rest(settings, dtype, value):
    frame = holed(value, dtype)
    rest = frame[~HOLES][None].astype(np.float32)  # the same pixels in a row
    found = Normaliser(settings, [frame])(frame)
    wanted = Normaliser(settings, [rest])(rest)
    np.testing.assert_allclose(found[0][~HOLES], wanted[0, 0], rtol=1e-5, atol=1e-6)
    assert np.isfinite(found).all()
    assert (found[0][HOLES] == 0).all()


@pytest.mark.parametrize("shift", [0, -5000, 33000])
@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_a_film_shows_them_black(value, shift):
    frame, none = holed(value, plain=PLAIN + shift), np.zeros(PLAIN.shape, np.uint16)
    settings = OverlaySettings()
    windows = measure_windows([frame], settings)
    shown = compose_overlay(frame, none, settings, Look(windows=windows))
    assert np.isfinite(windows).all()
    assert (shown[HOLES] == 0).all()
    assert 100 < shown[~HOLES].mean() < 150


def test_bits_have_a_contrast_too():
    bits = PLAIN > 220
    assert measure_windows([bits], OverlaySettings()) == ((0.0, 1.0),)
    shown = compose_overlay(bits, np.zeros(bits.shape, np.uint16))
    assert set(np.unique(shown)) == {0, 255}


@pytest.mark.parametrize("axes", ["TZYX", "ZTYX"])
def test_a_maximum_over_sections_leaves_them_out(axes):
    sections = np.stack([holed(np.nan), np.full(PLAIN.shape, 150, np.float32)])
    found = Stack.from_array(sections[None] if axes[0] == "T" else sections[:, None], axes=axes)[0]
    np.testing.assert_array_equal(found[HOLES], 150)
    np.testing.assert_array_equal(found[~HOLES], np.maximum(PLAIN, 150).astype("f4")[~HOLES])
