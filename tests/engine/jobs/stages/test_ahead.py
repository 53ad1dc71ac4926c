"""Frames made ahead: in their order, by threads where that is safe, and no more than a few."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.formats.measuring import Measuring
from napari_unet.engine.jobs.stages.ahead import from_any_thread, labelled_ahead
from napari_unet.engine.labels.label_frames import LabelFrames
from napari_unet.engine.labels.label_stack import LabelStack
from napari_unet.engine.settings import TableSettings
from napari_unet.engine.stack.lazy_array import LazyArray
from napari_unet.engine.stack.stack import Stack

N, SHAPE = 9, (20, 30)
LABELS = np.zeros((N, *SHAPE), np.uint16)
for t in range(N):
    LABELS[t, 2 : 5 + t, 3:9] = t + 1
MOVIE = Stack.from_array(np.arange(N * 600, dtype=np.uint16).reshape(N, *SHAPE), axes="TYX")


class Made(LazyArray):
    """Labels that take longer the earlier they are, and tell who read them."""

    shape, dtype = LABELS.shape, LABELS.dtype

    def __init__(self):
        self.read = []

    def _read(self, frame, key):
        self.read.append((frame, threading.current_thread()))
        time.sleep(0.002 * (N - frame))
        return LABELS[frame][key]

    def _too_many(self, frames):
        raise AssertionError


class Foreign:
    """An array-like of another library."""

    def __init__(self, made):
        self.made, self.shape = made, made.shape

    def __len__(self):
        return N

    def __getitem__(self, t):
        return self.made[t]


KINDS = {
    "ours": lambda made: made,
    "foreign": Foreign,
    "a layer": lambda made: LabelFrames(LabelStack.of_array(made, "layer"), MOVIE),
    "a foreign layer": lambda made: LabelFrames(LabelStack.of_array(Foreign(made), "l"), MOVIE),
}


@pytest.mark.parametrize("measured", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_frames_come_in_order_and_read_where_they_may_be(kind, measured, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    made, frames = Made(), [0, 2, 3, 5, 8]
    labels = KINDS[kind](made)
    measuring = Measuring(MOVIE, TableSettings()) if measured else None
    for t, done in zip(frames, labelled_ahead(labels, frames, SHAPE, measuring), strict=True):
        np.testing.assert_array_equal(done.labels, LABELS[t])
        assert (done.measured is not None) == measured
        if measured:
            expected = measuring(LABELS[t], t).columns
            assert done.measured.columns.keys() == expected.keys()
            assert done.measured.columns["area_px"].tolist() == [6 * (3 + t)]
    here = {thread is threading.main_thread() for _, thread in made.read}
    assert here == {"foreign" in kind}
    assert from_any_thread(labels) != ("foreign" in kind)


def test_only_a_few_are_ahead_and_none_is_left(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    made = Made()
    ahead = labelled_ahead(made, range(N))
    next(ahead)
    assert len(made.read) <= 4
    ahead.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("napari-unet label")]


def test_what_is_wrong_with_a_frame_is_raised_at_that_frame():
    labels = [LABELS[0], LABELS[1][:4], LABELS[2]]
    ahead = labelled_ahead(labels, range(3), SHAPE)
    assert next(ahead).labels is not None
    with pytest.raises(BadInput, match="4 x 30"):
        next(ahead)
