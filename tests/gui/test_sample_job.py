"""The sample job by real clicks, which an event filter counts: open, label, correct, teach, export.

The window has 1280 x 720 pixels; what is clicked in a dock must be in sight there, whole.
"""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QAbstractButton, QApplication, QTabBar
from scipy.ndimage import distance_transform_edt

from napari_unet.sample.movie import sample_movie
from tests.gui.viewer.hand import CanvasHand

MOST_IN_DOCKS, MOST_ON_CANVAS = 12, 10
CTRL, SHIFT, ALT = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)


class Clicks(QObject):
    """Notes every press of the mouse that reaches a button, a tab or the canvas."""

    def __init__(self, canvas) -> None:
        super().__init__()
        self.canvas, self.in_docks, self.on_canvas = canvas, [], 0

    def eventFilter(self, watched, event) -> bool:
        if event.type() in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick):
            if watched is self.canvas:
                self.on_canvas += 1
            elif isinstance(watched, QAbstractButton):
                seen = watched.visibleRegion().boundingRect()
                assert seen == watched.rect(), f"{watched.objectName()} is not in sight: {seen}"
                self.in_docks.append(watched.objectName())
            elif isinstance(watched, QTabBar):
                self.in_docks.append(f"tab {watched.tabText(watched.currentIndex())}")
        return False


@pytest.fixture
def window(make_napari_viewer, qtbot):
    """A viewer on screen, of the size of a laptop's."""
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1280, 720)
    qtbot.wait(50)
    return viewer


@pytest.fixture
def file(tmp_path):
    """A movie of a dozen cells."""
    path = tmp_path / "movie.tif"
    cells, _ = sample_movie(frames=6, shape=(192, 256))
    tifffile.imwrite(path, cells, imagej=True, metadata={"axes": "TYX"})
    return path


def middle(mask) -> tuple[int, int]:
    """The place in a mask that is farthest from its rim."""
    depth = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(np.argmax(depth), depth.shape)
    return int(y), int(x)


def correct_four(canvas: CanvasHand) -> None:
    """Delete a cell, merge two, split one and draw one: a gesture each."""
    shown = np.asarray(canvas.live[0])
    sizes = np.bincount(shown.ravel())[1:]
    largest = [int(i) + 1 for i in np.argsort(sizes)[::-1][:4]]
    split, gone, one, other = (middle(shown == cell) for cell in largest)
    across = np.nonzero(shown[:, split[1]] == largest[0])[0]
    empty, n = middle(shown == 0), canvas.live.corrections.n_done
    ring = [(empty[0] + 5 * np.sin(a), empty[1] + 5 * np.cos(a)) for a in np.linspace(0, 6.2, 12)]
    canvas.mouse(gone, held=CTRL)
    canvas.mouse(one, tuple(np.mean([one, other], 0)), other)
    top, bottom = across.min() - 3, across.max() + 3
    canvas.mouse((top, split[1]), split, (bottom, split[1]), held=SHIFT)
    canvas.mouse(*ring, held=ALT)
    done = canvas.live.corrections
    assert done.n_done == n + 4 and done.last_done.verb == "draw"
    now = np.asarray(canvas.live[0])
    assert not now[gone] and now[one] == now[other] and now[empty]


@pytest.mark.slow
def test_the_sample_job_takes_few_clicks(hand_at, window, file, model_file, tmp_path, qtbot):
    hand = hand_at(window)
    segment, review, train, export = map(hand.open, ("Segment", "Review", "Train", "Export"))
    hand.load_model(segment, model_file)  # a user has the bundled model, slow in a test
    hand.make_small(train, steps=3)
    hand.find(export, "export.folder").setText(str(tmp_path / "results"))
    (tabs,) = [bar for bar in window.window._qt_window.findChildren(QTabBar) if bar.count() >= 4]

    def turn_to(name: str) -> None:
        at = next(i for i in range(tabs.count()) if tabs.tabText(i) == name)
        qtbot.mouseClick(tabs, Qt.MouseButton.LeftButton, pos=tabs.tabRect(at).center())
        qtbot.wait(50)

    turn_to("Segment")
    clicks = Clicks(window.window._qt_viewer.canvas.native)
    QApplication.instance().installEventFilter(clicks)
    try:
        hand.find(segment, "movie.path").setText(str(file))
        hand.click(segment, "movie.open")
        hand.done()
        hand.click(segment, "segment.run_movie")
        hand.done()

        turn_to("Review")
        hand.click(review, "review.correct")
        live, layer = hand.session.labels.live, hand.session.labels.layer
        canvas = CanvasHand(window, qtbot, live, layer)
        canvas.go(0)
        correct_four(canvas)
        corrected = {cell: live[0] == cell for cell in live.corrections.ids(0)}

        qtbot.wait(100)
        hand.click(review, "review.train")
        assert "Keep it" in hand.done()
        hand.click(train, "train.keep")
        hand.done()

        turn_to("Segment")
        hand.click(segment, "segment.run_movie")
        hand.done()
        turn_to("Export")
        hand.click(export, "export.run")
        hand.done()
    finally:
        QApplication.instance().removeEventFilter(clicks)

    assert 4 <= clicks.on_canvas <= MOST_ON_CANVAS - 2, clicks.on_canvas  # and Review, Correct
    assert 8 <= len(clicks.in_docks) <= MOST_IN_DOCKS, clicks.in_docks
    written = {path.name for path in (tmp_path / "results").iterdir()}
    assert {"labels.tif", "objects.csv", "overlay.mp4"} <= written
    assert corrected
    for cell, outline in corrected.items():  # whatever the new model says
        np.testing.assert_array_equal(live[0] == cell, outline)
