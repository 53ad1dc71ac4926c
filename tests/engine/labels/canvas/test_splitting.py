"""A hole inside a cell parts nothing, a border between two cells does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage as ndi

from napari_unet.engine.labels.codes import encode_logits
from napari_unet.engine.labels.labels import label_frame
from napari_unet.engine.session.recipe import Recipe
from napari_unet.engine.session.session_folder import SessionState
from napari_unet.engine.settings import LabelSettings

SIZE, R = 90, 30
Y, X = np.ogrid[:SIZE, :SIZE]
OLD = LabelSettings(holes_part=True)


def disc(y, x, radius, stretch=1.0):
    return ((Y - y) / stretch) ** 2 + (X - x) ** 2 < radius**2


def codes_of(cells, holes=()):
    """What a network gives: outlines inside of cells, and around holes that it took for gaps."""
    truth = np.zeros((SIZE, SIZE), int)
    for number, cell in enumerate(cells, 1):
        truth[cell & (truth == 0)] = number
    gaps = np.zeros(truth.shape, bool)
    for hole in holes:
        gaps |= hole & (truth > 0)
    seen = np.where(gaps, 0, truth)
    rim = (ndi.maximum_filter(seen, 5) != seen) | (ndi.minimum_filter(seen, 5) != seen)
    border = rim & (seen > 0)
    planes = [ndi.gaussian_filter(12.0 * mask - 6, 1.0) for mask in (seen > 0, border)]
    return np.stack([encode_logits(plane) for plane in planes])


def n_cells(codes, **options):
    labels = label_frame(codes, LabelSettings(min_size=30, **options))
    return len(np.unique(labels)) - 1


ONE = [disc(45, 45, R)]
CASES = {
    "two nucleoli": (ONE, [disc(45, 32, 7), disc(45, 56, 6)]),
    "four nucleoli": (ONE, [disc(35, 35, 5), disc(35, 55, 6), disc(56, 36, 5), disc(55, 55, 6)]),
    "a vacuole near the rim": (ONE, [disc(45, 60, 11)]),
    "a ring-shaped cell": (ONE, [disc(45, 45, 14)]),
    "an organelle in a long cell": ([disc(45, 45, 14, 2.4)], [disc(45, 45, 5)]),
    "a notch": (ONE, [disc(45, 70, 12)]),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
def test_a_hole_parts_no_cell(name, threshold):
    assert n_cells(codes_of(*CASES[name]), threshold=threshold) == 1


def test_in_0_1_0_a_hole_did():
    codes = codes_of(*CASES["two nucleoli"])
    assert n_cells(codes, holes_part=True) > 1


@pytest.mark.parametrize(
    ("cells", "holes"),
    [
        ([disc(45, 30, 16), disc(45, 59, 16)], []),
        ([disc(45, 30, 16), disc(45, 59, 16)], [disc(45, 30, 6)]),
        ([disc(45, 45, R) & (X < 45), disc(45, 45, R) & (X >= 45)], []),  # just divided
        (
            [disc(45 + 24 * np.sin(a), 45 + 24 * np.cos(a), 13) for a in np.arange(6) * np.pi / 3],
            [],
        ),
    ],
    ids=["two", "two, one with a nucleolus", "halves of an ellipse", "six around a gap"],
)
def test_cells_that_touch_stay_apart(cells, holes):
    assert n_cells(codes_of(cells, holes)) == len(cells)


def test_without_borders_a_ring_of_cells_is_no_cell_with_a_hole():
    ring = [disc(45 + 26 * np.sin(a), 45 + 26 * np.cos(a), 14) for a in np.arange(6) * np.pi / 3]
    assert n_cells(codes_of(ring)[:1]) == 6


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_holes_anywhere_inside_part_nothing(seed, n):
    rng = np.random.default_rng(seed)
    holes = []
    for _ in range(n):
        angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(0, 13)
        holes.append(disc(45 + far * np.sin(angle), 45 + far * np.cos(angle), rng.uniform(3, 8)))
    assert n_cells(codes_of(ONE, holes)) == 1


def test_what_0_1_0_saved_keeps_its_rule():
    state = {"labels": {"threshold": 0.6}, "frame": 3}
    assert SessionState.model_validate(state).labels.holes_part
    assert not SessionState.model_validate(state | {"stamp": None}).labels.holes_part
    recipe = {"model": "m", "labels": {"threshold": 0.6}}
    assert Recipe.model_validate(recipe | {"columns": []}).labels.holes_part
    assert not Recipe.model_validate(recipe).labels.holes_part
    for labels in (LabelSettings(), OLD):
        again = SessionState.model_validate(SessionState(labels=labels).model_dump(mode="json"))
        assert again.labels == labels
