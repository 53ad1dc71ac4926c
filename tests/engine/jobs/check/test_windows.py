"""Windows drawn at random, and what is filled in for them."""

import csv

import numpy as np
import pytest

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.overlay.overlay import Look
from napari_unet.engine.jobs.check.sheet import read_sheet, write_sheet
from napari_unet.engine.jobs.check.windows import draw_windows, labels_mark, usual_size
from napari_unet.engine.stack.stack import Stack

SHAPE = (96, 128)


@pytest.fixture
def stack(toy):
    return Stack.from_array(toy.movie, axes="TYX")


def test_every_place_is_in_one_window_that_may_be_drawn():
    drawn = draw_windows(SHAPE, (2, 5), 1000, 40)
    assert len(drawn) == 2 * 3 * 4
    covered = np.zeros((6, *SHAPE), int)
    for window in drawn:
        y, x = window.y, window.x
        covered[window.frame, y : y + window.height, x : x + window.width] += 1
    assert (covered[[2, 5]] == 1).all()
    assert not covered[[0, 1, 3, 4]].any()


def test_a_seed_draws_the_same_and_more_windows_begin_as_few():
    some = draw_windows(SHAPE, range(6), 5, 40, seed=1)
    assert some == draw_windows(SHAPE, range(6), 5, 40, seed=1)
    assert some != draw_windows(SHAPE, range(6), 5, 40, seed=2)
    assert len(set(some)) == 5


def test_each_cell_counts_in_one_window(toy):
    windows = draw_windows(SHAPE, range(6), 1000, usual_size(toy.labels, range(6)))
    cells = sum(window.cells(toy.labels[window.frame]) for window in windows)
    assert cells == sum(len(np.unique(frame)) - 1 for frame in toy.labels)


def sheet(folder, stack, labels, filled):
    """Draw four windows, and fill in the rows of the first."""
    windows = draw_windows(SHAPE, range(6), 4, 40)
    look = Look(windows=((0.0, 60000.0),))
    for _ in write_sheet(folder, stack, labels, windows, look, labels_mark(labels)):
        pass
    path = folder / "sample.csv"
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    for row, values in zip(rows[1:], filled, strict=False):
        row[-3:] = values
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return windows


def test_rows_that_are_filled_in_give_a_rate(toy, stack, tmp_path):
    folder = tmp_path / "sheet"
    windows = sheet(folder, stack, toy.labels, [("0", "1", ""), ("", "2", ""), ("0", "0", "0")])
    rate, left = read_sheet(folder, toy.labels)
    cells = sum(window.cells(toy.labels[window.frame]) for window in windows[:3])
    assert (rate.n_errors, rate.n_cells, rate.n_windows, left) == (3, cells + 3, 3, 1)
    assert len(list(folder.glob("window_*.png"))) == 4
    wider = (labels.astype(np.int64) for labels in toy.labels)
    assert read_sheet(folder, wider)[0] == rate  # the same labels, of another type


@pytest.mark.parametrize(
    ("filled", "match"),
    [
        ([("0", "0", "x"), ("", "", "")], "cannot be read"),
        ([("900", "", ""), ("0", "", "")], "900 are said to be wrong"),
        ([("-1", "", ""), ("0", "", "")], "-1 are said to be wrong"),
    ],
)
def test_rows_that_make_no_sense_are_refused(toy, stack, tmp_path, filled, match):
    sheet(tmp_path, stack, toy.labels, filled)
    with pytest.raises(BadInput, match=match):
        read_sheet(tmp_path, toy.labels)


def test_what_was_found_expires_when_labels_change(toy, stack, tmp_path):
    sheet(tmp_path, stack, toy.labels, [("0", "", "")] * 4)
    changed = toy.labels.copy()
    changed[5][changed[5] == changed[5].max()] = 0
    with pytest.raises(BadInput, match="the labels have changed since the windows"):
        read_sheet(tmp_path, changed)


def test_fewer_than_two_rows_give_none(toy, stack, tmp_path):
    sheet(tmp_path, stack, toy.labels, [("0", "", "")])
    assert read_sheet(tmp_path, toy.labels) == (None, 3)
