"""A sample looked at window by window: what is counted and taken back, the rate of errors."""

import json

import numpy as np
import pytest

from napari_unet.engine.errors import BadInput
from napari_unet.engine.jobs.check.rate import Looked, error_rate
from napari_unet.engine.jobs.check.sample import Sample, draw_sample

SHAPE = (96, 128)


@pytest.fixture
def sample(toy):
    return draw_sample(lambda t: toy.labels[t], range(6), SHAPE, 4, seed=1)


def test_windows_are_counted_one_after_the_other(sample, toy):
    assert [one.cells for one in sample.counts] == [
        one.cells(toy.labels[one.frame]) for one in sample.windows
    ]
    sample.mark("missed")
    sample.mark("missed")
    sample.go_on()
    assert sample.at == 1 and sample.rate() is None
    assert sample.take_back() and sample.at == 0
    sample.go_on()
    sample.go_on()
    first, second = sample.counts[:2]
    assert sample.rate() == error_rate([Looked(first.cells, missed=1), second])
    sample.stopped = True
    assert sample.ended and sample.rate().n_windows == 2


def test_a_cell_counts_once_and_nothing_is_taken_back_twice(sample):
    assert not sample.take_back()
    for _ in range(sample.counts[0].cells):
        sample.mark("wrong")
    with pytest.raises(BadInput, match=r"^(Every cell|No cell)"):
        sample.mark("invented")
    sample.mark("missed")
    for _ in sample.windows:
        sample.go_on()
    assert sample.ended and sample.at == len(sample.windows) - 1
    assert sample.rate().n_errors == sample.counts[0].cells + 1


def test_what_was_counted_is_kept_as_plain_values_and_nothing_else_is_taken_for_it(sample):
    sample.mark("missed")
    sample.go_on()
    values = json.loads(json.dumps(sample.to_values()))
    assert values == sample.to_values()
    again = Sample.from_values(values)
    assert again == sample
    assert again.take_back() and again.counts[0].missed == 0 and again.at == 0
    wrong = ({}, {"at": 4}, {"done": [9]}, {"marks": [[0, "odd"]]}, {"counts": []}, {"windows": 3})
    assert [Sample.from_values(values | one if one else {}) for one in wrong] == [None] * 6


def test_labels_without_cells_have_windows_and_no_rate():
    sample = draw_sample(lambda _: np.zeros(SHAPE, np.uint16), [0, 1], SHAPE, 3)
    for _ in sample.windows:
        sample.go_on()
    assert sample.ended and sample.rate() is None
