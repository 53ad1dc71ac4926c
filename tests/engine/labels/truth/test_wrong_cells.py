"""Cells that are wrong beside a truth: their kinds as they are counted, outlines round them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from napari_unet.engine.labels.truth.wrong_cells import (
    WRONG,
    score_each,
    score_frame,
    wrong_cells,
)


def squares(*boxes, size=60):
    labels = np.zeros((size, size), np.uint16)
    for number, (y, x, height, width) in enumerate(boxes, 1):
        labels[y : y + height, x : x + width] = number
    return labels


TRUTH = squares((2, 2, 10, 10), (20, 2, 10, 10), (20, 12, 10, 10), (40, 2, 10, 20), (2, 40, 8, 8))
FOUND = squares((2, 2, 10, 10), (20, 2, 10, 20), (40, 2, 10, 10), (40, 12, 10, 10), (50, 50, 6, 6))


def test_each_wrong_cell_is_drawn_as_it_is_counted():
    wrong = wrong_cells(FOUND, TRUTH)
    counts = Counter(cell.kind for cell in wrong)
    assert counts == {"missed": 1, "merged": 2, "split": 1, "invented": 1}
    assert [cell.kind for cell in wrong] == sorted(counts.elements(), key=WRONG.index)
    scores = score_frame(7, FOUND, TRUTH).scores
    assert {kind: getattr(scores, kind) for kind in WRONG} == counts
    missed, invented = wrong[0], wrong[-1]
    assert (missed.y, missed.x) == (5.5, 43.5) and (invented.y, invented.x) == (52.5, 52.5)
    (line,) = missed.outlines
    assert line.min(axis=0).tolist() == [1.5, 39.5] and line.max(axis=0).tolist() == [9.5, 47.5]
    np.testing.assert_array_equal(line[0], line[-1])


def test_a_cell_in_pieces_with_a_hole_has_each_line():
    truth = squares((0, 0, 9, 9))
    truth[3:6, 3:6] = 0
    truth[20:24, 20:24] = 1
    (cell,) = wrong_cells(np.zeros_like(truth), truth)
    assert cell.kind == "missed" and len(cell.outlines) == 3


@pytest.mark.parametrize("solid", [False, True])
def test_frames_one_by_one(solid):
    truth = np.stack([TRUTH] * 3) if solid else TRUTH
    frames = {0: truth, 2: truth}
    found = list(score_each(lambda t: truth if t else None, frames.get, range(3), (5, 6, 7)))
    assert found[:2] == [None, None]
    last = found[2]
    assert (last.frame, last.scores.number, last.scores.seg, last.wrong) == (2, 7, 1.0, ())
