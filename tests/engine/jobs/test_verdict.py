"""Better or worse only where a paired test over the same cells says so."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.annotations.frame_annotation import annotate
from napari_unet.engine.jobs.verdict import Compared, corrected_cells
from napari_unet.engine.labels.scores import frame_scores, pool


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        ("0" * 5, "1" * 5, ""),  # p = 0.0625
        ("0" * 6, "1" * 6, "better"),  # p = 0.03125
        ("1" * 6, "0" * 6, "worse"),
        ("1" * 40 + "0" * 9 + "1", "1" * 40 + "1" * 9 + "0", "better"),
        ("10" * 30, "01" * 30, ""),
        ("111", "111", ""),
    ],
)
def test_mcnemar_exact(before, after, word):
    found = Compared.of(before, after)
    assert found.word == word
    if n := found.gained + found.lost:
        assert found.p == pytest.approx(binomtest(found.gained, n).pvalue)
    assert (found.before, found.after) == (before.count("1"), after.count("1"))


@pytest.mark.parametrize(("before", "after"), [("11", "111"), ("", ""), ("", "11")])
def test_other_cells_are_not_compared(before, after):
    assert Compared.of(before, after) is None


def test_scores_say_which_cells_are_right():
    truth = np.zeros((20, 20), np.uint16)
    truth[1:5, 1:5], truth[8:12, 8:12], truth[15:19, 15:19] = 3, 7, 9
    found = np.where(truth == 7, 0, truth)
    scores = frame_scores(found, truth)
    assert scores.cells == "101" and scores.right == 2
    assert pool([scores, frame_scores(truth, truth)]).cells == "101111"


def test_only_cells_that_a_user_touched_are_corrections():
    labels = np.zeros((10, 10), np.int32)
    labels[1:3, 1:3], labels[5:7, 5:7] = 4, 5
    annotations = Annotations((2, 10, 10), {0: annotate(labels, complete=True)})
    found = corrected_cells(annotations, lambda t: np.array([0, 5, 65535]))
    assert set(np.unique(found[0].labels)) == {0, 5} and found[0].supervised.all()
    assert not corrected_cells(annotations, lambda t: np.array([65535]))
