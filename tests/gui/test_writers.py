"""File > Save through napari: what our writers wrote is read back by other readers."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from napari.plugins._npe2 import file_extensions_string_for_layers

from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.session.live_labels import LiveLabels

PLUGIN = "napari-unet-live"


@pytest.fixture
def truth(viewer, movie, small):
    """The true labels as a plain layer over the movie."""
    return viewer.add_labels(small[1], name="truth")


@pytest.mark.parametrize(
    ("name", "is_a"),
    [("cells.tif", "is_imagej"), ("cells.ome.tif", "is_ome"), ("zellen ä.TIFF", "is_imagej")],
)
def test_the_name_chooses_the_tiff(truth, small, tmp_path, name, is_a):
    path = tmp_path / name
    assert truth.save(str(path), plugin=PLUGIN) == [str(path)]
    with tifffile.TiffFile(path) as file:
        assert getattr(file, is_a)
        np.testing.assert_array_equal(file.asarray(), small[1])
    assert json.loads(path.with_name(f"{name}.json").read_text())["source"]["name"] == "small"


def test_scale_of_a_layer_without_a_movie(viewer, small, tmp_path):
    layer = viewer.add_labels(
        small[1], name="alone", scale=(600, 0.5, 0.5), axis_labels=("t", "y", "x"),
        units=("second", "micrometer", "micrometer"),
    )  # fmt: skip
    layer.save(str(tmp_path / "alone.tif"), plugin=PLUGIN)
    with tifffile.TiffFile(tmp_path / "alone.tif") as file:
        assert file.imagej_metadata["finterval"] == 600
        assert file.imagej_metadata["unit"] in ("um", "µm", "micron", "\\u00B5m")
        across, of = file.pages[0].tags["XResolution"].value
        assert across / of == pytest.approx(2)


def test_live_labels_are_never_read_as_a_whole(viewer, movie, small, tmp_path, monkeypatch):
    live = LiveLabels(small[1].shape)
    live[2] = small[1][2]
    layer = viewer.add_labels(live, name="live")
    monkeypatch.setattr(LiveLabels, "__array__", None)
    viewer.layers.selection = {layer}
    viewer.layers.save(str(tmp_path / "live.tif"), selected=True, plugin=PLUGIN)
    found = tifffile.imread(tmp_path / "live.tif")
    np.testing.assert_array_equal(found[2], small[1][2])
    assert not found[[0, 1, 3, 4, 5]].any()


def test_wide_ids_go_to_ome_tiff_and_imagej_says_so(viewer, tmp_path):
    wide = np.zeros((2, 32, 32), np.int32)
    wide[:, 4:9, 4:9] = 70_000
    layer = viewer.add_labels(wide, name="wide")
    with pytest.raises(Exception, match="OME-TIFF"):
        layer.save(str(tmp_path / "wide.tif"), plugin=PLUGIN)
    assert not (tmp_path / "wide.tif").exists()
    layer.save(str(tmp_path / "wide.ome.tif"), plugin=PLUGIN)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "wide.ome.tif"), wide)


def test_one_image(viewer, small, tmp_path):
    viewer.add_labels(small[1][0], name="one").save(str(tmp_path / "one.tif"), plugin=PLUGIN)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "one.tif"), small[1][0])


def test_more_axes_are_refused_in_one_line(viewer, tmp_path):
    layer = viewer.add_labels(np.ones((2, 2, 2, 8, 8), np.uint8), name="deep")
    with pytest.raises(Exception, match="the layer deep has 5 axes"):
        layer.save(str(tmp_path / "deep.tif"), plugin=PLUGIN)


def test_rois(truth, small, tmp_path):
    roifile = pytest.importorskip("roifile")
    truth.save(str(tmp_path / "cells.zip"), plugin=PLUGIN)
    n_cells = sum(len(np.unique(frame)) - 1 for frame in small[1])
    assert len(roifile.roiread(tmp_path / "cells.zip")) >= n_cells


def test_zarr(truth, small, tmp_path):
    zarr = pytest.importorskip("zarr")
    truth.save(str(tmp_path / "cells.ome.zarr"), plugin=PLUGIN)
    found = zarr.open_group(tmp_path / "cells.ome.zarr", mode="r")
    arrays = [a for _, a in found.members(max_depth=None) if isinstance(a, zarr.Array)]
    labels = [a for a in arrays if a.shape == small[1].shape and "labels" in a.path]
    np.testing.assert_array_equal(labels[0][:], small[1])


def test_cell_tracking_challenge_from_the_dialog(viewer, truth, small, tmp_path):
    """The save dialog gives the writer a user chose, and the name as typed."""
    words, writers = file_extensions_string_for_layers([truth])
    chosen = next(w for w in writers if w.command == f"{PLUGIN}.write_ctc")
    assert "Cell Tracking Challenge" in words
    viewer.layers.save(str(tmp_path / "01"), selected=False, _writer=chosen)
    folder = tmp_path / "01_RES"
    rows = np.loadtxt(folder / "res_track.txt", dtype=int, ndmin=2)
    assert len(list(folder.glob("mask*.tif"))) == len(small[1])
    assert set(rows[:, 0]) == {
        int(i) for f in folder.glob("mask*.tif") for i in np.unique(tifffile.imread(f)) if i
    }


@pytest.mark.parametrize("name", ["cells_RES", "cells.tif", "cells.ome.tif", "cells.zip"])
def test_ids_of_corrected_cells_stay(viewer, movie, small, tmp_path, name):
    """One cell is the user's, with an id that no linker would give; the rest is the machine's."""
    if name.endswith(".zip"):
        pytest.importorskip("roifile")
    probabilities = Probabilities.in_memory((len(small[1]), 1, *small[1].shape[1:]))
    for t, frame in enumerate(small[1]):
        probabilities.write(t, np.where(frame > 0, 230, 20).astype(np.uint8)[None])
    live = LiveLabels(small[1].shape, probabilities)
    cell = small[1][3] == small[1][3].max()
    live[3] = np.where(cell, 4000, np.asarray(live[3]))
    layer = viewer.add_labels(live, name="live")
    if name.endswith("_RES"):
        _, writers = file_extensions_string_for_layers([layer])
        chosen = next(w for w in writers if w.command == f"{PLUGIN}.write_ctc")
        viewer.layers.save(str(tmp_path / name), selected=True, _writer=chosen)
        found = tifffile.imread(tmp_path / name / "mask003.tif")
        rows = np.loadtxt(tmp_path / name / "res_track.txt", dtype=int, ndmin=2)
        assert rows[rows[:, 0] == 4000, 1] == 3
    elif name.endswith(".zip"):
        import roifile

        layer.save(str(tmp_path / name), plugin=PLUGIN)
        assert "t003-4000" in [roi.name for roi in roifile.roiread(tmp_path / name)]
        return
    else:
        layer.save(str(tmp_path / name), plugin=PLUGIN)
        found = tifffile.imread(tmp_path / name)[3]
    np.testing.assert_array_equal(found == 4000, cell)


def test_volumes_keep_their_sections(viewer, tmp_path):
    deep = np.arange(2 * 3 * 8 * 8, dtype=np.uint16).reshape(2, 3, 8, 8)
    viewer.add_labels(deep, name="deep").save(str(tmp_path / "deep.ome.tif"), plugin=PLUGIN)
    with tifffile.TiffFile(tmp_path / "deep.ome.tif") as file:
        assert file.series[0].axes == "TZYX"
        np.testing.assert_array_equal(file.asarray(), deep)
