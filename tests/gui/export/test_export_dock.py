"""Export, by clicks in a real napari; what was written is read back by tifffile."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile


@pytest.fixture
def export(hand, movie, small, viewer, tmp_path):
    """The Export dock, the true labels chosen and a folder typed."""
    viewer.add_labels(small[1], name="truth")
    dock = hand.open("Export")
    hand.find(dock, "export.folder").setText(str(tmp_path / "ergebnis ä"))
    return dock


def test_labels_are_the_layers_pixel_for_pixel(hand, export, small, tmp_path):
    hand.click(export, "export.save_labels")
    line = hand.done()
    file = tmp_path / "ergebnis ä" / "labels.tif"
    assert line == f"Saved {file}"
    np.testing.assert_array_equal(tifffile.imread(file), small[1])
    sidecar = json.loads(file.with_name("labels.tif.json").read_text())
    assert sidecar["source"]["name"] == "small"


def test_frames_and_format(hand, export, small, tmp_path):
    formats = hand.find(export, "export.format")
    formats.setCurrentIndex(formats.findData("imagej"))
    hand.find(export, "export.frames").setText("1,3-4")
    hand.find(export, "export.meaning").setValue("mask")
    hand.click(export, "export.save_labels")
    hand.done()
    with tifffile.TiffFile(tmp_path / "ergebnis ä" / "labels.tif") as file:
        assert file.is_imagej
        np.testing.assert_array_equal(file.asarray(), small[1][[1, 3, 4]] > 0)


def test_table(hand, export, small, tmp_path):
    hand.click(export, "export.save_table")
    hand.done()
    rows = (tmp_path / "ergebnis ä" / "objects.csv").read_text("utf-8").splitlines()
    n_cells = sum(len(np.unique(frame)) - 1 for frame in small[1])
    assert len(rows) == 1 + n_cells
    parquet = pytest.importorskip("pyarrow.parquet")
    hand.find(export, "export.table_format").setValue("parquet")
    hand.click(export, "export.save_table")
    hand.done()
    assert parquet.read_table(tmp_path / "ergebnis ä" / "objects.parquet").num_rows == n_cells


def test_movie(hand, export, tmp_path):
    import imageio_ffmpeg

    hand.find(export, "export.movie_style").setValue("filled")
    hand.click(export, "export.save_movie")
    hand.done()
    frames, _ = imageio_ffmpeg.count_frames_and_secs(str(tmp_path / "ergebnis ä" / "overlay.mp4"))
    assert frames == 6


def test_an_earlier_file_is_replaced_only_after_a_yes(hand, export, tmp_path):
    hand.click(export, "export.save_labels")
    hand.done()
    file = tmp_path / "ergebnis ä" / "labels.tif"
    file.write_bytes(b"mine")
    hand.click(export, "export.save_labels")
    assert "Replace it?" in hand.failure()
    assert file.read_bytes() == b"mine"
    hand.click(export, "export.keep_old")
    assert not hand.find(export, "export.replace").isVisibleTo(export)
    hand.click(export, "export.save_labels")
    hand.click(export, "export.replace")
    hand.done()
    assert tifffile.imread(file).ndim == 3


def test_cancel_writes_nothing(hand, export, tmp_path, monkeypatch):
    import time

    from napari_unet.gui.viewer.label_frames import LabelFrames

    read = LabelFrames.__getitem__

    def slow(self, position):
        time.sleep(0.1)
        return read(self, position)

    monkeypatch.setattr(LabelFrames, "__getitem__", slow)
    hand.click(export, "export.save_labels")
    hand.qtbot.waitUntil(lambda: hand.session.job.state.done >= 1)
    hand.click(export, "export.cancel")
    assert hand.done() == "Stopped. Nothing was written."
    assert not any((tmp_path / "ergebnis ä").iterdir())


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("export.folder", "", "no folder is given"),
        ("export.folder", "/nowhere/at/all", "cannot be made"),
        ("export.frames", "0-99", "99"),
        ("export.frames", "first", "first"),
    ],
)
def test_bad_input_is_one_line_before_anything_starts(hand, export, name, text, words):
    hand.find(export, name).setText(text)
    hand.click(export, "export.save_labels")
    line = hand.failure()
    assert words in line
    assert line in hand.find(export, "export.message").text()


def test_labels_of_another_movie_are_refused(hand, export, viewer):
    viewer.add_labels(np.ones((6, 10, 10), np.uint16), name="other")
    hand.find(export, "export.labels").setCurrentText("other")
    hand.click(export, "export.save_labels")
    line = hand.failure()
    assert "labels other are 6 frames of 10 x 10 pixels, the movie small is 6 frames of 96" in line


def test_one_press_writes_what_is_ticked(hand, export, small, tmp_path):
    run, folder = hand.find(export, "export.run"), tmp_path / "ergebnis ä"
    assert run.text() == "Export 3 files"
    hand.click(export, "export.run")
    assert "labels.tif, objects.csv, overlay.mp4" in hand.done()
    assert {"labels.tif", "objects.csv", "overlay.mp4"} <= {p.name for p in folder.iterdir()}
    assert hand.find(export, "export.open_folder").isVisibleTo(export)
    hand.find(export, "export.with_movie").setChecked(False)
    assert run.text() == "Export 2 files"
    (folder / "labels.tif").unlink()
    hand.click(export, "export.run")
    assert hand.failure() == "objects.csv is in that folder already. Replace it?"
    hand.click(export, "export.replace")
    hand.done()
    np.testing.assert_array_equal(tifffile.imread(folder / "labels.tif"), small[1])
    for name in ("with_labels", "with_table"):
        hand.find(export, f"export.{name}").setChecked(False)
    assert not run.isEnabled() and "Tick" in run.toolTip()
