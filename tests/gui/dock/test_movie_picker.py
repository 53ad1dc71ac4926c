"""The movie picker: one choice for all docks, from files, folders and layers."""

from __future__ import annotations

import sys
import threading

import numpy as np
import pytest
import tifffile


@pytest.fixture
def channels(tmp_path):
    """A two-channel OME-TIFF with three sections, (T, Z, C, Y, X), named channels and units."""
    data = np.random.default_rng(0).integers(0, 999, (4, 3, 2, 32, 40), np.uint16)
    file = tmp_path / "two.ome.tif"
    tifffile.imwrite(
        file,
        data,
        metadata={
            "axes": "TZCYX",
            "Channel": {"Name": ["GFP", "RFP"]},
            "PhysicalSizeX": 0.5,
            "PhysicalSizeXUnit": "µm",
            "PhysicalSizeY": 0.5,
            "PhysicalSizeYUnit": "µm",
            "TimeIncrement": 60,
            "TimeIncrementUnit": "s",
        },
    )
    return file, data


def test_docks_cannot_disagree(hand, channels, viewer):
    file, data = channels
    segment, export = hand.open("Segment"), hand.open("Export")
    hand.open_movie(segment, file)
    channel = hand.find(export, "movie.channel")
    assert [channel.itemText(i) for i in range(2)] == ["GFP", "RFP"]
    channel.setCurrentText("RFP")
    assert hand.find(segment, "movie.channel").currentText() == "RFP"
    assert hand.find(segment, "movie.image").currentText().endswith("RFP")
    np.testing.assert_array_equal(hand.session.movie.stack[2], data[2, :, 1].max(axis=0))
    hand.find(segment, "movie.z").setCurrentText("1")
    assert hand.find(export, "movie.z").currentText() == "1"
    np.testing.assert_array_equal(hand.session.movie.stack[2], data[2, 1, 1])
    np.testing.assert_array_equal(hand.session.movie.image.data[2], data[2, 1, 1])


def test_ticked_channels_are_the_movie_together(hand, channels, viewer):
    file, data = channels
    segment, export = hand.open("Segment"), hand.open("Export")
    hand.open_movie(segment, file)
    ticks = hand.find(segment, "movie.channels")
    assert [(box.text(), box.isChecked()) for box in ticks.boxes] == [("GFP", True), ("RFP", False)]
    shown, changed = viewer.layers[0].data, []
    hand.session.movie.changed.connect(lambda: changed.append(True))
    ticks.boxes[1].click()
    stack = hand.session.movie.stack
    assert stack.selected_channels == ("GFP", "RFP")
    np.testing.assert_array_equal(stack[2], data[2].max(axis=0))
    assert viewer.layers[0].data is shown  # it still shows one of them
    assert "GFP + RFP" in hand.find(export, "movie.line").toolTip()
    assert all(box.isChecked() for box in hand.find(export, "movie.channels").boxes)
    hand.find(segment, "movie.z").setCurrentText("1")
    np.testing.assert_array_equal(hand.session.movie.stack[2], data[2, 1])
    np.testing.assert_array_equal(viewer.layers[0].data[2], data[2, 1, 0])
    ticks.boxes[0].click()
    np.testing.assert_array_equal(hand.session.movie.stack[2], data[2, 1, 1])
    ticks.boxes[1].click()
    assert ticks.boxes[1].isChecked()  # one at least
    assert len(changed) == 3


def test_channels_of_an_array_are_ticked_too(hand, viewer):
    data = np.random.default_rng(1).integers(0, 99, (5, 2, 32, 40), np.uint8)
    image = viewer.add_image(data, axis_labels=("t", "c", "y", "x"))
    segment = hand.open("Segment")
    hand.find(segment, "movie.channels").boxes[1].click()
    assert hand.session.movie.image is image
    np.testing.assert_array_equal(hand.session.movie.stack[3], data[3])
    hand.session.movie.require_layer()
    np.testing.assert_array_equal(hand.session.movie.stack[3], data[3])
    np.testing.assert_array_equal(viewer.layers[0].data[3], data[3, 0])


