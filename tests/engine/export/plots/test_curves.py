"""Curves as pictures: what is drawn where."""

import io
from math import nan

import numpy as np
import pytest
from PIL import Image

from napari_unet.engine.export.plots.curves import COLOURS, Curve, Panel, plot_curves, ticks_of


def coloured(made, colour):
    """Places (y, x) of a colour in a picture, legends left out."""
    pixels = np.asarray(Image.open(io.BytesIO(made)).convert("RGB")).astype(int)
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    near = (abs(pixels - wanted).sum(axis=2) < 40).nonzero()
    return np.stack(near, axis=1)[near[1] < 590]


def test_curves_go_where_their_values_are():
    rising = Curve("a", [(0, 0.0), (10, 1.0)])
    gap = Curve("b", [(0, 0.2), (2, 0.2), (5, nan), (8, 0.8), (10, 0.8)])
    made = plot_curves([Panel("share", [rising, gap], share=True)], "frame")
    ends = coloured(made, COLOURS[0])
    low, high = ends[ends[:, 1].argmin()], ends[ends[:, 1].argmax()]
    assert low[0] > high[0] + 100
    columns = np.unique(coloured(made, COLOURS[1])[:, 1])
    steps = np.diff(columns)
    assert steps.max() > 200  # the gap
    assert (steps > 3).sum() == 1


@pytest.mark.parametrize("points", [[], [(3, 2.5)], [(0, nan)], [(0, -2.0), (1, 4.0)]])
def test_anything_is_drawn(points):
    made = plot_curves([Panel("x", [Curve("c", points)] * 20), Panel("y", [])], "time, s")
    assert Image.open(io.BytesIO(made)).size == (760, 490)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, [0, 0.25, 0.5, 0.75, 1]), (0, 33, [0, 10, 20, 30, 40]), (-3, 5, [-4, -2, 0, 2, 4, 6])],
)
def test_ticks_are_round_and_hold_both_ends(low, high, expected):
    assert ticks_of(low, high) == expected
