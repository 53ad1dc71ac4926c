"""A movie of volumes through the docks: chosen, segmented, corrected, exported, opened again."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt
from typer.testing import CliRunner

from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.labels.sections import join_sections
from napari_unet.engine.settings import Selection
from napari_unet.engine.stack.stack import Stack
from napari_unet.sample.volumes import sample_volumes
from tests.gui.session.test_autosave import OPENED, kill_when_ready, went_on
from tests.gui.viewer.hand import CanvasHand

SPACING = (1.5, 0.4, 0.4)
KNOWN = {"PhysicalSizeX": 0.4, "PhysicalSizeY": 0.4, "PhysicalSizeZ": 1.5}
VOLUME = Selection(z="volume")
KILLED = """
import time
from napari_unet.engine.prediction.probabilities import Probabilities
write = Probabilities.write
def held(store, frame, codes):  # so that it is in the middle whatever the machine's speed
    write(store, frame, codes)
    if frame == 3:
        store.flush()  # frames count as done on the disk from the next flush on
        time.sleep(600)
Probabilities.write = held
find("movie.z").setCurrentText("volume")
until(lambda: session.movie.stack is not None)
find("segment.model_path").setText(sys.argv[2])
find("segment.load_model").click()
until(lambda: not session.job.running)
viewer.dims.set_current_step(0, 0), find("segment.run_movie").click()
until(lambda: session.labels.live is not None and session.labels.live.probabilities is not None)
live, layer = session.labels.live, session.labels.layer
until(lambda: live.probabilities.computed[0] and live.is_prepared(0))
viewer.dims.set_current_step(1, 3)
find("segment.threshold").setValue(0.3)
layer.selected_label = new = live.new_id()
layer.mode, layer.brush_size = "paint", 9
layer.paint((0, 3, 20, 20), new)
layer.n_edit_dimensions = 3
layer.paint((0, 5, 50, 60), new + 1)
until(lambda: live[0, 5, 50, 60] == new + 1 and live.settings.threshold == 0.3)
folder = session.place.folder
until(lambda: folder.state.labels.threshold == 0.3 and folder.state.selection.z == "volume")
np.save(sys.argv[3], live[0])
assert session.job.running, "not in the middle of segmenting"
print("ready", flush=True)
until(lambda: False)
"""


@pytest.fixture(scope="session")
def volumes():
    """Nuclei in 3D and their labels, both (T, Z, Y, X)."""
    return sample_volumes(frames=3, shape=(8, 64, 80))


@pytest.fixture
def file(tmp_path, volumes):
    path = tmp_path / "volumes.ome.tif"
    tifffile.imwrite(path, volumes[0], metadata={"axes": "TZYX", **KNOWN})
    return path


@pytest.fixture(scope="session")
def solid_model(tmp_path_factory, volumes):
    """A small model of volumes, trained for a few steps."""
    from napari_unet.engine.annotations.annotations import Annotations
    from napari_unet.engine.jobs.progress import run
    from napari_unet.engine.settings import TrainSettings
    from napari_unet.engine.training.training import train

    movie, truth = (
        Stack.from_array(part, VOLUME, axes="TZYX", pixel_size=0.4, z_step=1.5) for part in volumes
    )
    settings = TrainSettings(minutes=None, steps=25, filters=(4, 8), crop=32, batch=2, threads=1)
    model = run(train(movie, Annotations.from_labels(movie, truth, (0,)), settings, name="solid"))
    return model.save(tmp_path_factory.mktemp("model") / "solid.safetensors")


def choose(dock, hand, words):
    hand.find(dock, "movie.z").setCurrentText(words)


def test_volumes_are_chosen_in_the_movie_line(hand, file):
    segment, review = hand.open("Segment"), hand.open("Review")
    hand.open_movie(segment, file)
    z, image = hand.find(segment, "movie.z"), hand.session.movie.image
    assert [z.itemText(i) for i in range(4)] == [
        "maximum of all", "volume", "each section as a frame", "0",
    ]  # fmt: skip
    assert not hand.find(review, "review.fill_between").isVisibleTo(review)
    choose(segment, hand, "volume")
    stack = hand.session.movie.stack
    assert stack.shape == (3, 8, 64, 80) and stack.spacing == SPACING
    assert hand.session.movie.image is image and image.data.shape == stack.shape
    np.testing.assert_allclose(image.scale, (1, *SPACING))
    assert tuple(map(str, image.axis_labels)) == ("t", "z", "y", "x")
    assert "3 volumes" in hand.find(segment, "movie.line").text()
    assert hand.find(segment, "movie.z_step").value() == 1.5
    assert hand.find(review, "review.fill_between").isVisibleTo(review)
    assert hand.find(review, "review.doubt").isVisibleTo(review)
    assert "each section as a frame" in hand.find(review, "review.of_images").text()
    hand.session.labels.show()
    assert "of images" in hand.find(review, "review.check").toolTip()
    layer = hand.session.labels.layer
    hand.viewer.layers.selection.active = layer
    hand.qtbot.keyClick(hand.viewer.window._qt_viewer.canvas.native, Qt.Key.Key_N)
    hand.find(segment, "movie.line").setChecked(True)
    boxes = [hand.find(segment, f"movie.{name}") for name in ("z_step", "pixel_size")]
    assert all(box.isVisibleTo(segment) for box in boxes)

    choose(segment, hand, "each section as a frame")
    assert image.data.shape == (24, 64, 80) and hand.session.movie.stack.dims == 2
    assert not hand.find(review, "review.of_images").text()
    choose(segment, hand, "3")
    assert image.data.shape == (3, 64, 80)
    np.testing.assert_allclose(image.scale, (1, 0.4, 0.4))
    choose(segment, hand, "volume")
    hand.viewer.dims.set_current_step(0, 2)
    assert hand.session.movie.frame == 2
    hand.viewer.dims.set_current_step(1, 5)
    assert hand.session.movie.frame == 2
    np.testing.assert_array_equal(image._slice.image.raw, stack[2][5])


def test_where_no_file_says_it_the_distance_of_sections_is_asked_for(hand, volumes):
    dock = hand.open("Segment")
    hand.viewer.add_image(volumes[0], name="nuclei", axis_labels=("t", "z", "y", "x"))
    choose(dock, hand, "volume")
    assert hand.session.movie.stack.spacing is None
    assert "how far apart" in hand.find(dock, "movie.check").text()
    hand.find(dock, "movie.line").setChecked(True)
    assert "Give both" in hand.find(dock, "movie.lengths_doubt").text()
    live, layer = hand.session.labels.show()
    live[0, 2, 3:9, 3:9] = 7
    hand.find(dock, "movie.z_step").setValue(3)
    hand.find(dock, "movie.pixel_size").setValue(1.5)
    assert hand.session.movie.stack.spacing == (3.0, 1.5, 1.5)
    assert hand.session.labels.live is live and live.steps == (2.0, 1.0, 1.0)
    assert "Give both" not in hand.find(dock, "movie.lengths_doubt").text()
    assert "µm³" in hand.find(dock, "segment.min_size").suffix()
    assert layer.data[0, 2, 3, 3] == 7 and layer in hand.viewer.layers


def test_sections_are_exported_as_cells_in_3d(hand, file, tmp_path):
    dock = hand.open("Export")
    hand.open_movie(dock, file)
    join = hand.find(dock, "export.join")
    assert not join.isVisibleTo(dock)
    choose(dock, hand, "each section as a frame")
    assert join.isVisibleTo(dock)
    live, _ = hand.session.labels.show()
    for z in range(2, 6):  # one cell, whose sections have numbers of their own
        live[z, 10:20, 10 : 20 + z] = z
    live[9, 30:40, 30:40], live[9, 0, 0] = 7, BACKGROUND_ID
    hand.find(dock, "export.folder").setText(str(tmp_path / "out"))
    join.setChecked(True)
    assert dock.movie.scene().compose().shape == (64, 80, 3)
    for alone in ("export.save_still", "export.save_archive", "export.save_map"):
        assert not hand.find(dock, alone).isEnabled()
    assert "untick" in hand.find(dock, "export.save_still").toolTip()
    hand.click(dock, "export.run")
    hand.done()
    labels = tifffile.imread(tmp_path / "out" / "labels.tif")
    joined = [join_sections([live[8 * t + z] % BACKGROUND_ID for z in range(8)]) for t in range(3)]
    np.testing.assert_array_equal(labels, joined)
    assert [len(np.unique(volume)) for volume in labels] == [2, 2, 1]
    rows = (tmp_path / "out" / "objects.csv").read_text("utf-8").splitlines()
    columns = rows[0].split(",")
    assert len(rows) == 3 and "volume_um3" in columns
    assert [row.split(",")[columns.index("hand_corrected")] for row in rows[1:]] == ["1", "1"]
    assert (tmp_path / "out" / "overlay.mp4").stat().st_size > 500
    choose(dock, hand, "volume")
    assert not join.isVisibleTo(dock) and not join.wanted


def test_volumes_begin_from_a_model_of_images(hand, file):
    train = hand.open("Train")
    base = hand.find(train, "train.start_from")
    usual = base.currentText()
    hand.open_movie(train, file)
    for words in ("volume", "maximum of all"):
        choose(train, hand, words)
        assert base.currentText() == usual != "a new network"


def test_segmenting_says_where_model_and_movie_do_not_fit(hand, file, model_file):
    dock = hand.open("Segment")
    hand.open_movie(dock, file)
    hand.load_model(dock, model_file)
    choose(dock, hand, "volume")
    assert not hand.find(dock, "segment.run_region").isEnabled()
    hand.click(dock, "segment.run_frame")
    assert "each section as a frame" in hand.failure()


@pytest.mark.slow
def test_segmenting_says_that_a_model_of_volumes_takes_no_images_and_needs_memory(
    hand, file, solid_model, monkeypatch
):
    from napari_unet.engine.prediction import prediction

    dock = hand.open("Segment")
    hand.open_movie(dock, file)
    hand.load_model(dock, solid_model)
    hand.click(dock, "segment.run_frame")
    assert "taken as a volume" in hand.failure()
    choose(dock, hand, "each section as a frame")
    hand.click(dock, "segment.run_movie")
    assert "taken as a volume" in hand.failure()
    choose(dock, hand, "volume")
    monkeypatch.setattr(prediction, "available_memory", lambda _: 1000)  # bytes
    hand.click(dock, "segment.run_movie")
    line = hand.failure()
    assert "memory" in line and "each section as a frame" in line


@pytest.mark.slow
def test_volumes_are_segmented_corrected_and_found_again(hand, file, solid_model, tmp_path, qtbot):
    segment, review, export = map(hand.open, ("Segment", "Review", "Export"))
    hand.open_movie(segment, file)
    choose(segment, hand, "volume")
    hand.load_model(segment, solid_model)
    hand.viewer.dims.set_current_step(0, 0)
    hand.click(segment, "segment.run_movie")
    assert "3 frames segmented" in hand.done()
    session = hand.session
    live, layer = session.labels.live, session.labels.layer
    assert layer.ndim == 4 and live.shape == (3, 8, 64, 80) and live.spacing == SPACING
    qtbot.waitUntil(lambda: live.is_prepared(0), timeout=20000)
    hand.find(segment, "segment.threshold").setValue(0.3)
    hand.said(segment, "segment.count", "3 of 3 frames segmented")

    canvas = CanvasHand(hand.viewer, qtbot, live, layer)
    canvas.go(0)
    canvas.viewer.dims.set_current_step(1, 2)
    new = live.new_id()
    canvas.drag((20, 20), (24, 24), label=new, size=5)
    assert (live[0, 2] == new).any() and not (live[0, [1, 3]] == new).any()  # this section alone
    layer.n_edit_dimensions = 3
    canvas.drag((50, 60), label=(ball := live.new_id()), size=9)
    assert (live[0, 1:4] == ball).any((1, 2)).all()
    layer.n_edit_dimensions = 2
    canvas.viewer.dims.set_current_step(1, 6)
    canvas.drag((20, 20), (24, 24), label=new, size=5)
    hand.click(review, "review.fill_between")
    assert all((live[0, z] == new).any() for z in range(2, 7))
    canvas.undo()
    assert not (live[0, 4] == new).any()
    canvas.key(Qt.Key.Key_F, Qt.KeyboardModifier.ShiftModifier)
    assert (live[0, 4] == new).any()
    shown = np.asarray(live[0])

    choose(segment, hand, "maximum of all")
    assert layer not in hand.viewer.layers and session.movie.image.ndim == 3
    choose(segment, hand, "volume")
    assert session.labels.live is live and session.labels.layer.ndim == 4
    hand.viewer.dims.ndisplay = 3
    back = session.labels.layer
    qtbot.waitUntil(lambda: np.array_equal(back._slice.image.raw, shown), timeout=20000)
    hand.viewer.dims.ndisplay = 2

    hand.find(export, "export.folder").setText(str(tmp_path / "out"))
    hand.find(export, "export.section").setCurrentText("2")
    hand.click(export, "export.run")
    hand.done()
    written = tifffile.imread(tmp_path / "out" / "labels.tif")
    np.testing.assert_array_equal(written[0], shown)
    assert (tmp_path / "out" / "overlay.mp4").stat().st_size > 1000

    right = np.asarray(live[:]).copy()
    right[1], right[2][right[2] == right[2].max()] = 0, 0
    hand.viewer.add_labels(right, name="right", scale=session.labels.layer.scale)
    hand.click(review, "review.compare_truth")
    assert hand.done().startswith("Compared 2 frames")
    scored = review.truth.scores.scored
    assert scored[0].scores.seg == 1 and scored[2].scores.invented == 1 and not scored[2].wrong

    hand.viewer.layers.clear()
    hand.open_movie(segment, file)
    choose(segment, hand, "volume")
    qtbot.waitUntil(lambda: session.labels.layer is not None, timeout=20000)
    again = session.labels.live
    assert again is not live
    qtbot.waitUntil(lambda: again.is_prepared(0), timeout=20000)
    np.testing.assert_array_equal(np.asarray(again[0]), shown)


@pytest.mark.slow
def test_after_a_kill_volumes_are_taken_up_by_themselves(hand, file, solid_model, tmp_path):
    shown, many = tmp_path / "shown.npy", 8
    frames = np.resize(tifffile.imread(file), (many, 8, 64, 80))
    tifffile.imwrite(file, frames, metadata={"axes": "TZYX", **KNOWN})
    kill_when_ready(OPENED + KILLED, file, solid_model, shown)
    dock = hand.open("Segment")
    hand.open_movie(dock, file)
    assert "corrections on 1 frame" in went_on(hand, dock)
    live, session = hand.session.labels.live, hand.session
    assert hand.find(dock, "movie.z").currentText() == "volume"
    assert live.shape == frames.shape and session.labels.layer.ndim == 4
    assert live.settings.threshold == 0.3
    assert 0 < live.probabilities.computed.sum() < many
    np.testing.assert_array_equal(np.asarray(live[0]), np.load(shown))
    hand.qtbot.waitUntil(lambda: session.labels.model is not None, timeout=20000)
    hand.click(dock, "segment.run_movie")
    hand.done()
    assert session.labels.live is live and live.probabilities.computed.all()
    np.testing.assert_array_equal(np.asarray(live[0]), np.load(shown))

    choose(dock, hand, "maximum of all")  # looked at, and nothing done there
    hand.viewer.layers.clear()
    hand.open_movie(dock, file)
    went_on(hand, dock)
    assert session.movie.stack.dims == 3
    choose(dock, hand, "maximum of all")
    session.labels.show()[0][1, 5:9, 5:9] = 7
    hand.qtbot.waitUntil(lambda: session.place.folder.last_z == "max")
    hand.viewer.layers.clear()
    hand.open_movie(dock, file)
    went_on(hand, dock)
    assert session.movie.stack.dims == 2


@pytest.mark.slow
def test_the_docks_label_volumes_as_the_command_line_does(hand, file, solid_model, tmp_path):
    from napari_unet.cli.app import app

    dock = hand.open("Segment")
    hand.open_movie(dock, file)
    choose(dock, hand, "volume")
    hand.load_model(dock, solid_model)
    hand.click(dock, "segment.run_movie")
    hand.done()
    live, out = hand.session.labels.live, tmp_path / "out"
    made = ["segment", str(file), "--z", "volume", "--model", str(solid_model), "--out", str(out)]
    assert CliRunner().invoke(app, [*made, "--no-movie"]).exit_code == 0
    written = tifffile.imread(out / "labels.tif")
    assert written.max() > 2
    for t in range(3):
        np.testing.assert_array_equal(np.asarray(live[t]), written[t])


@pytest.mark.slow
def test_volumes_painted_by_hand_teach_a_model_whose_labels_are_the_command_lines(
    hand, file, volumes, tmp_path, qtbot
):
    from napari_unet.cli.app import app

    train = hand.open("Train")
    hand.open_movie(train, file)
    choose(train, hand, "volume")
    hand.click(train, "train.annotate")
    live, layer = hand.session.labels.live, hand.session.labels.layer
    canvas = CanvasHand(hand.viewer, qtbot, live, layer)
    canvas.go(0)
    for z in (3, 5):  # a few cells on two sections, each by a stroke or two
        hand.viewer.dims.set_current_step(1, z)
        ids, sizes = np.unique(volumes[1][0, z], return_counts=True)
        for label in ids[1:][sizes[1:] > 40]:
            y, x = np.argwhere(volumes[1][0, z] == label).mean(axis=0)
            if 6 < y < 58 and 6 < x < 74:
                canvas.drag((y, x - 1), (y, x + 1), label=int(label), size=7)
    assert len(live.corrections.ids(0)) > 4
    hand.make_small(train, steps=30)
    hand.find(train, "train.crop").setValue(32)
    hand.click(train, "train.start")
    hand.done()
    model, out = tmp_path / "mine.safetensors", tmp_path / "out"
    hand.find(train, "train.model_path").setText(str(model))
    hand.click(train, "train.save_model")
    hand.done()
    assert hand.session.models.chosen.model.config.dims == 3

    segment, export = hand.open("Segment"), hand.open("Export")
    again = shutil.copy(file, tmp_path / "again.ome.tif")  # without what was painted
    hand.viewer.layers.clear()
    hand.open_movie(segment, again)
    choose(segment, hand, "volume")
    hand.click(segment, "segment.run_movie")
    hand.done()
    hand.find(segment, "segment.threshold").setValue(0.6)
    hand.find(export, "export.folder").setText(str(out))
    hand.click(export, "export.save_labels")
    hand.done()
    made = ["segment", str(again), "--z", "volume", "--model", str(model), "--threshold", "0.6"]
    shell = [*made, "--out", str(tmp_path / "shell"), "--no-movie", "--threads", "1"]
    assert CliRunner().invoke(app, shell).exit_code == 0
    written = tifffile.imread(out / "labels.tif")
    assert written.max() > 1
    np.testing.assert_array_equal(written, tifffile.imread(tmp_path / "shell" / "labels.tif"))
