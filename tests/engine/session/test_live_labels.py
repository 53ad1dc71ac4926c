"""The laws of LiveLabels, on arrays; with strokes in napari they are in tests/gui."""

from __future__ import annotations

import copy
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from scipy import ndimage as ndi

from napari_unet.engine.annotations.corrections import Corrections
from napari_unet.engine.annotations.frame_annotation import RING, spare_neighbours
from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.journal import Journal
from napari_unet.engine.labels.codes import encode_logits, threshold_code
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.labels.labels import label_frame
from napari_unet.engine.session.frame_labels import FrameCache
from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.engine.settings import LabelSettings
from napari_unet.engine.stack import lazy_array

SHAPE = (3, 40, 60)
CENTRES = ((10, 10), (10, 30), (28, 14), (28, 40), (12, 50))
FINE = LabelSettings(min_size=3)


class Model:
    """Probabilities (T, 1, Y, X) of discs that fade outwards; models differ in place and size."""

    outputs = ("object",)
    parts = ()

    def __init__(self, grow=0.0, shift=0, computed=(True, True, True)) -> None:
        self.shape = (SHAPE[0], 1, *SHAPE[1:])
        self.computed = np.array(computed)
        self.grow, self.shift, self.reads = grow, shift, []

    def __getitem__(self, frame):
        self.reads.append(frame)
        y, x = np.mgrid[: SHAPE[1], : SHAPE[2]]
        away = [np.hypot(y - cy, x - cx - self.shift) for cy, cx in CENTRES]
        return encode_logits(6 + self.grow - np.min(away, axis=0))[None]


@pytest.fixture
def live():
    return LiveLabels(SHAPE, Model(), FINE)


def threshold(live, value):
    live.settings = live.settings.replace(threshold=value)


def shown(live, frame=0):
    return live[frame, :, :]


# law 1: model < threshold < user, and people correct objects


def test_untouched_labels_are_the_machines(live):
    np.testing.assert_array_equal(shown(live), label_frame(Model()[0], FINE))


@pytest.mark.parametrize("split", [True, False])
def test_touching_an_object_freezes_the_whole_of_it(split):
    live = LiveLabels(SHAPE, Model(), FINE.replace(split=split))
    label = shown(live)[10, 10]
    before = shown(live) == label
    live[0, 10:12, 15:18] = label
    before[10:12, 15:18] = True
    for value in (0.05, 0.4, 0.9, 0.999):
        threshold(live, value)
        np.testing.assert_array_equal(shown(live) == label, before)
    with live.frame_state(0) as state:
        assert not (state.view.machine_labels(state.settings) == label).any()


def test_a_deleted_object_returns_at_no_threshold_and_with_no_model(live):
    label = shown(live)[10, 30]
    mask = shown(live) == label
    live[0] = np.where(mask, 0, shown(live))
    for model in (Model(), Model(grow=2), Model(shift=1), Model(grow=-1)):
        live.probabilities = model
        for value in (0.05, 0.5, 0.95):
            threshold(live, value)
            labels = shown(live)
            assert not labels[mask].any()
            assert len(np.unique(labels)) == len(CENTRES)


@pytest.mark.parametrize("split", [True, False])
def test_freezing_one_cell_leaves_its_neighbour_to_the_machine(split):
    live = LiveLabels(SHAPE, Model(grow=3.5), FINE.replace(split=split, threshold=0.99))
    first, second = shown(live)[10, 10], shown(live)[10, 30]
    assert first != second
    live.confirm_cell(0, 10, 10)
    threshold(live, 0.2)
    labels = shown(live)
    assert labels[10, 30] not in (0, first) and labels[10, 10] == first


def test_ids_of_a_new_model_do_not_meet_the_persons():
    live = LiveLabels(SHAPE, Model(), FINE)
    frozen = shown(live)[28, 40]
    live.confirm_cell(0, 28, 40)
    live.probabilities = Model(shift=4)
    labels = shown(live)
    y, x = np.nonzero(labels == frozen)
    assert np.ptp(x) < 14 and np.ptp(y) < 14 and len(np.unique(labels)) == 6
    before = labels.copy()
    threshold(live, 0.6)
    threshold(live, 0.5)
    np.testing.assert_array_equal(shown(live), before)


