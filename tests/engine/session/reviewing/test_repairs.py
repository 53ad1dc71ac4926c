"""Repairs of doubts on live labels: each a step, and what a user settled is doubted no more."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import maximum_filter

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.codes import encode
from napari_unet.engine.labels.scores import frame_scores
from napari_unet.engine.labels.space.neighbours import steps_of
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.engine.session.reviewing.aside import labels_aside
from napari_unet.engine.session.reviewing.live_doubts import LiveDoubts
from napari_unet.engine.session.reviewing.repairs import Repairs
from napari_unet.engine.session.reviewing.settled import say_fine
from napari_unet.engine.session.verbs import Verbs
from napari_unet.engine.settings import LabelSettings
from napari_unet.engine.stack.quality.findings import Finding
from napari_unet.engine.tracks.doubts.doubt import Doubt, Repair
from napari_unet.sample.movie import sample_movie
from napari_unet.sample.slips import REPAIRS, labels_with_slips
from napari_unet.sample.volumes import VolumeWorld, sample_volumes


def live_of(labels, spacing=None):
    """Live labels of probabilities that show exactly these cells."""
    frames = Probabilities.in_memory((len(labels), 1, *labels.shape[1:]), {"outputs": ["object"]})
    for t, frame in enumerate(labels):
        frames.write(t, encode(np.where(frame > 0, 0.97, 0.03))[None])
    settings = LabelSettings(min_size=10, split=False)
    return LiveLabels(labels.shape, frames, settings, spacing=spacing)


def apart(labels):
    """Labels with a line of ground between cells that touch."""
    reach = (1, *(3,) * (labels.ndim - 1))
    beside = [
        maximum_filter(np.where(labels == 0, low, way * labels.astype(int)), reach)
        for way, low in ((1, 0), (-1, -70000))
    ]
    return np.where((beside[0] != labels) | (beside[1] != -labels.astype(int)), 0, labels)


def errors(live, truth):
    found = [frame_scores(np.asarray(live[t]), truth[t]) for t in range(len(truth))]
    return [one.missed + one.merged + one.split + one.invented for one in found]


def doubts_of(live, findings=()):
    doubts = LiveDoubts(live)
    list(doubts.find())
    doubts.take_findings(findings)
    return doubts


@pytest.fixture(scope="module")
def slips():
    _, truth = sample_movie(frames=14, shape=(192, 240), density=2.5, seed=1)
    truth = apart(truth).astype(np.uint16)
    damaged, slips = labels_with_slips(truth, 12, seed=1)
    return truth, apart(damaged).astype(np.uint16), slips


def test_repairs_bring_the_truth_back_each_in_a_step(slips):
    truth, damaged, put = slips
    live = live_of(damaged)
    before = errors(live, truth)
    assert sum(before) >= len(put)
    doubts, repairs = doubts_of(live), Repairs(live)
    found = [one for one in doubts.doubts() if one.score > 0.5]
    assert sum(len(one.frames) for one in found) >= len(put)
    for n, one in enumerate(found, start=1):
        was = errors(live, truth)[one.frame]
        cells = repairs.take(one)
        assert errors(live, truth)[one.frame] < was
        assert set(cells) <= set(np.unique(live[one.frame, :, :]).tolist())
        assert live.corrections.n_done == n
        list(doubts.find([one.frame]))  # the rest of its frames is found to be changed
        assert one not in doubts.doubts()
    for _ in found:
        live.undo()
    assert errors(live, truth) == before
    list(doubts.find())
    assert [one for one in doubts.doubts() if one.score > 0.5] == found


def test_repairs_of_volumes_are_of_whole_cells():
    world = VolumeWorld(frames=6, shape=(14, 112, 112), density=5, seed=1)
    _, truth = sample_volumes(world)
    truth = apart(truth).astype(np.uint16)
    steps = steps_of(world.spacing, 3)
    damaged, put = labels_with_slips(truth, 4, seed=30, steps=steps)
    live = live_of(apart(damaged).astype(np.uint16), world.spacing)
    before, doubts, repairs = errors(live, truth), doubts_of(live), Repairs(live)
    found = [one for one in doubts.doubts() if one.repair and one.score > 0.5]
    assert {one.repair.verb for one in found} == set(REPAIRS.values())
    for one in found:
        was = errors(live, truth)[one.frame]
        repairs.take(one)
        assert errors(live, truth)[one.frame] < was
        list(doubts.find([one.frame]))
        assert one not in doubts.doubts()
    assert sum(errors(live, truth)) <= sum(before) - len(put) + 1
    for _ in found:
        live.undo()
    list(doubts.find())
    gone = next(one for one in doubts.doubts() if one.reason == "gone for a frame")
    cells = next(one for one in doubts.doubts() if one.cells)
    for one in (gone, cells):
        shown = np.asarray(live[one.frame])
        say_fine(live, one)
        assert np.array_equal(live[one.frame], shown)
        assert one not in doubts.doubts()


def test_a_look_aside_gives_the_same_labels(slips):
    live = live_of(slips[1])
    Verbs(live).delete(2, int(live[2, :, :].max()))
    for t in (0, 2):
        aside = labels_aside(live, t)
        assert np.array_equal(aside, live[t, :, :])
    for t in (2, 5):  # again, with nothing at hand
        live.settings = live.settings.replace(split=not live.settings.split)
        assert np.array_equal(labels_aside(live, t), live[t, :, :])
    assert labels_aside(LiveLabels(live.shape), 3) is None


def test_what_is_fine_as_it_is_is_doubted_no_more(slips):
    live = live_of(slips[1])
    dark = Finding(4, "empty", "empty: nothing but noise", 10)
    doubts = doubts_of(live, (dark,))
    found = doubts.doubts()
    of_cells = next(one for one in found if one.cells)
    of_ground = next(one for one in found if one.reason == "gone for a frame")
    whole = next(one for one in found if one.whole_frame)
    for one in (of_cells, of_ground):
        shown = np.asarray(live[one.frame, :, :])
        say_fine(live, one)
        of = " + ".join(map(str, one.cells)) or "the ground"
        assert live.corrections.last_done.words.startswith(f"left {of} as it is on frame")
        assert np.array_equal(live[one.frame, :, :], shown)
        assert one not in doubts.doubts()
        live.undo()
        assert one in doubts.doubts()
    say_fine(live, whole)
    assert not live.corrections.n_done
    assert whole not in doubts.doubts(fine=[("empty", 4)])
    live.confirm_frame(4)
    assert not any(one.frame == 4 for one in doubts.doubts())


def test_a_moved_threshold_makes_other_doubts(slips):
    live = live_of(slips[1])
    doubts = doubts_of(live)
    assert doubts.fits(live)
    live.settings = live.settings.replace(threshold=0.6)
    assert not doubts.fits(live)


def test_repairs_that_cannot_be_are_refused(slips):
    live = live_of(slips[1])
    repairs = Repairs(live)
    cell = int(live[1, :, :].max())
    alone = Doubt(1, 9, 9, (cell,), "vanishes", None, 0.3, 9)
    with pytest.raises(BadInput, match="there is no repair"):
        repairs.take(alone)
    for verb in ("split", "take", "outline"):
        with pytest.raises(BadInput, match="no longer there"):
            repairs.take(Doubt(1, 9, 9, (cell,), "speck", Repair(verb, 0, (60000,)), 0.3, 9))
    with pytest.raises(BadInput, match="no frame 99"):
        repairs.take(Doubt(1, 9, 9, (cell,), "speck", Repair("outline", 99, (1,)), 0.3, 9))
    Verbs(live).lock(1, cell)
    with pytest.raises(BadInput, match="locked"):
        repairs.take(Doubt(1, 9, 9, (cell,), "speck", Repair("delete"), 0.3, 9))
    assert live.corrections.n_done == 1
