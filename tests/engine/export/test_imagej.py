"""What ImageJ's own code reads of our exports; skipped where there is no ImageJ.

``make readers`` installs it on Debian (``libij-java``, ``default-jdk-headless``); Fiji's is found
where it is usually put, any other ``ij.jar`` is named by IMAGEJ_JAR.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_unet.engine.export.formats.write_labels import write_labels
from napari_unet.engine.settings import Selection
from napari_unet.engine.stack.stack import Stack
from napari_unet.sample.world import FRAME_INTERVAL, PIXEL_SIZE

READER = Path(__file__).with_name("ReadByImageJ.java")
NUMBERS = (3, 4, 7, 10, 11, 20)
PLACES = {"/usr/share/java": "ij.jar"} | {
    f"{folder}/{app}/jars": "ij-1.*.jar"
    for folder in ("/Applications", "/opt", Path.home())
    for app in ("Fiji.app", "Fiji")
}


def imagej_jar():
    """Return ImageJ's own code; None where there is none."""
    if named := os.environ.get("IMAGEJ_JAR"):
        return Path(named)
    found = (jar for place, name in PLACES.items() for jar in sorted(Path(place).glob(name)))
    return next(found, None)


def said_by_imagej(path):
    """Run ImageJ on a file and give what it says of it, by name."""
    jar, java = imagej_jar(), shutil.which("java")
    if java is None or shutil.which("javac") is None or jar is None:
        pytest.skip("no ImageJ (set IMAGEJ_JAR) or no Java to run it")
    command = [java, "-Djava.awt.headless=true", "-Dfile.encoding=UTF-8", "-cp", jar, READER, path]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    lines = [line.split("=", 1) for line in done.stdout.splitlines() if "=" in line]
    return [(name, value) for name, value in lines]


def written(path, toy, name, **scale):
    movie = Stack.from_array(toy.movie, axes="TYX", **scale)
    for _ in write_labels(path, iter(toy.labels), movie, format=name):
        pass
    return path


SCALES = {
    "all known": {"pixel_size": PIXEL_SIZE, "frame_interval": FRAME_INTERVAL},
    "a film": {"pixel_size": 0.1083333, "frame_interval": 0.04, "numbers": NUMBERS},
    "nothing known": {},
}


@pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES)
def test_the_hyperstack(scale, toy, tmp_path):
    path = written(tmp_path / "Zellen µ.tif", toy, "imagej", **scale)
    said = dict(said_by_imagej(path))
    n, height, width = toy.labels.shape
    assert said["dimensions"] == f"{width} {height} 1 1 {n}"
    assert said["hyperstack"] == "true"
    assert said["bits"] == "16"
    for t, frame in enumerate(toy.labels, start=1):
        assert int(said[f"crc {t}"], 16) == zlib.crc32(frame.astype(">u2").tobytes())
    pixel = [float(value) for value in said["pixel"].split()]
    assert pixel == pytest.approx([scale.get("pixel_size", 1.0)] * 2, rel=1e-6)
    assert said["unit"] == ("micron" if "pixel_size" in scale else "pixel")
    interval, unit = said["interval"].split()
    assert float(interval) == scale.get("frame_interval", 0.0)
    assert unit == "sec"
    assert [float(value) for value in said["shown"].split()] == [0, 255]
    if "numbers" in scale:
        assert '"frames":[3,4,7,10,11,20]' in said["info"]


def planes_of(said):
    """Checksums of the planes as ImageJ counts them: by channel, then section, then frame."""
    return [int(value, 16) for name, value in said.items() if name.startswith("crc ")]


def checksums(planes):
    return [zlib.crc32(plane.astype(">u2").tobytes()) for plane in planes]


def test_the_hyperstack_for_trackmate(toy, tmp_path):
    """The channels as they were taken, and labels as the last."""
    channels = np.stack([toy.movie, toy.movie[::-1]], axis=1).astype(np.uint16)
    movie = Stack.from_array(channels, Selection(channel=1), axes="TCYX", pixel_size=0.5)
    path = tmp_path / "for TrackMate.tif"
    for _ in write_labels(path, iter(toy.labels), movie, format="trackmate"):
        pass
    said = dict(said_by_imagej(path))
    n, height, width = toy.labels.shape
    assert said["dimensions"] == f"{width} {height} 3 1 {n}"
    both = np.concatenate([channels, toy.labels[:, None]], axis=1)
    assert planes_of(said) == checksums(both.reshape(-1, height, width))
    assert said["unit"] == "micron"


def test_volumes_with_their_distances(tmp_path):
    labels = np.random.default_rng(0).integers(0, 900, (2, 5, 24, 30)).astype(np.uint16)
    known = {"pixel_size": 0.4, "z_step": 1.5, "frame_interval": 600.0}
    volumes = Stack.from_array(labels, Selection(z="volume"), axes="TZYX", **known)
    path = tmp_path / "volumes.tif"
    for _ in write_labels(path, iter(labels), volumes, format="imagej"):
        pass
    said = dict(said_by_imagej(path))
    assert said["dimensions"] == "30 24 1 5 2"
    assert planes_of(said) == checksums(labels.reshape(-1, 24, 30))
    assert (float(said["depth"]), said["unit"]) == (pytest.approx(1.5), "micron")


def test_the_rois_cover_exactly_their_objects(toy, tmp_path):
    pytest.importorskip("roifile")
    path = written(tmp_path / "rois.zip", toy, "rois", **SCALES["all known"])
    found = np.zeros_like(toy.labels)
    for name, value in said_by_imagej(path):
        t, top, left, height, width, pixels = value.split()
        mask = np.array(list(pixels), int).reshape(int(height), int(width)) > 0
        y, x = int(top), int(left)
        frame = found[int(t) - 1][y : y + mask.shape[0], x : x + mask.shape[1]]
        frame[mask] = int(name.split("-")[1])
    np.testing.assert_array_equal(found, toy.labels)


def test_every_field_of_the_metadata(toy, tmp_path):
    """The format's definition: ImageJ's FileInfo and TiffEncoder; needs no ImageJ."""
    path = written(tmp_path / "labels.tif", toy, "imagej", **SCALES["a film"])
    with tifffile.TiffFile(path) as file:
        first = file.pages[0]
        lines = dict(line.split("=", 1) for line in first.description.split("\n") if "=" in line)
        assert file.byteorder == ">"  # as ImageJ writes it
        assert first.tags["ResolutionUnit"].value == 1  # the unit is in the description
        for tag in ("XResolution", "YResolution"):
            number, per = first.tags[tag].value
            assert number / per == pytest.approx(1 / SCALES["a film"]["pixel_size"], rel=1e-6)
        extra = first.tags["IJMetadata"].value
        assert all(page.tags["BitsPerSample"].value == 16 for page in file.pages)
        assert all(page.tags["Compression"].value == 8 for page in file.pages)  # deflate
        assert [len(page.tags["StripOffsets"].value) for page in file.pages]
    assert first.description.startswith("ImageJ=")
    expected = {"images": "6", "frames": "6", "hyperstack": "true", "unit": "micron"}
    expected |= {"finterval": "0.04", "tunit": "sec", "loop": "false", "min": "0", "max": "255"}
    assert {name: lines.get(name) for name in expected} == expected
    assert not {"channels", "slices", "spacing"} & lines.keys()  # there is one of each
    assert extra["Labels"] == [f"t{number:03d}" for number in NUMBERS]
    assert '"frames":[3,4,7,10,11,20]' in extra["Info"]
