from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.engine.settings import Selection
from napari_unet.engine.stack.lazy_frames import LazyFrames
from napari_unet.engine.stack.stack import Stack

DATA = np.random.default_rng(0).integers(0, 255, (5, 6, 7), np.uint8)

numbers = st.integers(-5, 4)
slices = st.slices(5)
keys = st.one_of(
    numbers,
    slices,
    st.just(...),
    st.just(()),
    st.lists(numbers, min_size=1, max_size=4),
    st.tuples(st.one_of(numbers, slices), st.one_of(slices, st.just(...))),
    st.tuples(st.one_of(numbers, slices), st.integers(0, 5), slices),
    st.tuples(st.just(...), slices, st.integers(0, 6)),
    st.tuples(*[st.lists(st.integers(0, 4), min_size=3, max_size=3).map(np.array)] * 3),
    st.tuples(slices, *[st.lists(st.integers(0, 4), min_size=3, max_size=3).map(np.array)] * 2),
    st.tuples(st.lists(numbers, min_size=1, max_size=4).map(np.array), st.integers(0, 5)),
)


@given(keys)
def test_indexing_equals_numpy(key):
    lazy = Stack.from_array(DATA, axes="TYX").lazy()
    if isinstance(key, list):
        key = np.array(key)
    expected = DATA[key]
    assert np.array_equal(lazy[key], expected)
    assert np.shape(lazy[key]) == expected.shape


def test_arrays_of_frames_and_axes_between_are_numpys():
    data = np.stack([DATA, DATA + 1], axis=1)
    lazy = Stack.from_array(data, Selection(channel=(0, 1)), axes="TCYX").lazy()
    for key in (
        np.s_[[[0, 1], [4, 2]]],
        np.s_[[0, 3], 1],
        np.s_[[0, 3], [1, 0], [2, 5], [6, 6]],
        np.s_[1, [1, 0], [2, 5]],
        np.s_[[True, False, True, False, False]],
    ):
        assert np.array_equal(lazy[key], data[key])
    with pytest.raises(IndexError, match="arrays and slices"):
        lazy[[0, 1], [0, 1], :, :]


@pytest.mark.parametrize("key", [5, (0, 0, 0, 0), (..., ...), None, (0, None)])
def test_bad_keys(key):
    with pytest.raises(IndexError):
        Stack.from_array(DATA, axes="TYX").lazy()[key]


def test_it_looks_like_an_array():
    data = np.stack([DATA, DATA], axis=1)
    lazy = Stack.from_array(data, Selection(channel=(0, 1)), axes="TCYX").lazy()
    assert lazy.shape == (5, 2, 6, 7) and lazy.ndim == 4
    assert (lazy.size, len(lazy), lazy.dtype) == (data.size, 5, np.uint8)
    assert np.array_equal(lazy, data)
    assert np.asarray(lazy, dtype=float).dtype == float
    assert lazy.astype(np.uint8) is lazy
    assert lazy.astype(np.float32).dtype == np.float32
    assert copy.deepcopy(lazy) is lazy


@dataclass
class Counting:
    """Frames that are full of their number, and which of them were read."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    read: list[int] = field(default_factory=list)

    def __getitem__(self, t):
        self.read.append(t)
        return np.full(self.shape[1:], t, self.dtype)


def counting(shape, dtype=np.uint8):
    movie = Counting("movie", shape, np.dtype(dtype))
    return LazyFrames(movie), movie.read


def test_only_frames_asked_for_are_read_and_the_last_ones_are_kept():
    lazy, read = counting((100, 40, 50))
    assert lazy[40].max() == 40
    assert lazy[40, 3, 4] == 40
    assert lazy[..., 39:41, :, :].shape == (2, 40, 50)
    assert read == [40, 39]
    assert not lazy[40].flags.writeable


def test_the_cache_is_bounded():
    lazy, read = counting((100, 4000, 4000))
    for t in (0, 1, 2, 3, 4, 0):
        lazy[t]
    assert read == [0, 1, 2, 3, 4, 0]
    assert sum(f.nbytes for f in lazy._frames.values()) <= 64_000_000


@pytest.mark.parametrize("key", [np.s_[:], np.s_[:, :, 5], np.s_[...]])
def test_a_whole_movie_by_accident_is_zeros_and_a_notice(key, caplog):
    lazy, read = counting((1000, 600, 600))
    result = lazy[key]
    assert not np.any(result) and result.shape[0] == 1000
    assert read == []
    assert "step through the frames" in caplog.text


def test_one_huge_frame_is_not_refused():
    lazy, read = counting((2, 20_000, 20_000))
    assert lazy[1, :2, :2].max() == 1
    assert read == [1]


def test_threads():
    lazy = Stack.from_array(DATA, axes="TYX").lazy()
    order = np.random.default_rng(1).integers(0, 5, 200)
    with ThreadPoolExecutor(8) as pool:
        assert np.array_equal(list(pool.map(lazy.__getitem__, order)), DATA[order])