def test_new_ids_come_from_one_counter(live):
    assert [live.prepare(t) for t in range(3)] == [True] * 3
    first, second = live.new_id(), live.new_id()
    assert (first, second) == (6, 7)
    live[1, 0:2, 0:2] = first
    live.probabilities = Model(shift=3)
    assert live.new_id() == 8
    other = LiveLabels(SHAPE, live.probabilities, FINE)
    assert [other.prepare(t) for t in range(3)] == [True] * 3
    other[0, 0, 0] = 65534
    assert other.new_id() == 6  # the last id is used: the first that is free


def test_a_reserved_id_is_not_the_machines():
    live = LiveLabels(SHAPE, None, FINE)
    given = live.new_id()
    live.probabilities = Model()
    assert given == 1 and not (shown(live) == given).any()
    assert len(np.unique(shown(live))) == 6


# law 2: split once, threshold many


def test_basins_are_computed_once_a_frame(live):
    for value in (0.2, 0.5, 0.7):
        threshold(live, value)
        shown(live)
    live.settings = live.settings.replace(min_size=9, drop_border=True)
    shown(live)
    assert live.probabilities.reads == [0]
    live.settings = live.settings.replace(split=False)
    shown(live)
    assert live.probabilities.reads == [0, 0]


def test_a_draft_is_for_who_takes_it_and_for_no_longer_than_it_must(live):
    asked = []
    live.touch(1, (np.array([0]), np.array([0])), 0)  # ground that is the user's
    live[2, 20:23, 20:23] = 77
    live.invalidate(2)
    exact = label_frame(live.probabilities[0], FINE)
    mask = live.probabilities[0][0] >= threshold_code(FINE.threshold)
    with live.drawn_by(lambda frame: not asked.append(frame)):
        np.testing.assert_array_equal(shown(live), ndi.label(mask)[0])
        assert (live[2, 20:23, 20:23] == 77).all()
        assert asked == [0, 2]
        with ThreadPoolExecutor(1) as other:  # what this thread draws is no matter of another's
            labels = other.submit(shown, live).result()
        np.testing.assert_array_equal(labels, exact)
        np.testing.assert_array_equal(np.asarray(live[0]), exact)  # the labels themselves
        np.testing.assert_array_equal(shown(live), exact)
        live.confirm_frame(0)
        np.testing.assert_array_equal(shown(live), exact)
        assert asked == [0, 2]
        live.invalidate(0)
        np.testing.assert_array_equal(shown(live), exact)  # all the user's
        assert asked == [0, 2, 0]
    with live.drawn_by(lambda frame: False):
        live.invalidate(0)
        np.testing.assert_array_equal(shown(live), exact)
    live.invalidate(0)
    np.testing.assert_array_equal(shown(live), exact)
    assert asked == [0, 2, 0]


def test_frames_predicted_later_appear(live):
    live.probabilities = Model(computed=(True, False, False))
    assert not shown(live, 1).any() and live.is_prepared(1) and not live.prepare(1)
    live.probabilities.computed[1] = True
    assert shown(live, 1).any()


def test_few_frames_are_kept(monkeypatch):
    monkeypatch.setattr("napari_unet.engine.session.frame_labels.BUDGET", 0)
    live = LiveLabels(SHAPE, Model(), FINE)
    for t in range(3):
        shown(live, t)
    assert [live.is_prepared(t) for t in range(3)] == [False, True, True]


# law 3: what a user touched is the supervision


def test_getitem_gives_copies(live):
    block = live[0, 5:15, 5:15]
    block[:] = 77
    assert not (shown(live) == 77).any()
    whole = np.asarray(live[0])
    whole[:] = 77
    assert not (shown(live) == 77).any()


