from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage as ndi

from napari_unet.engine.labels.canvas.reconstruction import (
    bounds,
    fill_holes,
    keep_pieces,
    region_rim,
)

VALUES = np.array([0, 60, 120, 200, 255], np.uint8)
SHAPES = st.sampled_from([(23, 31), (5, 11, 13)])


def drawn(shape, seed):
    """Levels and regions of a frame or a volume."""
    rng = np.random.default_rng(seed)
    levels = rng.choice(VALUES, shape, p=[0.3, 0.1, 0.1, 0.2, 0.3])
    return levels, rng.choice(3, shape, p=[0.05, 0.9, 0.05]).astype(np.int32)


worlds = st.builds(drawn, SHAPES, st.integers(0, 2**32 - 1))


@given(worlds)
def test_filled_levels_have_no_holes_at_any_threshold(world):
    levels, ids = world
    filled = fill_holes(levels, ids)
    for code in (60, 120, 200, 255):
        expected = levels >= code
        for label in (1, 2):
            mask = (levels >= code) & (ids == label)
            outside = ndi.binary_propagation(  # connected ground that reaches out of the region
                ((ids != label) | region_rim(ids)) & ~mask, np.ones((3,) * ids.ndim), mask=~mask
            )
            expected = np.where(ids == label, ~outside, expected)
        np.testing.assert_array_equal((filled >= code)[ids > 0], expected[ids > 0])
    np.testing.assert_array_equal(filled[ids == 0], levels[ids == 0])


@given(worlds, st.integers(0, 10**6))
def test_kept_levels_are_the_piece_with_the_seed(world, number):
    levels, ids = world
    inside = np.flatnonzero(ids == 1)
    if not inside.size:
        return
    seed = inside[number % inside.size]
    kept = keep_pieces(levels, ids, np.array([seed]))
    for code in (60, 120, 200, 255):
        pieces, _ = ndi.label((levels >= code) & (ids == 1))
        piece = pieces.reshape(-1)[seed]
        np.testing.assert_array_equal(kept >= code, (pieces == piece) & (piece > 0))


def test_a_long_winding_way_is_followed_to_its_end():
    levels = np.zeros((61, 61), np.uint8)
    levels[::2] = 200
    levels[1::4, -1] = levels[3::4, 0] = 200
    ids = np.ones(levels.shape, np.int32)
    np.testing.assert_array_equal(keep_pieces(levels, ids, np.array([0])), levels)


def test_bounds():
    mask = np.zeros((5, 6), bool)
    assert bounds(mask) is None
    mask[2, 1] = mask[3, 4] = True
    assert bounds(mask) == (slice(2, 4), slice(1, 5))
