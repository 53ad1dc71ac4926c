"""LiveLabels of volumes: the laws of images, with sections before rows and columns."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.engine.annotations.corrections import Corrections
from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.journal import Journal
from napari_unet.engine.labels.codes import encode_logits
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.labels.labels import label_frame
from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.engine.session.reviewing.aside import count_curve, labels_aside
from napari_unet.engine.session.verbs import Verbs
from napari_unet.engine.settings import LabelSettings

SHAPE = (3, 12, 40, 60)
SPACING = (2.0, 1.0, 1.0)
CENTRES = ((5, 10, 10), (6, 10, 30), (5, 28, 14), (6, 28, 40))
FINE = LabelSettings(min_size=20)


class Model:
    """Probabilities (T, 1, Z, Y, X) of balls that fade outwards."""

    outputs = ("object",)
    parts = ()

    def __init__(self) -> None:
        self.shape = (SHAPE[0], 1, *SHAPE[1:])
        self.computed = np.array((True, True, False))

    def __getitem__(self, frame):
        grid = np.meshgrid(*(np.arange(n) for n in SHAPE[1:]), indexing="ij")
        away = [
            np.sqrt(sum(((g - c) * s) ** 2 for g, c, s in zip(grid, centre, SPACING, strict=True)))
            for centre in CENTRES
        ]
        return encode_logits(7 - np.min(away, axis=0))[None]


@pytest.fixture
def live():
    return LiveLabels(SHAPE, Model(), FINE, spacing=SPACING)


def shown(live, frame=0):
    return np.asarray(live[frame])


def threshold(live, value):
    live.settings = live.settings.replace(threshold=value)


def test_untouched_labels_are_the_machines_whole_and_by_section(live):
    for value in (0.5, 0.1, 0.99):
        threshold(live, value)
        expected = label_frame(Model()[0], live.settings, spacing=SPACING)
        for z in (0, 5, 11):  # before all of it is derived, which a section does not ask for
            np.testing.assert_array_equal(live[0, z], expected[z])
            np.testing.assert_array_equal(live[0, z, 3:9, :], expected[z, 3:9])
        np.testing.assert_array_equal(shown(live), expected)
        np.testing.assert_array_equal(live[:2, 5, 10, 10], [expected[5, 10, 10]] * 2)
    assert shown(live, 2).max() == 0 and len(np.unique(expected)) == 5


@pytest.mark.parametrize("flat", [True, False])
def test_painting_in_a_section_or_through_them_freezes_the_whole_cell(live, flat):
    label = int(live[0, 5, 10, 10])
    before = shown(live) == label
    key = (
        (0, 5, slice(8, 12), slice(15, 21))
        if flat
        else (0, slice(4, 8), slice(8, 12), slice(15, 21))
    )
    live[key] = label
    before[key[1:]] = True
    for value in (0.05, 0.4, 0.99):
        threshold(live, value)
        np.testing.assert_array_equal(shown(live) == label, before)
        np.testing.assert_array_equal(live[0, 5] == label, before[5])
    assert live.undo() == (0,)
    threshold(live, 0.5)
    np.testing.assert_array_equal(shown(live), label_frame(Model()[0], FINE, spacing=SPACING))
    assert live.redo() == (0,)
    assert (shown(live) == label).sum() == before.sum()


def test_pixels_by_index_and_several_frames_at_once_are_written(live):
    t, z, y, x = (np.array(v) for v in ([0, 1], [1, 2], [3, 3], [4, 5]))
    live[t, z, y, x] = 77
    assert live[0, 1, 3, 4] == live[1, 2, 3, 5] == 77 == live.corrections.ids(0)[0]
    live[0:2, 3, 30:32, 50:52] = 78
    assert (live[0:2, 3, 30:32, 50:52] == 78).all() and live.corrections.last_done.frames == (0, 1)


def test_what_is_robbed_in_one_section_falls_into_pieces_by_volume(live):
    cell, user = int(live[0, 5, 10, 10]), live.new_id()
    size = (shown(live) == cell).sum()
    live[0, :, :, 10] = np.where(live[0, :, :, 10] == cell, user, live[0, :, :, 10])  # a wall
    left = np.setdiff1d(np.unique(shown(live)[:, 3:18, 3:18]), [0, user])
    assert len(left) == 2 and cell in left  # its halves, a cell each
    assert (shown(live)[:, 3:18, 3:18] > 0).sum() == size


def test_steps_survive_in_the_journal(tmp_path, live):
    path = tmp_path / "corrections-zvolume.journal"
    kept = Corrections(SHAPE, Journal(path))
    live = LiveLabels(SHAPE, Model(), FINE, kept, SPACING)
    verbs = Verbs(live)
    verbs.delete(0, int(live[0, 6, 28, 40]))
    live[1, 2:4, 20:24, 30:34] = live.new_id()
    live[1, 0, :5, :5] = BACKGROUND_ID
    live.confirm_cell(0, 5, 10, 10)
    live.confirm_frame(1)
    live.undo()
    kept._journal.flush()
    again = LiveLabels(SHAPE, Model(), FINE, Corrections(SHAPE, Journal(path)), SPACING)
    for t in range(2):
        np.testing.assert_array_equal(shown(again, t), shown(live, t))
    assert again.corrections.n_done == 4 and again.redo() == (1,)
    assert again.corrections.is_complete(1) and again.annotation(1).complete
    with pytest.raises(BadInput, match="frames, height, width"):
        Corrections(SHAPE[:1] + SHAPE[2:], Journal(path))


def test_verbs_change_volumes(live):
    verbs = Verbs(live)
    one, other, third = (int(live[0, *c]) for c in CENTRES[:3])
    size = (shown(live) == one).sum()
    parts = verbs.split_along(0, [(5, 10, 2), (5, 10, 19)], one)  # through all sections
    assert len(parts) == 2 and abs((shown(live) == one).sum() - size / 2) < size / 4
    assert len(np.unique(live[0, 3:8, 5:9, 10])) <= 2
    verbs.merge(0, *parts)
    assert (shown(live) == one).sum() == size
    verbs.grow(0, other)
    grown = shown(live) == other
    verbs.shrink(0, other)
    assert (shown(live) == other).sum() < grown.sum()
    assert grown.any((1, 2)).sum() == 7  # sections lie two pixels apart: only wider in them
    verbs.smooth(0, third)
    verbs.fill_holes(0, third)
    (new,) = verbs.draw(0, [(2, 20, 45), (2, 20, 55), (2, 30, 55), (2, 30, 45)])
    assert set(np.unique(np.nonzero(shown(live) == new)[0])) == {2}
    verbs.copy(1, 0, new)
    assert (live[1, 2] == new).sum() == (live[0, 2] == new).sum()
    verbs.lock(0, other)
    with pytest.raises(BadInput, match="is locked"):
        verbs.delete(0, other)
    verbs.back_to_model(0, third)
    assert third not in live.corrections.ids(0)
    while live.undo():
        pass
    np.testing.assert_array_equal(shown(live), label_frame(Model()[0], FINE, spacing=SPACING))


def test_a_missing_cell_is_filled_in_and_a_section_redrawn(live):
    verbs = Verbs(live)
    cell = int(live[0, 5, 28, 14])
    verbs.delete(0, cell)
    (new,) = verbs.fill(0, 5, 28, 14)
    filled = shown(live) == new
    assert filled.any((1, 2)).sum() > 4 and filled.sum() > 200
    rough = [(6, y, x) for y, x in ((20, 33), (20, 47), (36, 47), (36, 33))]
    before, target = shown(live).copy(), int(live[0, 6, 28, 40])
    assert verbs.redraw(0, rough) == (target,)
    before_it = (shown(live) == new).sum()
    verbs.lower(0, new)
    assert (shown(live) == new).sum() > before_it and live.undo() == (0,)
    others = [z for z in range(12) if z != 6]
    np.testing.assert_array_equal(shown(live)[others], before[others])  # of that section alone
    with pytest.raises(ValueError, match="on one section"):
        verbs.draw(0, [(1, 3, 3), (2, 9, 3), (3, 9, 9)])


def test_a_cell_is_filled_between_its_sections_in_one_step(live):
    verbs, cell = Verbs(live), live.new_id()
    y, x = np.mgrid[: SHAPE[2], : SHAPE[3]]
    for z, radius in ((1, 5), (5, 9)):
        live[2, z] = np.where(np.hypot(y - 20, x - 30) <= radius, cell, live[2, z])
    other = live.new_id()
    live[2, 3, 20:23, 30:33] = other  # another cell that a user drew stays
    assert verbs.fill_between(2, cell) == (cell,)
    areas = [(live[2, z] == cell).sum() for z in range(7)]
    assert areas[0] == areas[6] == 0 and areas[1] < areas[2] < areas[4] < areas[5]
    assert (live[2, 3] == other).sum() == 9
    assert live.corrections.last_done.words == f"filled {cell} between its sections on frame 2"
    assert live.undo() == (2,) and not (live[2, 2] == cell).any()
    with pytest.raises(BadInput, match="not drawn on two sections"):
        verbs.fill_between(2, other)


def test_frames_are_looked_at_aside_counted_and_drafted(live):
    np.testing.assert_array_equal(labels_aside(live, 0), shown(live))
    assert labels_aside(live, 2) is None
    assert count_curve(live, 0)[127] == 4
    fresh = LiveLabels(SHAPE, Model(), FINE, spacing=SPACING)
    with fresh.drawn_by(lambda _: True):
        draft = fresh[0, 5]
        assert not fresh.is_prepared(0) and draft.max() == 4
        assert set(np.unique(fresh[0, :, :, :])) == {0, 1}  # all of it in no time


def test_a_distance_of_sections_that_is_said_later_finds_cells_anew(live):
    shown(live)
    told = []
    live.changed.connect(told.append)
    live.spacing = (4.0, 1.0, 1.0)
    assert told == [None] and not live.is_prepared(0)
    expected = label_frame(Model()[0], FINE, spacing=(4.0, 1.0, 1.0))
    np.testing.assert_array_equal(shown(live), expected)
    assert live.steps == (4.0, 1.0, 1.0)
