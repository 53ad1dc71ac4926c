import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_unet.engine.network.device_normalisation import can_normalise, normalise_raw
from napari_unet.engine.network.normalisation import Normaliser
from napari_unet.engine.settings import Normalisation

KINDS = [
    Normalisation(),
    Normalisation(low=0, high=100),
    Normalisation(low=3, high=97.3, clip=True),
    Normalisation(high=90, peak=1),
    Normalisation(high=99, peak=3),
    Normalisation(kind="minmax"),
    Normalisation(kind="none"),
    Normalisation(kind="robust"),
    Normalisation(kind="robust", low=10, high=60, clip=True),
]


@pytest.mark.parametrize("normalisation", KINDS, ids=repr)
@settings(max_examples=20, deadline=None)
@given(
    frames=hnp.arrays(
        st.sampled_from([np.uint8, np.uint16]), hnp.array_shapes(min_dims=4, max_dims=4, max_side=7)
    )
)
def test_does_what_the_normaliser_does(normalisation, frames):
    normaliser = Normaliser(normalisation)
    expected = np.stack([normaliser(frame) for frame in frames])
    bits = frames.view(np.int16) if frames.itemsize == 2 else frames
    np.testing.assert_array_equal(normalise_raw(torch.from_numpy(bits), normalisation), expected)


@pytest.mark.parametrize("kind", ["percentile", "robust"])
def test_takes_what_was_measured_on_the_movie(kind):
    movie = np.random.default_rng(0).integers(0, 60000, (20, 30, 40)).astype(np.uint16)
    normaliser = Normaliser(Normalisation(kind=kind, clip=True, scope="movie"), movie)
    raw = torch.from_numpy(movie[3:5, None].view(np.int16))
    found = normalise_raw(raw, normaliser.settings, normaliser.fixed)
    np.testing.assert_array_equal(found, np.stack([normaliser(f) for f in movie[3:5]]))


@pytest.mark.parametrize(
    ("dtype", "kind", "can"),
    [
        ("u1", "percentile", 1),
        ("u2", "minmax", 1),
        ("u2", "zscore", 0),
        ("u1", "robust", 1),
        ("u1", "robust_zscore", 0),
        ("f4", "minmax", 0),
    ],
)
def test_leaves_other_frames_to_the_normaliser(dtype, kind, can):
    assert can_normalise(np.dtype(dtype), Normalisation(kind=kind)) == bool(can)
