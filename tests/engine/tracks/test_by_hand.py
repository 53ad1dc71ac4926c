"""Links made by hand stand whenever tracks are made; what was not spoken of goes round them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.engine.annotations.hand_links import APART, MOTHER, SAME, HandLink
from napari_unet.engine.export.tracks.links import Links
from napari_unet.engine.tracks.by_hand import ByHand
from napari_unet.engine.tracks.follow import follow
from napari_unet.engine.tracks.tracking import Linker
from napari_unet.sample.movie import sample_movie

SIZE = (24, 60)
CELL = 6


def movie(*frames: dict[int, tuple[int, int]]) -> np.ndarray:
    """Frames of squares of 6 px, by id at their corners."""
    labels = np.zeros((len(frames), *SIZE), np.uint16)
    for t, squares in enumerate(frames):
        for cell, (y, x) in squares.items():
            labels[t, y : y + CELL, x : x + CELL] = cell
    return labels


def place_of(labels: np.ndarray, frame: int, cell: int) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argwhere(labels[frame] == cell)[0])


def said(labels: np.ndarray, *links: tuple[tuple[int, int], str, tuple[int, int]]):
    """Links of cells (frame, id): ``((0, 1), SAME, (1, 2))``."""
    return tuple(
        HandLink(*now[:1], place_of(labels, *now), *was[:1], place_of(labels, *was), kind)
        for was, kind, now in links
    )


def overlap_linker(labels, by_hand):
    return Linker(by_hand=by_hand)


def laptrack_linker(labels, by_hand):
    pytest.importorskip("laptrack")
    from napari_unet.engine.tracks.laptrack_linker import LaptrackLinker

    return LaptrackLinker.from_frames(labels, range(len(labels)), by_hand=by_hand)


def run(make, labels, links=(), ids=None):
    """The linker, and the track of each cell by frame."""
    linker = make(labels, ByHand(ids or {}, links))
    tracks = []
    for t, frame in enumerate(labels):
        linked = linker(frame, t)
        tracks.append({int(i): int(linked[frame == i][0]) for i in np.unique(frame) if i})
    return linker, tracks


def stands(linker, tracks, link_of) -> None:
    """Whether links of cells are as they were said."""
    for (s, was), kind, (t, now) in link_of:
        before, after = tracks[s][was], tracks[t][now]
        if kind == SAME:
            assert before == after
        elif kind == MOTHER:
            born = linker.tracks[after]
            assert before != after and (born.parent, born.first) == (before, t)
        else:
            track = linker.tracks[after]
            assert before != after and (track.parent != before or track.first < t)


def is_a_forest(linker, tracks) -> None:
    """Each track is once on a frame, and begins after its mother's end."""
    for found in tracks:
        assert len(set(found.values())) == len(found)
    for track in linker.tracks.values():
        assert track.first <= track.last
        assert not track.parent or linker.tracks[track.parent].last < track.first


# Two cells side by side, and what was said of them: the tracks of both on the second frame.
TWO = movie({1: (8, 5), 2: (8, 14)}, {1: (8, 6), 2: (8, 15)}, {1: (8, 7), 2: (8, 16)})
CASES = {
    "nothing": ([], [1, 2], {}),
    "crossed": ([((0, 1), SAME, (1, 2))], [2, 1], {}),
    "crossed, both said": ([((0, 1), SAME, (1, 2)), ((0, 2), SAME, (1, 1))], [2, 1], {}),
    "one is new": ([((0, 1), APART, (1, 1))], [3, 2], {}),
    "both are new": ([((0, 1), APART, (1, 1)), ((0, 2), APART, (1, 2))], [2, 3], {}),
    "both, and none is the other": (
        [((0, a), APART, (1, b)) for a in (1, 2) for b in (1, 2)],
        [3, 4],
        {},
    ),
    "she divides in both": ([((0, 1), MOTHER, (1, 2))], [3, 4], {3: [1], 4: [1]}),
    "one came of her alone": (
        [((0, 1), MOTHER, (1, 1)), ((0, 2), SAME, (1, 2))],
        [3, 2],
        {3: [1]},
    ),
    "nobody is there": ([((0, 1), SAME, (2, 2))], [1, 2], {}),
}


@pytest.mark.parametrize("name", CASES)
def test_links_stand_and_the_others_go_round_them(name):
    links, on_second, graph = CASES[name]
    linker, tracks = run(overlap_linker, TWO, said(TWO, *links))
    assert [tracks[1][cell] for cell in (1, 2)] == on_second
    assert linker.points()[1] == graph
    stands(linker, tracks, links)
    is_a_forest(linker, tracks)


