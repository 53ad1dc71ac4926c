"""Ids through time: on the toy world, whose truth is known, and on drawn cases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_unet.engine.labels.space.neighbours import ends
from napari_unet.engine.tracks.by_hand import ByHand
from napari_unet.engine.tracks.tracking import Linker
from napari_unet.sample.movie import sample_movie, sample_parents
from napari_unet.sample.tissue import VolumeWorld
from napari_unet.sample.volumes import sample_volumes, volume_parents

SAMPLE = {"frames": 30, "shape": (128, 160)}
TISSUE = VolumeWorld(frames=7, shape=(18, 72, 72))


@pytest.fixture(scope="module", params=[2, 3], ids=["frames", "volumes"])
def dims(request):
    return request.param


@pytest.fixture(scope="module")
def truth(dims):
    return sample_movie(**SAMPLE)[1] if dims == 2 else sample_volumes(TISSUE)[1]


@pytest.fixture(scope="module")
def parents(dims):
    return sample_parents(**SAMPLE) if dims == 2 else volume_parents(TISSUE)


@pytest.fixture(scope="module")
def scrambled(truth):
    """The truth with new ids in each frame."""
    chance = np.random.default_rng(0)
    frames = []
    for labels in truth:
        ids = np.unique(labels)[1:]
        table = np.zeros(labels.max() + 1, np.uint16)
        table[ids] = chance.permutation(len(ids)) + 1
        frames.append(table[labels])
    return np.stack(frames)


def overlap_linker(frames):
    return Linker(spacing=TISSUE.spacing)  # of volumes alone


def laptrack_linker(frames):
    pytest.importorskip("laptrack")
    from napari_unet.engine.tracks.laptrack_linker import LaptrackLinker

    return LaptrackLinker.from_frames(frames, range(len(frames)), spacing=TISSUE.spacing)


@pytest.mark.parametrize("make", [overlap_linker, laptrack_linker])
def test_the_toy_world_is_linked_as_it_is(make, dims, truth, parents, scrambled):
    linker = make(scrambled)
    linked = np.stack([linker(frame, t) for t, frame in enumerate(scrambled)])
    assert np.array_equal(linked > 0, truth > 0)
    same = wrong = 0
    for t in range(1, len(truth)):
        for cell in np.intersect1d(truth[t - 1], truth[t])[1:]:
            before, now = linked[t - 1][truth[t - 1] == cell][0], linked[t][truth[t] == cell][0]
            same, wrong = same + (before == now), wrong + (before != now)
    assert wrong <= 0.01 * dims / 2 * same
    born = {c: p for c, p in parents.items() if c in truth and p in truth}
    found = known = 0
    for child, parent in born.items():
        t = int(np.flatnonzero((truth == child).reshape(len(truth), -1).any(axis=1))[0])
        track = linker.tracks[int(linked[t][truth[t] == child][0])]
        where = truth[t - 1] == parent
        if dims == 3 and any(where[side].any() for side in ends(where.shape)):
            continue  # of a mother that the field cuts nobody knows the size
        known += 1
        found += where.any() and track.parent == linked[t - 1][where][0]
    assert found >= 0.7 * known > 2


def frame(**objects):
    """A frame (40, 40) with squares of 8 px: ``frame(_3=(y, x))`` has id 3 at y, x."""
    labels = np.zeros((40, 40), np.uint16)
    for name, (y, x) in objects.items():
        labels[y : y + 8, x : x + 8] = int(name[1:])
    return labels


def test_a_division_starts_two_tracks():
    mother = np.zeros((40, 40), np.uint16)
    mother[10:18, 5:25] = 1
    daughters = frame(_1=(10, 5), _2=(10, 17))
    linker = Linker()
    first, second = (linker(f, t) for t, f in enumerate((mother, daughters)))
    assert first.max() == 1
    assert sorted(np.unique(second)) == [0, 2, 3]
    assert [(t.id, t.first, t.last, t.parent) for t in linker.tracks.values()] == [
        (1, 0, 0, 0),
        (2, 1, 1, 1),
        (3, 1, 1, 1),
    ]
    rows, graph = linker.points()
    assert rows.shape == (3, 4)
    assert graph == {2: [1], 3: [1]}


def test_a_fast_cell_is_linked_by_distance_and_a_far_one_is_new():
    linker = Linker()
    linker(frame(_1=(5, 5)), 0)
    assert linker(frame(_1=(5, 11)), 1).max() == 1
    assert linker(frame(_1=(28, 28)), 2).max() == 2


@pytest.mark.parametrize(("spacing", "same"), [(None, True), ((2.0, 0.5, 0.5), False)])
def test_how_far_a_cell_moved_up_is_told_by_the_spacing(spacing, same):
    """By four sections: less than a cell of cubes is wide, more than one of thick sections is."""
    linker, frames = Linker(spacing=spacing), np.zeros((2, 12, 12, 12), np.uint16)
    frames[0, :4, 2:10, 2:10] = frames[1, 4:8, 2:10, 2:10] = 1
    first, second = (linker(labels, t).max() for t, labels in enumerate(frames))
    assert (first == second) == same
    rows, _ = linker.points()
    assert rows.tolist() == [[1, 0, 1.5, 5.5, 5.5], [1 if same else 2, 1, 5.5, 5.5, 5.5]]


def disc(*cells, shape=(80, 80)):
    """Labels with discs ``(id, y, x, radius)``."""
    y, x = np.indices(shape)
    labels = np.zeros(shape, np.uint16)
    for number, cy, cx, radius in cells:
        labels[np.hypot(y - cy, x - cx) < radius] = number
    return labels


@pytest.mark.parametrize(
    ("daughters", "divided"),
    [
        ([(1, 40, 30, 4.5), (2, 40, 50, 4.5)], True),  # neither overlaps with the mother
        ([(1, 40, 37, 5), (2, 40, 53, 5)], True),  # one does
        ([(1, 40, 40, 8), (2, 40, 53, 5)], False),  # she goes on as she was
        ([(1, 40, 41, 4), (2, 40, 58, 4)], False),  # the middle is not where she was
        ([(1, 40, 30, 8), (2, 40, 53, 3)], False),  # no sisters, so unlike in size
        ([(1, 40, 30, 8), (2, 40, 50, 8)], False),  # each as large as she is
    ],
)
def test_sisters_lie_on_either_side_of_their_mother_and_are_alike(daughters, divided):
    linker = Linker()
    for t, radius in enumerate((8, 8, 6)):  # she rounds up before she divides
        linker(disc((1, 40, 40, radius)), t)
    linker(disc(*daughters), 3)
    mothers = [linker.tracks[track].parent for track in linker.origins]
    assert mothers.count(1) == (2 if divided else 0)


def test_a_cell_whose_neighbour_moved_is_no_daughter():
    """What a cell lost beside it explains as well is no division."""
    linker = Linker()
    linker(disc((1, 40, 30, 6), (2, 40, 50, 5)), 0)
    linker(disc((1, 40, 26, 6), (2, 40, 41, 5)), 1)
    assert linker.origins == {1: 1, 2: 2}


@pytest.mark.parametrize(
    ("place", "frames", "same"),
    [((40, 44), 1, True), ((40, 44), 2, True), ((40, 44), 3, False), ((5, 44), 1, False)],
    ids=["one frame", "two frames", "three frames", "at the edge"],
)
def test_a_cell_is_found_again(place, frames, same):
    linker, (y, x) = Linker(), place
    linker(disc((1, y, 40, 6)), 0)
    for t in range(1, frames + 1):
        linker(disc(), t)
    found = linker(disc((7, y, x, 6)), frames + 1)[y, x]
    assert (found == 1) == same
    if same:
        assert linker.tracks[1].last == frames + 1


def test_frozen_objects_keep_their_ids_and_nobody_takes_them():
    frozen = {1: frozenset({2}), 2: frozenset({2})}
    linker = Linker(by_hand=ByHand(frozen))
    first = linker(frame(_7=(5, 5), _9=(20, 20), _4=(30, 5)), 0)
    assert sorted(np.unique(first)) == [0, 1, 3, 4]  # 2 is a user's
    second = linker(frame(_2=(5, 5), _8=(20, 20)), 1)
    assert second[5, 5] == 2
    assert second[20, 20] == first[20, 20]
    assert linker.tracks[2].parent == first[5, 5]
    third = linker(frame(_1=(5, 5), _2=(20, 20)), 2)
    assert third[20, 20] == 2
    assert third[5, 5] != 2
    assert linker.id_of()[2] == (2, int(first[5, 5]))


@settings(max_examples=40, deadline=None)
@given(
    hnp.arrays(np.uint16, (4, 6, 7), elements=st.integers(0, 4))
    | hnp.arrays(np.uint16, (4, 2, 3, 7), elements=st.integers(0, 4))
)
def test_linking_only_renames_objects(frames):
    linker = Linker(spacing=(3.0, 1.0, 1.0))
    for t, labels in enumerate(frames):
        linked = linker(labels, t)
        pairs = {(int(a), int(b)) for a, b in zip(labels.ravel(), linked.ravel(), strict=True)}
        assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
        assert all((a == 0) == (b == 0) for a, b in pairs)
    for track in linker.tracks.values():
        assert track.first <= track.last
        if track.parent:
            assert linker.tracks[track.parent].last < track.first


def test_nothing_to_link():
    linker = Linker()
    assert not linker(np.zeros((4, 5), np.uint16), 0).any()
    rows, graph = Linker().points()
    assert (rows.shape, graph) == ((0, 4), {})
