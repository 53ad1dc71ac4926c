"""The Cell Tracking Challenge's folder: always valid, and a user's ids stay."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.formats.write_labels import write_labels
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.tracks.by_hand import ByHand
from napari_unet.engine.tracks.tracking import Linker

A, B, C = (2, 2), (2, 20), (20, 11)  # places of cells of 8 px in frames of 32 x 32


def frame(**objects):
    """Labels with ``_7=A``: a cell with id 7 at A."""
    labels = np.zeros((32, 32), np.uint16)
    for name, (y, x) in objects.items():
        labels[y : y + 8, x : x + 8] = int(name[1:])
    return labels


def movie(n, numbers=None):
    return Stack.from_array(np.zeros((n, 32, 32), np.uint8), axes="TYX", numbers=numbers)


def written(folder, frames, numbers=None, linker=None):
    """Write and read back: {number: mask} and the rows of res_track.txt by id."""
    stack = movie(len(frames), numbers)
    for _ in write_labels(folder, iter(frames), stack, format="ctc", linker=linker):
        pass
    return read(folder)


def read(folder):
    lines = (folder / "res_track.txt").read_text("ascii").splitlines()
    rows = [tuple(map(int, line.split())) for line in lines]
    masks = {int(p.stem[4:]): tifffile.imread(p) for p in sorted(folder.glob("mask*.tif"))}
    return masks, {row[0]: row[1:] for row in rows}


def check(masks, rows):
    """The laws of the format: no gaps, no other ids, parents end before their daughters begin."""
    assert sorted(masks) == list(range(len(masks)))
    for label, (first, last, parent) in rows.items():
        seen = [t for t, mask in masks.items() if (mask == label).any()]
        assert seen == list(range(first, last + 1)), label
        assert parent == 0 or rows[parent][1] < first
    assert {int(i) for mask in masks.values() for i in np.unique(mask)} - {0} == set(rows)


FROZEN = {
    "a user's id stays and ends the track before": (
        [frame(_1=A, _2=B), frame(_500=A, _2=B), frame(_1=A, _2=B)],
        {1: {500}},
        {1: (0, 0, 0), 2: (0, 2, 0), 500: (1, 2, 1)},
    ),
    "the same id on other cells in frames side by side": (
        [frame(_5=A, _1=B), frame(_1=A, _5=B)],
        {0: {5}, 1: {5}},
        {1: (0, 0, 0), 2: (1, 1, 0), 5: (0, 1, 0)},
    ),
    "the same id on another cell after a gap: the first keeps it": (
        [frame(_5=A, _9=C), frame(_9=C), frame(_5=C)],
        {0: {5}, 2: {5}},
        {1: (0, 1, 0), 2: (2, 2, 1), 5: (0, 0, 0)},
    ),
    "the same cell after a gap": (
        [frame(_5=A), frame(), frame(_5=A)],
        {0: {5}, 2: {5}},
        {1: (2, 2, 5), 5: (0, 0, 0)},
    ),
    "a mother that a user lets go on has no daughter": (
        [frame(_7=A), frame(_7=A, _8=B), frame(_7=A, _8=B)],
        {0: {7}, 1: {7}, 2: {7}},
        {1: (1, 2, 0), 7: (0, 2, 0)},
    ),
}


@pytest.mark.parametrize("case", FROZEN)
def test_ids_of_a_person(case, tmp_path):
    frames, frozen, expected = FROZEN[case]
    linker = Linker(by_hand=ByHand({t: frozenset(ids) for t, ids in frozen.items()}))
    masks, rows = written(tmp_path / "01_RES", frames, linker=linker)
    check(masks, rows)
    assert rows == expected
    first = min(frozen)
    for label in frozen[first]:
        np.testing.assert_array_equal(masks[first] == label, frames[first] == label)


def test_numbers_that_the_movie_lacks_end_every_track(tmp_path):
    frames = [frame(_3=A, _4=B), frame(_1=A, _2=B), frame(_1=A)]
    masks, rows = written(tmp_path / "01_RES", frames, numbers=(1, 3, 4))
    check(masks, rows)
    assert not masks[0].any()
    assert not masks[2].any()
    assert rows == {1: (1, 1, 0), 2: (1, 1, 0), 3: (3, 4, 1), 4: (3, 3, 2)}


def test_laptrack_closes_gaps_and_the_folder_has_none(tmp_path):
    pytest.importorskip("laptrack")
    from napari_unet.engine.tracks.laptrack_linker import LaptrackLinker

    frames = [frame(_1=A, _2=B), frame(_2=B), frame(_1=A, _2=B)]
    linker = LaptrackLinker.from_frames(frames, range(3), reach=8.0)
    masks, rows = written(tmp_path / "01_RES", frames, linker=linker)
    check(masks, rows)
    back = int(masks[2][A])
    assert rows[back] == (2, 2, int(masks[0][A]))


def test_a_mask_is_no_tracking_result(tmp_path):
    with pytest.raises(BadInput, match="1 for every cell"):
        write_labels(tmp_path / "a_RES", iter([frame(_1=A)]), movie(1), format="ctc", semantic=True)


@settings(max_examples=30, deadline=None)
@given(
    hnp.arrays(np.uint16, (5, 5, 6), elements=st.integers(0, 4)),
    st.lists(st.frozensets(st.integers(1, 4)), min_size=5, max_size=5),
    st.sampled_from([None, (0, 1, 2, 5, 6), (2, 3, 8, 9, 12)]),
)
def test_any_labels_give_a_valid_folder(tmp_path_factory, frames, frozen, numbers):
    frames = np.kron(frames, np.ones((2, 2), np.uint16))
    stack = Stack.from_array(np.zeros(frames.shape, np.uint8), axes="TYX", numbers=numbers)
    folder = tmp_path_factory.mktemp("ctc") / "01_RES"
    linker = Linker(by_hand=ByHand(dict(enumerate(frozen))))
    for _ in write_labels(folder, iter(frames), stack, format="ctc", linker=linker):
        pass
    masks, rows = read(folder)
    check(masks, rows)
    seen = set()
    for t, number in enumerate(numbers or range(5)):
        for label in frozen[t] - seen:  # where an id comes for the first time it stays
            np.testing.assert_array_equal(masks[number] == label, frames[t] == label)
        seen |= frozen[t] & set(np.unique(frames[t]).tolist())
