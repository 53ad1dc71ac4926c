"""napari-unet tune: what it prints and writes, and what it refuses in one line."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from napari_unet.engine.jobs import tuning_grid
from napari_unet.engine.network.model import Model
from napari_unet.engine.stack.stack import Stack


@pytest.fixture
def model(world, bright, tmp_path, monkeypatch):
    """A model that learned from the first frames of the movie, and found its labels too small."""
    monkeypatch.setattr(tuning_grid, "THRESHOLDS", (0.3, 0.5))
    monkeypatch.setattr(tuning_grid, "SIZES", (0, 30))
    with Stack.open(world.movie) as stack:
        record = {"movie_fingerprint": stack.fingerprint, "frames": [0, 1], "held_out": {}}
    settings = bright.label_settings.replace(threshold=0.9, min_size=2000)
    made = replace(bright, record=record, label_settings=settings)
    return made.save(tmp_path / "mine.safetensors")


def test_it_writes_what_is_better_into_the_model(world, model, run):
    answer = run("tune", model, world.movie, world.truth, "--frames", "0-3")
    assert answer.code == 0, answer.stderr
    lines = answer.stdout.splitlines()
    assert lines[0] == "On frames 2-3, which it never learned from:"
    assert "cells" in lines[2]
    assert "2000 → " in lines[2]
    assert lines[-1] == str(model)
    tuned = Model.load(model)
    assert tuned.label_settings.min_size in (0, 30)
    assert tuned.record["tuned"]["frames"] == [2, 3]
    answer = run("tune", model, world.movie, world.truth, "--frames", "2-3", "--json")
    values = json.loads(answer.stdout)
    assert values["changed"] is False
    assert values["frames"] == [2, 3]
    assert values["rows"][0]["name"] == "cells"
    assert values["score"]["before"] == values["score"]["after"]
    assert Model.load(model).sha256 == tuned.sha256  # not written again


def test_another_file_can_be_written(world, model, tmp_path, run):
    before = model.read_bytes()
    out = tmp_path / "other.safetensors"
    answer = run("tune", model, world.movie, world.truth, "--frames", "2", "--out", out)
    assert answer.code == 0, answer.stderr
    assert model.read_bytes() == before
    assert Model.load(out).label_settings != Model.load(model).label_settings


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--frames", "0,1"), "learned from all frames of movie.tif that have labels (0-1)"),
        (("--frames", "2", "--labels-are", "classes"), "finds objects, the labels hold classes"),
    ],
)
def test_what_cannot_be_tuned_on(world, model, run, words, said):
    before = model.read_bytes()
    answer = run("tune", model, world.movie, world.truth, *words)
    assert answer.code == 1
    assert said in answer.error
    assert model.read_bytes() == before


def test_a_model_that_comes_with_the_program_is_not_replaced(world, run, tmp_path):
    answer = run("tune", "nuclei-fluorescence", world.movie, world.truth)
    assert answer.code == 1
    assert "name the model to write with --out" in answer.error.lower()
    state = tmp_path / "weights.pth"
    shutil.copy(world.movie, state)
    assert run("tune", state, world.movie, world.truth).code == 1
