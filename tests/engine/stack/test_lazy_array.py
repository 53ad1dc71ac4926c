from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.engine.session.live_labels import LiveLabels

SHAPE = (4, 5, 6)


def index(n):
    span = st.slices(n)
    number = st.integers(-n, n - 1)
    return st.one_of(span, number, number.map(np.int64))


@st.composite
def keys(draw):
    parts = [draw(index(n)) for n in SHAPE[: draw(st.integers(1, 3))]]
    if draw(st.booleans()) and len(parts) < 3:
        parts.insert(draw(st.integers(0, len(parts))), Ellipsis)
    if draw(st.booleans()):
        size = draw(st.integers(1, 5))
        lists = (st.lists(st.integers(-n, n - 1), min_size=size, max_size=size) for n in SHAPE)
        return tuple(np.array(draw(points)) for points in lists)
    return tuple(parts) if len(parts) > 1 or draw(st.booleans()) else parts[0]


@pytest.fixture(scope="module")
def pair():
    plain = np.random.default_rng(0).integers(0, 9, SHAPE).astype(np.uint16)
    live = LiveLabels(SHAPE)
    live[:] = plain
    return live, plain


@given(key=keys())
def test_reads_are_numpys(pair, key):
    live, plain = pair
    np.testing.assert_array_equal(np.asarray(live[key]), plain[key])


@given(key=keys(), value=st.integers(0, 20))
def test_writes_are_numpys(key, value):
    if any(isinstance(part, slice) and part.step not in (None, 1) for part in np.atleast_1d(key)):
        return
    plain = np.zeros(SHAPE, np.uint16)
    live = LiveLabels(SHAPE)
    plain[key] = value
    live[key] = value
    np.testing.assert_array_equal(np.asarray(live), plain)


def test_blocks_are_written_frame_by_frame():
    live, plain = LiveLabels(SHAPE), np.zeros(SHAPE, np.uint16)
    block = np.arange(1, 13).reshape(2, 2, 3)
    for array in (live, plain):
        array[1:3, 2:4, :3] = block
        array[0] = np.arange(6)
        array[3, ::1, 2] = 7
    np.testing.assert_array_equal(np.asarray(live), plain)
    with pytest.raises(ValueError, match="2 frames cannot be written to 3"):
        live[:3, 2:4, :3] = block


@pytest.mark.parametrize("key", [(0, 0, 9), (9,), (0, 0, 0, 0), (None, 0, 0), (0.5,)])
def test_what_is_no_index_is_refused(key):
    with pytest.raises(IndexError):
        LiveLabels(SHAPE)[key]