@pytest.mark.slow
def test_a_model_of_two_channels_from_training_to_the_table(hand, small, tmp_path, viewer):
    """Only the second channel has cells, only the first is on screen."""
    movie, truth = small
    both = np.stack([np.full_like(movie, movie.mean()), movie], axis=1)
    metadata = {"axes": "TCYX", "Channel": {"Name": ["none", "cells"]}}
    tifffile.imwrite(tmp_path / "both.ome.tif", both, metadata=metadata)
    train, segment, export = hand.open_train(60), hand.open("Segment"), hand.open("Export")
    hand.open_movie(segment, tmp_path / "both.ome.tif")
    hand.find(segment, "movie.channels").boxes[1].click()
    viewer.add_labels(truth, name="truth")
    hand.find(train, "train.labels").setCurrentText("truth")
    hand.click(train, "train.start")
    hand.done(120000)
    hand.click(train, "train.keep")
    hand.done()
    kept = hand.session.models.chosen
    assert kept.model.card["channel"] == "none, cells"
    hand.click(segment, "segment.run_movie")
    hand.done()
    found = np.asarray(hand.session.labels.live[2]) > 0
    assert (found & (truth[2] > 0)).sum() > 0.5 * (found | (truth[2] > 0)).sum()
    hand.find(export, "export.folder").setText(str(tmp_path))
    for name in ("export.save_table", "export.save_labels", "export.save_movie"):
        hand.click(export, name)
        hand.done()


def test_opened_layers_carry_scale_units_and_axes(hand, channels, viewer):
    hand.open_movie(hand.open("Segment"), channels[0])
    for layer in viewer.layers:
        assert layer.axis_labels == ("t", "y", "x")
        np.testing.assert_allclose(layer.scale, (60, 0.5, 0.5))
        assert [str(u) for u in layer.units] == ["second", "micrometer", "micrometer"]
        assert layer.data.shape == (4, 32, 40)


def test_reader_gives_the_same_layers(channels, viewer):
    viewer.open(str(channels[0]), plugin="napari-unet-live")
    assert [x.name.split(" · ")[-1] for x in viewer.layers] == ["GFP", "RFP"]


def test_folder_of_frames(hand, tmp_path, small, viewer):
    for t, frame in enumerate(small[0]):
        tifffile.imwrite(tmp_path / f"t{3 * t:03d}.tif", frame)
    hand.open_movie(hand.open("Segment"), tmp_path)
    assert hand.session.movie.stack.numbers == (0, 3, 6, 9, 12, 15)
    np.testing.assert_array_equal(viewer.layers[0].data[1], small[0][1])


@pytest.fixture
def opened_on_gui_thread():
    """Names of the TIFFs that this thread opens while a test runs."""
    found, here = [], threading.get_ident()

    def listen(event, arguments):  # a hook stays for good, so it looks whether it is wanted
        if found is not None and event == "open" and threading.get_ident() == here:
            if str(arguments[0]).endswith(".tif"):
                found.append(arguments[0])

    sys.addaudithook(listen)
    yield found
    found = None


def test_the_files_of_a_folder_are_opened_by_workers(
    hand, tmp_path, viewer, qtbot, opened_on_gui_thread
):
    data = np.random.default_rng(0).integers(0, 999, (5, 3, 32, 40), np.uint16)
    for t, planes in enumerate(data):
        tifffile.imwrite(
            tmp_path / f"t{t}.tif", planes, photometric="minisblack", metadata={"axes": "ZYX"}
        )
    opened_on_gui_thread.clear()  # those were written
    segment, train = hand.open("Segment"), hand.open("Train")
    hand.open_movie(segment, tmp_path)
    hand.click(train, "train.annotate")
    stack, axes = hand.session.movie.stack, hand.find(segment, "movie.axes")
    assert stack is viewer.layers[0].data.movie
    axes.setText("TCYX")
    axes.editingFinished.emit()
    hand.said(segment, "movie.summary", "Opening the movie…")
    qtbot.waitUntil(lambda: hand.session.movie.stack is not None)
    assert hand.session.movie.stack.source_axes == "TCYX"
    np.testing.assert_array_equal(hand.session.movie.image.data[2], data[2, 0])
    axes.setText("TQYX")
    axes.editingFinished.emit()
    hand.said(segment, "movie.summary", "⚠")
    assert hand.session.movie.stack is None
    assert opened_on_gui_thread == []


