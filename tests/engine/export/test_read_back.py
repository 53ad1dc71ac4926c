"""Exports as programs other than ours read them; each test is skipped where its reader is absent.

``make readers`` runs them in an environment that has them all; ffprobe comes with ffmpeg.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import tifffile

from napari_unet.engine.export.formats.write_labels import write_labels
from napari_unet.engine.export.overlay.write_movie import write_movie
from napari_unet.engine.labels.scores import frame_scores, pool
from napari_unet.engine.stack.stack import Stack

pytestmark = pytest.mark.filterwarnings("default")  # a reader's own deprecations are not ours
PIXEL_SIZE, INTERVAL = 0.65, 300.0


@pytest.fixture
def movie(toy):
    return Stack.from_array(
        toy[0], axes="TYX", pixel_size=PIXEL_SIZE, frame_interval=INTERVAL, name="toy"
    )


def written(path, movie, labels, name):
    for _ in write_labels(path, iter(labels), movie, format=name):
        pass
    return path


def test_bioio_reads_pixels_and_units_of_ome_tiff(movie, toy, tmp_path):
    bioio = pytest.importorskip("bioio")
    reader = pytest.importorskip("bioio_ome_tiff")
    path = written(tmp_path / "labels.ome.tif", movie, toy[1], "ome-tiff")
    image = bioio.BioImage(path, reader=reader.Reader)
    assert image.dims.order == "TCZYX"
    np.testing.assert_array_equal(image.data[:, 0, 0], toy[1])
    assert (image.physical_pixel_sizes.Y, image.physical_pixel_sizes.X) == (PIXEL_SIZE, PIXEL_SIZE)
    assert image.metadata.images[0].pixels.time_increment == INTERVAL


def test_ome_types_validates_the_metadata(movie, toy, tmp_path):
    ome_types = pytest.importorskip("ome_types")
    path = written(tmp_path / "labels.ome.tif", movie, toy[1], "ome-tiff")
    with tifffile.TiffFile(path) as file:
        ome = ome_types.from_xml(file.ome_metadata, validate=False)
    pixels = ome.images[0].pixels
    assert (pixels.size_t, pixels.size_y, pixels.size_x) == toy[1].shape
    assert (pixels.physical_size_x, pixels.physical_size_x_unit.value) == (PIXEL_SIZE, "µm")
    assert (pixels.time_increment, pixels.time_increment_unit.value) == (INTERVAL, "s")


def test_the_ome_xml_is_plain_xml_with_units(movie, toy, tmp_path):
    path = written(tmp_path / "labels.ome.tif", movie, toy[1], "ome-tiff")
    with tifffile.TiffFile(path) as file:
        root = ET.fromstring(file.ome_metadata)
    pixels = root.find(".//{*}Pixels")
    assert float(pixels.get("PhysicalSizeX")) == PIXEL_SIZE
    assert float(pixels.get("TimeIncrement")) == INTERVAL


def test_ome_zarr_models_accepts_image_and_labels(movie, toy, tmp_path):
    zarr = pytest.importorskip("zarr")
    models = pytest.importorskip("ome_zarr_models.v05")
    path = written(tmp_path / "labels.ome.zarr", movie, toy[1], "zarr")
    group = zarr.open_group(path)
    labels = models.ImageLabel.from_zarr(group["labels/cells"])
    del group["labels"]  # version 1.6 cannot take labels without colours inside an image
    for found in (models.Image.from_zarr(group), labels):
        (dataset,) = found.ome_attributes.multiscales[0].datasets
        assert list(dataset.coordinateTransformations[0].scale) == [
            INTERVAL, PIXEL_SIZE, PIXEL_SIZE,
        ]  # fmt: skip


def test_ffprobe_finds_what_every_player_takes(movie, toy, tmp_path):
    ffprobe = shutil.which("ffprobe")
    if ffprobe is None:
        pytest.skip("no ffprobe")
    path = tmp_path / "overlay.mp4"
    for _ in write_movie(path, movie, toy[1]):
        pass
    show = "stream=codec_name,pix_fmt,nb_read_frames,width,height:format=duration"
    call = [ffprobe, "-v", "error", "-count_frames", "-show_entries", show, "-of", "json", path]
    found = json.loads(subprocess.run(call, capture_output=True, check=True).stdout)
    (stream,) = found["streams"]
    assert (stream["codec_name"], stream["pix_fmt"]) == ("h264", "yuv420p")
    assert (stream["height"], stream["width"]) == toy[1].shape[1:]
    assert int(stream["nb_read_frames"]) == len(toy[1])
    assert float(found["format"]["duration"]) == pytest.approx(len(toy[1]) / 10)
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # faststart


def test_pyav_decodes_every_frame(movie, toy, tmp_path):
    av = pytest.importorskip("av")
    path = tmp_path / "overlay.avi"
    for _ in write_movie(path, movie, toy[1]):
        pass
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == len(toy[1])
    assert frames[0].shape == (*toy[1].shape[1:], 3)


def test_an_independent_ctc_package_gives_the_same_seg(movie, toy, tmp_path):
    """The true labels shifted by two pixels against the true ones."""
    ctc = pytest.importorskip("ctc_metrics")
    shifted = np.roll(toy[1], 2, axis=2)
    result = written(tmp_path / "01_RES", movie, shifted, "ctc")
    truth = tmp_path / "01_GT"
    (truth / "SEG").mkdir(parents=True)
    written(truth / "TRA", movie, toy[1], "ctc")
    for path in sorted((truth / "TRA").glob("mask*.tif")):
        path.rename(truth / "TRA" / path.name.replace("mask", "man_track"))
    (truth / "TRA" / "res_track.txt").rename(truth / "TRA" / "man_track.txt")
    for t, frame in enumerate(toy[1]):
        tifffile.imwrite(truth / "SEG" / f"man_seg{t:03d}.tif", frame)
    found = ctc.evaluate_sequence(str(result), str(truth), metrics=["Valid", "SEG"])
    ours = pool([frame_scores(p, t) for p, t in zip(shifted, toy[1], strict=True)])
    assert found["Valid"] == 1
    assert found["SEG"] == pytest.approx(ours.seg, abs=1e-6)


def test_geff_reads_its_own_and_takes_the_tracks_of_trackmate_xml(movie, toy, tmp_path):
    """The specification's package, which also has a reader of TrackMate's files."""
    geff = pytest.importorskip("geff")
    convert = pytest.importorskip("geff.convert")
    ours = written(tmp_path / "a.geff", movie, toy[1], "geff")
    geff.validate_structure(ours)
    graph, said = geff.read(ours, backend="networkx")
    xml = written(tmp_path / "a.xml", movie, toy[1], "trackmate-xml")
    convert.from_trackmate_xml_to_geff(xml, tmp_path / "b.geff")
    theirs, _ = geff.read(tmp_path / "b.geff", backend="networkx")
    assert set(graph.edges) == set(theirs.edges)
    assert set(graph.nodes) == set(theirs.nodes)
    assert len(graph) == sum(len(np.unique(labels)) - 1 for labels in toy[1])
    for node, values in graph.nodes(data=True):
        other = theirs.nodes[node]
        assert values["t"] == other["FRAME"]
        for name, theirs_is in (("y", "POSITION_Y"), ("x", "POSITION_X")):
            assert values[name] * PIXEL_SIZE == pytest.approx(other[theirs_is])
    assert [axis.scale for axis in said.axes] == [INTERVAL, PIXEL_SIZE, PIXEL_SIZE]
