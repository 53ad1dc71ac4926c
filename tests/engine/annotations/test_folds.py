"""Folds: every frame is scored once, in a block of neighbours; a gap on both sides is left out."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.annotations.folds import time_blocks
from napari_unet.engine.annotations.frame_annotation import annotate
from napari_unet.engine.errors import BadInput


def annotated(*frames, empty=()):
    labels = np.pad(np.ones((4, 4), int), 4)
    made = {t: annotate(labels * (t not in empty), complete=True) for t in frames}
    return Annotations((100, 12, 12), made)


@pytest.mark.parametrize(
    ("frames", "folds", "gap", "expected"),
    [
        (range(6), 2, 0, [((3, 4, 5), (0, 1, 2)), ((0, 1, 2), (3, 4, 5))]),
        (range(7), 3, 1, [((4, 5, 6), (0, 1, 2)), ((0, 1, 6), (3, 4)), ((0, 1, 2, 3), (5, 6))]),
        # frames that were not annotated lie between: the gap is of those that were
        ((2, 9, 30, 31), 2, 1, [((31,), (2, 9)), ((2,), (30, 31))]),
    ],
)
def test_blocks_and_what_is_learned_from(frames, folds, gap, expected):
    found = time_blocks(annotated(*frames), folds, gap)
    assert [(f.train.frame_indices, f.test.frame_indices) for f in found] == expected
    assert [f.number for f in found] == list(range(1, folds + 1))


@pytest.mark.parametrize(
    ("annotations", "folds", "gap", "said"),
    [
        (annotated(0, 1), 3, 0, "2 frames with labels cannot make 3 blocks"),
        (annotated(0, 1, 2), 3, 1, "fold 2 of 3, with a gap of 1 frame, has no cells to learn"),
        (annotated(0, 1, 2, 3, empty=(0, 1)), 2, 0, "has no cells to score"),
    ],
)
def test_too_few_frames_are_refused(annotations, folds, gap, said):
    with pytest.raises(BadInput, match=said):
        time_blocks(annotations, folds, gap)
