"""Scores against brute force, against another implementation, and in the odd cases."""

import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import linear_sum_assignment

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.formats.write_labels import write_labels
from napari_unet.engine.labels.evaluation import evaluate
from napari_unet.engine.labels.scores import FRAGMENT_SHARE, frame_scores, pool
from napari_unet.engine.stack.stack import Stack

SHAPE = (9, 11)
label_images = hnp.arrays(np.uint16, SHAPE, elements=st.integers(0, 5))
volumes = hnp.arrays(np.uint16, (3, 5, 6), elements=st.integers(0, 5))
same_shape = st.tuples(label_images, label_images) | st.tuples(volumes, volumes)


def brute_force(predicted, truth):
    """Every score by its definition, object by object."""
    cells = [truth == i for i in np.unique(truth) if i]
    found = [predicted == i for i in np.unique(predicted) if i]
    iou = np.array([[(c & f).sum() / (c | f).sum() for f in found] for c in cells])
    iou = iou.reshape(len(cells), len(found))
    held = np.array([[2 * (c & f).sum() > c.sum() for f in found] for c in cells], dtype=bool)
    held = held.reshape(iou.shape)
    rows, columns = linear_sum_assignment(-(iou >= 0.5).astype(float))
    agreeing = int((iou[rows, columns] >= 0.5).sum())
    holds = held.sum(axis=0)
    cost = 5 * np.maximum(holds - 1, 0).sum() + 10 * (~held.any(axis=1)).sum() + (holds == 0).sum()
    both, either = (predicted > 0) & (truth > 0), (predicted > 0) | (truth > 0)
    alike = float(len(cells) == len(found) == 0)
    return {
        "iou": both.sum() / either.sum() if either.any() else 1.0,
        "dice": 2 * both.sum() / ((predicted > 0).sum() + (truth > 0).sum())
        if either.any()
        else 1.0,
        "seg": (iou * held).sum() / len(cells) if cells else alike,
        "f1": 2 * agreeing / (len(cells) + len(found)) if cells or found else 1.0,
        "det": max(0, 1 - cost / (10 * len(cells))) if cells else alike,
    }


@given(same_shape)
def test_scores_equal_their_definitions(both):
    predicted, truth = both
    scores = frame_scores(predicted, truth)
    for name, expected in brute_force(predicted, truth).items():
        assert getattr(scores, name) == pytest.approx(expected, abs=1e-12), name


@given(same_shape)
def test_each_cell_is_counted_once(both):
    predicted, truth = both
    s = frame_scores(predicted, truth)
    assert s.right + s.missed + s.merged + s.split == s.n_truth
    assert 0 <= s.invented <= s.n_predicted


@given(label_images, label_images, st.permutations(range(1, 6)))
def test_ids_do_not_matter(predicted, truth, order):
    far_apart = np.array([0, *(i * 10**9 for i in order)], dtype=np.int64)
    assert frame_scores(far_apart[predicted], truth) == frame_scores(predicted, truth)


def squares(*boxes):
    image = np.zeros((40, 40), np.uint16)
    for label, (y0, x0, y1, x1) in enumerate(boxes, start=1):
        image[y0:y1, x0:x1] = label
    return image


CELL, LEFT, RIGHT = (10, 10, 20, 20), (10, 10, 20, 15), (10, 15, 20, 20)
NEXT, BOTH = (10, 20, 20, 30), (10, 10, 20, 30)


@given(label_images, label_images, st.integers(0, 3))
def test_a_volume_of_one_section_has_the_scores_of_the_section(predicted, truth, border):
    flat = frame_scores(predicted, truth, border)
    assert frame_scores(predicted[None], truth[None], border) == flat


@pytest.mark.parametrize(
    ("predicted", "truth", "right", "missed", "merged", "split", "invented"),
    [
        ([CELL], [CELL], 1, 0, 0, 0, 0),
        ([], [CELL], 0, 1, 0, 0, 0),
        ([CELL], [], 0, 0, 0, 0, 1),
        ([LEFT, RIGHT], [CELL], 0, 0, 0, 1, 0),
        ([BOTH], [CELL, NEXT], 0, 0, 2, 0, 0),
        ([(10, 10, 20, 19), (10, 19, 11, 20)], [CELL], 1, 0, 0, 0, 1),  # a speck is no split
        ([(10, 10, 20, 14)], [CELL], 0, 1, 0, 0, 1),  # far too small
        ([CELL, (30, 30, 33, 33)], [CELL, NEXT], 1, 1, 0, 0, 1),
    ],
)
def test_errors_in_words(predicted, truth, right, missed, merged, split, invented):
    s = frame_scores(squares(*predicted), squares(*truth))
    found = (s.right, s.missed, s.merged, s.split, s.invented)
    assert found == (right, missed, merged, split, invented)


def test_a_speck_is_less_than_a_tenth_of_the_cell():
    assert 1 / 100 < FRAGMENT_SHARE <= 10 / 100


