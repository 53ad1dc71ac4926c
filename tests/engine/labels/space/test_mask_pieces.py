"""Pieces of masks by their runs, against scipy's."""

import numpy as np
import pytest
from scipy import ndimage

from napari_unet.engine.labels.space.mask_pieces import MaskPieces

CHANCE = np.random.default_rng(0)
MASKS = {
    "nothing": np.zeros((3, 4), bool),
    "all": np.ones((3, 4), bool),
    "one pixel": np.ones((1, 1), bool),
    "a row": np.array([[1, 0, 1, 1]], bool),
    "a column": np.array([[1], [0], [1]], bool),
    "both ends of following rows": np.array([[0, 0, 1], [1, 0, 0]], bool),
    "corners": np.eye(5, dtype=bool),
    "noise": CHANCE.random((40, 61)) < 0.4,
    "more noise": CHANCE.random((61, 40)) < 0.15,
    "blobs": ndimage.gaussian_filter(CHANCE.normal(size=(90, 70)), 2) > 0,
    "one voxel": np.ones((1, 1, 1), bool),
    "no voxel": np.zeros((2, 3, 4), bool),
    "corners of voxels": np.eye(12, dtype=bool).reshape(3, 4, 12),
    "ends of rows and sections": np.array([[[0, 0, 1], [0, 0, 1]], [[1, 0, 0], [1, 0, 0]]], bool),
    "noise in a volume": CHANCE.random((7, 11, 13)) < 0.1,
    "blobs in a volume": ndimage.gaussian_filter(CHANCE.normal(size=(9, 31, 27)), 1.5) > 0.05,
}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_pieces_are_those_of_scipy(mask):
    wanted, n = ndimage.label(mask, np.ones((3,) * mask.ndim))
    found = MaskPieces.find(mask)
    assert len(found.sizes) == n
    where, of = found.pixels(np.ones(n, bool))
    assert np.array_equal(where, np.flatnonzero(mask))
    pairs = np.unique(np.stack((wanted.ravel()[where], of)), axis=1)
    assert pairs.shape[1] == n == len(np.unique(pairs[0]))
    assert np.array_equal(found.sizes[pairs[1]], np.bincount(wanted.ravel())[1:])
    chosen = found.sizes > 3
    assert np.array_equal(found.pixels(chosen)[0], where[chosen[of]])
