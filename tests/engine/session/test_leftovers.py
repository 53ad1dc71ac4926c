"""Cells that others are painted over, and cells cut in pieces: whose they are, and their ids."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from scipy import ndimage as ndi

from napari_unet.engine.annotations.corrections import Corrections
from napari_unet.engine.files.journal import Journal
from napari_unet.engine.labels.codes import encode_logits
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.engine.settings import LabelSettings

SHAPE = (2, 48, 64)
CENTRES = ((12, 12), (12, 40), (34, 20), (34, 48))
SMALLEST = 12
AT = LabelSettings(min_size=SMALLEST)
WIDE = (slice(1, 24), slice(1, 24))  # holds the first cell and nothing else


class Model:
    """Probabilities (T, 1, Y, X) of four discs that fade outwards."""

    outputs = ("object",)
    parts = ()

    def __init__(self, shift: int = 0) -> None:
        self.shape = (SHAPE[0], 1, *SHAPE[1:])
        self.computed = np.ones(SHAPE[0], bool)
        self.shift = shift

    def __getitem__(self, frame: int) -> np.ndarray:
        y, x = np.mgrid[: SHAPE[1], : SHAPE[2]]
        away = [np.hypot(y - cy, x - cx - self.shift) for cy, cx in CENTRES]
        return encode_logits(9 - np.min(away, axis=0))[None]


@pytest.fixture
def live():
    return LiveLabels(SHAPE, Model(), AT)


def shown(live, frame=0):
    return live[frame, :, :]


def draw(live, rows, columns, label, frame=0):
    """Paint a rectangle as one stroke."""
    live.begin_stroke()
    live[frame, rows, columns] = label
    live.end_stroke()


def n_pieces(mask):
    return ndi.label(mask)[1]


LINE = (slice(11, 13), slice(0, 26))  # through the middle of the first cell


def test_a_cell_painted_over_the_edges_of_two_is_all_that_is_taught(live):
    first, second = (int(shown(live)[y, x]) for y, x in CENTRES[:2])
    before = shown(live)
    new = live.new_id()
    draw(live, slice(8, 17), slice(17, 35), new)
    after = shown(live)
    assert live.corrections.ids(0).tolist() == [new]
    assert set(np.unique(live.annotation(0).labels)) == {0, new}
    kept = (before == first) | (before == second)
    kept[8:17, 17:35] = False
    np.testing.assert_array_equal(np.isin(after, (first, second)), kept)
    live.settings = AT.replace(threshold=0.9)
    assert 0 < (shown(live) == first).sum() < kept.sum() / 2  # still follows the threshold
    live.settings = AT
    live.undo()
    np.testing.assert_array_equal(shown(live), before)


@pytest.mark.parametrize("label", [77, BACKGROUND_ID])
def test_crumbs_of_a_robbed_cell_vanish_and_teach_nothing(live, label):
    first = int(shown(live)[12, 12])
    ys, _ = np.nonzero(shown(live) == first)
    top = int(ys.min())
    draw(live, slice(top + 2, top + 4), slice(0, 26), label)
    crumb = np.zeros(SHAPE[1:], bool)
    crumb[: top + 2, :24] = True
    assert 0 < (ys < top + 2).sum() < SMALLEST
    assert not shown(live)[crumb].any()
    ring = live.annotation(0)
    assert not ((ring.labels > 0) & crumb).any()
    assert n_pieces(shown(live) == first) == 1 and first not in live.corrections.ids(0)


def test_a_cell_painted_through_is_two_of_the_machines(live):
    first = int(shown(live)[12, 12])
    draw(live, *LINE, BACKGROUND_ID)
    labels = shown(live)
    ids = set(np.unique(labels[WIDE])) - {0, BACKGROUND_ID}
    assert first in ids and len(ids) == 2
    assert all(n_pieces(labels == i) == 1 for i in ids)
    assert live.corrections.ids(0).size == 0
    for threshold in (0.4, 0.6, 0.8):
        live.settings = AT.replace(threshold=threshold)
        assert set(np.unique(shown(live)[WIDE])) - {0, BACKGROUND_ID} == ids
    live.settings = AT
    assert live.new_id() > max(ids)
    (other,) = ids - {first}
    assert live.confirm_cell(0, *np.argwhere(labels == other)[0]) == other
    assert set(live.corrections.ids(0)) == ids  # of one object of the machine's: the whole of it


def test_a_cell_erased_through_becomes_two_that_are_taught(live):
    first = int(shown(live)[12, 12])
    before = shown(live)
    live.begin_stroke()
    for x in range(26):
        live[0, 11:13, x] = 0
    live.end_stroke()
    ids = live.corrections.ids(0)
    taught = live.annotation(0).labels
    assert len(ids) == 2 and first in ids and max(ids) == 5
    assert all(n_pieces(shown(live) == i) == n_pieces(taught == i) == 1 for i in ids)
    np.testing.assert_array_equal(
        np.delete(shown(live), (11, 12), 0) > 0, np.delete(before, (11, 12), 0) > 0
    )
    assert live.undo() == (0,) and live.next_undo() == ()
    np.testing.assert_array_equal(shown(live), before)
    assert not live.annotation(0).supervised.any()
    live.redo()
    assert live.corrections.ids(0).tolist() == ids.tolist()


def test_a_line_of_one_pixel_cuts_on_the_slant(live):
    live[0, np.arange(3, 23), np.arange(3, 23)] = 0  # no stroke: a script
    ids = np.unique(shown(live)[WIDE])[1:]
    assert len(ids) == 2 and all(n_pieces(shown(live) == i) == 1 for i in ids)


def test_a_users_cell_loses_only_what_is_painted_over(live):
    noticed = []
    live.noticed.connect(noticed.append)
    draw(live, slice(20, 26), slice(30, 36), 60)
    draw(live, slice(20, 26), slice(30, 32), 61)
    assert (shown(live) == 60).sum() == 24 and not noticed
    draw(live, slice(20, 26), slice(32, 35), 61)
    assert (shown(live) == 60).sum() == 6 and "Cell 60 has 6 px left" in noticed.pop()
    draw(live, slice(20, 26), slice(35, 36), 61)
    assert "Nothing is left of cell 60" in noticed.pop()
    live.undo()
    live.undo()
    assert (shown(live) == 60).sum() == 24
    draw(live, slice(20, 26), slice(32, 36), 0)  # erased: that is meant
    assert not noticed


def test_a_users_cell_cut_by_another_is_two(live):
    draw(live, slice(20, 26), slice(28, 40), 60)
    draw(live, slice(18, 28), slice(32, 34), 61)
    ids = np.unique(shown(live)[20:26, 28:40])
    assert len(ids) == 3 and {60, 61} < set(ids)
    assert all(n_pieces(shown(live) == i) == 1 for i in ids)
    assert (shown(live) == 60).sum() == 36  # the larger piece


def test_crumbs_of_a_users_cell_stay_with_it(live):
    draw(live, slice(20, 28), slice(28, 44), 60)
    draw(live, slice(28, 29), slice(28, 29), 60)
    draw(live, slice(27, 28), slice(28, 29), 0)
    assert (shown(live) == 60).sum() == 8 * 16 and shown(live)[28, 28] == 60


def test_what_is_in_several_pieces_is_no_cell_to_cut(live):
    """A mask of many cells, or a class, has one number; no part of it gets another."""
    live = LiveLabels(SHAPE, None, AT)
    for x in (2, 22, 42):
        draw(live, slice(4, 16), slice(x, x + 12), 1)
    draw(live, slice(9, 10), slice(0, 20), 0)
    draw(live, slice(0, 20), slice(27, 28), 2)
    assert set(np.unique(shown(live))) == {0, 1, 2}


def test_painted_blocks_are_what_they_say(live):
    truth = np.zeros(SHAPE[1:], np.uint16)
    truth[5:9, 5:50] = 1
    truth[20:30, 5:9] = truth[20:30, 12:20] = 2
    live[0] = truth
    np.testing.assert_array_equal(shown(live), truth)


def test_new_ids_are_the_next_free_ones_and_stay(live):
    assert shown(live).max() == 4
    given = [live.new_id() for _ in range(3)]
    assert given == [5, 6, 7]
    many = LiveLabels(SHAPE, None, AT)
    given = [many.new_id() for _ in range(3)]
    many[1, 40:44, 0:6] = given[0]
    many.probabilities = Model()
    for frame in range(2):
        ids = np.unique(shown(many, frame))
        assert set(ids) - {0} == {4, 5, 6, 7} | ({1} if frame else set())
    before = shown(many)
    many[0] = np.where(before == before[34, 20], 0, before)  # one of those that moved is deleted
    assert many.new_id() == 8
    after = shown(many)
    assert len(np.unique(after)) == 4
    np.testing.assert_array_equal(after[after > 0], before[after > 0])


def test_the_journal_holds_the_pieces(tmp_path):
    journal = tmp_path / "c.journal"
    live = LiveLabels(SHAPE, Model(), AT, Corrections(SHAPE, Journal(journal)))
    draw(live, *LINE, 0)
    again = LiveLabels(SHAPE, Model(), AT, Corrections(SHAPE, Journal(journal)))
    np.testing.assert_array_equal(shown(again), shown(live))
    again.undo()
    assert again.corrections.ids(0).size == 0 and again.new_id() == 6


class User(RuleBasedStateMachine):
    """Random strokes of brush and eraser: nobody's cells become the user's, pieces are cells."""

    rows, columns = st.integers(0, SHAPE[1] - 3), st.integers(0, SHAPE[2] - 3)

    @initialize(split=st.booleans())
    def begin(self, split):
        self.live = LiveLabels(SHAPE, Model(), AT.replace(split=split))
        self.mine: set[int] = set()

    def line(self, y, x, length, across, label):
        """Draw a line two pixels wide; gives the labels before."""
        before = shown(self.live)
        ends = (slice(y, y + 2), slice(x, x + length)) if across else (
            slice(y, y + length), slice(x, x + 2))  # fmt: skip
        self.live.begin_stroke()
        for half in (0, 1):
            part = tuple(slice(s.start, s.stop) if s.stop - s.start == 2 else
                         slice(s.start + half * length // 2, s.stop) for s in ends)  # fmt: skip
            self.live[(0, *part)] = label
        self.live.end_stroke()
        assert (shown(self.live)[ends] == label).all()
        return before, ends

    @rule(y=rows, x=columns, length=st.integers(2, 30), across=st.booleans(),
          label=st.sampled_from([0, 0, 2, 30, 31, BACKGROUND_ID]))  # fmt: skip
    def draw(self, y, x, length, across, label):
        view = self.live._frame(0)
        before = shown(self.live)
        grounds = {i: view.ground(i, self.live.settings) for i in np.unique(before)[1:].tolist()}
        before, ends = self.line(y, x, length, across, label)
        touched = set(np.unique(before[ends]).tolist()) if label == 0 else {label}
        for i in touched - {0, BACKGROUND_ID}:
            self.mine |= {i, *(grounds[i].ids.tolist() if grounds.get(i) else ())}
        self.mine |= self.live.corrections.reserved
        for i in np.unique(before)[1:].tolist():
            if i not in (label, BACKGROUND_ID) and n_pieces(before == i) == 1:
                sizes = np.bincount(ndi.label(shown(self.live) == i)[0].ravel())[1:]
                assert all(s < SMALLEST for s in np.sort(sizes)[:-1])

    @rule(y=rows, x=columns)
    def confirm(self, y, x):
        view = self.live._frame(0)
        label = int(shown(self.live)[y, x])
        ground = view.ground(label, self.live.settings)
        if self.live.confirm_cell(0, y, x):
            self.mine |= {label, *(ground.ids.tolist() if ground else ())}

    @rule(value=st.sampled_from([0.2, 0.5, 0.9]))
    def threshold(self, value):
        self.live.settings = self.live.settings.replace(threshold=value)

    @rule(shift=st.sampled_from([0, 5]))
    def model(self, shift):
        self.live.probabilities = Model(shift)

    @rule()
    def undo_and_redo(self):
        state = shown(self.live)
        if self.live.undo():
            self.live.redo()
        np.testing.assert_array_equal(shown(self.live), state)

    @rule()
    def undo(self):
        self.live.undo()

    @invariant()
    def nothing_else_is_the_users(self):
        assert set(self.live.corrections.ids(0).tolist()) <= self.mine

    @invariant()
    def the_machines_are_whole_and_large_enough(self):
        labels = shown(self.live)
        labels[self.live.state(0).edited()] = 0
        for i in np.unique(labels)[1:]:
            assert n_pieces(labels == i) == 1
            assert (labels == i).sum() >= SMALLEST

    @invariant()
    def it_is_derived_anew_the_same(self):
        live = self.live
        fresh = LiveLabels(SHAPE, live.probabilities, live.settings, live.corrections.copy())
        np.testing.assert_array_equal(shown(live), shown(fresh))


User.TestCase.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)
TestUser = User.TestCase
