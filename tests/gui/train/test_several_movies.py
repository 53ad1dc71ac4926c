"""Train on several movies, by clicks: a tick for each with annotations, labels from a file."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QPoint, Qt

from napari_unet.gui.train.resume import checkpoint_of
from napari_unet.sample.movie import sample_movie
from napari_unet.sample.world import SMALL


def tick(hand, dock, number):
    box = hand.find(dock, f"train.movies.{number}")
    hand.qtbot.mouseClick(box, Qt.MouseButton.LeftButton, pos=QPoint(8, box.height() // 2))
    return box


@pytest.fixture
def two_movies(hand, file, small, viewer, tmp_path):
    """The Train dock at a movie with a labels file, one that was painted before ticked."""
    other, truth = sample_movie(SMALL, seed=7)
    labels = tmp_path / "truth.tif"
    tifffile.imwrite(labels, truth, imagej=True, metadata={"axes": "TYX"})
    dock = hand.open_train(steps=60)
    hand.open_movie(dock, file)
    hand.click(dock, "train.annotate")
    hand.session.labels.live[0] = small[1][0]
    ticks = hand.find(dock, "train.movies")
    assert not ticks.isVisibleTo(dock)
    viewer.add_image(other // 2, name="second", axis_labels=("t", "y", "x"))
    hand.find(dock, "movie.image").setCurrentText("second")
    assert hand.session.movie.image.name == "second"
    hand.find(dock, "train.labels_path").setText(str(labels))
    hand.click(dock, "train.open_labels")
    assert hand.done() == "truth.tif is a layer now."
    assert hand.find(dock, "train.labels").currentText() == "truth.tif"
    hand.said(dock, "train.summary", "Trains on 6 frames,")
    assert ticks.isVisibleTo(dock)
    assert tick(hand, dock, 0).text() == "movie.tif"
    return dock


def test_a_movie_that_was_painted_is_ticked_beside_one_with_a_labels_file(
    hand, two_movies, small, viewer
):
    words = hand.said(two_movies, "train.summary", "7 frames of 2 movies")
    assert "of second" in words
    viewer.add_image(small[0][:3], name="third", axis_labels=("t", "y", "x"))
    viewer.add_labels(small[1][:3], name="cells of third")
    box = tick(hand, two_movies, 1)
    assert box.text() == "third" and "the layer cells of third" in box.toolTip()
    hand.said(two_movies, "train.summary", "10 frames of 3 movies")
    viewer.layers.remove("third")
    hand.said(two_movies, "train.summary", "7 frames of 2 movies")


@pytest.mark.slow
def test_strokes_on_each_of_two_movies_join(hand, two_movies, small, viewer):
    dock = two_movies
    (painted,) = (live for _, _, live in hand.session.labels.everywhere())
    hand.said(dock, "train.summary", "7 frames of 2 movies")
    hand.click(dock, "train.start")
    job = hand.session.job
    hand.qtbot.waitUntil(lambda: job.state.done >= 2, timeout=60000)
    hand.session.movie.choose_image(viewer.layers["movie.tif"])
    painted[3] = small[1][3]
    hand.done()
    record = hand.session.models.chosen.model.record
    rows = [(row["movie"], len(row["frames"])) for row in record["movies"]]
    assert rows == [("second", 6), ("movie.tif", 2)]
    assert "frame" in record["checked_on"] and record["after"]


@pytest.mark.slow
def test_positions_painted_here_and_kept_of_an_earlier_session(
    hand, small, viewer, tmp_path, make_napari_viewer
):
    path = tmp_path / "plate.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as file:
        for name in ("A1", "A2"):
            movie = (small[0] // (1 + (name == "A2"))).astype(np.uint16)
            file.write(movie, metadata={"axes": "TYX", "Name": name})
    dock = hand.open_train(steps=2)
    hand.open_movie(dock, path)
    for position in (1, 0):
        hand.session.movie.select(position=position)
        hand.qtbot.waitUntil(
            lambda p=position: (
                (s := hand.session.movie.stack) is not None and s.selection.position == p
            )
        )
        hand.click(dock, "train.annotate")
        hand.session.labels.live[position] = small[1][position]
    assert "A2" in tick(hand, dock, 0).text()
    hand.said(dock, "train.summary", "2 frames of 2 movies")

    def written():
        found = tmp_path.glob("plate.unet/corrections*.journal")
        return [path.name for path in found if path.stat().st_size]

    hand.qtbot.waitUntil(lambda: len(written()) == 2, timeout=20000)
    session = tmp_path / "plate.unet" / "session.json"
    hand.qtbot.waitUntil(lambda: "taught_with" in session.read_text(), timeout=20000)

    again = type(hand)(make_napari_viewer(show=False), hand.qtbot)
    dock = again.open_train(steps=2)
    again.open_movie(dock, path)
    again.click(dock, "train.annotate")
    again.qtbot.waitUntil(lambda: again.find(dock, "train.movies").isVisibleTo(dock))
    box = again.find(dock, "train.movies.0")
    assert "A2" in box.text() and "earlier session" in box.toolTip()
    again.qtbot.waitUntil(box.isChecked, timeout=10000)  # as it was left
    again.said(dock, "train.summary", "2 frames of 2 movies")
    again.click(dock, "train.start")
    again.done()
    record = again.session.models.chosen.model.record
    assert [row["frames"] for row in record["movies"]] == [[0], [1]]
    n = len(np.unique(small[1][0])) + len(np.unique(small[1][1])) - 2
    said = again.find(dock, "train.outcome")
    assert f"Of your {n} cells it draws" in said.text()
    right = int(said.text().split("it draws ")[1].split()[0])
    wrong = re.findall(r"(\d+) on frame (\d) of (\S+)", said.toolTip())
    assert sum(int(cells) for cells, _, _ in wrong) == n - right
    assert {int(frame) for _, frame, _ in wrong} <= {0, 1}


@pytest.mark.slow
def test_a_training_on_two_movies_goes_on_after_a_crash_with_both(
    hand, small, viewer, tmp_path, make_napari_viewer, monkeypatch
):
    monkeypatch.setattr("napari_unet.engine.training.training.SECONDS_BETWEEN", 0.0)
    paths = [tmp_path / name for name in ("first.tif", "second.tif")]
    dock = hand.open_train(steps=5000)
    for k, path in enumerate(paths, 1):
        pixels = (small[0] // k).astype(np.uint16)
        tifffile.imwrite(path, pixels, imagej=True, metadata={"axes": "TYX"})
        hand.open_movie(dock, path)
        hand.click(dock, "train.annotate")
        hand.session.labels.live[0] = small[1][0]
    assert tick(hand, dock, 0).text() == "first.tif"
    hand.said(dock, "train.summary", "2 frames of 2 movies")
    hand.click(dock, "train.start")
    job = hand.session.job
    hand.qtbot.waitUntil(lambda: job.state.done >= 3, timeout=60000)
    checkpoint = checkpoint_of(hand.session.movie.stack)
    hand.qtbot.waitUntil(checkpoint.exists, timeout=20000)
    left = {path: path.read_bytes() for path in checkpoint.parent.glob("[!.]*")}
    hand.click(dock, "train.cancel")
    hand.done()
    for path, content in left.items():  # what a crash would have left
        path.write_bytes(content)
    journal = "corrections.journal"
    hand.qtbot.waitUntil(lambda: all((p.with_suffix(".unet") / journal).exists() for p in paths))

    again = type(hand)(make_napari_viewer(show=False), hand.qtbot)
    dock, session = again.open_train(steps=7), again.session
    again.open_movie(dock, paths[1])
    resume = again.find(dock, "train.resume")
    again.qtbot.waitUntil(lambda: resume.isVisibleTo(dock) and resume.isEnabled(), timeout=20000)
    again.click(dock, "train.resume")
    assert "learned from first.tif, too" in again.failure()
    again.open_movie(dock, paths[0])
    session.movie.choose_image(again.viewer.layers["second.tif"])
    box = again.find(dock, "train.movies.0")
    assert box.text() == "first.tif" and box.isChecked() and "earlier session" in box.toolTip()
    again.qtbot.waitUntil(lambda: resume.isVisibleTo(dock) and resume.isEnabled(), timeout=20000)
    again.click(dock, "train.resume")
    again.qtbot.waitUntil(lambda: session.job.state.done >= 5, timeout=60000)
    assert session.job.state.total == 5000
    again.click(dock, "train.keep")
    again.qtbot.waitUntil(lambda: again.find(dock, "train.keep").text() == "Kept", timeout=60000)
    again.done()
    record = session.models.chosen.model.record
    assert [row["movie"] for row in record["movies"]] == ["second.tif", "first.tif"]
