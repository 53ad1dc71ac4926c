"""What segment, train and --version say to programs: one document on stdout, words on stderr."""

from __future__ import annotations

import csv
import json
import shutil
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

import napari_unet as nu
from napari_unet.engine.network.model import Model


@pytest.fixture(scope="module")
def movies(world, tmp_path_factory):
    """A movie that is whole and one that is none."""
    folder = tmp_path_factory.mktemp("report")
    shutil.copy(world.movie, folder / "a.tif")
    (folder / "b.tif").write_text("not a picture")
    return folder


def test_segment_says_what_it_did_of_each_movie(movies, world, tmp_path, run):
    words = ("segment", movies / "*.tif", "--out", tmp_path, "--model", world.model)
    words = (*words, "--frames", "0-1", "--no-movie", "--json")
    answer = run(*words)
    assert answer.code == 1  # as without --json: one failed
    said = json.loads(answer.stdout)
    assert (said["command"], said["version"]) == ("segment", nu.__version__)
    model = Model.load(world.model)
    assert said["model"] == {"name": "tiny", "sha256": model.sha256, "file": str(world.model)}
    good, bad = said["movies"]
    assert good["outputs"] == {
        "labels": str(tmp_path / "a_labels.tif"), "table": str(tmp_path / "a_objects.csv"),
    }  # fmt: skip
    assert set(good["written_now"]) == {"labels", "table"}
    with (tmp_path / "a_objects.csv").open(encoding="utf-8", newline="") as file:
        assert (good["frames"], good["objects"]) == (2, len(list(csv.DictReader(file))))
    sidecar = json.loads((tmp_path / "a_labels.tif.json").read_text("utf-8"))
    for level, name in (("check", "please_check"), ("noted", "noted")):
        assert good[name] == [n["line"] for n in sidecar["notices"] if n["level"] == level]
    assert sidecar["settings"] == said["settings"]
    assert set(good["seconds"]) == {"opening", "labels", "files"}
    assert (bad["movie"], bad["name"]) == (str(movies / "b.tif"), "b")
    assert bad["error"] in answer.stderr
    (again, _) = json.loads(run(*words).stdout)["movies"]
    assert again["written_now"] == []
    assert {k: again[k] for k in ("outputs", "frames", "objects")} == {
        k: good[k] for k in ("outputs", "frames", "objects")
    }


def test_an_error_leaves_stdout_empty(world, tmp_path, run):
    words = ("segment", tmp_path / "no.tif", "--out", tmp_path, "--model", world.model)
    answer = run(*words, "--json")
    assert (answer.code, answer.stdout) == (1, "")
    assert "no.tif" in answer.error


def test_train_says_what_it_made(world, tmp_path, run):
    words = ("train", world.movie, world.truth, "--out", tmp_path / "m", "--frames", "0,1")
    answer = run(*words, "--steps", 1, "--set", "filters=4,8", "--set", "batch=1", "--json")
    assert answer.code == 0, answer.stderr
    said = json.loads(answer.stdout)
    model = Model.load(tmp_path / "m.safetensors")
    assert said["model"] == {"name": "m", "sha256": model.sha256, "file": str(model.path)}
    assert said["record"] == model.record
    assert (said["frames"], said["steps"]) == (2, 1)
    assert said["please_check"] == [
        n["line"] for n in model.record["notices"] if n["level"] == "check"
    ]
    outputs = [said["outputs"]["model"], *said["outputs"]["beside"]]
    assert sorted(outputs) == sorted(map(str, Path(tmp_path).iterdir()))
    assert set(said["seconds"]) == {"opening", "training", "files"}


def test_versions_as_yaml(run):
    for words in (("--version", "--yaml"), ("--yaml", "--version")):
        said = yaml.safe_load(run(*words).stdout)
        assert said["napari-unet-live"] == nu.__version__
        assert said["packages"]["torch"] == version("torch")
        assert "napari" in said["packages"]
        assert "cores" in said["devices"]["cpu"]
    assert run("--version").stdout == f"{nu.__version__}\n"
    alone = run("--yaml", "models")
    assert alone.code == 2
    assert "--version" in alone.error
