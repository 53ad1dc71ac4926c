"""Cells that flicker, and how exact outlines are, on labels made for it."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.engine.labels.evaluation import Flicker, evaluate
from napari_unet.engine.labels.scores import frame_scores, pool
from napari_unet.engine.stack.stack import Stack

N = 6


def cells(shift=0):
    """Six cells of 8 x 8 px, moved by ``shift``."""
    labels = np.zeros((20, 80), np.uint16)
    for i in range(N):
        labels[6:14, 12 * i + 4 + shift : 12 * i + 12 + shift] = i + 1
    return labels


def add(flicker, frame, predicted, truth):
    return flicker.add(frame, truth, frame_scores(predicted, truth).cells)


def changed(labels, what, cell=3):
    labels = labels.copy()
    if what == "missing":
        labels[labels == cell] = 0
    elif what == "cut":
        y, x = np.nonzero(labels == cell)
        labels[y[x < x.mean()], x[x < x.mean()]] = 90
    elif what == "renamed":
        labels[labels == cell] = 91
    return labels


@pytest.mark.parametrize(
    ("what", "when", "flickered"),
    [
        ("missing", 1, 1),
        ("cut", 1, 1),
        ("renamed", 1, 0),  # that is the tracks' matter
        ("missing", 0, 0),  # comes late
        ("missing", 2, 0),  # goes early
        ("nothing", 1, 0),
    ],
)
def test_a_cell_flickers_where_it_is_wrong_between_two_right_ones(what, when, flickered):
    flicker = Flicker()
    truths = [cells(shift) for shift in range(3)]
    shown = [changed(t, what) if i == when else t for i, t in enumerate(truths)]
    counts = [add(flicker, i, p, t) for i, (p, t) in enumerate(zip(shown, truths, strict=True))]
    followed = N - (what == "missing" and when != 1)
    assert counts == [(0, 0), (0, 0), (flickered, followed)]


def test_frames_that_are_not_one_after_the_other_are_not_compared():
    flicker = Flicker()
    for frame in (0, 1, 3, 5):
        assert add(flicker, frame, cells(), cells()) == (0, 0)


def test_ids_of_the_truth_need_not_last():
    flicker, truth = Flicker(), cells()
    other = np.where(truth > 0, N + 1 - truth, 0).astype(np.uint16)
    add(flicker, 0, truth, truth)
    add(flicker, 1, changed(other, "missing"), other)
    assert add(flicker, 2, truth, truth) == (1, N)


def test_flicker_is_per_100_cells_and_said():
    truth = np.stack([cells()] * 5)
    shown = truth.copy()
    shown[2] = changed(shown[2], "missing")
    stacks = (Stack.from_array(labels, axes="TYX") for labels in (shown, truth))
    scores = pool(evaluate(*stacks, [(t, t) for t in range(5)]))
    assert scores.n_followed == 3 * N - 2  # twice it is wrong on one of the sides
    assert scores.flicker == pytest.approx(100 / scores.n_followed)
    assert "6.2 of 100 cells missing or cut for one frame" in scores.in_detail()
    assert "; areas " in scores.in_detail() and "; volumes " in scores.in_detail(3)


def test_outlines_are_scored_at_three_overlaps():
    truth, shown = cells(), cells()
    shown[6, :] = 0  # an eighth of each cell
    scores = pool([frame_scores(shown, truth)])
    assert (scores.f1, scores.f1_75, scores.f1_90) == (1, 1, 0)
    assert scores.area_error == pytest.approx(12.5)
    assert "missing or cut" not in scores.in_detail()
