"""What was exported opens again as what it is; what napari opened itself is recognised."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_unet.engine.export.formats.write_labels import write_labels
from napari_unet.engine.export.target.sidecar import is_labels, sidecar_path
from napari_unet.engine.stack.stack import Stack


@pytest.fixture
def stack(small):
    return Stack.from_array(small[0], axes="TYX", pixel_size=0.65, frame_interval=300)


def exported(stack, truth, path, format):
    for _ in write_labels(path, truth, stack, format=format):
        pass
    return path


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("labels.tif", "imagej"),
        ("a.ome.tif", "ome-tiff"),
        ("a_labels", "tiffs"),
        ("a.ome.zarr", "zarr"),
    ],
)
def test_exported_labels_open_as_labels(viewer, tmp_path, stack, small, name, format):
    path = exported(stack, small[1], tmp_path / name, format)
    (layer,) = viewer.open(path, plugin="napari-unet-live")
    assert type(layer).__name__ == "Labels"
    np.testing.assert_array_equal(layer.data, small[1])
    if path.is_file():  # files of a folder have no scale
        np.testing.assert_allclose(layer.scale, (300, 0.65, 0.65))
        assert [str(unit) for unit in layer.units] == ["second", "micrometer", "micrometer"]
    layer.paint((0, 5, 5), 9)
    assert layer.data[0, 5, 5] == 9


def test_rois_are_drawn_on_the_movie_of_the_viewer(viewer, tmp_path, stack, small):
    path = exported(stack, np.repeat(small[1][:1], len(stack), axis=0), tmp_path / "a.zip", "rois")
    viewer.add_image(small[0], name="movie")
    (layer,) = viewer.open(path, plugin="napari-unet-live")
    assert layer.data.shape == small[1].shape
    np.testing.assert_array_equal(np.unique(layer.data), np.unique(small[1][:1]))


def test_other_files_are_movies_whatever_lies_beside_them(viewer, tmp_path, stack, small):
    path = exported(stack, small[1], tmp_path / "labels.tif", "imagej")
    other = tmp_path / "movie.tif"
    tifffile.imwrite(other, small[0], imagej=True, metadata={"axes": "TYX"})
    sidecar_path(other).write_bytes(sidecar_path(path).read_bytes())  # of another file
    assert is_labels(path) and not is_labels(other)
    sidecar_path(path).write_text("no json")
    assert not is_labels(path)
    (layer,) = viewer.open(other, plugin="napari-unet-live")
    assert type(layer).__name__ == "Image"


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_session_goes_on_whoever_opened_the_movie(hand, viewer, tmp_path, file, small, kind):
    place = file
    if kind == "folder":
        place = tmp_path / "frames"
        place.mkdir()
        for t, frame in enumerate(small[0]):
            tifffile.imwrite(place / f"t{t:03d}.tif", frame)
    dock = hand.open("Train")
    hand.open_movie(dock, place)
    hand.click(dock, "train.annotate")
    live = hand.session.labels.live
    live[0, 10:20, 10:20] = 7
    hand.qtbot.wait(500)
    viewer.layers.clear()
    viewer.open(place, plugin="napari")
    hand.qtbot.waitUntil(lambda: hand.session.labels.live is not None, timeout=20000)
    assert hand.session.movie.stack.path == place
    assert (np.asarray(hand.session.labels.live[0])[10:20, 10:20] == 7).all()


@pytest.mark.parametrize("suffix", [".png", ".TIF"])
def test_a_folder_of_frames_is_read_whatever_lies_beside_them(viewer, tmp_path, small, suffix):
    for t, frame in enumerate(small[0]):
        path = tmp_path / f"t{t}{suffix}"
        Image.fromarray(frame).save(path, "PNG" if suffix == ".png" else "TIFF")
    for name in ("Thumbs.db", ".DS_Store", f"._t0{suffix}"):
        (tmp_path / name).write_bytes(b"?")
    (layer,) = viewer.open(tmp_path, plugin="napari-unet-live")
    np.testing.assert_array_equal(np.asarray(layer.data), small[0])
