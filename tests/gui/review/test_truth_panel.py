"""*Compare with a truth*: scored frame by frame, shown, gone to by a click, kept up by repairs."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QPoint, Qt

from tests.gui.review.test_review_dock import TrueCells

FRAME = 2  # on which the truth lacks a cell that the labels have


@pytest.fixture
def truth(small):
    """The true labels, but for one cell that is said to be none, and a frame without a truth."""
    right = small[1].astype(np.uint16)
    right[FRAME][right[FRAME] == right[FRAME].max()] = 0
    right[4] = 0
    return right


@pytest.fixture
def dock(hand, movie, small, qtbot):
    dock = hand.open("Review")
    hand.session.labels.show()
    hand.session.labels.set_probabilities(TrueCells(small[1]))
    hand.viewer.window._qt_window.show()
    dock.comparing.expand()
    return dock


def invented_at(dock, frame):
    found = dock.truth.scores.scored.get(frame)
    return [cell.kind for cell in found.wrong].count("invented") if found else None


def test_a_truth_is_compared_with_and_goes_to_frames(hand, dock, small, truth, qtbot, tmp_path):
    line = hand.find(dock, "review.truth_line")
    button = hand.find(dock, "review.compare_truth")
    assert not button.isEnabled() and "right" in line.text()
    layer = hand.viewer.add_labels(truth, name="truth")
    assert hand.find(dock, "review.truth").currentText() == "truth" and button.isEnabled()
    hand.click(dock, "review.compare_truth")
    assert hand.done() == "Compared 4 frames; 2 frames without labels or truth left out."
    assert line.text().startswith("Of 100 cells: ") and "DET" in line.text()
    table, curve = hand.find(dock, "review.truth_table"), hand.find(dock, "review.truth_curve")
    rows = [table.rows.key(row) for row in range(table.rows.rowCount())]
    assert rows[0] == FRAME and sorted(rows) == [0, 1, 2, 3]
    table.selectRow(0)
    assert hand.session.movie.frame == FRAME
    mark = hand.viewer.window._qt_viewer.canvas.native.findChild(object, "review.truth_on_canvas")
    assert mark.isVisible() and [cell.kind for cell in mark.shown].count("invented") == 1
    cell = next(cell for cell in mark.shown if cell.kind == "invented")
    assert small[1][FRAME][round(cell.y), round(cell.x)] == small[1][FRAME].max()
    spot = curve.place_of(1, 0)
    qtbot.mouseClick(curve, Qt.MouseButton.LeftButton, pos=QPoint(round(spot.x()), 40))
    assert hand.session.movie.frame == 1 and not [c for c in mark.shown if c.kind == "invented"]
    for shown, names in (("scores", "IoU"), ("cells", "truth"), ("errors", "missed")):
        hand.find(dock, "review.truth_shown").setValue(shown)
        assert names in [each.name for each in curve.lines]
        assert not curve.grab().isNull()
    path = tmp_path / "scores.csv"
    hand.find(dock, "review.scores_path").setText(str(path))
    dock._scroll.ensureWidgetVisible(hand.find(dock, "review.save_scores"))
    hand.click(dock, "review.save_scores")
    assert hand.done() == f"Saved {path}"
    hand.click(dock, "review.save_scores")
    assert "exists already" in hand.failure()
    with path.open(encoding="utf-8", newline="") as file:
        errors = {row["frame"]: float(row["errors"]) for row in csv.DictReader(file)}
    assert list(errors) == ["0", "1", "2", "3"] and max(errors, key=errors.get) == str(FRAME)
    layer.data = truth.copy()
    dock.update_state()
    assert "changed since" in line.text() and not mark.isVisible()


def test_it_is_kept_up_as_cells_are_repaired(hand, dock, small, truth, qtbot):
    hand.viewer.add_labels(truth, name="truth")
    hand.click(dock, "review.compare_truth")
    hand.done()
    live, verbs = hand.session.labels.live, dock.actions().corrector.verbs
    before = invented_at(dock, FRAME)
    y, x = np.argwhere(small[1][FRAME] == small[1][FRAME].max()).mean(axis=0).round().astype(int)
    verbs.delete(FRAME, int(np.asarray(live[FRAME])[y, x]))
    qtbot.waitUntil(lambda: invented_at(dock, FRAME) == before - 1, timeout=20000)
    assert "changed since" not in hand.find(dock, "review.truth_line").text()
    hand.session.labels.set_settings(hand.session.labels.settings.replace(min_size=40))
    qtbot.waitUntil(lambda: "changed since" in hand.find(dock, "review.truth_line").text())


def test_a_folder_of_some_frames_is_a_truth(hand, small, tmp_path):
    for name, array, frames in (("movie", small[0], range(6)), ("truth", small[1], (1, 3))):
        (tmp_path / name).mkdir()
        for t in frames:
            tifffile.imwrite(tmp_path / name / f"t{t:03d}.tif", array[t].astype(np.uint16))
    dock = hand.open("Review")
    hand.open_movie(dock, tmp_path / "movie")
    hand.session.labels.show()
    hand.session.labels.set_probabilities(TrueCells(small[1]))
    hand.find(dock, "review.truth_path").setText(str(tmp_path / "truth"))
    hand.click(dock, "review.open_truth")
    hand.done()
    hand.click(dock, "review.compare_truth")
    assert hand.done() == "Compared 2 frames."
    assert sorted(dock.truth.scores.scored) == [1, 3]
