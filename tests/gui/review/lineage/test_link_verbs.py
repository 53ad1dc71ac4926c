"""Cells linked by hand in napari: by keys over the canvas, and by the dock's buttons."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_unet.engine.labels.codes import encode
from napari_unet.gui.review.lineage.link_verbs import LinkVerbs
from napari_unet.gui.session.session import Session
from napari_unet.gui.widgets.parts import Fold
from tests.gui.viewer.hand import CENTRES, CanvasHand

A, B, C, D = CENTRES
SHIFT = Qt.KeyboardModifier.ShiftModifier
LINK, UNLINK, MOTHER = Qt.Key.Key_K, Qt.Key.Key_H, Qt.Key.Key_Y
FRAMES, SIDE = 4, 96


class Still:
    """Probabilities of four discs that stay where they are."""

    outputs = ("object",)
    parts = ()
    key = {"model": "discs"}  # noqa: RUF012 - as the file's key

    def __init__(self) -> None:
        self.shape = (FRAMES, 1, SIDE, SIDE)
        self.computed = np.ones(FRAMES, bool)

    def __getitem__(self, frame):
        y, x = np.mgrid[:SIDE, :SIDE]
        inside = np.any([np.hypot(y - cy, x - cx) < 10 for cy, cx in CENTRES], axis=0)
        return encode(np.where(inside, 0.99, 0.01))[None]


@pytest.fixture
def viewer(make_napari_viewer, qtbot):
    """A viewer in sight, whose canvas has its size."""
    viewer = make_napari_viewer(show=True)
    yield viewer
    qtbot.waitUntil(lambda: not Session.of(viewer).job.running, timeout=20000)


@pytest.fixture
def dock(hand):
    """The dock, over labels of the discs."""
    dock = hand.open("Review")
    hand.viewer.add_image(np.zeros((FRAMES, SIDE, SIDE), np.uint8))
    hand.session.labels.show()
    hand.session.labels.set_probabilities(Still())
    for t in range(FRAMES):
        hand.session.labels.live.prepare(t)
    return dock


@pytest.fixture
def user(dock, hand, qtbot):
    """A user at the canvas."""
    live, layer = hand.session.labels.live, hand.session.labels.layer
    user = CanvasHand(hand.viewer, qtbot, live, layer)
    hand.viewer.layers.selection.active, layer.mode = layer, "pan_zoom"
    user.go(0)
    return user


def said(live) -> list[tuple[int, int, str]]:
    return [(link.source, link.frame, link.kind) for link in live.corrections.links]


def words(dock) -> str:
    return dock.session.labels.live.corrections.last_done.words


def cell(user, frame, place) -> int:
    return int(user.live[frame, place[0], place[1]])


def test_keys_link_the_chosen_cell_and_the_one_pointed_at(dock, hand, user):
    user.mouse(A)
    user.go(1)
    user.hover(B)
    user.key(LINK, SHIFT)
    assert said(user.live) == [(0, 1, "same")]
    linked = cell(user, 0, A), cell(user, 1, B)
    assert words(dock) == f"linked {linked[0]} to {linked[1]} on frames 0 to 1"
    user.go(2)  # and on from there, without a click
    user.hover(A)
    user.key(LINK, SHIFT)
    assert said(user.live) == [(0, 1, "same"), (1, 2, "same")]
    user.hover(D)
    user.key(UNLINK, SHIFT)
    assert said(user.live)[-1] == (1, 2, "apart")
    user.mouse(C)
    user.go(3)
    user.hover(D)
    user.key(MOTHER, SHIFT)
    assert said(user.live)[-1] == (2, 3, "mother")
    assert words(dock).startswith(f"made {cell(user, 2, C)} the mother of {cell(user, 3, D)}")
    for n in range(4):
        user.undo()
        assert len(said(user.live)) == 3 - n
    user.redo()
    assert len(said(user.live)) == 1


def test_buttons_do_it_to_the_two_cells_that_were_chosen_last(dock, hand, user):
    link, line = hand.find(dock, "review.link"), hand.find(dock, "review.pair")
    hand.find(dock, "review.unlink")
    assert "Choose a cell" in line.text() and not link.isEnabled()
    user.mouse(A)
    assert line.text() == f"Cell {cell(user, 0, A)} of frame 0, and one of another frame"
    assert "go to another frame" in link.toolTip()
    user.go(2)
    user.mouse(A)  # the same number, perhaps: it is another frame's
    assert line.text().endswith("of frame 2") and link.isEnabled()
    hand.click(dock, "review.link")
    hand.click(dock, "review.link")
    assert said(user.live) == [(0, 2, "same")] and user.live.corrections.n_done == 1
    hand.click(dock, "review.mother")
    assert said(user.live) == [(0, 2, "mother")]
    hand.click(dock, "review.unlink")
    assert said(user.live) == [(0, 2, "apart")]
    assert link.text() == "Link  ⇧K" or "K" in link.text()


def test_what_cannot_be_linked_is_said(dock, hand, user):
    line = hand.find(dock, "review.line")
    user.mouse(A)
    user.hover(B)
    user.key(LINK, SHIFT)  # on the same frame
    assert "go to another frame, and point at the one that it is there" in line.text()
    user.key(MOTHER, SHIFT)
    assert "point at her daughter" in line.text()
    user.key(UNLINK, SHIFT)
    assert "it is on the first frame" in line.text()
    user.go(1)
    verbs = dock.findChild(LinkVerbs)
    user.hover((45, 45))
    verbs.choose(0, 99)
    verbs.choose(1, 98)
    verbs.act("link", at_cursor=True)
    assert "there is no cell 99 on frame 0" in line.text()
    assert not said(user.live) and not user.live.corrections.n_done


def press(dock, qtbot, track, frame) -> None:
    """Click a track in the plot where it is on a frame."""
    plot = dock.lineage.plot
    qtbot.mouseClick(plot, Qt.MouseButton.LeftButton, pos=plot.place(track, frame).toPoint())


def test_the_tree_is_drawn_clicked_linked_in_and_saved(dock, hand, user, qtbot, tmp_path):
    session, live = hand.session, user.live
    line, plot = hand.find(dock, "review.lineage_line"), hand.find(dock, "review.lineage")
    folds = [fold for fold in dock.findChildren(Fold) if fold.text() == "Lineage"]
    folds[0].expand()
    assert not plot.isVisibleTo(dock) and not hand.find(dock, "review.save_lineage").isEnabled()
    hand.click(dock, "review.draw_lineage")
    hand.done()
    assert line.text() == "No cell divides: take All cells."
    hand.find(dock, "review.lineage_of").setValue("all")
    assert line.text() == "4 tracks, 0 divisions" and len(plot.lineage.lines) == 4
    of = {place: plot.lineage.track_of(0, cell(user, 0, place)) for place in CENTRES}
    press(dock, qtbot, of[A], 1)
    assert session.movie.frame == 1 and user.layer.selected_label == cell(user, 1, A)
    press(dock, qtbot, of[B], 2)
    assert session.movie.frame == 2 and plot.chosen == (
        (2, cell(user, 2, B)),
        (1, cell(user, 1, A)),
    )
    assert session.chosen.of(user.layer) == ((2, cell(user, 2, B)),)  # for the Export dock
    hand.click(dock, "review.mother")
    assert said(live) == [(1, 2, "mother")]
    hand.done()  # drawn again by itself
    assert line.text() == "6 tracks, 1 division"
    hand.find(dock, "review.lineage_of").setValue("dividing")
    assert line.text() == "3 tracks, 1 division"
    hand.find(dock, "review.lineage_of").setValue("family")
    press(dock, qtbot, plot.lineage.track_of(0, cell(user, 0, A)), 0)
    assert line.text() == "3 tracks, 1 division" and plot.chosen[0][0] == 0
    hand.find(dock, "review.lineage_path").setText(str(tmp_path / "tree.svg"))
    hand.click(dock, "review.save_lineage")
    hand.done()
    assert b"3 tracks, 1 division" in (tmp_path / "tree.svg").read_bytes()
    live.undo()
    assert "The labels changed since" in line.text()
    hand.find(dock, "review.lineage_path").setText(str(tmp_path / "tree.gif"))
    hand.click(dock, "review.save_lineage")
    assert "no figure" in hand.find(dock, "review.message").text()
    assert plot.grab().toImage().width() == plot.width()
