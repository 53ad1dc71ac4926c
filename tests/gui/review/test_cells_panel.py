"""The cells of the frame on screen as a table, and their tracks."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Tracks
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget

from napari_unet.gui.widgets.parts import Fold


@pytest.fixture
def truth(viewer, movie, small):
    """The true labels as a plain layer."""
    return viewer.add_labels(small[1], name="truth")


@pytest.fixture
def review(hand, truth):
    """The Review dock in sight, its table measured."""
    dock = hand.open("Review")
    dock.window().show()
    unfold_cells(dock)
    hand.qtbot.waitUntil(lambda: dock.cells.table.cells.rowCount() > 0)
    return dock


def unfold_cells(dock) -> None:
    """Open *Cells, tracks*: the table measures only while it is in sight."""
    next(f for f in dock.findChildren(Fold) if f.text() == "Cells, tracks").expand()


def test_cells_are_those_of_the_frame_on_screen(hand, review, viewer, truth, small):
    viewer.dims.set_current_step(0, 3)
    cells = review.cells.table.cells
    hand.qtbot.waitUntil(lambda: cells.measured.position == 3)
    ids, areas = np.unique(small[1][3], return_counts=True)
    assert dict(zip(ids[1:], areas[1:], strict=True)) == dict(
        zip(cells.measured.columns["label"], cells.measured.columns["area_px"], strict=True)
    )
    np.testing.assert_array_equal(truth.features["index"], ids[1:])
    np.testing.assert_array_equal(truth.features["area_px"], areas[1:])


def test_a_row_selects_the_cell_and_centres_it(hand, review, viewer, truth):
    table = review.cells.table
    table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    table.setCurrentIndex(table.model().index(0, 0))
    largest = int(np.argmax(table.cells.measured.columns["area_px"]))
    assert truth.selected_label == table.cells.measured.columns["label"][largest]
    centre = [table.cells.measured.columns[f"centroid_{a}_px"][largest] for a in "yx"]
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], centre)
    for order in (Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder):
        table.sortByColumn(2, order)
        assert table.chosen() == truth.selected_label


def test_a_picked_cell_becomes_the_row(hand, review, truth, small):
    label = int(np.unique(small[1][0])[-1])
    truth.selected_label = label
    assert review.cells.table.chosen() == label
    assert hand.session.chosen.of(truth) == ((hand.session.movie.frame, label),)
    truth.selected_label = 60_000
    assert review.cells.table.chosen() is None


def test_a_click_picks_and_a_drag_does_not(review, viewer, truth, small):
    from types import SimpleNamespace

    viewer.dims.set_current_step(0, 0)
    label = int(small[1][0].max())
    y, x = np.argwhere(small[1][0] == label)[0]
    click = SimpleNamespace(
        type="mouse_press", position=(0, y, x), view_direction=None, dims_displayed=[1, 2]
    )
    for event, wanted in (("mouse_move", 1), ("mouse_release", label)):
        truth.selected_label = 1
        click.type = "mouse_press"
        dragging = review.cells._on_click(truth, click)
        next(dragging)
        click.type = event
        with pytest.raises(StopIteration):
            next(dragging)
        assert truth.selected_label == wanted


def test_a_persons_own_features_stay(hand, viewer, movie, small):
    layer = viewer.add_labels(small[1], name="mine", features={"index": [1], "kind": ["a"]})
    dock = hand.open("Review")
    dock.window().show()
    unfold_cells(dock)
    hand.qtbot.waitUntil(lambda: dock.cells.table.cells.rowCount() > 0)
    assert list(layer.features.columns) == ["index", "kind"]


def test_tracks_are_added_once(hand, review, viewer, truth, small):
    for _ in range(2):
        hand.click(review, "export.tracks")
        line = hand.done()
    (tracks,) = (layer for layer in viewer.layers if isinstance(layer, Tracks))
    assert len(tracks.data) == sum(len(np.unique(frame)) - 1 for frame in small[1])
    assert f"{len(np.unique(tracks.data[:, 0]))} tracks" in line
    np.testing.assert_array_equal(tracks.scale, truth.scale)


def test_scripts_find_the_table_where_it_was(hand, review):
    table = hand.open("Export").findChild(QWidget, "export.table")
    assert table is review.cells.table


def test_paths_of_the_chosen_cell_and_its_daughters_alone(hand, review, viewer, truth, small):
    panel = review.cells
    hand.qtbot.waitUntil(lambda: panel.table.cells.rowCount() > 0)
    truth.selected_label = 0
    assert not hand.find(review, "export.family").isEnabled()
    truth.selected_label = cell = int(panel.table.cells.key(0))
    hand.click(review, "export.family")
    line = hand.done()
    (tracks,) = (layer for layer in viewer.layers if isinstance(layer, Tracks))
    n = len(np.unique(tracks.data[:, 0]))
    assert f"{n} track" in line and n < len(np.unique(small[1])) - 1
    frame = hand.session.movie.frame
    (row,) = tracks.data[tracks.data[:, 1] == frame]
    y, x = np.rint(row[-2:]).astype(int)
    assert small[1][frame, y, x] == cell


def test_chosen_cells_are_drawn_against_time(hand, review, viewer, movie, truth, small, tmp_path):
    table, qtbot = review.cells.table, hand.qtbot
    button, curve = hand.find(review, "review.plot_cells"), hand.find(review, "review.plot_curve")
    table.clearSelection()
    review.update_state()
    assert not button.isEnabled() and not curve.isVisible()
    spots = [table.visualRect(table.model().index(row, 0)).center() for row in (0, 1)]
    held = Qt.KeyboardModifier.ControlModifier
    for spot, key in zip(spots, (Qt.KeyboardModifier.NoModifier, held), strict=True):
        qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, key, spot)
    labels = table.all_chosen()
    assert labels == [table.cells.key(0), table.cells.key(1)] and button.isEnabled()
    assert hand.session.chosen.of(truth) == tuple(
        (hand.session.movie.frame, label) for label in labels
    )
    hand.click(review, "review.plot_cells")
    assert hand.done().startswith("Measured ")
    qtbot.waitUntil(curve.isVisible)
    panel = review.cells.over_time
    assert len(curve.lines) == 2 and hand.find(review, "review.plot_quantity").currentText() == (
        "area px"
    )
    xs, ys = curve.lines[0].xs, curve.lines[0].ys
    frame, area = int(xs[2]), float(ys[2])
    curve.clicked.emit(float(frame), curve.lines[0].name)
    assert hand.session.movie.frame == frame
    assert np.count_nonzero(small[1][frame] == truth.selected_label) == area
    names = [panel.quantity.itemData(i) for i in range(panel.quantity.count())]
    panel.quantity.setCurrentIndex(names.index("intensity_mean"))
    mask = small[1][frame] == truth.selected_label
    assert curve.lines[0].ys[2] == pytest.approx(small[0][frame][mask].mean())
    assert not curve.grab().isNull()
    hand.find(review, "review.plot_daughters").setChecked(True)
    hand.click(review, "review.plot_cells")  # at once: nothing changed since
    assert not hand.session.job.running
    path = tmp_path / "cells.csv"
    hand.find(review, "review.curves_path").setText(str(path))
    review._scroll.ensureWidgetVisible(hand.find(review, "review.save_curves"))
    hand.click(review, "review.save_curves")
    assert hand.done() == f"Saved {path}"
    assert {int(row.split(",")[5]) for row in path.read_text("utf-8").splitlines()[1:]} == set(
        panel.tracks
    )
    truth.paint((frame, 1, 1), 1)
    review.update_state()
    assert "changed since" in hand.find(review, "review.plot_line").text()
