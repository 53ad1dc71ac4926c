"""From probabilities of classes to labels, and how well those agree with a truth."""

import numpy as np
import pytest

from napari_unet.engine.jobs.scoring import score
from napari_unet.engine.labels.class_labels import class_outputs, classes_of, labels_of
from napari_unet.engine.labels.class_scores import (
    class_pieces,
    class_scores,
    classes_in_words,
    evaluate_classes,
)
from napari_unet.engine.labels.codes import encode
from napari_unet.engine.labels.labels import label_frame
from napari_unet.engine.labels.regions import parse_regions
from napari_unet.engine.labels.scores import pool
from napari_unet.engine.settings import LabelSettings
from napari_unet.engine.stack.stack import Stack

OUTPUTS = class_outputs((1, 2, 7))
PROBABILITIES = np.array(
    # object, class 1, class 2, class 7
    [
        [0.99, 0.90, 0.05, 0.04],
        [0.90, 0.30, 0.40, 0.20],  # no class for sure, an object nevertheless
        [0.55, 0.15, 0.10, 0.30],
        [0.45, 0.45, 0.00, 0.00],
        [0.02, 0.01, 0.01, 0.00],
    ]
)
CODES = encode(PROBABILITIES).T[:, None]


@pytest.mark.parametrize(
    ("settings", "labels"),
    [
        ({}, [1, 2, 7, 0, 0]),
        ({"threshold": 0.4}, [1, 2, 7, 1, 0]),
        ({"threshold": 0.6}, [1, 2, 0, 0, 0]),
        ({"class_thresholds": (0, 0.5)}, [1, 1, 7, 0, 0]),  # the next likely one in its place
        ({"class_thresholds": (0.95, 0, 0.35)}, [2, 2, 2, 0, 0]),
        ({"class_thresholds": (0.95, 0.5, 0.5)}, [0, 0, 0, 0, 0]),
        ({"min_size": 1000}, [1, 2, 7, 0, 0]),  # sizes are of objects
    ],
)
def test_each_pixel_has_its_likeliest_class(settings, labels):
    found = labels_of(CODES, OUTPUTS, LabelSettings(**settings))
    assert found.dtype == np.uint16
    assert found[0].tolist() == labels


@pytest.mark.parametrize(
    ("outputs", "classes"),
    [
        (("object",), ()),
        (("object", "border"), ()),
        (OUTPUTS, (1, 2, 7)),
    ],
)
def test_outputs_name_the_classes(outputs, classes):
    assert classes_of(outputs) == classes


def test_a_model_of_objects_gives_ids():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 256, (2, 40, 50), dtype=np.uint8)
    settings = LabelSettings(min_size=5)
    for outputs in (("object", "border"), ("object",)):
        part = codes[: len(outputs)]
        np.testing.assert_array_equal(
            labels_of(part, outputs, settings), label_frame(part, settings)
        )


TRUTH = np.array([[1, 1, 0, 2, 2, 2], [1, 1, 0, 2, 2, 2]])
FOUND = np.array([[1, 0, 0, 2, 2, 1], [1, 1, 0, 2, 2, 1]])


def test_overlap_of_each_class():
    scores = pool([class_scores(FOUND, TRUTH, (1, 2, 3))])
    assert scores.classes == {"1": pytest.approx(3 / 6), "2": pytest.approx(4 / 6)}
    assert scores.class_iou == pytest.approx((3 / 6 + 4 / 6) / 2)
    assert scores.iou == pytest.approx(9 / 10)  # of what has a class at all
    assert (scores.n_truth, scores.n_predicted) == (2, 3)


def test_overlap_is_pooled_over_frames():
    right = class_scores(TRUTH, TRUTH, (1, 2))
    other = class_scores(FOUND, TRUTH, (1, 2))
    assert pool([right, other]).classes["1"] == pytest.approx((4 + 3) / (4 + 6))


def test_what_is_not_supervised_does_not_count():
    supervised = np.ones(TRUTH.shape, bool)
    supervised[:, -1] = supervised[0, 1] = False
    scores = pool([class_scores(FOUND, TRUTH, (1, 2), supervised)])
    assert scores.classes == {"1": 1.0, "2": 1.0}
    assert scores.seg == 1


def test_pieces_of_classes_have_ids_of_their_own():
    pieces = class_pieces(FOUND, (1, 2))
    assert len(np.unique(pieces)) == 4
    np.testing.assert_array_equal(pieces > 0, FOUND > 0)


def test_stacks_are_scored_frame_by_frame():
    def stack(*frames):
        return Stack.from_array(np.stack(frames).astype(np.uint8), axes="TYX", numbers=(4, 9))

    pairs = [(0, 0), (1, 1)]
    found = list(evaluate_classes(stack(FOUND, TRUTH), stack(TRUTH, TRUTH), pairs))
    assert [frame.number for frame in found] == [4, 9]
    assert found[1].classes == {1: (4, 4), 2: (6, 6)}


def test_stacks_are_scored_by_regions():
    regions = parse_regions("any=1,2; dim=2")
    one = Stack.from_array(FOUND[None].astype(np.uint8), axes="TYX")
    two = Stack.from_array(TRUTH[None].astype(np.uint8), axes="TYX")
    scores = pool(evaluate_classes(one, two, [(0, 0)], regions))
    assert scores.classes == {"any": pytest.approx(9 / 10), "dim": pytest.approx(4 / 6)}
    assert list(scores.classes) == ["any", "dim"]
    assert classes_in_words(scores) == "mean IoU of regions 0.783 (any: 0.90, dim: 0.67)"
    assert score(one, two, regions="any=1,2; dim=2").classes == scores.classes
