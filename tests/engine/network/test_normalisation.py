import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_unet.engine.network.normalisation import Normaliser, percentiles
from napari_unet.engine.settings import Normalisation
from napari_unet.sample.movie import sample_movie
from napari_unet.sample.world import SMALL

KINDS = ("percentile", "minmax", "zscore", "none", "zscore_foreground", "robust", "robust_zscore")
counts = st.sampled_from((np.uint8, np.uint16)).flatmap(
    lambda dtype: arrays(dtype, st.integers(1, 300))
)


@settings(max_examples=300, deadline=None)
@given(counts, st.lists(st.floats(0, 100), min_size=1, max_size=3))
def test_percentiles_of_counts_are_numpys_to_the_bit(values, wanted):
    assert percentiles(values, *wanted) == tuple(np.percentile(values, wanted))


def test_percentiles_of_a_whole_frame_are_numpys_to_the_bit():
    frame = sample_movie(SMALL)[0][0].ravel()
    for low, high in ((1, 99.8), (0, 100), (50, 50), (0.1, 99.99)):
        assert percentiles(frame, low, high) == tuple(np.percentile(frame, (low, high)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "u4", "f2", "f4", "f8", ">u2", "?"])
def test_any_type_becomes_finite_float32_of_the_same_range(kind, dtype):
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 2 if dtype == "?" else 100, (20, 30)).astype(dtype)
    out = Normaliser(Normalisation(kind=kind))(frame)
    assert out.dtype == np.float32
    assert out.shape == (1, 20, 30)
    as_float = Normaliser(Normalisation(kind=kind))(frame.astype(np.float32))
    np.testing.assert_allclose(out, as_float, atol=2e-3 if dtype == "f2" else 1e-5)


@pytest.mark.parametrize(
    ("kind", "darkest", "brightest"), [("percentile", 0, 1), ("minmax", 0, 1), ("none", 3, 203)]
)
def test_range(kind, darkest, brightest):
    frame = np.linspace(3, 203, 201, dtype=np.float32).reshape(3, 67)
    out = Normaliser(Normalisation(kind=kind, low=0, high=100))(frame)
    assert out.min() == pytest.approx(darkest)
    assert out.max() == pytest.approx(brightest)


