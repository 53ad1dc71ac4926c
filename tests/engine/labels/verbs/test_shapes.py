"""Shapes of cells: each function on plain masks whose answer can be seen."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage as ndi

from napari_unet.engine.labels.codes import encode_logits
from napari_unet.engine.labels.verbs import between, cuts, outlines, places, shapes

SHAPE = (40, 60)
Y, X = np.mgrid[: SHAPE[0], : SHAPE[1]]


def disc(y: float, x: float, radius: float) -> np.ndarray:
    return np.hypot(Y - y, X - x) <= radius


ALL = np.ones(SHAPE, bool)
DUMBBELL = disc(20, 20, 9) | disc(20, 36, 7) | ((abs(Y - 20) < 3) & (X > 20) & (X < 36))


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_growing_and_shrinking_move_the_rim_and_spare_the_others():
    cell, other = disc(20, 20, 6), disc(20, 34, 7)
    wide = shapes.grown(cell, ~(cell | other), 2)
    assert wide[20, 28] is not None and not (wide & other).any()
    assert iou(wide, disc(20, 20, 8) & ~other) > 0.95
    assert iou(shapes.shrunk(wide, 2), cell) > 0.9
    assert not shapes.shrunk(disc(20, 20, 1), 3).any()
    at_edge = disc(0, 20, 6)
    assert shapes.shrunk(at_edge, 1)[0].any()  # the frame's edge is no rim


def test_shrinking_keeps_the_largest_piece():
    small = shapes.shrunk(DUMBBELL, 4)
    assert ndi.label(small)[1] == 1 and small[20, 20] and not small[20, 36]


def test_smoothing_takes_spurs_off_and_keeps_the_area():
    cell = disc(20, 20, 9)
    rough = cell | ((abs(Y - 20) < 1) & (X > 20) & (X < 40))
    smooth = shapes.smoothed(rough, ~rough)
    assert not smooth[20, 38] and abs(int(smooth.sum()) - int(rough.sum())) <= 12
    assert ndi.label(smooth)[1] == 1


@pytest.mark.parametrize(("taken", "filled"), [(False, True), (True, False)])
def test_holes_are_filled_unless_another_cell_is_in_them(taken, filled):
    ring = disc(20, 20, 9) & ~disc(20, 20, 3)
    free = ~ring & ~(disc(20, 20, 3) if taken else np.zeros(SHAPE, bool))
    assert shapes.holes_filled(ring, free)[20, 20] == filled


@pytest.mark.parametrize(("x", "pieces"), [(30, 1), (32, 1), (50, 2)])
def test_two_cells_become_one_over_a_narrow_gap(x, pieces):
    one, other = disc(20, 18, 6), disc(20, x, 5)
    both = shapes.joined(one, other, ~(one | other))
    assert ndi.label(both)[1] == pieces and both[one].all() and both[other].all()


@pytest.mark.parametrize(
    "path", [[(5, 30), (35, 30)], [(18, 30), (22, 30)], [(5, 29), (15, 31), (35, 30)]]
)
def test_a_line_cuts_and_goes_on_to_the_rim(path):
    parts = cuts.cut_along(DUMBBELL, places.path_of(path))
    assert parts.max() == 2 and (parts > 0).sum() == DUMBBELL.sum()
    assert parts[20, 20] == 1 and parts[20, 36] == 2


@pytest.mark.parametrize("path", [[(1, 1), (1, 50)], [(20, 20)], [(20, 20), (20.2, 20.1)]])
def test_a_line_that_does_not_cross_cuts_nothing(path):
    assert cuts.cut_along(DUMBBELL, places.path_of(path)).max() == 1


def test_a_cell_falls_apart_at_its_neck():
    parts = cuts.cut_apart(DUMBBELL)
    assert parts[20, 20] == 1 and parts[20, 36] == 2 and (parts > 0).sum() == DUMBBELL.sum()
    assert cuts.cut_apart(disc(20, 20, 9)).max() == 1


def test_without_a_neck_the_probability_parts_it():
    cell = np.hypot((Y - 20) / 9, (X - 30) / 18) <= 1
    two = np.maximum(4 - np.hypot(Y - 20, X - 21) / 3, 4 - np.hypot(Y - 20, X - 39) / 3)
    assert cuts.cut_apart(cell).max() == 1
    parts = cuts.cut_apart(cell, encode_logits(two))
    assert parts.max() == 2 and parts[20, 21] != parts[20, 39]


@pytest.mark.parametrize("click", [(20, 40), (23, 43)])
def test_a_missing_cell_is_found_at_half_of_its_best(click):
    levels = encode_logits(np.minimum(2 * (6 - np.hypot(Y - 20, X - 40)), -2.0))
    cell = outlines.missing_cell(levels, ALL, ~ALL, click, 0.5)
    assert cell is not None and iou(cell, disc(20, 40, 6)) > 0.6


def test_a_missing_cell_leaves_its_neighbour_alone():
    there = disc(20, 26, 7)
    logits = np.maximum(8 - np.hypot(Y - 20, X - 26), np.minimum(6 - np.hypot(Y - 20, X - 40), -1))
    cell = outlines.missing_cell(encode_logits(logits), ~there, there, (20, 40), 0.5)
    assert cell is not None and not (cell & there).any() and not cell[20, 34]


@pytest.mark.parametrize("level", [0, 3])
def test_where_the_model_sees_nothing_there_is_no_missing_cell(level):
    levels = np.full(SHAPE, level, np.uint8)
    assert outlines.missing_cell(levels, ALL, ~ALL, (20, 20), 0.5) is None


def test_a_rough_outline_snaps_to_the_probability():
    truth = disc(20, 30, 8)
    levels = encode_logits(2 * (8 - np.hypot(Y - 20, X - 30)))
    rough = np.hypot((Y - 20) / 8, (X - 31) / 9.5) <= 1
    assert iou(rough, truth) < 0.85 < 0.93 < iou(outlines.along_scribble(levels, rough, ALL), truth)


def test_a_rough_outline_on_flat_ground_stays_about_where_it_is():
    rough = disc(20, 30, 8)
    cell = outlines.along_scribble(np.zeros(SHAPE, np.uint8), rough, ALL)
    assert iou(cell, rough) > 0.8


def test_between_two_frames_a_cell_moves_and_grows():
    first, last = disc(12, 12, 5), disc(24, 44, 9)
    shapes_between = between.Between(first, last)
    half = shapes_between.at(0.5)
    assert iou(half, disc(18, 28, 7)) > 0.85
    assert iou(shapes_between.at(0.0), first) == 1.0
    assert iou(shapes_between.at(1.0), last) == 1.0


@pytest.mark.parametrize("points", [[1, 2], [(1, 2, 3)], [(1, float("nan"))]])
def test_what_is_no_path_is_refused(points):
    with pytest.raises(ValueError, match="points"):
        places.path_of(points)