# A cell that is lost for four frames; one that would divide by itself; what a user numbered.
LOST = movie({1: (8, 5)}, {}, {}, {}, {}, {7: (8, 30)}, {7: (8, 31)})
DIVIDES = movie({1: (8, 10)}, {2: (8, 6), 3: (8, 14)}, {2: (8, 6), 3: (8, 14)})
NUMBERED = movie({1: (8, 5), 5: (8, 30)}, {9: (8, 6), 5: (8, 31)}, {9: (8, 7), 5: (8, 32)})
MINE = {t: frozenset({1, 5, 9}) for t in range(3)}
FURTHER = {
    "over a long gap": (LOST, [((0, 1), SAME, (5, 7))], {}, [1]),
    "a mother over a gap": (LOST, [((0, 1), MOTHER, (5, 7))], {}, [2]),
    "it does not divide": (DIVIDES, [((0, 1), SAME, (1, 2))], {}, [1, 2]),
    "it goes on later": (DIVIDES, [((0, 1), SAME, (2, 2))], {}, [1, 2]),
    "not its daughter": (DIVIDES, [((0, 1), APART, (1, 2))], {}, [2, 1]),
    "numbers that are mine": (NUMBERED, [((0, 1), SAME, (1, 9))], MINE, [5, 1]),
    "numbers that are mine, crossed": (NUMBERED, [((0, 1), SAME, (1, 5))], MINE, [1, 9]),
    "my number was another's": (NUMBERED, [((0, 5), APART, (1, 5))], MINE, [2, 9]),
    "mine divided": (NUMBERED, [((0, 5), MOTHER, (1, 9))], MINE, [2, 9]),
    "mine divided later": (NUMBERED, [((1, 5), MOTHER, (2, 9))], MINE, [2, 3]),
}


@pytest.mark.parametrize("name", FURTHER)
def test_links_stand_over_gaps_and_against_numbers_of_a_user(name):
    labels, links, ids, on_last = FURTHER[name]
    linker, tracks = run(overlap_linker, labels, said(labels, *links), ids)
    assert [tracks[-1][cell] for cell in sorted(tracks[-1])] == on_last
    stands(linker, tracks, links)
    is_a_forest(linker, tracks)


@pytest.mark.parametrize("back", [False, True])
def test_a_cell_is_followed_along_its_links(back):
    links = said(TWO, ((0, 1), SAME, (1, 2)), ((1, 2), APART, (2, 2)), ((1, 1), SAME, (2, 1)))
    frame, cell = (2, 1) if back else (0, 1)
    steps = follow(TWO, frame, cell, links=links)
    with pytest.raises(StopIteration) as end:
        while True:
            next(steps)
    assert end.value.value == ({0: 2, 1: 1, 2: 1} if back else {0: 1, 1: 2})


@pytest.mark.parametrize("meaning", ["linked", "laptrack"])
def test_links_that_are_found_piece_by_piece_keep_to_them(meaning):
    pytest.importorskip("laptrack")
    by_hand = ByHand(links=said(TWO, ((0, 1), SAME, (1, 2)), ((1, 1), APART, (2, 1))))
    links = Links(TWO, SIZE, range(3), meaning, lambda: by_hand)
    assert links.advance(2)
    shown = [{int(i): int(links.labels(t)[TWO[t] == i][0]) for i in (1, 2)} for t in range(3)]
    assert shown[1][2] == shown[0][1] and shown[2][1] != shown[1][1]


@st.composite
def linked_movies(draw):
    """Cells of any place by frame, links of frames in a row that can all be, ids of a user's."""
    places = st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 6)), unique=True, min_size=1, max_size=5
    )
    frames = []
    for _ in range(4):
        spots = draw(places)
        ids = draw(st.permutations(range(1, len(spots) + 1)))
        frames.append({i: (8 * y, 8 * x + 1) for i, (y, x) in zip(ids, spots, strict=True)})
    links = []
    for t, (before, now) in enumerate(pairwise(frames)):
        role = {cell: draw(st.sampled_from([SAME, MOTHER, ""])) for cell in sorted(before)}
        free = [cell for cell, kind in role.items() if kind]
        for cell in sorted(now):
            other = draw(st.sampled_from([0, *sorted(before)]))
            if other in free:
                links.append(((t, other), role[other], (t + 1, cell)))
                if role[other] == SAME:
                    free.remove(other)
            elif other:
                links.append(((t, other), APART, (t + 1, cell)))
    ids = (
        {t: draw(st.frozensets(st.integers(1, 5))) for t in range(4)} if draw(st.booleans()) else {}
    )
    return movie(*frames), links, ids


@given(linked_movies())
@settings(max_examples=150, deadline=None)
def test_what_was_said_always_stands(drawn):
    labels, links, ids = drawn
    linker, tracks = run(overlap_linker, labels, said(labels, *links), ids)
    stands(linker, tracks, links)
    if not ids:  # a user's number may come again after others were said to come from it
        is_a_forest(linker, tracks)


@given(linked_movies())
@settings(max_examples=8, deadline=None)
def test_what_was_said_stands_for_laptrack(drawn):
    labels, links, ids = drawn
    linker, tracks = run(laptrack_linker, labels, said(labels, *links), ids)
    stands(linker, tracks, links)
    for found in tracks:
        assert len(set(found.values())) == len(found)


def test_saying_what_is_found_changes_nothing():
    labels = sample_movie(frames=30, shape=(128, 160))[1]
    linker, tracks = run(overlap_linker, labels)
    links, seen = [], {}
    for t, found in enumerate(tracks):
        for cell, track in found.items():
            if track in seen:
                links.append((seen[track], SAME, (t, cell)))
            elif parent := linker.tracks[track].parent:
                links.append((seen[parent], MOTHER, (t, cell)))
        seen |= {track: (t, cell) for cell, track in found.items()}
    assert {kind for _, kind, _ in links} == {SAME, MOTHER}
    again, same = run(overlap_linker, labels, said(labels, *links))
    assert same == tracks and again.tracks == linker.tracks
    np.testing.assert_array_equal(again.points()[0], linker.points()[0])
    assert again.points()[1] == linker.points()[1]