@pytest.mark.parametrize("content", [None, b"", b"II*\x00 cut short"])
def test_a_bad_file_is_one_line_and_adds_nothing(hand, tmp_path, viewer, content):
    dock, file = hand.open("Segment"), tmp_path / "bad.tif"
    if content is not None:
        file.write_bytes(content)
    hand.find(dock, "movie.path").setText(str(file))
    hand.click(dock, "movie.open")
    line = hand.failure()
    assert "bad.tif" in line
    assert line in hand.find(dock, "movie.summary").text()
    assert len(viewer.layers) == 0


def test_pickers_follow_the_layer_list(hand, movie, viewer):
    dock = hand.open("Segment")
    image = hand.find(dock, "movie.image")
    second = viewer.add_image(np.zeros((3, 8, 8)), name="second")
    assert [image.itemText(i) for i in range(image.count())] == ["small", "second"]
    assert image.currentText() == "small"
    second.name = "renamed"
    assert image.itemText(1) == "renamed"
    image.setCurrentText("renamed")
    viewer.layers.remove(second)
    assert image.currentText() == "small"
    viewer.layers.remove(viewer.layers["small"])
    assert image.currentText() == "no image layer yet"
    assert hand.session.movie.stack is None


def test_axes_can_be_said(hand, viewer):
    dock = hand.open("Segment")
    data = np.random.default_rng(0).random((5, 2, 16, 20), np.float32)
    viewer.add_image(data, name="array")
    axes = hand.find(dock, "movie.axes")
    axes.setText("TCYX")
    axes.editingFinished.emit()
    hand.find(dock, "movie.channel").setCurrentIndex(1)
    np.testing.assert_array_equal(hand.session.movie.stack[3], data[3, 1])
    axes.setText("TQYX")
    axes.editingFinished.emit()
    summary = hand.find(dock, "movie.summary").text()
    assert "\n" not in summary
    assert hand.session.movie.stack is None
    axes.setText("CTYX")
    axes.editingFinished.emit()
    np.testing.assert_array_equal(hand.session.movie.stack[1], data[1, 1])


def test_an_array_with_channels_is_unfolded_before_labels_lie_on_it(hand, viewer):
    dock = hand.open("Train")
    data = np.random.default_rng(0).random((5, 2, 16, 20), np.float32)
    viewer.add_image(data, name="array", axis_labels=("t", "c", "y", "x"), scale=(1, 1, 0.5, 0.5))
    hand.find(dock, "movie.channel").setCurrentIndex(1)
    hand.click(dock, "train.annotate")
    image, labels = viewer.layers
    assert image.data.shape == labels.data.shape == (5, 16, 20)
    np.testing.assert_array_equal(image.data[4], data[4, 1])
    np.testing.assert_allclose(image.scale, labels.scale)
    assert hand.session.movie.image is image
    hand.find(dock, "movie.channel").setCurrentIndex(0)
    np.testing.assert_array_equal(image.data[4], data[4, 0])


def test_a_movie_that_is_opened_is_seen_alone_and_the_former_one_comes_back(
    hand, channels, file, viewer, capsys
):
    """Over each other they cannot be told apart; napari warns of units that differ."""
    dock, (other, _) = hand.open("Segment"), channels
    hand.open_movie(dock, file)
    first, units = hand.session.movie.image, hand.session.movie.image.units
    labels = hand.session.labels.show()[1]
    viewer.dims.set_current_step(0, 5)
    hand.open_movie(dock, other)
    shown = [layer for layer in viewer.layers if layer.visible]
    assert [layer.name for layer in shown] == ["two.ome.tif · GFP", "two.ome.tif · RFP"]
    assert viewer.layers.extent.units is not None  # else napari warns, and draws without
    shown[1].visible = False  # by the user: stays so
    dims, centre = viewer.dims, viewer.scene.camera.center[-2:]
    assert shown[0].extent.world[0][0] <= dims.point[0] <= shown[0].extent.world[1][0]
    np.testing.assert_allclose(centre, shown[0].data_to_world((0, 15.5, 19.5))[-2:])

    hand.find(dock, "movie.image").setCurrentText(first.name)
    assert [x for x in viewer.layers if x.visible] == [first, labels]
    assert first.units == units
    hand.find(dock, "movie.image").setCurrentText("two.ome.tif · GFP")
    assert [x for x in viewer.layers if x.visible] == [shown[0]]
    for layer in shown:
        viewer.layers.remove(layer)
    assert hand.session.movie.image is first  # nothing else is left to look at
    assert [x for x in viewer.layers if x.visible] == [first, labels]
    assert "units" not in capsys.readouterr().out
