"""What is kept aside to check on: apart in time or in space, and it stays aside."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.annotations.frame_annotation import RING, annotate
from napari_unet.engine.annotations.holdout import (
    HoldOut,
    hold_out,
    kept_for_test,
    without_tested,
)
from napari_unet.engine.errors import BadInput
from tests.engine.annotations.squares import annotations, painted, stack


@pytest.mark.parametrize(
    ("n", "held", "words", "joins"),
    [
        (1, (0,), "a quarter of frame 0", True),
        (2, (1,), "frame 1", True),
        (5, (2,), "frame 2", True),
        (7, (3,), "frame 3", True),
        (8, (3, 4), "frames 3-4", False),
        (20, (8, 9, 10), "frames 8-10", False),
    ],
)
def test_how_much_is_kept_aside(n, held, words, joins):
    split = hold_out(annotations(n))
    assert split.validation.frame_indices == held
    assert (split.words, split.joins) == (words, joins)


@settings(max_examples=60, deadline=None)
@given(st.sets(st.integers(0, 59), min_size=1, max_size=30), st.integers(0, 3))
def test_nothing_checked_on_is_trained_on(positions, width):
    whole = annotations(60, positions).without_edge(width)
    split = hold_out(whole)
    assert split.validation is not None
    for t, held in split.validation.frames.items():
        if t in split.train.frames:
            assert not (held.supervised & split.train.frames[t].supervised).any()
        assert held.supervised.any()
        assert not (held.supervised & ~whole.frames[t].supervised).any()
    assert split.train.n_objects
    assert split.validation.n_objects
    if len(positions) >= 8:  # a gap in time on both sides of the block
        order = {t: k for k, t in enumerate(sorted(positions))}
        near = {order[t] + d for t in split.validation.frames for d in (-1, 1)}
        assert not near & {order[t] for t in split.train.frames}


def test_a_region_is_apart_in_space():
    split = hold_out(annotations(1))
    train, held = split.train.frames[0].supervised, split.validation.frames[0].supervised
    columns = np.flatnonzero(train.any(0)).max(), np.flatnonzero(held.any(0)).min()
    assert columns[1] - columns[0] > 2 * RING - 1


@pytest.mark.parametrize("validation", ["none", ()])
def test_nothing_is_kept_aside_where_not_wanted(validation):
    whole = annotations(5)
    split = hold_out(whole, validation)
    assert split.train is whole
    assert split.validation is None
    assert not split.joins


def test_frames_to_check_on_by_choice():
    split = hold_out(annotations(6), (1, 4))
    assert split.train.frame_indices == (0, 2, 3, 5)
    assert (split.words, split.joins) == ("frames 1, 4", False)


@pytest.mark.parametrize("chosen", [(9,), (0, 1, 2), (0, 9)])
def test_frames_to_check_on_that_cannot_be(chosen):
    with pytest.raises(BadInput, match="frames to check on"):
        hold_out(annotations(3), chosen)


@pytest.mark.parametrize(
    ("n", "with_cells"), [(2, {0}), (2, {1}), (5, {2}), (5, {0}), (8, {3, 4}), (8, {0}), (20, {9})]
)
def test_frames_without_cells_leave_cells_to_learn_from(n, with_cells):
    frames = painted(n, (1, 2, 3, 4))
    frames[[t for t in range(n) if t not in with_cells]] = 0
    split = hold_out(Annotations.from_labels(stack(frames), stack(frames), range(n)))
    assert split.train.n_objects
    if split.validation is not None:
        assert split.validation.n_objects


def test_cells_only_on_the_frames_chosen_to_check_on():
    frames = painted(3)
    frames[1:] = 0
    found = Annotations.from_labels(stack(frames), stack(frames), range(3))
    with pytest.raises(BadInput, match="all cells"):
        hold_out(found, (0,))


def test_a_single_cell_is_not_parted():
    one = annotations(1, ids=(1,))
    split = hold_out(one)
    assert split.train is one
    assert split.validation is None
    assert "too few cells" in split.words


@pytest.mark.parametrize(
    ("n", "ids", "validation"),
    [
        (1, (1, 2, 3, 4), "auto"),
        (1, (1,), "auto"),
        (5, (1,), "auto"),
        (20, (1,), "auto"),
        (6, (1,), (1, 4)),
        (3, (1,), "none"),
    ],
)
def test_what_is_held_out_goes_through_its_record(n, ids, validation):
    held = hold_out(annotations(n, ids=ids), validation).hold_out
    record = json.loads(json.dumps(held.to_record()))
    again = HoldOut.from_record(record)
    assert again == held
    assert again.words == held.words


def test_what_version_0_1_0_wrote_into_a_checkpoint():
    """It was read by the names of the fields, with the words among them."""
    cut = {"words": "a quarter of frame 0", "frames": (0,), "cut": (1, 23), "gap": None}
    assert HoldOut.from_record({**cut, "joins": True}) == HoldOut((0,), cut=(1, 23), joins=True)
    few = {"words": "nothing kept aside: too few cells", "frames": (), "cut": None, "gap": None}
    assert HoldOut.from_record({**few, "joins": False}) == HoldOut(too_few=True)
    assert HoldOut.from_record({**few, "joins": False}).words == few["words"]


@pytest.mark.parametrize(
    ("test", "validation", "expected"),
    [
        ((), "auto", None),
        ((3, 5), "auto", (3, 5)),
        ((3,), (4,), (3,)),
        ((3,), "none", (3,)),
        ((3, 9), "auto", "some, but not all"),
        ((0, 1, 2, 3, 4, 5), "auto", "some, but not all"),
        ((3, 4), (4,), "others than those checked on"),
    ],
)
def test_frames_to_test_on(test, validation, expected):
    known = annotations(6)
    if isinstance(expected, str):
        with pytest.raises(BadInput, match=expected):
            kept_for_test(known, test, validation)
        return
    tested = kept_for_test(known, test, validation)
    assert (tested and tested.frame_indices) == expected
    assert not set(without_tested(known, test).frames) & set(test)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_of_a_single_volume_a_block_along_its_longest_axis_is_held_out(axis):
    shape = [12, 12, 12]
    shape[axis] = 60
    labels = np.zeros(shape, np.int32)
    for k in range(8):
        place = [slice(4, 8)] * 3
        place[axis] = slice(2 + 7 * k, 6 + 7 * k)
        labels[tuple(place)] = k + 1
    annotations = Annotations((1, *shape), {0: annotate(labels, complete=True)})
    split = hold_out(annotations)
    assert split.hold_out.cut is not None and split.hold_out.cut[0] == axis
    assert split.joins and split.has_cells
    learned, checked = (part.frames[0].supervised for part in (split.train, split.validation))
    assert not (learned & checked).any()
    assert HoldOut.from_record(split.hold_out.to_record()) == split.hold_out
