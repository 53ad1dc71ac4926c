"""Plots: ticks that read well, and a click that goes where it was made."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_unet.gui.widgets.axes import nice_ticks
from napari_unet.gui.widgets.curves_plot import CurvesPlot, Line, _thinned
from napari_unet.gui.widgets.plots import Curve, CurveView, LinePlot


@pytest.mark.parametrize(
    ("low", "high", "most", "words"),
    [
        (0, 47, 4, ["0", "20", "40"]),
        (0, 1, 3, ["0", "0.5", "1"]),
        (0, 0.31, 3, ["0", "0.2"]),
        (3, 3, 3, ["3"]),
        (0, 5000, 4, ["0", "2000", "4000"]),
    ],
)
def test_ticks_are_round_and_few(low, high, most, words):
    assert [text for _, text in nice_ticks(low, high, most)] == words


@pytest.mark.parametrize("frame", [0, 3, 9])
def test_a_click_goes_to_where_the_curve_is(qtbot, frame):
    plot = LinePlot("Cells over time", "plot", "")
    qtbot.addWidget(plot)
    plot.resize(300, 110)
    plot.show_curve(range(10), range(10), (0, 9), 0)
    spot = plot.axes().spot(frame, 5)
    with qtbot.waitSignal(plot.clicked) as found:
        qtbot.mouseClick(plot, Qt.MouseButton.LeftButton, pos=QPoint(round(spot.x()), 40))
    assert round(found.args[0]) == frame


def test_a_plot_is_drawn_in_every_state(qtbot):
    view, curve = CurveView(), Curve()
    qtbot.addWidget(view)
    view.resize(300, 110)
    view.show_curve(curve)
    assert view.isHidden()  # no empty box before there is a curve
    curve.add_loss(1, 30, 0.9)
    view.show_curve(curve)
    assert not view.isHidden() and not view.grab().isNull()
    curve.add_loss(2, 30, 0.5)
    curve.add_score(2, 0.7)
    view.show_curve(curve)
    assert not view.grab().isNull()


def test_curves_of_several_names_are_told_apart_by_a_click(qtbot):
    plot = CurvesPlot("plot", "")
    qtbot.addWidget(plot)
    plot.resize(300, 140)
    xs = np.arange(1000, dtype=float)
    low, high = np.full(1000, 2.0), np.where(xs % 100 < 50, 8.0, np.nan)
    lines = [Line("low", xs, low), Line("high", xs, high, "#e69f00"), Line("none", xs, xs * np.nan)]
    plot.show_lines(lines, "frame")
    plot.mark(400.0)
    for x, y, name in ((430.0, 8.0, "high"), (430.0, 2.0, "low"), (0.0, 2.0, "low")):
        with qtbot.waitSignal(plot.clicked) as found:
            qtbot.mouseClick(plot, Qt.MouseButton.LeftButton, pos=plot.place_of(x, y).toPoint())
        assert found.args[1] == name and abs(found.args[0] - x) < 3
    assert not plot.grab().isNull()
    picture = plot.grab().toImage()
    plot.mark(200.0)
    assert plot.grab().toImage() != picture
    plot.mark(400.0)
    assert plot.grab().toImage() == picture
    plot.show_lines([], "frame")
    assert plot.grab().toImage() != picture


def test_no_peak_is_lost_where_there_are_more_points_than_pixels():
    ys = np.ones(10_000)
    ys[[7, 9_999]], ys[5_000] = 5.0, -3.0
    ys[300:500] = np.nan
    xs, thin = _thinned(np.arange(10_000.0), ys, 250)
    assert len(xs) <= 500 and np.all(np.diff(xs) > 0)
    assert {7.0, 5_000.0, 9_999.0} <= set(xs.tolist()) and np.isnan(thin).any()
