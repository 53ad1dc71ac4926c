"""Every label format read back: pixel, unit and frame number equal."""

import json

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.formats.write_labels import (
    LABEL_FORMATS,
    write_labels,
    write_probabilities,
)
from napari_unet.engine.export.target.writing import WriteOptions
from napari_unet.engine.labels.codes import decode
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.tracks.tracking import Linker
from napari_unet.sample.world import FRAME_INTERVAL, PIXEL_SIZE

NUMBERS = (3, 4, 7, 10, 11, 20)


@pytest.fixture
def movie(toy):
    return Stack.from_array(
        toy.movie,
        axes="TYX",
        name="Zellen µ",
        pixel_size=PIXEL_SIZE,
        frame_interval=FRAME_INTERVAL,
        numbers=NUMBERS,
    )


def written(path, frames, movie, **options):
    """Run an export to its end; gives the path that it returns."""
    running = write_labels(path, iter(frames), movie, **options)
    try:
        while True:
            next(running)
    except StopIteration as end:
        return end.value


@pytest.mark.parametrize("name", ["ome-tiff", "imagej", "tiffs", "ctc"])
def test_our_own_reader_gets_labels_scale_and_numbers(name, toy, movie, tmp_path):
    path = written(tmp_path / f"labels{LABEL_FORMATS[name].suffix}", toy.labels, movie, format=name)
    with Stack.open(path) as back:
        where = {number: t for t, number in enumerate(back.numbers)}
        for number, labels in zip(NUMBERS, toy.labels, strict=True):
            read = back[where[number]]
            assert np.array_equal(read > 0, labels > 0)
            if name != "ctc":  # which renumbers
                assert np.array_equal(read, labels)
        if name != "ctc":
            assert back.numbers == NUMBERS
            assert back.pixel_size == pytest.approx(PIXEL_SIZE)
        if name in ("ome-tiff", "imagej"):
            assert back.frame_interval == FRAME_INTERVAL


def test_ome_tiff_is_what_others_expect(toy, movie, tmp_path):
    path = written(tmp_path / "labels.ome.tif", toy.labels, movie)
    with tifffile.TiffFile(path) as tif:
        assert tif.is_ome
        assert (tif.series[0].axes, tif.series[0].dtype) == ("TYX", np.uint16)
        assert all(page.compression == tifffile.COMPRESSION.ADOBE_DEFLATE for page in tif.pages)
        pixels = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]["Pixels"]
    assert pixels["PhysicalSizeX"] == pixels["PhysicalSizeY"] == PIXEL_SIZE
    assert pixels["PhysicalSizeXUnit"] == "µm"
    assert (pixels["TimeIncrement"], pixels["TimeIncrementUnit"]) == (FRAME_INTERVAL, "s")


def test_imagej_is_what_fiji_expects(toy, movie, tmp_path):
    path = written(tmp_path / "labels.tif", toy.labels, movie, format="imagej")
    with tifffile.TiffFile(path) as tif:
        assert tif.series[0].axes == "TYX"
        found = tif.imagej_metadata
        numerator, denominator = tif.pages[0].tags["XResolution"].value
    expected = {"frames": 6, "images": 6, "hyperstack": True, "unit": "micron", "tunit": "sec"}
    assert {key: found[key] for key in expected} == expected
    assert found["finterval"] == FRAME_INTERVAL
    assert denominator / numerator == pytest.approx(PIXEL_SIZE)
    assert found["Labels"] == [f"t{n:03d}" for n in NUMBERS]


def test_ids_above_65535_widen_the_file(movie, toy, tmp_path):
    wide = toy.labels.astype(np.int64)
    wide[3][wide[3] > 0] += 70_000  # the first frames are narrow
    path = written(tmp_path / "labels.ome.tif", wide, movie)
    back = tifffile.imread(path)
    assert back.dtype == np.uint32
    assert np.array_equal(back, wide)
    with Stack.open(path) as stack:
        assert (stack.numbers, stack.pixel_size) == (NUMBERS, PIXEL_SIZE)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["labels.ome.tif", "labels.ome.tif.json"]
    tiffs = written(tmp_path / "tiffs", wide, movie, format="tiffs")
    assert np.array_equal(tifffile.imread(tiffs / "t010.tif"), wide[3])
    for name, place in (("imagej", "labels.tif"), ("pngs", "pngs")):
        with pytest.raises(BadInput, match=r"65,535 .*hoose"):
            written(tmp_path / place, wide, movie, format=name)
        assert not (tmp_path / place).exists()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 70_000), min_size=4, max_size=4), st.booleans())
def test_any_labels_survive(tmp_path_factory, values, signed):
    frames = np.array(values, np.int32 if signed else np.uint32).reshape(2, 1, 2)
    frames = np.repeat(frames, 3, axis=1)
    stack = Stack.from_array(np.zeros(frames.shape, np.uint8), axes="TYX")
    path = written(tmp_path_factory.mktemp("any") / "labels.ome.tif", frames, stack)
    assert np.array_equal(tifffile.imread(path), frames)


def test_supervised_background_is_written_as_background(toy, movie, tmp_path):
    painted = toy.labels.copy()
    painted[:, :5, :5] = 65535
    path = written(tmp_path / "labels.ome.tif", painted, movie)
    assert tifffile.imread(path).max() < 65535
    assert not tifffile.imread(path)[:, :5, :5].any()


