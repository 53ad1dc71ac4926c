"""Segment, by clicks in a real napari."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from skimage.measure import regionprops

from napari_unet.cli.demo import write_sample
from napari_unet.engine.labels.labels import label_frame
from napari_unet.engine.network.model import Model
from napari_unet.engine.prediction.ensemble import load_models
from napari_unet.engine.prediction.predictor import Predictor, open_predictor
from napari_unet.engine.session.frame_labels import FrameCache
from napari_unet.gui.session.models import ModelList, reference
from napari_unet.gui.viewer.regions import region_on_screen
from napari_unet.sample.movie import sample_movie


@pytest.fixture
def segment(hand, movie, model_file):
    """The Segment dock with the tiny model chosen."""
    dock = hand.open("Segment")
    assert "tiny is open" in hand.load_model(dock, model_file)
    return dock


def test_buttons_say_why_they_are_off(hand):
    dock = hand.open("Segment")
    button = hand.find(dock, "segment.run_movie")
    assert not button.isEnabled()
    assert button.toolTip() == "Open a movie first"
    assert hand.find(dock, "segment.hint").text() == "Open a movie first."


def test_whole_movie_then_threshold(hand, segment, small, model_file):
    hand.click(segment, "segment.run_movie")
    line = hand.done()
    assert line.startswith("6 frames segmented on the CPU")
    layer = hand.session.labels.layer
    model = Model.load(model_file)
    predictor = open_predictor(model)
    predictor.prepare(list(small[0]))  # chooses the precision, as the run of the movie does
    for threshold in (model.label_settings.threshold, 0.7, 0.2):
        hand.find(segment, "segment.threshold").setValue(threshold)
        settings = model.label_settings.replace(threshold=threshold)
        for t in range(6):
            wanted = label_frame(predictor(small[0][t]), settings)
            np.testing.assert_array_equal(np.asarray(layer.data[t]), wanted)
    hand.qtbot.waitUntil(
        lambda: "cells in this frame" in hand.find(segment, "segment.count").text()
    )


def test_no_watershed_is_due_in_the_window_when_the_frame_changes(
    hand, segment, viewer, monkeypatch
):
    hand.click(segment, "segment.run_movie")
    hand.done()
    live, layer = hand.session.labels.live, hand.session.labels.layer
    count = hand.find(segment, "segment.count")
    hand.qtbot.waitUntil(lambda: live.is_prepared(hand.session.movie.frame), timeout=10000)
    found_by = []
    basins = FrameCache.basins
    monkeypatch.setattr(
        FrameCache,
        "basins",
        lambda *a: (found_by.append(threading.current_thread()), basins(*a))[1],
    )
    live.invalidate(5)
    viewer.dims.set_current_step(0, 5)
    assert layer._slice.image.raw.any()  # a draft
    hand.qtbot.waitUntil(lambda: live.is_prepared(5), timeout=10000)
    hand.qtbot.waitUntil(
        lambda: np.array_equal(layer._slice.image.raw, np.asarray(live[5])), timeout=10000
    )
    hand.qtbot.waitUntil(lambda: "cells in this frame" in count.text(), timeout=10000)
    assert found_by and threading.main_thread() not in found_by
    live.invalidate(5)
    assert np.asarray(layer.data[5, :, :]).any()  # a script gets the labels themselves
    assert found_by[-1] is threading.main_thread()


def test_this_frame_only(hand, movie, viewer, model_file, tmp_path):
    tiny = Model.load(model_file)
    edged = replace(tiny, label_settings=tiny.label_settings.replace(edge=3))
    segment = hand.open("Segment")
    hand.load_model(segment, edged.save(tmp_path / "edged"))
    viewer.dims.set_point(0, 2)
    hand.click(segment, "segment.run_frame")
    hand.done()
    assert "wholly in the outer 3 px are left out" in hand.find(segment, "segment.message").text()
    assert list(hand.session.labels.live.probabilities.computed) == [t == 2 for t in range(6)]


def test_these_frames_only(hand, segment):
    button, frames = (hand.find(segment, f"segment.{name}") for name in ("run_frames", "frames"))
    assert not button.isEnabled()
    assert "Type which frames" in button.toolTip()
    frames.setText("1,3-4")
    hand.click(segment, "segment.run_frames")
    assert hand.done().startswith("3 frames segmented")
    expected = [t in (1, 3, 4) for t in range(6)]
    assert list(hand.session.labels.live.probabilities.computed) == expected
    frames.setText("4-9")
    hand.click(segment, "segment.run_frames")
    line = hand.find(segment, "segment.message").text()
    assert "9" in line
    assert "\n" not in line


def test_the_region_on_screen_is_segmented_and_follows_the_slider(
    hand, segment, viewer, movie, small
):
    def look(*at):
        viewer.scene.camera.center, viewer.scene.camera.zoom = (0, *at), 16
        viewer.window._qt_viewer.canvas.on_draw(None)

    def shown():
        hand.qtbot.waitUntil(lambda: live().is_prepared(t), timeout=10000)
        return np.asarray(live()[t])

    def live():
        return hand.session.labels.live

    t = hand.session.movie.frame
    height, width = movie.data.shape[1:]
    look(*max(regionprops(small[1][t]), key=lambda cell: cell.area).centroid)
    y, x = region_on_screen(viewer, movie)
    hand.click(segment, "segment.run_region")
    assert hand.done().startswith("Visible region segmented on the CPU")
    hand.said(segment, "segment.count", "in the part of this frame that was on screen. 0 of 6")
    first = shown()
    outside = np.ones((height, width), bool)
    outside[y, x] = False
    assert first[y, x].any()
    assert not first[outside].any()
    hand.find(segment, "segment.threshold").setValue(0.95)
    assert np.count_nonzero(shown()) < np.count_nonzero(first)
    before = shown()
    look(0, 0)
    hand.click(segment, "segment.run_region")
    hand.done()
    np.testing.assert_array_equal(shown()[y, x], before[y, x])  # beside what was there
    assert live().probabilities[t][:, outside].any()
    look(10 * height, 10 * width)
    hand.click(segment, "segment.run_region")
    assert "no part of a frame is on screen" in hand.failure()
    hand.click(segment, "segment.run_movie")
    assert hand.done().startswith("6 frames segmented")
    hand.said(segment, "segment.count", "in this frame. 6 of 6")
    look(0, 0)
    hand.click(segment, "segment.run_region")
    assert hand.done().startswith("Nothing to do")


def test_cells_of_another_size_are_doubted_and_the_size_is_kept(hand, viewer, model_file, tmp_path):
    file = tmp_path / "movie.tif"
    write_sample(file, sample_movie(frames=2, shape=(200, 240))[0])
    tiny = Model.load(model_file)
    other = replace(tiny, card={**tiny.card, "diameter": 4 * tiny.diameter})
    dock = hand.open("Segment")
    hand.open_movie(dock, file)
    hand.load_model(dock, other.save(tmp_path / "other"))
    viewer.dims.set_current_step(0, 0)
    hand.find(dock, "segment.threshold").setValue(0.3)
    hand.click(dock, "segment.run_frame")
    hand.done()
    words = hand.said(dock, "segment.size_doubt", "px across, the model expects")
    found = float(words.split("about ")[1].split()[0])
    hand.click(dock, "segment.use_diameter")
    field = hand.find(dock, "segment.diameter")
    assert field.value() == hand.session.models.settings.diameter == found
    hand.qtbot.waitUntil(lambda: not hand.find(dock, "segment.use_diameter").isVisibleTo(dock))
    hand.click(dock, "segment.run_frame")
    hand.done()
    key = hand.session.labels.live.probabilities.key
    assert key["scale"] == pytest.approx(other.diameter / found)
    kept = file.with_suffix(".unet") / "session.json"
    hand.qtbot.waitUntil(lambda: f'"diameter": {found}' in kept.read_text(), timeout=10000)
    field.setValue(None)
    viewer.layers.clear()
    hand.find(dock, "movie.path").setText(str(file))
    hand.click(dock, "movie.open")
    hand.qtbot.waitUntil(lambda: field.value() == found, timeout=10000)


def test_labels_on_screen_follow_the_slider(hand, segment):
    hand.click(segment, "segment.run_frame")
    hand.done()
    layer = hand.session.labels.layer
    slider = hand.find(segment, "segment.threshold")
    hand.qtbot.waitUntil(lambda: layer._slice.image.raw.any())  # basins come from a worker
    shown = []
    for threshold in (0.3, 0.9):
        slider.setValue(threshold)
        shown.append(np.count_nonzero(layer._slice.image.raw))
    assert shown[0] > shown[1] > 0
    assert hand.find(segment, "segment.threshold_number").value() == 0.9


def test_cancel_keeps_what_is_done_and_goes_on(hand, segment, monkeypatch):
    launch = Predictor.start

    def slow(self, staged):
        time.sleep(0.1)
        return launch(self, staged)

    monkeypatch.setattr(Predictor, "start", slow)
    hand.click(segment, "segment.run_movie")
    job = hand.session.job
    hand.qtbot.waitUntil(lambda: job.state.done >= 1, timeout=20000)
    assert not hand.find(segment, "segment.run_movie").isEnabled()
    hand.click(segment, "segment.cancel")
    assert hand.done().startswith("Stopped.")
    computed = hand.session.labels.live.probabilities.computed
    assert 1 <= computed.sum() < 6
    hand.click(segment, "segment.run_movie")
    hand.done()
    assert hand.session.labels.live.probabilities.computed.all()
    hand.click(segment, "segment.run_movie")
    assert hand.done().startswith("Nothing to do")


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "there is no file"), (b"\x80\x04nonsense", "cannot be read")],
)
def test_a_wrong_model_is_one_line(hand, movie, tmp_path, content, words):
    dock = hand.open("Segment")
    file = tmp_path / "bad.safetensors"
    if content is not None:
        file.write_bytes(content)
    hand.find(dock, "segment.model_path").setText(str(file))
    hand.click(dock, "segment.load_model")
    line = hand.failure()
    assert words in line
    assert line in hand.find(dock, "segment.message").text()
    assert hand.session.models.chosen is None or hand.session.models.chosen.name != "bad"


def test_whole_movie_says_what_it_will_cost(hand, segment, monkeypatch):
    launch = Predictor.start
    monkeypatch.setattr(Predictor, "start", lambda *a: time.sleep(0.05) or launch(*a))
    hand.click(segment, "segment.run_movie")
    shown = hand.find(segment, "segment.message")
    hand.qtbot.waitUntil(
        lambda: "Expected: 6 frames, a few seconds, " in shown.text(), timeout=20000
    )
    assert "of memory" in shown.text()
    hand.done()
    hand.qtbot.waitUntil(lambda: "segmented on" in shown.text())
    assert "Expected" not in shown.text()


def test_several_models_are_one_whose_probabilities_are_averaged(
    hand, segment, small, model_file, tmp_path
):
    other = Model.load(model_file)
    with torch.no_grad():
        other.network.head.weight.mul_(0.5)
    second = replace(other, arrays={}).save(tmp_path / "second")
    said = hand.load_model(segment, f"{model_file}, {second}")
    assert "tiny + second is open" in said
    choice = hand.session.models.chosen
    assert choice.title == "tiny + second (mean)" and choice.saved
    assert hand.session.models.find(reference(choice)) is choice
    anew = ModelList()  # of tomorrow
    assert anew.find(reference(choice)).load().sha256 == choice.load().sha256
    hand.click(segment, "segment.run_movie")
    hand.done()
    both = load_models([model_file, second])
    predictor = open_predictor(both)
    predictor.prepare(list(small[0]))
    wanted = label_frame(predictor(small[0][2]), both.label_settings)
    np.testing.assert_array_equal(np.asarray(hand.session.labels.live[2]), wanted)
    base = hand.find(hand.open("Train"), "train.start_from")
    assert choice.title not in [base.itemText(i) for i in range(base.count())]
