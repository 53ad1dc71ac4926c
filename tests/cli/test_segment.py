"""Segment: the files it writes, going on after a stop, options that reach the labels."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import tifffile

from napari_unet.engine.labels import label_frame
from napari_unet.engine.model import Model
from napari_unet.engine.probabilities import Probabilities
from napari_unet.engine.recipe import Recipe
from napari_unet.engine.stack import Stack


@pytest.fixture(scope="module")
def results(world, tmp_path_factory, run):
    out = tmp_path_factory.mktemp("segment") / "out"
    answer = run("segment", world.movie, "--out", out, "--model", world.model, "--min-size", 5)
    assert answer.code == 0, answer.stderr
    assert answer.stdout.splitlines() == [
        str(out / name) for name in ("labels.tif", "objects.csv", "overlay.mp4")
    ]
    return out


def probabilities_of(out):
    (path,) = out.glob("*.unet/*")
    return Probabilities.open(path)


def test_labels_are_those_of_the_engine(world, results):
    settings = Model.load(world.model).label_settings.replace(min_size=5)
    labels = tifffile.imread(results / "labels.tif")
    with probabilities_of(results) as probabilities:
        assert probabilities.computed.all()
        for t in range(len(probabilities)):
            np.testing.assert_array_equal(labels[t], label_frame(probabilities[t], settings))


def test_labels_keep_size_and_interval(world, results):
    with Stack.open(world.movie) as movie, Stack.open(results / "labels.tif") as labels:
        assert labels.shape == movie.shape
        assert labels.source_axes == "TYX"
        assert labels.pixel_size == pytest.approx(movie.pixel_size, rel=1e-3)
        assert labels.frame_interval == pytest.approx(movie.frame_interval)


def test_table_has_one_row_for_each_object(results):
    labels = tifffile.imread(results / "labels.tif")
    objects = sum(len(np.unique(frame[frame > 0])) for frame in labels)
    with (results / "objects.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == objects


def test_movie_is_a_movie(results):
    assert (results / "overlay.mp4").read_bytes()[4:8] == b"ftyp"


def test_sidecar_says_how_it_was_made(world, results):
    sidecar = json.loads((results / "labels.tif.json").read_text("utf-8"))
    assert Model.load(world.model).sha256 in json.dumps(sidecar)


def test_results_are_not_overwritten_unasked(world, results, run):
    before = (results / "labels.tif").read_bytes()
    words = ("segment", world.movie, "--out", results, "--model", world.model)
    answer = run(*words, "--threshold", 0.9)
    assert answer.code == 1
    assert "add --overwrite" in answer.error
    assert (results / "labels.tif").read_bytes() == before


def test_another_threshold_does_not_predict_again(world, tmp_path, run):
    words = ("segment", world.movie, "--out", tmp_path, "--model", world.model, "--no-movie")
    assert run(*words).code == 0
    (path,) = tmp_path.glob("*.unet/*")
    written = path.stat().st_mtime_ns
    assert run(*words, "--threshold", 0.4, "--overwrite").code == 0
    assert path.stat().st_mtime_ns == written
    assert not (tmp_path / "overlay.mp4").exists()


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        (["--threshold", "0.45"], {"threshold": 0.45}),
        (["--no-split", "--min-size", "1"], {"split": False, "min_size": 1}),
    ],
)
def test_options_reach_the_labels(world, tmp_path, options, changes, run):
    words = ("segment", world.movie, "--out", tmp_path, "--model", world.model, "--no-movie")
    answer = run(*words, *options)
    assert answer.code == 0, answer.stderr
    settings = Model.load(world.model).label_settings.replace(**changes)
    with probabilities_of(tmp_path) as probabilities:
        expected = label_frame(probabilities[0], settings)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "labels.tif")[0], expected)


def test_diameter_scales_the_frames(world, tmp_path, run):
    words = ("segment", world.movie, "--out", tmp_path, "--model", world.model, "--no-movie")
    assert run(*words, "--diameter", 40).code == 0
    with probabilities_of(tmp_path) as probabilities:
        assert probabilities.key["scale"] == pytest.approx(0.5)  # the model knows 20 px


def test_folder_of_numbered_frames_with_a_gap(world, tmp_path, run):
    frames = tmp_path / "frames"
    frames.mkdir()
    movie = tifffile.imread(world.movie)
    numbers = (3, 4, 9)
    for number, frame in zip(numbers, movie, strict=False):
        tifffile.imwrite(frames / f"t{number:03d}.tif", frame)
    out = tmp_path / "out"
    assert run("segment", frames, "--out", out, "--model", world.model, "--no-movie").code == 0
    with Stack.open(out / "labels.tif") as labels:
        assert labels.numbers == numbers


def test_recipe_says_what_the_options_would(world, tmp_path, run):
    model = Model.load(world.model)
    labels = model.label_settings.replace(threshold=0.45, min_size=3)
    recipe = Recipe(model=str(world.model), model_sha256=model.sha256, labels=labels)
    recipe.save(tmp_path / "recipe.json")
    words = ("segment", world.movie, "--no-movie", "--out")
    by_recipe = run(*words, tmp_path / "a", "--recipe", tmp_path / "recipe.json")
    assert by_recipe.code == 0, by_recipe.stderr
    options = ("--model", world.model, "--threshold", 0.45, "--min-size", 3)
    assert run(*words, tmp_path / "b", *options).code == 0
    a, b = (tifffile.imread(tmp_path / folder / "labels.tif") for folder in "ab")
    np.testing.assert_array_equal(a, b)


def test_recipe_of_another_model_is_refused(world, tmp_path, run):
    Recipe(model=str(world.model), model_sha256="0" * 64).save(tmp_path / "recipe.json")
    words = ("segment", world.movie, "--out", tmp_path / "a", "--recipe", tmp_path / "recipe.json")
    answer = run(*words)
    assert answer.code == 1
    assert "is not the one the recipe was made with" in answer.error
    assert not (tmp_path / "a").exists()