def test_supervision_is_what_was_edited(live):
    enlarged, deleted, confirmed = (shown(live)[y, x] for y, x in CENTRES[:3])
    live[0, 10, 16:18] = enlarged
    gone = shown(live) == deleted
    live[np.nonzero(gone)[0] * 0, *np.nonzero(gone)] = 0
    live.confirm_cell(0, 28, 14)
    live[0, 36:39, 50:55] = BACKGROUND_ID
    live.touch(0, (np.array([36, 37]), np.array([30, 30])), 0)
    taught = live.annotation(0)
    labels, supervised, complete = taught.labels, taught.supervised, taught.complete
    assert set(np.unique(labels)) == {0, enlarged, confirmed} and not complete
    assert supervised[gone].all() and supervised[36:39, 50:55].all() and supervised[36, 30]
    assert supervised[labels > 0].all() and not supervised[20, 55] and not supervised[28, 40]
    ring = supervised & (labels == 0)
    assert ring[10, 18 : 18 + RING].all() and not ring[10, 18 + RING]
    assert live.corrections.frames() == (0,)


def test_the_ring_stays_off_cells_nobody_vouched_for():
    live = LiveLabels(SHAPE, Model(grow=4), FINE)
    live.confirm_cell(0, 10, 10)
    seen = label_frame(Model(grow=4)[0], FINE)
    taught = spare_neighbours(live.annotation(0), seen)
    others = (shown(live) > 0) & (shown(live) != shown(live)[10, 10])
    assert live.annotation(0).supervised[others].any()
    assert not taught.supervised[others].any()


def test_a_confirmed_frame_is_supervised_everywhere_and_stays_as_it_is(live):
    before = shown(live)
    live.confirm_frame(0)
    threshold(live, 0.05)
    live.probabilities = Model(shift=5, grow=2)
    np.testing.assert_array_equal(shown(live), before)
    taught = live.annotation(0)
    labels, supervised, complete = taught.labels, taught.supervised, taught.complete
    assert complete and supervised.all() and live.corrections.complete_frames == (0,)
    np.testing.assert_array_equal(labels, before)
    live.confirm_frame(0, False)
    assert not live.annotation(0).complete
    live.undo()
    live.undo()
    assert live.annotation(0).supervised.sum() == 0


def test_painting_over_a_correct_cell_counts(live):
    label = shown(live)[10, 10]
    live.touch(0, (np.array([10]), np.array([10])), int(label))
    assert list(live.corrections.ids(0)) == [label]
    live.touch(0, (np.array([0]), np.array([0])), int(label))
    live.touch(0, (np.array([10]), np.array([10])), 0)
    assert len(live.corrections._done) == 1


# law 4: undo restores the user's state


def test_undo_of_a_stroke_brings_the_machine_back_as_it_is_now(live):
    label = shown(live)[10, 10]
    live.begin_stroke()
    for x in (16, 17, 18):
        live[0, 9:12, x] = label
    live.end_stroke()
    threshold(live, 0.9)
    assert live.next_undo() == (0,) and live.undo() == (0,)
    expected = LiveLabels(SHAPE, Model(), live.settings)
    np.testing.assert_array_equal(shown(live), shown(expected))
    assert live.undo() == () and live.redo() == (0,)
    assert shown(live)[10, 18] == label
    live[1, 0, 0] = 3
    assert live.next_redo() == () and live.redo() == () and live.undo() == (1,)


def test_a_cancelled_stroke_leaves_nothing(live):
    before = shown(live)
    live.begin_stroke()
    live[0, 5:20, 5:20] = 9
    live[0, 0:4, 0:4] = BACKGROUND_ID
    live.cancel_stroke()
    np.testing.assert_array_equal(shown(live), before)
    assert live.next_undo() == () and not live.annotation(0).supervised.any()


def test_listeners_hear_when_the_lock_is_free(live):
    heard = []

    def listener(what):
        def hear(frames):
            with ThreadPoolExecutor(1) as other:  # would wait for ever for the lock
                other.submit(live.state, 0).result(10)
            heard.append((what, frames))

        return hear

    listeners = listener("change"), listener("step")
    live.changed.connect(listeners[0])
    live.edited.connect(listeners[1])
    live[0, 0, 0] = 7
    live.undo()
    live.begin_stroke()
    live[1, 0, 0] = 7
    assert live.next_undo() == (1,)  # which ends the stroke
    threshold(live, 0.3)
    live.settings = live.settings
    live.invalidate(2)
    assert heard == [
        ("step", (0,)),
        ("step", (0,)),
        ("change", (0,)),
        ("step", (1,)),
        ("change", None),
        ("change", (2,)),
    ]