def test_a_range_of_frames_semantic_and_linked(toy, movie, tmp_path):
    path = written(
        tmp_path / "a.ome.tif",
        toy.labels[[1, 3, 5]],
        movie,
        options=WriteOptions([1, 3, 5]),
        semantic=True,
    )
    with Stack.open(path) as back:
        assert back.numbers == (4, 10, 20)
        assert back.frame_interval == 2 * FRAME_INTERVAL
        assert np.array_equal(back[1], toy.labels[3] > 0)
    uneven = written(
        tmp_path / "b.ome.tif", toy.labels[[0, 1, 4]], movie, options=WriteOptions([0, 1, 4])
    )
    with Stack.open(uneven) as back:
        assert back.times == (0.0, FRAME_INTERVAL, 4 * FRAME_INTERVAL)
    linked = written(tmp_path / "c.ome.tif", toy.labels, movie, linker=Linker())
    assert np.array_equal(tifffile.imread(linked) > 0, toy.labels > 0)


def test_png_keeps_16_bits(toy, movie, tmp_path):
    folder = written(tmp_path / "pngs", toy.labels + np.uint16(300), movie, format="pngs")
    assert np.array_equal(np.asarray(Image.open(folder / "t007.png")), toy.labels[2] + 300)


def test_ome_zarr_follows_version_5(toy, movie, tmp_path):
    zarr = pytest.importorskip("zarr")
    path = written(tmp_path / "labels.ome.zarr", toy.labels, movie, format="zarr")
    root = zarr.open_group(path, mode="r")
    assert np.array_equal(root["labels/cells/0"][:], toy.labels)
    assert np.array_equal(root["0"][:], toy.movie)
    assert root["labels/cells/0"].chunks == (1, *toy.labels.shape[1:])
    assert root["0"].metadata.dimension_names == ("t", "y", "x")
    ome = root["labels/cells"].attrs["ome"]
    assert ome["version"] == "0.5"
    assert root["labels"].attrs["ome"]["labels"] == ["cells"]
    axes = {axis["name"]: axis["unit"] for axis in ome["multiscales"][0]["axes"]}
    assert axes == {"t": "second", "y": "micrometer", "x": "micrometer"}
    (scale,) = ome["multiscales"][0]["datasets"][0]["coordinateTransformations"]
    assert scale == {"type": "scale", "scale": [FRAME_INTERVAL, PIXEL_SIZE, PIXEL_SIZE]}


def test_rois_enclose_exactly_the_pixels_of_the_object(toy, movie, tmp_path):
    roifile = pytest.importorskip("roifile")
    from skimage.draw import polygon2mask

    path = written(tmp_path / "rois.zip", toy.labels, movie, format="rois")
    drawn = np.zeros(toy.labels.shape, int)
    for roi in roifile.roiread(path):
        outline = roi.subpixel_coordinates[:, ::-1] - 0.5  # ImageJ counts from pixels' corners
        label = int(roi.name.split("-")[1])
        drawn[roi.t_position - 1][polygon2mask(toy.labels.shape[1:], outline)] = label
    assert np.array_equal(drawn, toy.labels)


@pytest.mark.parametrize(("as_float", "dtype"), [(False, np.uint8), (True, np.float32)])
def test_probabilities_are_linear(as_float, dtype, toy, movie, tmp_path):
    probabilities = Probabilities.in_memory((6, 1, *movie.frame_shape))
    with pytest.raises(BadInput, match="not segmented"):
        write_probabilities(tmp_path / "p.ome.tif", probabilities, movie)
    codes = (toy.movie % 256).astype(np.uint8)
    for t in range(6):
        probabilities.write(t, codes[t][None])
    running = write_probabilities(
        tmp_path / "p.ome.tif",
        probabilities,
        movie,
        WriteOptions(overwrite=True),
        as_float=as_float,
    )
    assert list(running) == list(range(6))
    back = tifffile.imread(tmp_path / "p.ome.tif").reshape(codes.shape)
    assert back.dtype == dtype
    scale = 1 if as_float else 255
    assert np.abs(back / scale - decode(codes)).max() <= 0.5 / 255


@pytest.mark.parametrize(
    ("frames", "options", "message"),
    [
        (lambda labels: labels[:4], {}, "4 frames of labels; expected 6"),
        (lambda labels: np.concatenate([labels, labels]), {}, "more than 6"),
        (lambda labels: labels[:, :9], {}, "9 x 128 pixels; expected 96 x 128"),
        (lambda labels: labels / 2, {}, "type float64"),
        (lambda labels: labels.astype(int) - 1, {}, "negative"),
        (lambda labels: labels, {"format": "gif"}, "format 'gif'"),
        (lambda labels: labels, {"options": WriteOptions([9])}, "frame 9"),
        (lambda labels: labels, {"options": WriteOptions([])}, "no frame"),
        (lambda labels: labels, {"options": WriteOptions([2, 1])}, "out of order"),
        (lambda labels: labels, {"options": WriteOptions(range(7))}, "there is no frame 6"),
    ],
)
def test_bad_input_writes_nothing(frames, options, message, toy, movie, tmp_path):
    with pytest.raises(BadInput, match=message):
        written(tmp_path / "labels.ome.tif", frames(toy.labels), movie, **options)
    assert list(tmp_path.iterdir()) == []


def test_the_sidecar_says_what_was_written(toy, movie, tmp_path):
    path = written(tmp_path / "labels.ome.tif", toy.labels, movie)
    said = json.loads((tmp_path / "labels.ome.tif.json").read_text(encoding="utf-8"))
    assert said["file"] == path.name
    assert said["source"]["name"] == "Zellen µ"
    assert said["source"]["fingerprint"] == movie.fingerprint
    assert said["frames"] == list(range(6))
    assert "napari-unet-live" in said["versions"]
