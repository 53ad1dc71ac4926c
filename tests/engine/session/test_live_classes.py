"""LiveLabels over a model of classes: classes follow the threshold, painted pixels win alone."""

import numpy as np
import pytest

from napari_unet.engine.annotations.corrections import Corrections
from napari_unet.engine.files.journal import Journal
from napari_unet.engine.labels.class_labels import class_outputs, labels_of
from napari_unet.engine.labels.codes import encode_logits
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.engine.settings import LabelSettings

SHAPE = (2, 30, 40)
OUTPUTS = class_outputs((1, 2))


class Model:
    """Probabilities (T, 3, Y, X): class 1 fades to the right, class 2 to the left."""

    outputs = OUTPUTS
    parts = ()

    def __init__(self):
        self.shape = (SHAPE[0], 3, *SHAPE[1:])
        self.computed = np.array([True, True])

    def __getitem__(self, frame):
        x = np.broadcast_to(np.arange(SHAPE[2], dtype=float), SHAPE[1:])
        left, right = 5 - x / 4, x / 4 - 5
        return encode_logits(np.stack([np.abs(left) * 2 - 3, left - 1, right - 1]))


@pytest.fixture
def live():
    return LiveLabels(SHAPE, Model(), LabelSettings(class_thresholds=(0, 0.6)))


def paint(live, frame, ys, xs, value):
    block = live[frame, ys, xs]
    block[...] = value
    live[frame, ys, xs] = block


PATCH = np.s_[10:14, 2:6]  # inside class 1


def test_untouched_labels_are_the_machines(live):
    for threshold in (0.1, 0.5, 0.9):
        live.settings = live.settings.replace(threshold=threshold)
        np.testing.assert_array_equal(live[0, :, :], labels_of(Model()[0], OUTPUTS, live.settings))
    assert live.classes == (1, 2)
    assert set(np.unique(live[0, :, :])) == {0, 1, 2}


def test_painting_takes_nothing_but_its_pixels(live):
    before = live[0, :, :]
    paint(live, 0, *PATCH, 2)
    wanted = before.copy()
    wanted[PATCH] = 2
    np.testing.assert_array_equal(live[0, :, :], wanted)
    live.settings = live.settings.replace(threshold=0.99)
    after = labels_of(Model()[0], OUTPUTS, live.settings)
    after[PATCH] = 2
    np.testing.assert_array_equal(live[0, :, :], after)
    live.undo()
    live.settings = live.settings.replace(threshold=0.5)
    np.testing.assert_array_equal(live[0, :, :], before)


def test_it_teaches_what_is_painted_and_no_ring(live):
    paint(live, 0, *PATCH, 2)
    paint(live, 0, slice(20, 22), slice(0, 40), BACKGROUND_ID)
    paint(live, 0, slice(25, 26), slice(0, 3), 0)  # erased
    live.touch(0, (np.array([0, 0]), np.array([0, 1])), 1)  # right already, and vouched for
    taught = live.annotation(0, classes=True)
    labels, supervised, complete = taught.labels, taught.supervised, taught.complete
    painted = np.zeros(SHAPE[1:], int)
    painted[PATCH], painted[0, :2] = 2, 1
    np.testing.assert_array_equal(labels, painted)
    counts = painted > 0
    counts[20:22] = counts[25, :3] = True
    np.testing.assert_array_equal(supervised, counts)
    assert not complete


def test_a_piece_is_confirmed(live):
    assert live.confirm_cell(0, 0, 0) == 1
    taught = live.annotation(0, classes=True)
    labels, supervised = taught.labels, taught.supervised
    np.testing.assert_array_equal(labels == 1, live[0, :, :] == 1)
    np.testing.assert_array_equal(supervised, labels == 1)
    assert live.undo() == (0,)
    assert not live.annotation(0, classes=True).supervised.any()


def test_a_complete_frame_is_the_persons(live):
    shown = live[1, :, :]
    live.confirm_frame(1)
    live.settings = live.settings.replace(threshold=0.99)
    np.testing.assert_array_equal(live[1, :, :], shown)
    taught = live.annotation(1, classes=True)
    labels, supervised, complete = taught.labels, taught.supervised, taught.complete
    np.testing.assert_array_equal(labels, shown)
    assert supervised.all()
    assert complete


def test_classes_come_back_from_the_journal(live, tmp_path):
    live = LiveLabels(SHAPE, Model(), corrections=Corrections(SHAPE, Journal(tmp_path / "journal")))
    paint(live, 0, *PATCH, 2)
    live.touch(0, (np.array([0]), np.array([0])), 1)
    again = LiveLabels(
        SHAPE, Model(), corrections=Corrections(SHAPE, Journal(tmp_path / "journal"))
    )
    np.testing.assert_array_equal(again[0, :, :], live[0, :, :])
    mine, its = (each.annotation(0, classes=True) for each in (again, live))
    np.testing.assert_array_equal(mine.labels, its.labels)
    np.testing.assert_array_equal(mine.supervised, its.supervised)
    assert mine.complete is its.complete is False
