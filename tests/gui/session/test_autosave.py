"""A movie opened again goes on where it was left, also after napari was killed."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys

import numpy as np
import tifffile

from napari_unet.engine.files.atomic import process_mark
from napari_unet.engine.session.live_movie import live_labels
from napari_unet.engine.session.session_folder import SessionFolder
from napari_unet.engine.session.users.hold import NAME
from napari_unet.engine.stack.stack import Stack
from napari_unet.gui.session import segmenting

OPENED = """
import sys, numpy as np, napari
from qtpy.QtWidgets import QApplication, QWidget
from napari_unet.gui.session.session import Session

def until(done):
    while not done():
        QApplication.processEvents()

viewer = napari.Viewer(show=False)
_, dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Segment")
session = Session.of(viewer)
find = lambda name: dock.findChild(QWidget, name)
find("movie.path").setText(sys.argv[1])
find("movie.open").click()
until(lambda: not session.job.running)
"""
CLOSED = """
live, _ = session.labels.show()
live[0, 5:9, 5:9] = 7
find("segment.threshold").setValue(0.35)
viewer.close()
"""
KILLED = """
find("segment.model_path").setText(sys.argv[2])
find("segment.load_model").click()
until(lambda: not session.job.running)
find("segment.run_movie").click()
until(lambda: not session.job.running)
viewer.dims.set_point(0, 2)
find("segment.threshold").setValue(0.6)
find("segment.split").setChecked(False)
layer, live = session.labels.layer, session.labels.live
labels = np.asarray(live[2])
first, second = np.unique(labels)[1:3]
ys, xs = np.nonzero(labels == first)
layer.data_setitem((np.full(len(ys), 2), ys, xs), 0)
y, x = np.argwhere(labels == second)[0]
live.confirm_cell(2, int(y), int(x))
folder = session.place.folder
until(lambda: folder.state.labels.threshold == 0.6 and folder.state.frame == 2)
until(lambda: not folder.state.labels.split)
np.save(sys.argv[3], np.stack([np.asarray(live[t]) for t in range(len(live))]))
print("ready", flush=True)
until(lambda: False)
"""


def kill_when_ready(script, *arguments):
    """Let a program run until it says that it is ready; then kill it -9."""
    with subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as run:
        try:
            assert "ready" in run.stdout.readline()
        finally:
            run.send_signal(signal.SIGKILL)


def went_on(hand, dock):
    line = hand.find(dock, "movie.kept")
    hand.qtbot.waitUntil(lambda: "where you left off" in line.text(), timeout=10000)
    return line.text()


def test_after_a_kill_labels_threshold_model_and_frame_are_back(
    hand, file, model_file, tmp_path, viewer
):
    shown = tmp_path / "shown.npy"
    kill_when_ready(OPENED + KILLED, file, model_file, shown)
    dock = hand.open("Segment")
    hand.open_movie(dock, file)
    assert "corrections on 1 frame" in went_on(hand, dock)
    assert hand.find(dock, "segment.threshold_number").value() == 0.6
    assert not hand.find(dock, "segment.split").isChecked()
    assert "tiny" in hand.find(dock, "segment.model").currentText()
    assert hand.session.movie.frame == 2
    live = hand.session.labels.live
    np.testing.assert_array_equal(np.stack([live[t] for t in range(6)]), np.load(shown))
    hand.qtbot.waitUntil(lambda: hand.session.labels.model is not None, timeout=20000)
    hand.click(dock, "segment.run_movie")
    assert hand.done().startswith("Nothing to do")


def test_a_change_just_before_another_movie_is_kept(hand, file, viewer):
    dock = hand.open("Segment")
    hand.open_movie(dock, file)
    live, _ = hand.session.labels.show()
    live[0, 5:9, 5:9] = 7
    hand.find(dock, "segment.threshold").setValue(0.35)
    viewer.layers.clear()
    hand.open_movie(dock, file)
    went_on(hand, dock)
    assert hand.session.labels.live.settings.threshold == 0.35


def test_a_movie_goes_on_as_often_as_it_is_opened(hand, file, viewer):
    dock = hand.open("Segment")
    for before, threshold in ((None, 0.35), (0.35, 0.6), (0.6, 0.8)):
        hand.open_movie(dock, file)
        if before:
            went_on(hand, dock)
            assert hand.session.labels.live.settings.threshold == before
        live, _ = hand.session.labels.show()
        live[0, 5:9, 5:9] = 7
        hand.find(dock, "segment.threshold").setValue(threshold)
        viewer.layers.clear()


def test_a_change_just_before_the_end_is_kept(file, tmp_path):
    script = tmp_path / "closed.py"
    script.write_text(OPENED + CLOSED)
    subprocess.run([sys.executable, script, file], check=True, timeout=120)
    assert SessionFolder.find(Stack.open(file)).state.labels.threshold == 0.35


def test_a_movie_never_worked_on_leaves_nothing_behind(hand, file):
    dock = hand.open("Segment")
    hand.open_movie(dock, file)
    hand.find(dock, "segment.threshold").setValue(0.7)
    hand.qtbot.wait(500)
    assert not list(file.parent.glob("*.unet"))
    assert not hand.find(dock, "movie.kept").isVisibleTo(dock)


def test_a_read_only_folder_asks_once_for_a_place(hand, file, monkeypatch, tmp_path, viewer):
    from napari_unet.engine.session import session_folder
    from napari_unet.engine.session.session_folder import NeedsPlace

    check = session_folder._check_writable

    def read_only(path, home):
        if home == file.parent:
            raise NeedsPlace(f"nothing can be written to {home}", "a folder", "choose another")
        check(path, home)

    monkeypatch.setattr(session_folder, "_check_writable", read_only)
    dock = hand.open("Train")
    hand.open_movie(dock, file)
    hand.click(dock, "train.annotate")
    assert "nothing can be written" in hand.find(dock, "movie.kept").text()
    live = hand.session.labels.live
    live[0, 5:9, 5:9] = 7
    hand.find(dock, "movie.place").setText(str(tmp_path / "nowhere"))
    hand.click(dock, "movie.keep_here")
    assert "there is no folder" in hand.find(dock, "movie.kept").text()
    place = tmp_path / "place"
    place.mkdir()
    hand.find(dock, "movie.place").setText(str(place))
    hand.click(dock, "movie.keep_here")
    assert not hand.find(dock, "movie.keep_here").isVisibleTo(dock)
    live[1, 5:9, 5:9] = 8
    viewer.layers.clear()
    hand.open_movie(dock, file)
    assert "corrections on 2 frames" in went_on(hand, dock)
    again = hand.session.labels.live
    assert again is not live
    assert again[0, 6, 6] == 7 and again[1, 6, 6] == 8


def test_a_layer_without_a_file_says_that_it_is_kept_in_memory(hand, movie):
    dock = hand.open("Train")
    assert not hand.find(dock, "movie.kept").text()
    hand.click(dock, "train.annotate")
    assert "has no file" in hand.find(dock, "movie.kept").text()


def test_channels_share_the_corrections_of_a_movie(hand, tmp_path):
    data = np.random.default_rng(0).integers(0, 999, (3, 2, 32, 40), np.uint16)
    path = tmp_path / "two.tif"
    tifffile.imwrite(path, data, imagej=True, metadata={"axes": "TCYX"})
    dock = hand.open("Train")
    hand.open_movie(dock, path)
    hand.click(dock, "train.annotate")
    hand.session.labels.live[0, 5:9, 5:9] = 7
    hand.find(dock, "movie.channel").setCurrentIndex(1)
    hand.click(dock, "train.annotate")
    live = hand.session.labels.live
    assert live[0, 6, 6] == 7
    live[0, 15:19, 5:9] = 8
    hand.find(dock, "movie.channel").setCurrentIndex(0)
    assert hand.session.labels.live is not live
    assert hand.session.labels.live[0, 16, 6] == 8


def test_what_a_person_corrected_stays_whatever_the_machine_does(hand, file, model_file, viewer):
    dock = hand.open("Segment")
    hand.open_movie(dock, file)
    hand.load_model(dock, model_file)
    viewer.dims.set_point(0, 0)
    hand.click(dock, "segment.run_frame")
    hand.done()
    layer, live = hand.session.labels.layer, hand.session.labels.live
    shown = np.asarray(live[0])
    deleted, confirmed, *_ = np.unique(shown)[1:]

    def paint(ys, xs, label):
        layer.data_setitem((np.zeros(len(ys), int), ys, xs), label)

    gone = np.nonzero(shown == deleted)
    paint(*gone, 0)
    live.confirm_cell(0, *(int(v) for v in np.argwhere(shown == confirmed)[0]))
    free = np.argwhere(shown[:-12, :-12] == 0)[0] + 1
    block = np.s_[free[0] : free[0] + 3, free[1] : free[1] + 3]
    new = live.new_id()
    live[(0, *block)] = new
    ground = np.argwhere(shown == 0)[-1]
    paint(ground[:1], ground[1:], 65535)
    mine = {label: np.asarray(live[0]) == label for label in (new, confirmed, 65535)}

    def check(labels):
        for label, where in mine.items():
            np.testing.assert_array_equal(np.asarray(labels[0]) == label, where)
        assert not np.isin(np.asarray(labels[0])[gone], deleted).any()

    for threshold in (0.1, 0.5, 0.9):
        hand.find(dock, "segment.threshold").setValue(threshold)
        check(live)
    bundled = hand.session.models.all[0]
    assert bundled.origin == "bundled"
    hand.session.models.choose(bundled)
    hand.click(dock, "segment.run_frame")
    hand.done()
    check(live)
    folder = hand.session.place.folder
    hand.qtbot.waitUntil(lambda: folder.state.model == bundled.name, timeout=5000)
    viewer.layers.clear()
    hand.session.models.choose(hand.session.models.all[-1])
    hand.open_movie(dock, file)
    went_on(hand, dock)
    again = hand.session.labels.live
    assert again is not live
    check(again)
    assert hand.session.models.chosen is bundled
    assert again.settings.threshold == 0.9
    np.testing.assert_array_equal(again[0], live[0])


def test_a_session_that_another_program_has_is_opened_to_read(hand, file):
    with Stack.open(file) as stack:
        live = live_labels(stack)
        live[0, 5:9, 5:9] = 7
        live.confirm_frame(1)
        folder = SessionFolder.for_movie(stack)
        live.corrections.claim = None
    runs = f"{process_mark().split('p')[0]}p1"
    who = {"user": "ada", "host": platform.node(), "process": 1, "mark": runs, "since": "noon"}
    (folder.path / NAME).unlink(missing_ok=True)
    (folder.path / NAME).write_text(json.dumps(who))
    kept = (folder.journal_path, folder.path / "session.json", folder.path / NAME)
    files = [path.read_bytes() for path in kept]
    segment, review = hand.open("Segment"), hand.open("Review")
    hand.open_movie(segment, file)
    line = hand.find(segment, "movie.kept")
    hand.qtbot.waitUntil(lambda: "open with ada" in line.text(), timeout=10000)
    labels = hand.session.labels
    assert int(labels.live[0, 6, 6]) == 7 and not labels.layer.editable
    for name in ("correct", "delete", "confirm_frame"):
        button = hand.find(review, f"review.{name}")
        assert not button.isEnabled() and "open with ada" in button.toolTip()
    actions = review.actions()
    for verb in ("confirm_frame", "background_brush", "grow"):
        actions.layer.selected_label = 7
        actions.act(verb)
        assert "open with ada" in str(hand.viewer.status)
    actions.undo()
    hand.find(segment, "segment.threshold").setValue(0.3)
    assert not segmenting.segment(hand.session, "segment", None)
    hand.qtbot.wait(500)  # what is changed is written after a moment
    assert [path.read_bytes() for path in kept] == files
