"""A model that contradicts itself: where it finds other cells once it sees a frame mirrored."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.engine.tracks.doubts.contradictions import Views, frames_to_mirror
from napari_unet.engine.tracks.doubts.doubt import Doubt
from napari_unet.engine.tracks.doubts.finder import DoubtFinder
from napari_unet.engine.tracks.doubts.scores import likely

SHAPE = (64, 96)


def picture(*discs):
    """Labels of discs (y, x, radius), numbered from 1."""
    rows, columns = np.ogrid[: SHAPE[0], : SHAPE[1]]
    labels = np.zeros(SHAPE, np.uint16)
    for cell, (y, x, radius) in enumerate(discs, start=1):
        labels[np.hypot(rows - y, columns - x) <= radius] = cell
    return labels


STILL = ((20, 70, 7), (46, 70, 7), (46, 20, 7))
ALSO = (24, 24, 7)
THERE, GONE = picture(*STILL, ALSO), picture(*STILL)
LARGER = picture(*STILL, (24, 24, 10))
AT_EDGE = picture(*STILL, (3, 24, 7))

CASES = {
    "the same": (THERE, (THERE,) * 3, None, None),
    "another number": (THERE, (THERE[..., :] + (THERE > 0),) * 3, None, None),
    "gone in all": (THERE, (GONE,) * 3, None, ((4,), "this cell not once in 3")),
    "gone in one": (THERE, (THERE, GONE, GONE), None, ((4,), "this cell once in 3")),
    "another outline": (THERE, (LARGER,) * 3, None, ((4,), "not once in 3")),
    "a cell in all": (GONE, (THERE,) * 3, None, ((), "a cell here 3 times in 3")),
    "a cell in two": (GONE, (GONE, THERE, THERE), None, ((), "a cell here twice in 3")),
    "a cell in one": (GONE, (GONE, GONE, THERE), None, None),
    "cut by the edge": (AT_EDGE, (GONE,) * 3, None, None),
    "not the model's": (THERE, (GONE,) * 3, GONE, None),
    "the model's, too": (THERE, (GONE,) * 3, THERE, ((4,), "this cell not once in 3")),
    "what only the model has": (GONE, (THERE,) * 3, THERE, None),
    "nothing at all": (picture(), (picture(),) * 3, None, None),
}


@pytest.mark.parametrize(("labels", "views", "own", "expected"), CASES.values(), ids=CASES)
def test_what_is_said(labels, views, own, expected):
    finder = DoubtFinder(2, lambda _: labels)
    assert list(finder.look()) == [0, 1]
    finder.contradict(1, Views(views, own))
    assert finder.contradicted == {1}
    found = finder.doubts()
    assert len(found) == bool(expected)
    if expected:
        (one,) = found
        assert (one.frame, one.cells, one.repair) == (1, expected[0], None)
        assert one.words.startswith("the model contradicts itself: mirrored, it finds")
        assert expected[1] in one.words
        assert np.hypot(one.y - 24, one.x - 24) < 1
    finder.contradict(1, None)
    assert (finder.contradicted, finder.doubts()) == (frozenset(), [])


@pytest.mark.parametrize(
    ("labels", "less", "more"),
    [(THERE, (THERE, GONE, GONE), (GONE,) * 3), (GONE, (GONE, THERE, THERE), (THERE,) * 3)],
)
def test_where_more_views_say_so_it_is_likelier_and_never_as_likely_as_not(labels, less, more):
    finder, said = DoubtFinder(1, lambda _: labels), []
    list(finder.look())
    for views in (less, more):
        finder.contradict(0, Views(views))
        (one,) = finder.doubts()
        (kind, _), *evidence = one.evidence
        said.append(likely(kind, dict(evidence)))
        assert one.score < 0.5
    assert said[0] < said[1]


@pytest.mark.parametrize(
    ("known", "n", "expected"),
    [
        (range(20), 4, [7, 3, 5, 15]),
        (range(20), 1, [7]),
        (range(20), 0, []),
        ((3, 5, 9), 6, [3, 5, 9]),
        ((), 6, []),
    ],
)
def test_half_the_worst_frames_and_some_of_the_others(known, n, expected):
    doubts = [
        Doubt(frame, 5, 5, (1,), "speck", None, score, 5)
        for frame, score in ((3, 0.4), (7, 0.3), (7, 0.3), (12, 0.2))
    ]
    assert frames_to_mirror(doubts, known, n) == expected


def test_of_a_volume_the_place_has_a_section():
    ground = np.zeros(SHAPE, np.uint16)
    there, gone = (np.stack([ground, *[one] * 4, ground]) for one in (THERE, GONE))
    for labels, views, cells in ((there, gone, (4,)), (gone, there, ())):
        finder = DoubtFinder(1, lambda _, labels=labels: labels, steps=(2.0, 1.0, 1.0))
        list(finder.look())
        finder.contradict(0, Views((views,) * 3))
        (one,) = finder.doubts()
        assert one.cells == cells
        assert one.place == pytest.approx((2.5, 24, 24), abs=0.1)
