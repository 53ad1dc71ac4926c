"""Classes from the command line: guessed or chosen, trained, segmented, scored."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

from napari_unet.cli.demo import write_sample
from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.network.model import Model
from napari_unet.engine.settings import TrainSettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.training.training import train

SMALL = ("--threads", 1, "--set", "filters=4,8", "--set", "crop=64", "--set", "batch=1")


@pytest.fixture(scope="module")
def kinds(class_toy, tmp_path_factory):
    """Movie and class labels as files."""
    folder = tmp_path_factory.mktemp("kinds")
    write_sample(folder / "movie.tif", class_toy.movie)
    write_sample(folder / "labels.tif", class_toy.labels)
    return folder


@pytest.fixture(scope="module")
def trained(kinds, run):
    """A small model of two classes that was trained for a few seconds, the last by the program."""
    settings = TrainSettings(steps=60, filters=(8, 16), crop=64, batch=4, threads=1, device="cpu")
    movie, labels = (Stack.open(kinds / name) for name in ("movie.tif", "labels.tif"))
    learning = train(movie, Annotations.from_labels(movie, labels, range(4)), settings)
    with pytest.raises(StopIteration) as end:
        while True:
            next(learning)
    end.value.value.save(kinds / "base.safetensors")
    answer = run(
        "train", kinds / "movie.tif", kinds / "labels.tif", "--out", kinds / "m.safetensors",
        "--base", kinds / "base.safetensors", "--frames", "0-3", "--validation", "2,3",
        "--steps", 2, "--threads", 1,
    )  # fmt: skip
    assert answer.code == 0, answer.stderr
    assert "4 frames, 2 classes, 100 % of the pixels" in answer.stderr
    assert "mean IoU of classes" in answer.stdout
    return kinds / "m.safetensors"


def test_from_training_to_scores(kinds, trained, tmp_path, run):
    answer = run(
        "segment", kinds / "movie.tif", "--model", trained, "--out", tmp_path, "--no-movie"
    )
    assert answer.code == 0, answer.stderr
    labels = tifffile.imread(tmp_path / "labels.tif")
    assert set(np.unique(labels)) <= {0, 1, 2}
    words = ("evaluate", tmp_path / "labels.tif", kinds / "labels.tif", "--frames", "4,5")
    values = json.loads(run(*words, "--json").stdout)
    assert values["class_iou"] > 0.5
    assert values["classes"].keys() == {"1", "2"}
    assert "mean IoU of classes" in run(*words).stdout.splitlines()[-1]
    values = json.loads(run(*words, "--json", "--regions", "any=1,2; dim=2").stdout)
    assert list(values["classes"]) == ["any", "dim"]
    assert "two regions are called a" in run(*words, "--regions", "a=1,2; a=1").error


def test_a_class_has_a_threshold_of_its_own(kinds, trained, tmp_path, run):
    found = []
    for name, least in (("all", "0"), ("one", "0,0.999")):
        words = ("segment", kinds / "movie.tif", "--model", trained, "--out", tmp_path / name)
        answer = run(*words, "--class-thresholds", least, "--no-movie")
        assert answer.code == 0, answer.stderr
        found.append(np.sum(tifffile.imread(tmp_path / name / "labels.tif") == 2))
    assert found[1] < found[0]
    answer = run(*words, "--class-thresholds", "0.2,7")
    assert answer.code == 2
    assert "--class-thresholds" in answer.error


def test_what_the_labels_are_can_be_chosen(kinds, tmp_path, run):
    words = ("train", kinds / "movie.tif", kinds / "labels.tif", "--frames", "0", "--steps", 1)
    words = (*words, *SMALL)
    for kind, outputs in (("instances", 2), ("binary", 2), ("classes", 3)):
        answer = run(*words, "--labels-are", kind, "--out", tmp_path / kind)
        assert answer.code == 0, answer.stderr
        assert ("2 classes" in answer.stderr) == (kind == "classes")
        assert len(Model.load(tmp_path / f"{kind}.safetensors").config.outputs) == outputs


def test_labels_of_a_model_of_classes_are_classes(kinds, trained, tmp_path, run):
    one = tifffile.imread(kinds / "labels.tif")
    one[one == 2] = 0
    write_sample(tmp_path / "one.tif", one)
    words = ("train", kinds / "movie.tif", tmp_path / "one.tif", "--frames", "0", "--steps", 1)
    answer = run(*words, "--base", trained, "--partial", "--out", tmp_path / "m")
    assert answer.code == 0, answer.stderr
    assert "1 class," in answer.stderr
    answer = run(*words, "--base", "nuclei-fluorescence", "--labels-are", "classes",
                 "--out", tmp_path / "n")  # fmt: skip
    assert answer.code == 1
    assert "finds objects" in answer.error


def test_instances_are_scored_as_before(world, run):
    guessed, chosen = (
        run("evaluate", world.truth, world.truth, "--json", *more).stdout
        for more in ((), ("--labels-are", "instances"))
    )
    assert guessed == chosen
    assert "classes" not in json.loads(guessed)


@pytest.mark.parametrize(
    ("regions", "words", "said"),
    [
        ("whole=1,2; core=3", (), "the region core has class 3, which the labels do not hold"),
        ("whole=1; core=2,1", (), "comes after whole, a part of it"),
        ("whole=", (), "the region whole is empty"),
        ("whole=1,2; whole=1", (), "two regions are called whole"),
        ("whole=1,2; core=2", ("--labels-are", "instances"), "regions are of classes"),
    ],
)
def test_regions_that_do_not_fit(kinds, tmp_path, run, regions, words, said):
    out = tmp_path / "m.safetensors"
    answer = run(
        "train", kinds / "movie.tif", kinds / "labels.tif", "--out", out, "--frames", "0",
        "--steps", 1, "--regions", regions, *SMALL, *words,
    )  # fmt: skip
    assert answer.code == 1
    assert said in answer.error
    assert not out.exists()


def test_regions_from_training_to_labels(kinds, tmp_path, run):
    out = tmp_path / "m.safetensors"
    answer = run(
        "train", kinds / "movie.tif", kinds / "labels.tif", "--out", out, "--frames", "0-1",
        "--steps", 2, "--regions", "any=1,2; dim=2", "--set", "filters=8,16", "--threads", 1,
    )  # fmt: skip
    assert answer.code == 0, answer.stderr
    assert "2 frames, 2 regions, 100 % of the pixels" in answer.stderr
    assert Model.load(out).record["regions"] == "any=1,2; dim=2"
    words = ("segment", kinds / "movie.tif", "--model", out, "--out", tmp_path, "--no-movie")
    rules = ("--class-thresholds", "0.3,0.4", "--class-sizes", "0,16", "--class-sure", "0,0.9")
    answer = run(*words, "--frames", "0", *rules)
    assert answer.code == 0, answer.stderr
    assert set(np.unique(tifffile.imread(tmp_path / "labels.tif"))) <= {0, 1, 2}
    note = json.loads((tmp_path / "labels.tif.json").read_text("utf-8"))["settings"]["labels"]
    assert note["class_sizes"] == [0, 16]
    assert note["class_sure"] == [0, 0.9]
