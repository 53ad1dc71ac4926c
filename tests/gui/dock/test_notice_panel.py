"""Notices in the docks: in one place under the movie, the ones to check with a sign."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile


@pytest.fixture
def frames(tmp_path):
    """A folder with a stranger among its frames."""
    folder = tmp_path / "frames"
    folder.mkdir()
    picture = np.random.default_rng(0).integers(0, 200, (32, 40)).astype(np.uint8)
    for name in ("t0", "t1", "t2", "t3", "projection"):
        tifffile.imwrite(folder / f"{name}.tif", picture)
    return folder


@pytest.mark.parametrize("name", ["Segment", "Train", "Export"])
def test_what_was_guessed_stands_under_the_movie(hand, frames, name):
    dock = hand.open(name)
    assert not hand.find(dock, "movie.check").isVisibleTo(dock)
    hand.open_movie(dock, frames)
    check = hand.find(dock, "movie.check")
    assert check.isVisibleTo(dock)
    assert check.text().startswith("⚠ Please check: ") and "projection.tif" in check.text()


def test_an_array_of_narrow_frames_is_refused_in_one_line(hand, viewer):
    dock = hand.open("Segment")
    viewer.add_image(np.random.default_rng(0).integers(0, 99, (96, 64, 6)))
    summary = hand.find(dock, "movie.summary").text()
    assert summary.startswith("⚠") and "6 pixels wide" in summary
    assert not hand.find(dock, "movie.check").isVisibleTo(dock)


def test_notices_go_with_their_movie(hand, frames, viewer):
    dock = hand.open("Segment")
    hand.open_movie(dock, frames)
    viewer.layers.clear()
    viewer.add_image(np.random.default_rng(0).random((3, 64, 64)))
    assert not hand.find(dock, "movie.check").isVisibleTo(dock)


def test_thirty_lines_do_not_drown_the_dock(hand, frames):
    from napari_unet.engine.errors import Notice
    from napari_unet.gui.dock.notice_panel import NoticePanel

    dock = hand.open("Segment")
    hand.open_movie(dock, frames)
    stack = hand.session.movie.stack
    stack._source.note(*(Notice("noted", f"line {i}") for i in range(30)))
    panel = NoticePanel(hand.session)
    assert len(panel.noted.text().splitlines()) == 5 and "26 more" in panel.noted.text()
    assert len(panel.noted.toolTip().splitlines()) == 30
    panel.deleteLater()
