"""Volumes by the command line: learned, segmented, scored; another distance makes them anew."""

import csv
import json

import numpy as np
import pytest
import tifffile
import torch

from napari_unet.engine.network.model import Model
from napari_unet.engine.network.normalisation import Normaliser
from napari_unet.engine.network.unet import UNet, UNetConfig
from napari_unet.engine.settings import Normalisation
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


@pytest.fixture
def bright_model(volumes, tmp_path):
    """A tiny model whose labels are bright nuclei, though it learnt nothing."""
    torch.manual_seed(0)
    config = {"filters": (2, 4), "outputs": ("object",), "strides": ((1, 2, 2),)}
    network = UNet(UNetConfig(dims=3, **config)).eval()
    volume = Normaliser(Normalisation(), dims=3)(tifffile.imread(volumes[0])[0])
    with torch.no_grad():
        logits = network(torch.from_numpy(volume)[None])
        gain = 3 * np.sign(np.corrcoef(logits.ravel(), volume.ravel())[0, 1]) / logits.std()
        quantile = logits.quantile(0.9 if gain > 0 else 0.1)
        network.head.bias.copy_((network.head.bias - quantile) * gain)
        network.head.weight.mul_(gain)
    return Model(network, name="bright").save(tmp_path / "bright")


@pytest.mark.slow
def test_volumes_on_a_cluster_are_those_of_one_process(volumes, bright_model, run, tmp_path):
    pytest.importorskip("distributed")
    how = ("--z", "volume", "--model", bright_model, "--no-movie", "--linked", "--threads", 1)
    outs = tmp_path / "one", tmp_path / "cluster"
    for out, where in zip(outs, ((), ("--cluster", "local:2")), strict=True):
        made = run("segment", volumes[0], *how, "--out", out, *where)
        assert made.code == 0, made.stderr
    assert tifffile.imread(outs[0] / "labels.tif").max() > 1
    for name in ("labels.tif", "objects.csv"):
        assert (outs[0] / name).read_bytes() == (outs[1] / name).read_bytes(), name


def test_what_does_not_go_together_is_one_line(volumes, bright_model, world, run, tmp_path):
    flat = tmp_path / "flat.tif"
    tifffile.imwrite(flat, tifffile.imread(volumes[0])[:, 0], metadata={"axes": "TYX"})
    words = [
        (("segment", flat, "--z", "volume", "--model", bright_model), "one section"),
        (("segment", volumes[0], "--z", "volume", "--model", world.model), "--z frames"),
        (("segment", volumes[0], "--model", bright_model), "--z volume"),
        (("train", flat, flat, "--z", "volume", "--steps", 1), "one section"),
        (("train", *volumes, "--z", "volume", "--base", world.model, "--steps", 1), "--z frames"),
    ]
    for command, said in words:
        answer = run(*command, "--out", tmp_path / "out")
        assert answer.code == 1, command
        assert said in answer.error and answer.error.startswith("Error: "), answer.error


def test_an_unknown_distance_of_sections_is_said(volumes, bright_model, run, tmp_path):
    plain = tmp_path / "plain.tif"
    movie = tifffile.imread(volumes[0])[:1]
    tifffile.imwrite(plain, movie, metadata={"axes": "TZYX"}, ome=True)
    answer = run(
        "segment",
        plain,
        "--z",
        "volume",
        "--model",
        bright_model,
        "--out",
        tmp_path / "out",
        "--no-movie",
    )
    assert answer.code == 0, answer.stderr
    assert "--z-step" in answer.stderr
    assert run("info", plain, "--z", "volume").stdout.count("--z-step") == 1