def test_both_empty_is_perfect_and_one_empty_is_zero():
    nothing, one = squares(), squares(CELL)
    for a, b, expected in ((nothing, nothing, 1.0), (one, nothing, 0.0), (nothing, one, 0.0)):
        s = frame_scores(a, b)
        assert (s.iou, s.dice, s.seg, s.f1, s.det) == (expected,) * 5
        p = pool([s])
        assert (p.iou, p.dice, p.seg, p.f1, p.det) == (expected,) * 5


def test_border_drops_only_what_lies_wholly_in_it():
    inside, crossing, outside = (15, 15, 20, 20), (0, 15, 6, 20), (0, 30, 5, 35)
    predicted = squares(inside, crossing, outside)
    assert frame_scores(predicted, squares(inside, crossing), border=5).n_predicted == 2
    assert frame_scores(squares(inside), squares(inside, outside), border=5).n_truth == 2
    assert frame_scores(predicted, predicted, border=20).n_predicted == 0
    assert frame_scores(predicted, predicted, border=0).n_truth == 3


@pytest.mark.parametrize(
    ("predicted", "truth", "border", "message"),
    [
        (np.zeros((4, 5), int), np.zeros((4, 6), int), 0, "4 x 5 pixels; expected 4 x 6"),
        (np.zeros((2, 4, 5, 3), int), np.zeros((4, 5), int), 0, "4 axes; expected 2"),
        (np.zeros((4, 5, 3), int), np.zeros((4, 5), int), 0, "4 x 5 x 3 pixels; expected 4 x 5"),
        (np.full((4, 5), 0.5), np.zeros((4, 5), int), 0, "fractions"),
        (np.full((4, 5), np.nan), np.zeros((4, 5), int), 0, "NaN"),
        (np.full((4, 5), -1), np.zeros((4, 5), int), 0, "negative"),
        (np.zeros((4, 5), complex), np.zeros((4, 5), int), 0, "complex"),
        (np.zeros((4, 5), int), np.zeros((4, 5), int), -1, "border"),
    ],
)
def test_bad_input_is_said_plainly(predicted, truth, border, message):
    with pytest.raises(BadInput, match=message):
        frame_scores(predicted, truth, border)


def test_masks_and_whole_floats_are_labels():
    mask = squares(CELL) > 0
    assert frame_scores(mask, mask.astype(float)).seg == 1.0


def test_pool_averages_frames_and_pools_objects():
    perfect = frame_scores(squares(CELL, NEXT), squares(CELL, NEXT))
    missed = frame_scores(squares(), squares(CELL))
    scores = pool([perfect, missed])
    assert scores.iou == 0.5
    assert scores.seg == pytest.approx(2 / 3)
    assert scores.missed == pytest.approx(100 / 3)
    assert str(scores).startswith("of 100 cells: 67 right, 33 missed")
    with pytest.raises(BadInput, match="no frame"):
        pool([])


def test_evaluate_pairs_frames_and_keeps_their_numbers():
    truth = np.stack([squares(CELL), squares(NEXT)])
    predicted = Stack.from_array(truth[::-1].copy(), axes="TYX", numbers=(7, 3))
    scored = list(evaluate(predicted, Stack.from_array(truth, axes="TYX", numbers=(3, 7)),
                           [(1, 0), (0, 1)]))  # fmt: skip
    assert [s.number for s in scored] == [3, 7]
    assert pool(scored).seg == 1.0


def test_equal_to_another_implementation(toy, tmp_path):
    """py-ctcmetrics reads our result folder and gives the same SEG and DET, where installed."""
    theirs = pytest.importorskip("ctc_metrics")
    stack = Stack.from_array(toy.labels, axes="TYX", numbers=(3, 4, 7, 10, 11, 20))
    shifted = np.roll(toy.labels, (2, 3), axis=(1, 2))
    truth, result = tmp_path / "01_GT", tmp_path / "01_RES"
    truth.mkdir()
    list(write_labels(truth / "TRA", iter(toy.labels), stack, format="ctc"))
    list(write_labels(result, iter(shifted), stack, format="ctc"))
    shutil.copytree(truth / "TRA", truth / "SEG", ignore=lambda *_: ["res_track.txt"])
    for folder, stem in (("TRA", "man_track"), ("SEG", "man_seg")):
        for mask in (truth / folder).glob("mask*.tif"):
            mask.rename(mask.with_name(mask.name.replace("mask", stem)))
    (truth / "TRA" / "res_track.txt").rename(truth / "TRA" / "man_track.txt")
    with pytest.warns(UserWarning, match="Empty frame"):  # the numbers have gaps
        found = theirs.evaluate_sequence(str(result), str(truth), metrics=["SEG", "DET", "Valid"])
    ours = pool([frame_scores(p, t) for p, t in zip(shifted, toy.labels, strict=True)])
    assert found["Valid"] == 1
    assert ours.seg == pytest.approx(found["SEG"], abs=1e-9)
    assert ours.det == pytest.approx(found["DET"], abs=1e-9)
