"""By clicks: an archive of labels, and labels beside the image of an OME-Zarr."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
import tifffile

from napari_unet.engine.jobs.archive.archive import Archive
from napari_unet.engine.jobs.archive.verify import verify
from napari_unet.engine.jobs.progress import run
from napari_unet.engine.stack.stack import Stack


def choose(hand, dock, name):
    formats = hand.find(dock, "export.format")
    formats.setCurrentIndex(formats.findData(name))


@pytest.mark.slow
def test_an_archive_of_what_was_segmented_here_is_verified(hand, file, model_file, tmp_path):
    dock, segment = hand.open("Export"), hand.open("Segment")
    hand.open_movie(segment, file)
    save = hand.find(dock, "export.save_archive")
    assert not save.isEnabled()
    assert "Segment the movie first" in save.toolTip()
    hand.load_model(segment, model_file)
    hand.click(segment, "segment.run_movie")
    hand.done()
    hand.session.labels.live[2, 2:9, 2:9] = 700
    hand.find(dock, "export.folder").setText(str(tmp_path / "out"))
    hand.find(dock, "export.meaning").setValue("linked")  # an archive has ids all the same
    hand.find(dock, "export.with_image").setChecked(True)
    assert hand.find(dock, "export.with_names").isEnabled()
    hand.click(dock, "export.save_archive")
    assert hand.done().startswith(f"Saved {tmp_path / 'out' / 'archive.zip'}")
    archive = Archive(tmp_path / "out" / "archive.zip")
    with zipfile.ZipFile(archive.path) as inside:
        assert inside.read("image/movie.tif") == file.read_bytes()
        assert b"user 1" in inside.read("corrections.journal")
    assert archive.corrected
    with Stack.open(file) as stack:
        verified = run(verify(archive, stack, device="cpu", threads=1), quiet=True)
    assert (len(verified.frames), verified.differences) == (6, ())
    choose(hand, dock, "trackmate")
    hand.find(dock, "export.meaning").setValue("ids")
    hand.click(dock, "export.save_labels")
    hand.done()
    pixels = tifffile.imread(tmp_path / "out" / "trackmate.tif")
    np.testing.assert_array_equal(pixels[:, 0], tifffile.imread(file))
    assert (pixels[2, 1, 2:9, 2:9] == 700).all()


def test_labels_go_beside_the_image_of_an_ome_zarr(hand, viewer, small, tmp_path):
    zarr = pytest.importorskip("zarr")
    folder = tmp_path / "movie.zarr"
    group = zarr.open_group(folder, mode="w", zarr_format=2)
    group.create_array("0", data=small[0], chunks=(1, 96, 128))
    axes = [{"name": n, "type": "time" if n == "t" else "space"} for n in "tyx"]
    scale = [{"type": "scale", "scale": [1.0, 1.0, 1.0]}]
    level = {"path": "0", "coordinateTransformations": scale}
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": [level]}]
    dock = hand.open("Export")
    hand.open_movie(dock, folder)
    viewer.add_labels(small[1], name="truth")
    hand.find(dock, "export.folder").setText(str(tmp_path / "out"))
    choose(hand, dock, "zarr-in-place")
    hand.click(dock, "export.save_labels")
    hand.done()
    cells = zarr.open_group(folder, mode="r")["labels/cells/0"]
    np.testing.assert_array_equal(cells[:], small[1])
    hand.click(dock, "export.save_labels")
    assert "labels called cells" in hand.failure()
    hand.click(dock, "export.replace")
    hand.done()
    said = json.loads((folder / "labels" / ".zattrs").read_text())
    assert said["labels"] == ["cells"]
    viewer.layers.clear()
    viewer.add_image(small[0], name="plain", axis_labels=("t", "y", "x"))
    viewer.add_labels(small[1], name="truth")
    save = hand.find(dock, "export.save_labels")
    assert not save.isEnabled()
    assert "no OME-Zarr folder" in save.toolTip()
