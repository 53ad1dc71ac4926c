"""*Check a sample* by real keys: windows one by one, the rate of errors, and what it holds for."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from tests.gui.review.test_review_dock import TrueCells

SHIFT = Qt.KeyboardModifier.ShiftModifier
WRONG, MISSED, INVENTED = Qt.Key.Key_W, Qt.Key.Key_M, Qt.Key.Key_I


@pytest.fixture
def dock(hand, movie, small, qtbot):
    dock = hand.open("Review")
    hand.session.labels.show()
    hand.session.labels.set_probabilities(TrueCells(small[1]))
    hand.viewer.window._qt_window.show()
    return dock


def draw(hand, dock, qtbot):
    hand.click(dock, "review.check")
    qtbot.waitUntil(lambda: dock.sample.sample is not None, timeout=20000)
    return dock.sample.sample


def key(hand, which, held=Qt.KeyboardModifier.NoModifier):
    canvas = hand.viewer.window._qt_viewer.canvas.native
    hand.qtbot.keyClick(canvas, which, held)


def test_a_sample_is_counted_by_keys_and_goes_with_what_is_exported(hand, dock, qtbot):
    said, labels = hand.find(dock, "review.sample"), hand.session.labels
    assert not hand.find(dock, "review.wrong").isEnabled()
    sample = draw(hand, dock, qtbot)
    window = sample.window
    assert said.text().startswith(f"Window 1 of {len(sample.windows)}, frame {window.frame}, ")
    assert hand.session.movie.frame == window.frame
    mark = hand.viewer.window._qt_viewer.canvas.native.findChild(object, "review.window")
    canvas = mark.parentWidget()
    assert mark.isVisible() and mark.size() == canvas.size()
    middle = mark.place().center()
    assert abs(middle.x() - canvas.width() / 2) < 2 and abs(middle.y() - canvas.height() / 2) < 2
    for which, held in ((MISSED, SHIFT), (MISSED, SHIFT), (WRONG, SHIFT)):
        key(hand, which, held)
    hand.click(dock, "review.take_back")
    assert "1 missed" in said.text() and said.text().startswith("Window 1 of")
    for _ in range(len(sample.windows)):
        key(hand, WRONG, SHIFT)
    assert sample.ended and not mark.isVisible()
    rate = sample.rate()
    assert rate.n_errors == 1 and str(rate) in hand.find(dock, "review.rate").text()
    found = labels.provenance(labels.layer).check
    assert found["n_errors"] == 1 and found["n_windows"] == len(sample.windows)
    frame = np.asarray(labels.live[0, :, :])
    dock.actions().corrector.verbs.delete(0, int(frame.max()))
    assert labels.provenance(labels.layer).check is None
    assert "changed" in hand.find(dock, "review.rate").text()


@pytest.mark.slow
def test_it_goes_on_when_the_movie_is_opened_again(hand, file, viewer, qtbot):
    dock = hand.open("Review")
    shown = hand.find(dock, "review.rate").text
    hand.open_movie(dock, file)
    live, _ = hand.session.labels.show()
    for t in range(len(live)):
        live[t, 5:25, 5:25] = 7
        live.confirm_frame(t)
    sample = draw(hand, dock, qtbot)
    key(hand, MISSED, SHIFT)
    key(hand, WRONG, SHIFT)
    for then in ("goes on", "is ended", "is of others"):
        kept = hand.session.place.folder
        values = sample.to_values()
        qtbot.waitUntil(lambda kept=kept, values=values: kept.state.sample == values)
        if then == "is of others":
            hand.session.labels.live.confirm_frame(0, False)  # the program is killed before more
            kept.save(sample=values)
        viewer.layers.clear()
        hand.open_movie(dock, file)
        qtbot.waitUntil(lambda: hand.session.labels.live is not None, timeout=20000)
        found, start = dock.sample.sample, hand.find(dock, "review.check")
        assert found == (None if then == "is of others" else sample)
        if then == "goes on":
            assert shown() == f"1 of {len(sample.windows)} windows were looked at."
            key(hand, WRONG)
            assert found == sample and start.text() == "Go on"
            hand.click(dock, "review.check")
            assert hand.find(dock, "review.sample").text().startswith("Window 2 of")
            key(hand, WRONG, SHIFT)
            hand.click(dock, "review.stop_check")
            sample = found
        elif then == "is ended":
            assert shown().startswith(str(sample.rate()))
            assert hand.session.labels.provenance(hand.session.labels.layer).check["n_errors"] == 1
    assert start.text() == "Draw windows"


def test_it_may_be_stopped_and_counts_each_cell_once(hand, dock, qtbot):
    sample = draw(hand, dock, qtbot)
    assert sample.counts[0].cells
    for _ in range(sample.counts[0].cells):
        key(hand, WRONG)
        key(hand, INVENTED, SHIFT)
    assert "counted" in hand.find(dock, "review.sample").text()
    hand.click(dock, "review.stop_check")
    assert not dock.sample.running.isVisible()
    assert "Fewer than two" in hand.find(dock, "review.rate").text()
    assert hand.session.labels.provenance(hand.session.labels.layer).check is None
