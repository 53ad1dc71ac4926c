"""Segment: the files it writes, going on after a stop, options that reach the labels."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest
import tifffile

from napari_unet.engine.labels.labels import label_frame
from napari_unet.engine.network.model import Model
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.session.recipe import Recipe
from napari_unet.engine.settings import LabelSettings, PredictSettings
from napari_unet.engine.stack.stack import Stack


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


def test_only_the_frames_asked_for(world, tmp_path, results, run):
    words = ("segment", world.movie, "--out", tmp_path, "--model", world.model, "--min-size", 5)
    assert run(*words, "--frames", "2,0").code == 0
    some, every = (tifffile.imread(out / "labels.tif") for out in (tmp_path, results))
    np.testing.assert_array_equal(some, every[[0, 2]])
    with (tmp_path / "objects.csv").open(encoding="utf-8", newline="") as file:
        assert {row["frame"] for row in csv.DictReader(file)} <= {"0", "2"}
    with probabilities_of(tmp_path) as probabilities:
        assert np.flatnonzero(probabilities.computed).tolist() == [0, 2]
    again = run(*words, "--frames", "0,2")
    assert "nothing to do" in again.stderr
    answer = run(*words)
    assert answer.code == 1
    assert "made in another way" in answer.error
    answer = run(*words, "--frames", "0-99")
    assert answer.code == 1
    assert "there is no frame 99 in a movie with" in answer.error


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


def test_sizes_go_with_the_diameter(world, tmp_path, run):
    words = ("segment", world.movie, "--model", world.model, "--no-movie", "--out")
    recipe = Recipe(
        model=str(world.model),
        labels=LabelSettings(min_size=40, max_size=900),
        predict=PredictSettings(scale=0.5),  # made on cells of 40 px
    )
    recipe.save(tmp_path / "recipe.json")
    by_recipe = ("--recipe", tmp_path / "recipe.json")
    model = Model.load(world.model).label_settings.min_size
    for name, options, sizes in (
        ("larger", ("--diameter", 40), (4 * model, None)),
        ("given", ("--diameter", 40, "--min-size", 7), (7, None)),
        ("as the recipe", (*by_recipe, "--diameter", 40), (40, 900)),
        ("smaller", (*by_recipe, "--diameter", 20), (10, 225)),
    ):
        answer = run(*words, tmp_path / name, *options)
        assert answer.code == 0, answer.stderr
        sidecar = json.loads((tmp_path / name / "labels.tif.json").read_text("utf-8"))
        labels = sidecar["settings"]["labels"]
        assert (labels["min_size"], labels["max_size"]) == sizes, name


def test_cells_of_another_size_are_said(world, bright, tmp_path, run):
    card = {"diameter": 90.0, "pixel_size": 0.1}
    labels = bright.label_settings.replace(edge=3)
    large = replace(bright, name="large", card=card, label_settings=labels)
    large = large.save(tmp_path / "large")
    words = ("segment", world.movie, "--no-movie", "--model", large)
    said = run(*words, "--out", tmp_path / "a").stderr
    assert "--diameter brings them to its size" in said
    assert "wholly in the outer 3 px are left out, as in the labels that large" in said
    assert "the model expects 90 px: where they are not outlined well, try --diameter" in said
    known = replace(bright, card={"diameter": 9.0}).save(tmp_path / "known")
    usual = run(*words[:-1], known, "--out", tmp_path / "b").stderr
    assert "diameter" not in usual and "wholly" not in usual


def test_diameter_of_a_model_that_has_none(world, tmp_path, run):
    Model(Model.load(world.model).network).save(tmp_path / "sizeless.safetensors")
    words = ("segment", world.movie, "--model", tmp_path / "sizeless.safetensors")
    answer = run(*words, "--out", tmp_path / "out", "--diameter", 20)
    assert answer.code == 1
    assert "does not say how large its cells are" in answer.error


def test_cost_is_said_before_the_run(world, tmp_path, run):
    words = ("segment", world.movie, "--model", world.model, "--no-movie", "--out", tmp_path)
    (line,) = (line for line in run(*words).stderr.splitlines() if "of memory" in line)
    assert line.startswith("6 frames, ")
    assert f"on disk in {tmp_path / 'movie.unet'} (" in line
    assert line.endswith(" free)")
    again = run(*words, "--threshold", 0.6, "--overwrite")
    assert "of memory" not in again.stderr  # nothing is predicted


def test_without_openvino_torch_computes(world, tmp_path, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)  # as if it were not installed
    words = ("segment", world.movie, "--model", world.model, "--no-movie", "--out", tmp_path)
    answer = run(*words)
    assert answer.code == 0, answer.stderr
    assert "tiny on the CPU (torch fp32)" in answer.stderr
    refused = run(*words[:-1], tmp_path / "int8", "--precision", "int8")
    assert refused.code == 1
    assert "needs OpenVINO, which is not installed: pip install" in refused.error


def test_where_openvino_cannot_be_loaded_torch_computes(world, tmp_path, run, monkeypatch):
    (tmp_path / "openvino.py").write_text("raise ImportError('no such symbol')")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "openvino"]:
        monkeypatch.delitem(sys.modules, name)
    words = ("segment", world.movie, "--model", world.model, "--no-movie", "--out", tmp_path)
    answer = run(*words)
    assert answer.code == 0, answer.stderr
    assert "tiny on the CPU (torch fp32)" in answer.stderr


def test_recipe_finds_its_model_beside_itself(world, tmp_path, run):
    model = Model.load(world.model)
    (tmp_path / "moved").mkdir()
    shutil.copy(world.model, tmp_path / "moved" / "tiny.safetensors")
    recipe = Recipe(model="/home/somebody/tiny.safetensors", model_sha256=model.sha256)
    recipe.save(tmp_path / "moved" / "recipe.json")
    words = ("segment", world.movie, "--recipe", tmp_path / "moved" / "recipe.json")
    answer = run(*words, "--no-movie", "--out", tmp_path / "out")
    assert answer.code == 0, answer.stderr


def test_a_pixel_size_given_is_that_of_the_results(world, results, run, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(results, out)
    before = (out / "objects.csv").read_bytes()
    words = ("segment", world.movie, "--out", out, "--model", world.model, "--min-size", 5)
    sizes = ("--pixel-size", 2.0, "--frame-interval", 7.0, "--no-movie", "--overwrite")
    answer = run(*words, *sizes)
    assert answer.code == 0, answer.stderr
    assert (out / "objects.csv").read_bytes() != before
    with Stack.open(out / "labels.tif") as labels:
        assert (labels.pixel_size, labels.frame_interval) == (2.0, 7.0)
    assert run(*words, "--pixel-size", 0).code == 2


def test_a_folder_that_grew_says_so_and_does_the_rest(world, run, tmp_path):
    movie = tifffile.imread(world.movie)
    frames = tmp_path / "exp"
    frames.mkdir()
    for t in range(4):
        tifffile.imwrite(frames / f"t{t}.tif", movie[t])
    options = ("segment", frames, "--out", tmp_path / "out", "--model", world.model, "--no-movie")
    assert run(*options).code == 0
    for t in range(4, 6):
        tifffile.imwrite(frames / f"t{t}.tif", movie[t])
    answer = run(*options)
    assert answer.code == 0
    assert "exp has 2 more frames than when it was segmented" in answer.stderr
    assert "2 frames" in answer.stderr  # those that the network has not seen
    with tifffile.TiffFile(tmp_path / "out" / "labels.tif") as tif:
        assert len(tif.pages) == 6
    assert "is done" in run(*options).stderr
    fresh = (*options[:3], tmp_path / "fresh", *options[4:])
    assert run(*fresh).code == 0
    both = [tifffile.imread(tmp_path / name / "labels.tif") for name in ("out", "fresh")]
    assert (both[0] == both[1]).all()
    (frames / "t5.tif").unlink()
    answer = run(*options)
    assert answer.code == 1
    assert "made when exp had 6 frames; it has 5 frames now" in answer.error
    assert "frames of the movie are missing" in answer.error


def test_results_of_a_file_saved_again_are_not_taken_for_done(world, run, tmp_path):
    movie = tifffile.imread(world.movie)
    large = np.concatenate([movie] * 8)  # beyond the samples of the fingerprint
    path = tmp_path / "movie.tif"
    options = ("segment", path, "--out", tmp_path / "out", "--model", world.model, "--no-movie")
    settings = {"photometric": "minisblack", "metadata": {"axes": "TYX"}}
    tifffile.imwrite(path, large, **settings)
    assert run(*options).code == 0
    large[20, 40:60, 50:70] = 0
    tifffile.imwrite(path, large, **settings)
    answer = run(*options)
    assert answer.code == 1
    assert "made before movie.tif was saved again" in answer.stderr
    assert run(*options, "--overwrite").code == 0


def test_several_models_are_averaged_and_named(world, tmp_path, run):
    other = tmp_path / "other.safetensors"
    shutil.copy(world.model, other)
    words = ("segment", world.movie, "--out", tmp_path / "r", "--frames", "0", "--no-movie")
    answer = run(*words, "--model", f"{world.model},{other}")
    assert answer.code == 0, answer.stderr
    sidecar = json.loads((tmp_path / "r" / "labels.tif.json").read_text())
    assert len(sidecar["model"]["training"]["ensemble"]) == 2
    again = run(*words, "--model", f"{world.model},{other}")
    assert again.code == 0 and "Segment" not in again.stderr
    alone = run(*words, "--model", world.model)
    assert alone.code == 1 and "made in another way" in alone.error
