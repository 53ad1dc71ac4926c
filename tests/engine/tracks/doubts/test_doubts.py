"""Doubts: what is wrong on purpose is offered with its repair, what is right is left alone."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from scipy.ndimage import maximum_filter

from napari_unet.engine.jobs.progress import run
from napari_unet.engine.labels.codes import encode
from napari_unet.engine.labels.space.neighbours import steps_of
from napari_unet.engine.stack.quality.findings import Finding
from napari_unet.engine.tracks.doubts.doubt import Doubt, Repair, distinct
from napari_unet.engine.tracks.doubts.finder import DoubtFinder, find_doubts
from napari_unet.engine.tracks.doubts.measured.cells import FrameCells, measure, same_cells
from napari_unet.engine.tracks.doubts.seen import Packed
from napari_unet.engine.tracks.doubts.whole_frames import whole_frames
from napari_unet.sample.movie import sample_movie
from napari_unet.sample.slips import REPAIRS, labels_with_slips, offered
from napari_unet.sample.volumes import VolumeWorld, sample_volumes

SHAPE = (64, 96)
DEPTH, STEPS = 20, (2.0, 1.0, 1.0)  # sections of volumes, how far apart voxels are


def find(labels, **how):
    steps = STEPS if labels[0].ndim == 3 else None
    return run(find_doubts(labels, steps=steps, **how), quiet=True)


def movie(*frames):
    """Labels of discs: each frame is a dict of id -> (y, x, radius), or of several discs."""
    rows, columns = np.ogrid[: SHAPE[0], : SHAPE[1]]
    labels = np.zeros((len(frames), *SHAPE), np.uint16)
    for frame, discs in zip(labels, frames, strict=True):
        for cell, parts in discs.items():
            for y, x, radius in [parts] if isinstance(parts, tuple) else parts:
                frame[np.hypot(rows - y, columns - x) <= radius] = cell
    return labels


def solid(*frames):
    """Labels of balls in the middle of volumes, in place of discs."""
    deep = (np.arange(DEPTH) - DEPTH // 2)[:, None, None] * STEPS[0]
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    labels = np.zeros((len(frames), DEPTH, *SHAPE), np.uint16)
    for frame, balls in zip(labels, frames, strict=True):
        for cell, parts in balls.items():
            for y, x, radius in [parts] if isinstance(parts, tuple) else parts:
                frame[np.hypot(deep, np.hypot(rows - y, columns - x)) <= radius] = cell
    return labels


STILL = {7: (20, 70, 7), 8: (46, 70, 7), 9: (46, 20, 7)}  # cells that say what is usual
LEFT, RIGHT = (24, 24, 7), (24, 37, 7)
BRIDGE = (24, 30, 4)
TWO, ONE = STILL | {1: LEFT, 2: RIGHT}, STILL | {1: [LEFT, RIGHT, BRIDGE]}
PART, REST = (21, 24, 4), (28, 24, 4)


@pytest.fixture(scope="module")
def sample():
    return sample_movie(frames=22, shape=(208, 256))[1]


def test_of_20_frames_with_a_slip_each_the_right_repair_is_offered(sample):
    damaged, slips = labels_with_slips(sample, 20)
    assert len(slips) == 20
    assert {slip.kind for slip in slips} == set(REPAIRS)
    found = find(damaged)
    assert sum(offered(found, slips)) >= 18
    assert len(found) <= 24  # and little else
    assert [one.gain for one in found] == sorted((one.gain for one in found), reverse=True)


@pytest.mark.parametrize(
    ("after", "offered"),
    [
        pytest.param({4: (32, 18, 6), 5: (32, 42, 6)}, [4, 5], id="divided"),
        pytest.param({4: (32, 42, 6)}, [], id="moved"),
        pytest.param({4: (32, 10, 6), 5: (32, 50, 6)}, [], id="too far"),
    ],
)
@pytest.mark.parametrize("made", [movie, solid])
def test_two_cells_beside_one_that_ended_are_offered_as_its_daughters(made, after, offered):
    cells = {7: (20, 78, 7), 8: (46, 78, 7)}
    labels = made(*[cells | {1: (32, 30, 7)}] * 3, *[cells | after] * 4)
    found = [one for one in find(labels) if one.reason == "appears from nowhere"]
    linked = [one for one in found if one.repair and one.repair.verb == "mother"]
    assert sorted(one.cells[0] for one in linked) == offered
    assert {(one.frame, one.repair.source, one.repair.cells) for one in linked} <= {(3, 2, (1,))}
    assert all(str(one.repair) == "link it to its mother on frame 2" for one in linked)


def test_records_of_many_frames_are_no_work_for_the_garbage_collector():
    kept, frames = Packed(3 * 64), [measure(one)[0] for one in movie(TWO, ONE, {}, STILL)]
    for t in range(len(kept)):
        kept[t] = frames[t % 4] if t else None
    kept[9] = frames[3]
    assert kept[0] is None
    assert all(same_cells(kept[t], frames[t % 4]) for t in range(10, len(kept)))
    assert same_cells(kept[9], frames[3])
    assert kept[5].seams == frames[1].seams
    assert kept[5] is kept[5]
    gc.collect()
    there = [one for one in gc.get_objects() if isinstance(one, FrameCells)]
    assert len(there) <= 64 + len(frames)


def test_right_labels_leave_no_doubt_where_the_stage_jumps_neither(sample):
    assert find(sample) == []
    jumped = np.concatenate([sample[:9, :-31, 44:], sample[9:, 31:, :-44]])
    assert find(jumped) == []


CASES = {
    "merged for a frame": ((TWO, ONE, TWO), {1: ("one cell here", "split", (1,), 0)}),
    "merged for three": (
        (TWO, TWO, TWO, TWO, ONE, ONE, ONE, TWO, TWO, TWO),
        {t: ("one cell here", "split", (1,), s) for t, s in ((4, 3), (5, 3), (6, 7))},
    ),
    "cut for a frame": (
        (STILL | {1: LEFT}, STILL | {1: PART, 2: REST}, STILL | {1: LEFT}),
        {1: ("two cells here", "merge", (1, 2), 0)},
    ),
    "gone for two": (
        (TWO, STILL | {1: LEFT}, STILL | {1: LEFT}, TWO),
        {t: ("gone for a frame", "take", (), s) for t, s in ((1, 0), (2, 3))},
    ),
    "two become one for good": (
        (TWO, TWO, TWO, ONE, ONE),
        dict.fromkeys((3, 4), ("two cells become one", "split", (1,), 2)),
    ),
    "invented": ((STILL, STILL | {3: LEFT}, STILL), {1: ("appears", "delete", (3,), -1)}),
    "a speck that stays": (
        (STILL | {3: (24, 24, 2)},) * 3,
        dict.fromkeys(range(3), ("speck", "delete", (3,), -1)),
    ),
    "two nuclei in one outline": (
        (STILL | {1: [LEFT, (24, 39, 7), (24, 31, 2)]},) * 2,
        dict.fromkeys((0, 1), ("two nuclei in one outline", "split", (1,), -1)),
    ),
    "an outline that swells": (
        (STILL | {3: LEFT}, STILL | {3: (24, 24, 13)}, STILL | {3: LEFT}),
        {1: ("outline unsure", "outline", (3,), 0)},
    ),
    "divides": ((STILL | {3: (24, 30, 8)}, STILL | {4: (24, 25, 5), 5: (24, 36, 5)}), {}),
    "comes in and goes out at the edge": ((STILL | {3: (24, 5, 6)}, STILL, STILL), {}),
    "nothing at all": (({}, {}, {}), {}),
}


WHOLE = STILL | {1: LEFT}
IN_HALVES = WHOLE, STILL | {1: (20, 24, 5), 2: (28, 24, 5)}, WHOLE
OF_VOLUMES = CASES | {"cut for a frame": (IN_HALVES, CASES["cut for a frame"][1])}


@pytest.mark.parametrize(
    ("made", "frames", "expected"),
    [
        *((movie, *case) for case in CASES.values()),
        *((solid, *case) for case in OF_VOLUMES.values()),
    ],
    ids=[*CASES, *(f"{name}, in volumes" for name in CASES)],
)
def test_what_is_said_of(made, frames, expected):
    found = find(made(*frames))
    assert len(found) == bool(expected)  # one error, on all of its frames
    parts = [part for one in found for part in one.parts]
    said = {one.frame: one for one in parts}
    assert said.keys() == expected.keys()
    for t, (words, verb, cells, source) in expected.items():
        one = said[t]
        assert (one.words.startswith(words), one.cells) == (True, cells)
        if made is solid and verb == "split" and source < 0:
            assert one.score > 0.7  # twice the usual volume says less than twice the area
        else:
            assert (one.repair.verb, one.repair.source) == (verb, source)
    deep = None if made is movie else pytest.approx(DEPTH // 2, abs=1)
    assert all(one.z == deep for one in parts)


def test_volumes_with_slips_are_found_and_right_ones_leave_few_doubts():
    world = VolumeWorld(frames=7, shape=(14, 112, 112))
    _, truth = sample_volumes(world)
    steps = steps_of(world.spacing, 3)
    damaged, slips = labels_with_slips(truth, 5, seed=1, steps=steps)
    found = run(find_doubts(damaged, steps=steps), quiet=True)
    assert len(slips) == 5 and all(offered(found, slips))
    right = run(find_doubts(truth, steps=steps), quiet=True)
    assert len(right) <= 1
    jumped = np.concatenate([truth[:4, :, :-17, 22:], truth[4:, :, 17:, :-22]])
    cut = [truth[:, :, 17:, :-22][4:], truth[:, :, :-17, 22:][:4]]
    anew = run(find_doubts(jumped, steps=steps), quiet=True)
    assert len(anew) <= len(right) + sum(len(one) for one in cut)


def test_a_cell_that_drifts_into_the_margin_is_not_gone():
    labels = movie(STILL | {3: (7, 40, 7)}, STILL, STILL | {3: (7, 40, 7)})
    assert [one.reason for one in find(labels)] == ["gone for a frame"]
    assert find(labels, margin=13) == []


def test_what_vanishes_is_taken_in_where_the_model_saw_something():
    with_it, without = STILL | {3: LEFT}, STILL
    labels = movie(with_it, with_it, with_it, without, without)
    codes = np.stack([encode(np.where(frame > 0, 0.95, 0.01)) for frame in labels])
    (one,) = find(labels, levels=codes.__getitem__)
    assert (one.frame, one.reason, one.repair) == (3, "vanishes", None)
    codes[3:][(labels[0] == 3)[None].repeat(2, 0)] = encode(0.3)
    (one,) = find(labels, levels=codes.__getitem__)
    assert (one.frame, one.repair) == (3, Repair("take", 2, (3,)))


def test_a_cell_that_the_model_is_unsure_of():
    labels = movie(STILL | {3: LEFT}, STILL | {3: LEFT})
    codes = encode(np.where(labels == 3, 0.6, np.where(labels > 0, 0.99, 0.001)))
    assert {(one.reason, one.cells) for one in find(labels, levels=codes.__getitem__)} == {
        ("outline unsure", (3,))
    }


def test_a_changed_frame_is_looked_at_again_with_what_is_around_it(sample):
    damaged, slips = labels_with_slips(sample, 20, seed=3)
    now = damaged.copy()
    finder = DoubtFinder(len(now), lambda t: now[t] if t != 18 else None)
    looked_at = list(finder.look())
    assert looked_at[: len(now)] == list(range(len(now)))
    for slip in slips[:5]:
        now[slip.frame] = sample[slip.frame]
        read = set(finder.look([slip.frame]))
        assert {slip.frame, slip.frame + 1} <= read
        anew = DoubtFinder(len(now), finder._labels)
        list(anew.look())
        assert finder.doubts() == anew.doubts()


def test_frames_that_had_no_labels_are_looked_at_with_one_beside_them(sample):
    damaged, _ = labels_with_slips(sample, 20, seed=3)
    there = set()
    finder = DoubtFinder(len(damaged), lambda t: damaged[t] if t in there else None)
    list(finder.look())
    assert not finder.doubts()
    there |= set(range(len(damaged)))
    list(finder.look([9]))
    assert finder.doubts() == find(damaged)


def test_bad_frames_are_doubts_without_cells():
    findings = (Finding(3, "out of focus", "out of focus: fine detail is 9 %", 4.0),)
    (one,) = whole_frames(findings, SHAPE)
    assert (one.whole_frame, one.words) == (True, "out of focus: fine detail is 9 %")
    beside = Doubt(3, 31, 47, (), "gone for a frame", Repair("take", 2, (1,)), 0.2, 9.0)
    assert distinct([beside, one]) == [one, beside]  # about the frame, not about the place


def test_a_mask_in_place_of_probabilities_says_nothing(sample):
    damaged, _ = labels_with_slips(sample, 20)
    alone = [(one.frame, one.cells, one.score, one.repair) for one in find(damaged)]
    codes = encode(np.where(damaged > 0, 0.97, 0.03))
    masked = find(damaged, levels=codes.__getitem__)
    assert {one.frame for one in masked} >= {frame for frame, *_ in alone}
    assert all(dict(one.evidence)["predicted"] == 0 for one in masked)


@pytest.mark.parametrize(
    ("parts", "n"),
    [
        (((24, 24, 5), (24, 37, 5)), 0),  # daughters of the usual size, apart
        (((24, 3, 5), (24, 16, 5)), 0),  # one is cut by the edge
        (((24, 27, 5), (24, 36, 4)), 1),  # they touch, with no border between them
    ],
)
def test_a_division_is_no_doubt_where_the_model_says_how_sure_it_is(parts, n):
    (y, x, _), (_, other, _) = parts
    mother = (y, (x + other) // 2, 8)
    labels = movie(*(STILL | {3: mother},) * 2, *(STILL | {4: parts[0], 5: parts[1]},) * 9)
    codes = encode(np.where(labels > 0, 0.99, 0.001))
    ring = (labels == 0) & (maximum_filter(labels, (1, 3, 3)) > 0)
    codes[ring] = encode(0.3)
    found = [one for one in find(labels, levels=codes.__getitem__) if "becomes two" in one.reason]
    assert len(found) == n
