"""What became of each cell, drawn: the same cells that the scores count."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.scores import frame_scores
from napari_unet.engine.labels.truth.judged_cells import JUDGEMENTS, JudgedCells, judged_cells

RIGHT, MISSED, INVENTED, MERGED, SPLIT = JUDGEMENTS


def test_each_kind_of_error_is_drawn_where_it_is():
    truth, found = np.zeros((2, 20, 60), int)
    for number, x in enumerate((2, 14, 26, 34, 46), start=1):
        truth[4:12, x : x + 8] = number
    found[4:12, 2:10] = 7
    found[4:12, 26:42] = 8  # both of the next two
    found[4:12, 46:50], found[4:12, 50:54] = 9, 10
    found[15:18, 2:6] = 11
    picture = judged_cells(found, truth)
    drawn = {number: set(np.unique(truth[picture == number])) for number in JUDGEMENTS}
    assert drawn == {RIGHT: {1}, MISSED: {2}, INVENTED: {0}, MERGED: {3, 4}, SPLIT: {5}}
    np.testing.assert_array_equal(picture == INVENTED, found == 11)
    assert not picture[(truth == 0) & (found != 11)].any()


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.uint16, (2, 6, 7), elements=st.integers(0, 4)))
def test_it_draws_what_the_scores_count(frames):
    found, truth = frames
    picture, scores = judged_cells(found, truth), frame_scores(found, truth)
    cells = {word: np.unique(truth[(picture == n) & (truth > 0)]) for n, word in JUDGEMENTS.items()}
    for word in ("right", "missed", "merged", "split"):
        assert len(cells[word]) == getattr(scores, word)
    assert len(np.unique(found[picture == INVENTED])) <= scores.invented


def test_a_movie_is_drawn_frame_by_frame(toy):
    truth = toy.labels.copy()
    truth[4] = 0
    cells = JudgedCells(toy.labels, truth, [(1, 1), (4, 4)], toy.labels.shape)
    assert not cells[0].any()
    np.testing.assert_array_equal(cells[1], np.where(toy.labels[1] > 0, RIGHT, 0))
    invented = np.where(toy.labels[4] > 0, INVENTED, 0)
    np.testing.assert_array_equal(cells[4, 10:, 5], invented[10:, 5])
    assert (cells.shape, cells.dtype) == (toy.labels.shape, np.uint8)


def test_other_sizes_are_refused():
    with pytest.raises(BadInput, match="the prediction is"):
        judged_cells(np.zeros((3, 4), int), np.zeros((4, 3), int))
