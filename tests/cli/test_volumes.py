"""Volumes by the command line: learned, segmented, scored; another distance makes them anew."""

import csv
import json

import numpy as np
import pytest
import tifffile
import torch

from napari_unet.engine.labels.sections import join_sections
from napari_unet.engine.network.model import Model
from napari_unet.engine.network.normalisation import Normaliser
from napari_unet.engine.network.unet import UNet, UNetConfig
from napari_unet.engine.settings import Normalisation
from napari_unet.sample.volumes import sample_volumes

SMALL = ("--set", "filters=4,8", "--set", "crop=32", "--set", "precision=fp32", "--threads", 1)
KNOWN = {"axes": "TZYX", "PhysicalSizeX": 0.4, "PhysicalSizeY": 0.4, "PhysicalSizeZ": 1.5}


@pytest.fixture
def volumes(tmp_path):
    movie, truth = (part[:2] for part in sample_volumes()[:2])
    files = tmp_path / "movie.ome.tif", tmp_path / "truth.ome.tif"
    for file, part in zip(files, (movie, truth), strict=True):
        tifffile.imwrite(file, part, metadata=KNOWN)
    return files


def rows_of(table):
    with table.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


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
    assert {"centroid_z_um", "volume_um3", "sphericity"} <= set(rows_of(out / "objects.csv")[0])
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
        (("train", *volumes, "--base", bright_model, "--steps", 1), "--z volume"),
    ]
    for command, said in words:
        answer = run(*command, "--out", tmp_path / "out")
        assert answer.code == 1, command
        assert said in answer.error and answer.error.startswith("Error: "), answer.error


def test_volumes_are_learned_from_a_model_of_images(volumes, world, run, tmp_path):
    words = ("train", *volumes, "--z", "volume", "--base", world.model, "--steps", 1)
    answer = run(*words, "--out", tmp_path / "solid")
    assert answer.code == 0
    assert "begins with each section as an image" in " ".join(answer.stderr.split())
    model = Model.load(tmp_path / "solid.safetensors")
    assert model.config.dims == 3 and model.record["parent"] == Model.load(world.model).sha256


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


@pytest.fixture
def sections(volumes, bright, run, tmp_path):
    """A smaller movie, how it is segmented by section, and what comes of that (T, Z, Y, X)."""
    movie = tmp_path / "small.ome.tif"
    pixels = tifffile.imread(volumes[0])[:, 5:10, :64, :80]
    tifffile.imwrite(movie, pixels, metadata=KNOWN)
    model, out = bright.save(tmp_path / "flat"), tmp_path / "sections"
    how = ("segment", movie, "--z", "frames", "--model", model, "--threads", 1)
    made = run(*how, "--out", out, "--no-movie")
    assert made.code == 0, made.stderr
    return movie, how, tifffile.imread(out / "labels.tif").reshape(pixels.shape)


def test_sections_are_joined_to_cells_in_3d(volumes, sections, run, tmp_path):
    movie, how, flat = sections
    out, again = tmp_path / "joined", tmp_path / "exported"
    assert run(*how, "--join", "--out", out).code == 0
    with tifffile.TiffFile(out / "labels.tif") as file:
        assert file.series[0].axes == "TZYX"
        labels = file.asarray()
    for volume, parts in zip(labels, flat, strict=True):
        np.testing.assert_array_equal(volume, join_sections(parts))
    assert len(np.unique(labels[0])) - 1 < sum(len(np.unique(part)) - 1 for part in flat[0])
    rows = rows_of(out / "objects.csv")
    assert {"volume_um3", "sphericity"} <= set(rows[0]) and {r["frame"] for r in rows} == {"0", "1"}
    assert (out / "overlay.mp4").stat().st_size > 1000

    stamp = (out / "labels.tif").stat().st_mtime_ns
    assert run(*how, "--join", "--out", out).code == 0  # all is there
    assert (out / "labels.tif").stat().st_mtime_ns == stamp
    (out / "objects.csv").unlink()
    assert run(*how, "--join", "--out", out).code == 0  # of the labels that are there
    assert rows_of(out / "objects.csv") == rows
    assert "--overwrite" in run(*how, "--out", out).stderr  # those are others

    given = tmp_path / "sections" / "labels.tif"
    export = ("export", movie, given, "--z", "frames", "--join", "--out", again)
    assert run(*export, "--values", "linked", "--no-movie").code == 0
    np.testing.assert_array_equal(tifffile.imread(again / "labels.tif") > 0, labels > 0)
    part = run(*export, "--frames", "2-9", "--no-movie", "--no-table", "--overwrite")
    assert part.code == 0 and "3 sections" in part.stderr
    np.testing.assert_array_equal(np.squeeze(tifffile.imread(again / "labels.tif")), labels[1])


def test_what_cannot_be_joined_is_one_line(volumes, sections, run, tmp_path):
    movie, how, _ = sections
    flat = tmp_path / "flat.tif"
    tifffile.imwrite(flat, tifffile.imread(volumes[0])[:, 0], metadata={"axes": "TYX"})
    model = how[how.index("--model") + 1]
    given = tmp_path / "sections" / "labels.tif"
    words = [
        (("segment", movie, "--join", "--model", model), 2, "--z frames, not --z max"),
        (("export", movie, given, "--z", "volume", "--join"), 2, "not --z volume"),
        (("export", movie, given, "--z", "frames", "--join", "--archive"), 2, "archive"),
        (("export", movie, given, "--z", "frames", "--join", "--before", given), 2, "--before"),
        (("segment", flat, "--z", "frames", "--join", "--model", model), 1, "one section"),
        ((*how, "--join", "--frames", "1-5"), 1, "all sections of a volume"),
    ]
    for command, code, said in words:
        answer = run(*command, "--out", tmp_path / "out")
        assert answer.code == code, command
        assert said in answer.stderr, answer.stderr
