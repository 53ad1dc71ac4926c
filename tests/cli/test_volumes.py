"""Volumes by the command line: learned, segmented, scored; another distance makes them anew."""

import csv
import json

import pytest
import tifffile

from napari_unet.sample.volumes import sample_volumes

SMALL = ("--set", "filters=4,8", "--set", "crop=32", "--set", "precision=fp32", "--threads", 1)


@pytest.fixture
def volumes(tmp_path):
    movie, truth = (part[:2] for part in sample_volumes()[:2])
    known = {"axes": "TZYX", "PhysicalSizeX": 0.4, "PhysicalSizeY": 0.4, "PhysicalSizeZ": 1.5}
    files = tmp_path / "movie.ome.tif", tmp_path / "truth.ome.tif"
    for file, part in zip(files, (movie, truth), strict=True):
        tifffile.imwrite(file, part, metadata=known)
    return files


@pytest.mark.slow
def test_volumes_are_learned_segmented_and_scored(volumes, run, tmp_path):
    movie, truth = volumes
    model, out = tmp_path / "model.safetensors", tmp_path / "out"
    learn = ("train", *volumes, "--z", "volume", "--frames", "0", "--steps", 2, "--out", model)
    assert run(*learn, *SMALL).code == 0
    make = ("segment", movie, "--z", "volume", "--model", model, "--out", out, "--no-movie")
    made = run(*make, "--linked")
    assert made.code == 0, made.stderr
    with tifffile.TiffFile(out / "labels.tif") as labels, tifffile.TiffFile(movie) as seen:
        assert labels.series[0].shape == seen.series[0].shape
    with (out / "objects.csv").open(encoding="utf-8") as file:
        assert {"centroid_z_um", "volume_um3", "sphericity"} <= set(csv.DictReader(file).fieldnames)
    scored = run("evaluate", out / "labels.tif", truth, "--json")
    assert set(json.loads(scored.stdout)) >= {"iou", "seg", "f1"}

    stamp = (out / "labels.tif").stat().st_mtime_ns
    assert run(*make, "--linked").code == 0
    assert (out / "labels.tif").stat().st_mtime_ns == stamp  # all is there
    other = run(*make, "--linked", "--z-step", 0.4)
    assert other.code != 0  # labels of another distance between sections are not replaced unasked
    assert "--overwrite" in other.stderr