def test_what_a_listener_raises_comes_as_it_is(live):
    def fails(_):
        raise BadInput("no disk", "a disk", "plug it in")

    live.edited.connect(fails)
    live.changed.connect(live.confirm_frame)
    with pytest.raises(BadInput, match="no disk"):
        live[0, 0, 0] = 7
    with pytest.raises(BadInput, match="no disk"):  # through two signals
        live.invalidate(0)
    assert shown(live)[0, 0] == 7


def test_what_the_disk_refuses_of_a_stroke_is_noticed(tmp_path, live, monkeypatch):
    journal = Journal(tmp_path / "c.journal")
    live.corrections.keep_in(journal)
    heard = []
    live.noticed.connect(heard.append)

    def refused(_):
        raise OSError(5, "Input/output error")

    journal.flush()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refused)
        live[0, 0, 0] = 7
        journal.flush()
    assert len(heard) == 1 and "Input/output error" in heard[0]


# law 5: thread-safe, never a whole movie by accident


def test_dtype_labels_no_frame(live):
    frame = live[0]
    assert frame.dtype == live.dtype == np.uint16 and frame.shape == SHAPE[1:]
    assert len(frame) == 40 and live.probabilities.reads == []
    assert (frame > 0).sum() == (np.asarray(frame) > 0).sum() > 0
    assert frame.max() == 5 and frame[10, 10] and live.probabilities.reads == [0]


def test_large_reads_give_what_is_there_and_a_notice(live, monkeypatch):
    monkeypatch.setattr(lazy_array, "READ_LIMIT", 2 * SHAPE[1] * SHAPE[2] * 2)
    notices = []
    live.noticed.connect(notices.append)
    assert live[:2, :, 3].shape == (2, 40) and not notices
    live.prepare(2)
    whole = np.asarray(live)
    assert not whole[1].any() if 1 not in live.probabilities.reads else True
    np.testing.assert_array_equal(whole[2], shown(live, 2))
    assert len(notices) == 1 and "Export" in notices[0]


def test_a_copy_is_independent(live):
    live[0, 0:3, 0:3] = 9
    other = copy.deepcopy(live)
    np.testing.assert_array_equal(np.asarray(other), np.asarray(live))
    other[0, 0:3, 0:3] = 0
    assert shown(live)[0, 0] == 9 and other.undo() == (0,) and shown(other)[0, 0] == 9
    assert live.astype(np.uint16) is live and live.astype(np.int32).dtype == np.int32


def test_readers_and_a_painter_at_once(live):
    failures = []

    def read():
        try:
            for i in range(60):
                labels = live[i % 3, :, :]
                assert labels.shape == SHAPE[1:]
        except Exception as error:  # noqa: BLE001 - told by the test
            failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for i in range(60):
        live[i % 3, i % 30 : i % 30 + 4, 2:8] = 50 + i
        threshold(live, 0.2 + 0.01 * (i % 9))
    for thread in threads:
        thread.join()
    assert not failures
    for frame in range(3):
        cached = shown(live, frame)
        live.invalidate(frame)
        np.testing.assert_array_equal(shown(live, frame), cached)


def test_basins_out_of_date_are_not_kept(monkeypatch, live):
    compute = FrameCache.basins

    def slow(probabilities, *rest):
        if probabilities.grow == 0:
            live.probabilities = Model(grow=2)
        return compute(probabilities, *rest)

    monkeypatch.setattr(FrameCache, "basins", staticmethod(slow))
    expected = label_frame(Model(grow=2)[0], FINE)
    np.testing.assert_array_equal(shown(live), expected)


def test_other_shapes_are_refused(live):
    with pytest.raises(BadInput, match="of a movie of"):
        LiveLabels((4, 40, 60), Model())
    with pytest.raises(BadInput, match="corrections are of a movie"):
        LiveLabels((4, 40, 60), corrections=Corrections(SHAPE))
    with pytest.raises(OverflowError):
        live[0, 0, 0] = -1


# all together


