"""What the Export dock shows of the frame on screen: preview, methods text."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest
from PIL import Image
from qtpy.QtGui import QGuiApplication

from napari_unet.engine.export.overlay.colours import JET, VIRIDIS
from napari_unet.engine.export.target import formats
from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.gui.export.screen_look import ScreenLook, look_on_screen


@pytest.fixture
def truth(viewer, movie, small):
    """The true labels as a plain layer."""
    return viewer.add_labels(small[1], name="truth")


@pytest.fixture
def export(hand, truth, tmp_path):
    """The Export dock in sight, with labels and a folder."""
    dock = hand.open("Export")
    dock.window().show()
    hand.find(dock, "export.folder").setText(str(tmp_path / "out"))
    hand.qtbot.waitUntil(lambda: not picture(dock).isNull())  # and the canvas is drawn
    return dock


def picture(export):
    return export.movie.preview.pixmap()


def test_the_preview_follows_style_frame_and_look(hand, export, viewer):
    hand.qtbot.waitUntil(lambda: not picture(export).isNull())
    tall = picture(export).height() / picture(export).width()
    hand.find(export, "export.movie_style").setValue("side_by_side")
    hand.qtbot.waitUntil(lambda: picture(export).height() / picture(export).width() < 0.7 * tall)
    before = picture(export).toImage()
    viewer.dims.set_current_step(0, 4)
    hand.qtbot.waitUntil(lambda: picture(export).toImage() != before)
    before = picture(export).toImage()
    hand.find(export, "export.title_text").setText("HeLa")
    hand.find(export, "export.title_text").textEdited.emit("HeLa")
    hand.qtbot.waitUntil(lambda: picture(export).toImage() != before)


def test_the_preview_is_composed_off_the_gui_thread(hand, export, monkeypatch):
    from napari_unet.gui.export.preview import Scene

    threads, compose = [], Scene.compose

    def noted(self):
        threads.append(threading.current_thread())
        return compose(self)

    monkeypatch.setattr(Scene, "compose", noted)
    hand.find(export, "export.movie_style").setValue("filled")
    hand.qtbot.waitUntil(lambda: bool(threads))
    hand.qtbot.waitUntil(lambda: not picture(export).isNull())
    assert threading.main_thread() not in threads


def choose(hand, export, **values):
    for name, value in values.items():
        hand.find(export, f"export.{name}").setValue(value)


@pytest.mark.parametrize("meaning", ["ids", "linked", "laptrack"])
def test_the_preview_is_the_exported_frame(hand, export, viewer, tmp_path, meaning):
    """Tails and linked colours: found in the worker, with a word while they are looked for."""
    if meaning == "laptrack":
        pytest.importorskip("laptrack")
    viewer.dims.set_current_step(0, 4)
    hand.qtbot.waitUntil(lambda: not picture(export).isNull())
    before, said = picture(export).toImage(), []
    note = hand.find(export, "export.preview_note")
    say = note.say
    note.say = lambda line, warn=False: (said.append(line), say(line, warn))
    choose(hand, export, tail=3, meaning=meaning)
    hand.qtbot.waitUntil(lambda: picture(export).toImage() != before and not note.text())
    scene = export.movie.scene()
    assert scene.links.n_read == (6 if meaning == "laptrack" else 5)  # kept, not found again
    kinds = hand.find(export, "export.movie_format")
    kinds.setCurrentIndex(kinds.findData(""))
    for button in ("save_movie", "save_still"):
        hand.click(export, f"export.{button}")
        hand.done()
    for path in (
        tmp_path / "out" / "overlay_frames" / "frame0004.png",
        *(tmp_path / "out").glob("frame*.png"),
    ):
        with Image.open(path) as exported:
            np.testing.assert_array_equal(scene.compose(), np.asarray(exported))


def test_the_preview_says_that_it_is_linking(hand, export, viewer, monkeypatch):
    from napari_unet.gui.export import preview

    monkeypatch.setattr(preview, "_LINK_S", 0)
    viewer.dims.set_current_step(0, 5)
    note, said = hand.find(export, "export.preview_note"), []
    say = note.say
    note.say = lambda line, warn=False: (said.append(line), say(line, warn))
    choose(hand, export, meaning="linked")
    hand.qtbot.waitUntil(lambda: len(said) > 2 and not said[-1])
    lines = [line for line in said if line]
    assert lines == [f"Linking cells: {n} of 6 frames…" for n in range(1, 6)]
    assert not note.isVisible()


def test_links_are_found_again_where_a_frame_changed(hand, viewer, movie, small):
    live = LiveLabels(small[1].shape)
    for t, frame in enumerate(small[1]):
        live[t] = frame
    hand.session.labels.take(live, viewer.add_labels(live, name="live"))
    dock = hand.open("Export")
    dock.window().show()
    choose(hand, dock, meaning="linked")
    viewer.dims.set_current_step(0, 2)
    hand.qtbot.waitUntil(lambda: dock.movie.scene().links.n_read == 3)
    links = dock.movie.scene().links
    live[4, :5, :5] = 99  # read by nobody yet
    assert dock.movie.scene().links is links
    live[1, :5, :5] = 99
    assert dock.movie.scene().links is not links
    links = dock.movie.scene().links
    hand.session.labels.set_settings(hand.session.labels.settings.replace(threshold=0.3))
    assert dock.movie.scene().links is not links
    plain = viewer.add_labels(small[1].copy(), name="plain")
    hand.find(dock, "export.labels").setCurrentText("plain")
    hand.qtbot.waitUntil(lambda: dock.movie.scene().links.n_read == 3)
    links = dock.movie.scene().links
    plain.paint((1, 3, 3), 7)
    assert dock.movie.scene().links is not links


def test_frames_that_are_not_exported_are_shown_unlinked(hand, export, viewer):
    choose(hand, export, meaning="linked")
    hand.find(export, "export.frames").setText("0-2")
    viewer.dims.set_current_step(0, 4)
    assert export.movie.scene().links is None
    viewer.dims.set_current_step(0, 2)
    assert export.movie.scene().links is not None


def test_a_crop_outside_the_frame_is_said_in_the_preview(hand, export):
    hand.find(export, "export.crop").setText("0,0,1")
    export.movie.changed.emit()
    assert "Crop" in export.movie.preview.text()


def test_methods_text_goes_to_the_clipboard(hand, export):
    hand.click(export, "export.copy_methods")
    text = QGuiApplication.clipboard().text()
    assert "napari-unet-live" in text
    assert "Ronneberger" in text


def test_only_done_frames(hand, viewer, movie, small, tmp_path):
    import tifffile

    live = LiveLabels(small[1].shape)
    live[1], live[4] = small[1][1], small[1][4]
    layer = viewer.add_labels(live, name="live")
    dock = hand.open("Export")
    hand.session.labels.take(live, layer)
    assert not hand.find(dock, "export.done_only").isEnabled()
    live.confirm_frame(4)
    dock.update_state()
    hand.find(dock, "export.done_only").setChecked(True)
    hand.find(dock, "export.folder").setText(str(tmp_path / "out"))
    hand.click(dock, "export.save_labels")
    hand.done()
    found = np.squeeze(tifffile.imread(tmp_path / "out" / "labels.tif"))
    np.testing.assert_array_equal(found, small[1][4])


def test_linked_ids_keep_those_of_a_person(hand, viewer, movie, small, tmp_path):
    import tifffile

    live = LiveLabels(small[1].shape)
    for t, frame in enumerate(small[1]):
        live[t] = np.where(frame > 0, frame + 500, 0)
    hand.session.labels.take(live, viewer.add_labels(live, name="live"))
    dock = hand.open("Export")
    hand.find(dock, "export.folder").setText(str(tmp_path / "out"))
    hand.find(dock, "export.meaning").setValue("linked")
    hand.click(dock, "export.save_labels")
    hand.done()
    wanted = np.where(small[1] > 0, small[1] + 500, 0)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out" / "labels.tif"), wanted)


def test_tails_before_and_after_a_folder_and_a_still(hand, export, viewer, small, tmp_path):
    viewer.add_labels(np.zeros_like(small[1]), name="empty")
    hand.find(export, "export.movie_style").setValue("before_after")
    hand.find(export, "export.before").setCurrentText("empty")
    hand.find(export, "export.tail").setValue(3)
    kinds = hand.find(export, "export.movie_format")
    kinds.setCurrentIndex(kinds.findData(""))
    hand.click(export, "export.save_movie")
    hand.done()
    assert len(list((tmp_path / "out" / "overlay_frames").glob("*.png"))) == len(small[1])
    viewer.dims.set_current_step(0, 5)
    hand.click(export, "export.save_still")
    assert hand.done().endswith("frame0005.png")
    assert (tmp_path / "out" / "frame0005.png.json").exists()


def test_before_without_other_labels_says_what_to_do(hand, export):
    hand.find(export, "export.movie_style").setValue("before_after")
    button = hand.find(export, "export.save_movie")
    assert not button.isEnabled()
    assert "Before" in button.toolTip()


def test_a_missing_extra_is_named(hand, viewer, movie, monkeypatch):
    monkeypatch.setattr(formats, "find_spec", lambda name: None)
    dock = hand.open("Export")
    for name, choice, extra in (
        ("export.format", "zarr", "zarr"),
        ("export.table_format", "parquet", "parquet"),
    ):
        menu = hand.find(dock, name)
        item = menu.model().item(menu.findData(choice))
        assert not item.isEnabled()
        assert f"[{extra}]" in item.text()


def test_the_movie_looks_as_on_screen(hand, viewer, movie, truth):
    movie.contrast_limits = (10, 200)
    look = look_on_screen(hand.session, truth)
    assert look.windows == ((10, 200),)
    assert look.tints == ()
    colours = np.asarray(truth.colormap.map(np.array([1, 2, 3])))[:, :3]
    np.testing.assert_array_equal(look.fill[:3], np.rint(colours * 255))
    movie.colormap = "green"
    assert look_on_screen(hand.session, truth).tints == ((0, 256, 0),)
    movie.colormap = "gray_r"
    assert look_on_screen(hand.session, truth).tints == ()
    assert look_on_screen(hand.session, truth, contrast=False).windows is None


def test_channels_on_screen_together(hand, viewer, tmp_path):
    import tifffile

    rng = np.random.default_rng(0)
    data = rng.integers(0, 900, (3, 2, 40, 48)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "two.tif", data, imagej=True, metadata={"axes": "TCYX"})
    viewer.open(str(tmp_path / "two.tif"), plugin="napari-unet-live")
    look = look_on_screen(hand.session, None)
    assert look.channels == (0, 1)
    assert len(look.windows) == len(look.tints) == 2
    assert look.of(hand.session.movie.stack)[0].shape == (2, 40, 48)
    viewer.layers[0].visible = False
    assert len(look_on_screen(hand.session, None).channels) == 1
    assert isinstance(look, ScreenLook)


def test_crop_to_view_and_back(hand, export, movie):
    movie.corner_pixels = np.array([[0, 10, 20], [0, 49, 79]])
    hand.click(export, "export.crop_view")
    assert export.movie.overlay().crop == (10, 20, 50, 80)
    hand.qtbot.waitUntil(lambda: picture(export).width() > 1.4 * picture(export).height())
    hand.click(export, "export.crop_view")
    assert export.movie.overlay().crop is None


def test_probabilities_as_shown(hand, viewer, movie, small, tmp_path):
    import tifffile

    from napari_unet.engine.prediction.probabilities import Probabilities

    probabilities = Probabilities.in_memory((len(small[1]), 1, *small[1].shape[1:]))
    for t, frame in enumerate(small[1]):
        probabilities.write(t, np.where(frame > 0, 255, 0).astype(np.uint8)[None])
    live = LiveLabels(small[1].shape, probabilities)
    hand.session.labels.take(live, viewer.add_labels(live, name="live"))
    dock = hand.open("Export")
    hand.find(dock, "export.folder").setText(str(tmp_path / "out"))
    formats = hand.find(dock, "export.format")
    formats.setCurrentIndex(formats.findData("probabilities"))
    assert not hand.find(dock, "export.meaning").isEnabled()
    hand.click(dock, "export.save_labels")
    hand.done()
    found = np.squeeze(tifffile.imread(tmp_path / "out" / "probabilities.ome.tif"))
    np.testing.assert_array_equal(found > 127, small[1] > 0)

    comparison, map_ = (hand.find(dock, f"export.save_{name}") for name in ("comparison", "map"))
    assert map_.isEnabled() and not comparison.isEnabled() and "Truth" in comparison.toolTip()
    painted = small[1].copy()
    painted[[0, 2, 3, 5]] = 0  # a user drew on two frames alone
    viewer.add_labels(painted, name="painted")
    hand.find(dock, "export.truth").setCurrentText("painted")
    hand.click(dock, "export.save_comparison")
    assert hand.done().endswith("comparison.png")
    sidecar = json.loads((tmp_path / "out" / "comparison.png.json").read_text())
    assert sidecar["frames"] == [1, 4]
    viewer.dims.set_current_step(0, 2)
    hand.find(dock, "export.map_colours").setValue("jet")
    hand.click(dock, "export.save_map")
    hand.done()
    with Image.open(tmp_path / "out" / "probability_0002.png") as figure:
        drawn = np.asarray(figure)
    assert (drawn == JET[255]).all(-1).any() and not (drawn == VIRIDIS[255]).all(-1).any()
