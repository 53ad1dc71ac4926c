"""Defects put into the sample movie are found, and nothing else is.

Limits were chosen on seeds from 100 on; those below were not looked at then.
"""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.engine.jobs.quality import measure_cells
from napari_unet.engine.settings import QualitySettings
from napari_unet.engine.stack.quality.findings import CellMeasures, judge
from napari_unet.engine.stack.quality.measures import measure_frame
from napari_unet.sample.defects import DEFECTS, damaged_sample
from napari_unet.sample.movie import sample_movie

SMALL = {"frames": 26, "shape": (160, 200)}


def measured(movie):
    before, found = None, []
    for frame in movie:
        one, before = measure_frame(frame, before)
        found.append(one)
    return found


def look(damaged, *, cells=False):
    counted = [measure_cells(frame) for frame in damaged.labels] if cells else ()
    return judge(measured(damaged.movie), cells=counted)


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_is_found_where_it_is(defect):
    damaged = damaged_sample(defect, seed=1, **SMALL)
    found = look(damaged, cells=defect == "cells missed")
    right = [f for f in found if f.reason == DEFECTS[defect] and f.frame in damaged.frames]
    assert right
    assert all(f.words.startswith(f.reason) and 1 <= f.severity <= 10 for f in found)
    assert {f.frame for f in found} <= set(damaged.frames)
    assert [f.severity for f in found] == sorted((f.severity for f in found), reverse=True)


@pytest.mark.slow
def test_nine_of_ten_defects_and_hardly_a_false_alarm():
    found, false, frames = [], 0, 0
    for seed in range(4):
        for defect in DEFECTS:
            damaged = damaged_sample(defect, seed=seed)
            findings = look(damaged, cells=defect == "cells missed")
            found.append(
                any(f.reason == DEFECTS[defect] and f.frame in damaged.frames for f in findings)
            )
            false += len({f.frame for f in findings} - set(damaged.frames))
            frames += len(damaged.movie)
    assert np.mean(found) >= 0.9
    assert false <= frames / 100


def test_the_usual_movie_has_nothing():
    movie, labels = sample_movie(seed=2, **SMALL)
    assert judge(measured(movie), cells=[measure_cells(frame) for frame in labels]) == ()


def test_a_lamp_is_not_the_focus_and_a_jump_not_the_lamp():
    for defect in ("lamp dips", "stage jumps", "out of focus for a frame"):
        found = look(damaged_sample(defect, seed=3, **SMALL))
        assert {f.reason for f in found} == {DEFECTS[defect]}


@pytest.mark.parametrize(
    ("frame", "blank"),
    [
        (np.zeros((40, 50), np.uint8), True),
        (np.full((40, 50), np.nan), True),
        (np.ones((1, 1), np.uint16), True),
        (np.random.default_rng(0).poisson(200, (200, 300)), True),  # noise alone
        (sample_movie(frames=1, shape=(96, 128))[0][0], False),
        (np.stack([sample_movie(frames=1, shape=(96, 128))[0][0]] * 3), False),  # channels
    ],
)
def test_blank_frames(frame, blank):
    assert measure_frame(frame)[0].blank == blank


@pytest.mark.parametrize("times", [1e30, 1e300, 3e38])
def test_numbers_of_any_size_are_measured_alike(times):
    movie, _ = sample_movie(seed=2, **SMALL)
    usual, huge = (measured([m * scale for m in movie[:3]]) for scale in (1.0, float(times)))
    for a, b in zip(usual, huge, strict=True):
        assert b.strength == pytest.approx(a.strength * times, rel=1e-3)
        assert b.sharpness == pytest.approx(a.sharpness, abs=1e-3)
        assert b.detail - a.detail == pytest.approx(2 * np.log(times), abs=1e-2)


def test_a_large_frame_is_binned_and_its_shift_in_its_own_pixels():
    movie = sample_movie(frames=1, shape=(320, 240))[0][0]
    large = np.kron(movie, np.ones((8, 8), np.uint16))
    _, before = measure_frame(large)
    moved, _ = measure_frame(np.roll(large, (64, -32), (0, 1)), before)
    assert moved.shift == (64, -32)


@pytest.mark.parametrize(
    ("counts", "odd"),
    [
        ([50, 51, 52, 52, 30, 54, 55], [4]),  # the frame after is as those before
        ([50, 51, 52, 30, 30, 30, 30, 30], [3, 4, 5]),  # from here on
        ([20, 51, 52, 52, 53], [0]),
        ([2, 3, 1, 4, 2, 3], []),  # so few vary
        ([50, None, None, 51, 52, 50, 51, 20, None, 50], [7]),
        ([], []),
        ([7], []),
    ],
)
def test_jumps_of_the_cell_count(counts, odd):
    cells = [None if n is None else CellMeasures(n) for n in counts]
    flat = [measure_frame(np.zeros((8, 8)))[0]] * len(counts)
    found = [f.frame for f in judge(flat, cells=cells) if f.reason == "cell count jumped"]
    assert sorted(found) == odd


def test_cells_of_another_size():
    movie, labels = sample_movie(frames=3, shape=(96, 128))
    cells = [measure_cells(frame) for frame in labels]
    here = cells[0].diameter
    assert not judge(measured(movie), cells=cells, known_diameter=1.2 * here)
    found = judge(measured(movie), cells=cells, known_diameter=2 * here)
    assert [f.reason for f in found] == ["cells of another size"] * 3
    assert f"the model knows {2 * here:.0f}" in found[0].words


def test_limits_are_settings():
    damaged = damaged_sample("lamp dips", seed=1, **SMALL)
    assert not judge(measured(damaged.movie), QualitySettings(fall=0.9, bleached=0.9))