class User(RuleBasedStateMachine):
    """Random strokes, undo, thresholds and models; the laws hold after each."""

    frames = st.integers(0, SHAPE[0] - 1)
    rows, columns = st.integers(0, SHAPE[1] - 1), st.integers(0, SHAPE[2] - 1)
    labels = st.sampled_from([0, 1, 2, 3, 9, BACKGROUND_ID])

    @initialize(split=st.booleans())
    def begin(self, split):
        self.live = LiveLabels(SHAPE, Model(), FINE.replace(split=split))
        self.history = [self.said()]
        self.at = 0

    def said(self):
        masks = [self.live.state(t) for t in range(SHAPE[0])]
        return [(s.ids.tobytes(), s.flags.tobytes()) for s in masks], [
            self.live.corrections.is_complete(t) for t in range(SHAPE[0])
        ]

    def done(self):
        now = self.said()
        if len(self.live.corrections._done) > self.at:
            self.history = [*self.history[: self.at + 1], now]
            self.at += 1
        assert len(self.live.corrections._done) == self.at

    @rule(t=frames, y=rows, x=columns, label=labels, size=st.integers(1, 12))
    def paint(self, t, y, x, label, size):
        block = self.live[t, y : y + size, x : x + size]
        mask = np.indices(block.shape).sum(0) % 3 > 0
        block[mask] = label
        self.live[t, y : y + size, x : x + size] = block
        assert (shown(self.live, t)[y : y + size, x : x + size][mask] == label).all()
        self.done()

    @rule(t=frames, y=rows, x=columns, label=labels)
    def stroke(self, t, y, x, label):
        self.live.begin_stroke()
        for i in range(3):
            self.live[t, y : y + 3, x + i : x + i + 3] = label
        self.live.end_stroke()
        self.done()

    @rule(t=frames, y=rows, x=columns)
    def confirm_cell(self, t, y, x):
        self.live.confirm_cell(t, y, x)
        self.done()

    @rule(t=frames, complete=st.booleans())
    def confirm_frame(self, t, complete):
        self.live.confirm_frame(t, complete)
        self.done()

    @rule(value=st.sampled_from([0.03, 0.2, 0.5, 0.8, 0.99]))
    def threshold(self, value):
        threshold(self.live, value)

    @rule(grow=st.sampled_from([-2, 0, 3]), shift=st.sampled_from([0, 2, 9]))
    def model(self, grow, shift):
        self.live.probabilities = Model(grow, shift)

    @rule()
    def undo(self):
        if self.live.undo():
            self.at -= 1

    @rule()
    def redo(self):
        if self.live.redo():
            self.at += 1

    @invariant()
    def the_persons_state_is_that_of_the_step(self):
        assert self.said() == self.history[self.at]

    @invariant()
    def what_is_shown_is_derived_anew_the_same(self):
        fresh = LiveLabels(
            SHAPE, self.live.probabilities, self.live.settings, self.live.corrections.copy()
        )
        for t in range(SHAPE[0]):
            np.testing.assert_array_equal(shown(self.live, t), shown(fresh, t))

    @invariant()
    def the_person_wins(self):
        for t in range(SHAPE[0]):
            mask, labels = self.live.state(t), shown(self.live, t)
            np.testing.assert_array_equal(labels[mask.edited()], mask.ids[mask.edited()])
            machine = np.unique(labels[~mask.edited()])
            assert not set(machine.tolist()) & set(self.live.corrections.ids(t).tolist())


User.TestCase.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
TestPerson = User.TestCase


def test_the_journal_brings_everything_back(tmp_path):
    live = LiveLabels(SHAPE, Model(), FINE, Corrections(SHAPE, Journal(tmp_path / "c.journal")))
    live[0, 9:12, 15:20] = shown(live)[10, 10]
    live[1, 0:3, 0:3] = BACKGROUND_ID
    live.undo()
    live.confirm_frame(2)
    given = live.new_id()
    again = LiveLabels(SHAPE, Model(), FINE, Corrections(SHAPE, Journal(tmp_path / "c.journal")))
    np.testing.assert_array_equal(np.asarray(again), np.asarray(live))
    assert again.corrections.complete_frames == (2,) and again.new_id() == given + 1
    assert again.undo() == (2,) and again.undo() == (0,) and again.undo() == ()