def field(cells, dtype):
    """A noisy frame of 200 x 300 px around 100, with some cells of 1000 on it."""
    frame = np.random.default_rng(0).normal(100, 5, (200, 300)).astype(dtype)
    for n in range(cells):
        frame[10 + 20 * (n // 14) : 22 + 20 * (n // 14), 10 + 20 * (n % 14) :][:, :12] = 1000
    return frame


@pytest.mark.parametrize("dtype", ["u2", "f4"])
@pytest.mark.parametrize("cells", [1, 3])
def test_a_few_cells_come_no_higher_than_the_peak(dtype, cells):
    frame = field(cells, dtype)
    assert Normaliser(Normalisation(high=99))(frame).max() > 20
    assert Normaliser(Normalisation(high=99, peak=3))(frame).max() == pytest.approx(3, rel=0.02)


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_a_cell_on_a_ground_of_one_value_is_seen(dtype):
    frame = np.full((200, 300), 7, dtype)
    frame[50:55, 50:55] = 107  # 0.04 % of the pixels
    for normalisation in (Normalisation(), Normalisation(high=99, peak=3)):
        out = Normaliser(normalisation)(frame)
        assert out.max() == 1
        assert np.count_nonzero(out) == 25


@pytest.mark.parametrize("cells", [0, 40])
def test_many_cells_and_none_are_as_without_a_peak(cells):
    frame = field(cells, "u2")
    free, held = (Normaliser(Normalisation(high=99, peak=p))(frame) for p in (None, 3))
    np.testing.assert_array_equal(free, held)


def test_zscore():
    out = Normaliser(Normalisation(kind="zscore"))(sample_movie(SMALL)[0][0])
    assert out.mean() == pytest.approx(0, abs=1e-3)
    assert out.std() == pytest.approx(1, abs=1e-3)


def test_zscore_within_the_foreground_leaves_the_ground_at_zero():
    frame = sample_movie(SMALL)[0][0].copy()
    frame[:, :40] = 0
    out = Normaliser(Normalisation(kind="zscore_foreground"))(frame)[0]
    assert not out[:, :40].any()
    inside = frame[:, 40:].astype(float)
    wanted = (inside - inside.mean()) / inside.std()
    np.testing.assert_allclose(out[:, 40:], wanted, atol=1e-3)


def test_robust_scaling_is_by_median_and_quartiles():
    frame = sample_movie(SMALL)[0][0]
    below, middle, above = np.percentile(frame, (25, 50, 75))
    out = Normaliser(Normalisation(kind="robust"))(frame)[0]
    np.testing.assert_allclose(out, (frame - middle) / (above - below), rtol=1e-4, atol=1e-4)


def test_cut_at_percentiles_then_scaled_robustly_then_zscore():
    frame = sample_movie(SMALL)[0][0]
    cut = np.clip(frame, *np.percentile(frame, (2, 97)))
    below, middle, above = np.percentile(cut, (25, 50, 75))
    robust = (cut - middle) / (above - below)
    cases = {"robust": robust, "robust_zscore": (robust - robust.mean()) / robust.std()}
    for kind, wanted in cases.items():
        out = Normaliser(Normalisation(kind=kind, low=2, high=97, clip=True))(frame)[0]
        np.testing.assert_allclose(out, wanted, atol=1e-3)


def test_a_frame_of_two_values_has_no_quartiles_but_a_range():
    frame = np.full((20, 30), 7, np.uint16)
    frame[3, 4] = 107
    out = Normaliser(Normalisation(kind="robust"))(frame)[0]
    assert (out[3, 4], np.count_nonzero(out)) == (1, 1)


def test_clipped_only_where_asked():
    frame = sample_movie(SMALL)[0][0]
    free = Normaliser(Normalisation())(frame)
    assert free.min() < 0
    assert free.max() > 1
    np.testing.assert_array_equal(Normaliser(Normalisation(clip=True))(frame), np.clip(free, 0, 1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_broken_pixels_become_dark_and_leave_the_others_alone(kind, bad):
    frame = sample_movie(SMALL)[0][0].astype(np.float32)
    broken = frame.copy()
    broken[0, :3] = bad
    out = Normaliser(Normalisation(kind=kind))(broken)[0]
    assert (out[0, :3] == 0).all()
    settings = Normalisation(kind=kind)
    good = Normaliser(settings, [frame[1:]]) if kind == "none" else Normaliser(settings)
    rest = frame.ravel()[3:].reshape(1, -1)
    np.testing.assert_allclose(out.ravel()[3:], good(rest).ravel(), atol=1e-5)


@pytest.mark.parametrize("kind", sorted({*KINDS} - {"none"}))
@pytest.mark.parametrize("value", [0, 7, np.nan, np.inf])
@pytest.mark.parametrize("broken", [False, True])
def test_a_constant_frame_becomes_zero(kind, value, broken):
    frame = np.full((8, 9), value, np.float32)
    if broken:
        frame[0, 0] = np.inf
    assert not Normaliser(Normalisation(kind=kind))(frame).any()


def test_each_channel_has_a_range_of_its_own():
    frame = sample_movie(SMALL)[0][0]
    both = np.stack([frame, 10 * frame.astype(np.uint32)])
    out = Normaliser(Normalisation())(both)
    np.testing.assert_allclose(out[0], out[1], atol=1e-4)


def test_a_frame_is_measured_by_itself_and_a_movie_once():
    movie = sample_movie(SMALL)[0].astype(np.float32)
    movie *= np.linspace(1, 3, len(movie))[:, None, None]  # a lamp that grows brighter
    alone = Normaliser(Normalisation(), movie)
    assert np.median(alone(movie[0])) == pytest.approx(np.median(alone(movie[-1])), abs=0.05)
    once = Normaliser(Normalisation(scope="movie"), movie)
    low, high = np.percentile(movie, (1, 99.8))
    np.testing.assert_allclose(once(movie[2])[0], (movie[2] - low) / (high - low), atol=1e-3)
    assert np.median(once(movie[-1])) > np.median(once(movie[0])) + 0.05


def test_the_movie_s_range_makes_crops_and_whole_frames_equal():
    movie = sample_movie(SMALL)[0]
    once = Normaliser(Normalisation(scope="movie"), movie)
    np.testing.assert_array_equal(once(movie[3])[:, 10:50, 20:70], once(movie[3][10:50, 20:70]))


def test_the_frame_given_is_not_changed():
    frame = sample_movie(SMALL)[0][0].astype(np.float32)
    before = frame.copy()
    Normaliser(Normalisation(clip=True))(frame)
    np.testing.assert_array_equal(frame, before)


def test_values_that_float32_cannot_hold_stay_the_brightest():
    frame = np.zeros((8, 8))
    frame[2:5, 2:5], frame[6, 6] = np.finfo(np.float64).max, np.nan
    out = Normaliser(Normalisation(kind="minmax"))(frame)[0]
    assert out[3, 3] == out.max() > 0 and out[6, 6] == out[0, 0] == 0
