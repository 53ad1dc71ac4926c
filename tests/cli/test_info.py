"""Info, models and export: what is in a file, what is bundled, what can be written."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

from napari_unet.engine.network.model import Model
from napari_unet.engine.network.model_files import library


def test_info_of_a_movie(world, run):
    values = json.loads(run("info", world.movie, "--json").stdout)
    assert values["axes"] == "TYX"
    assert values["shape"] == [6, 96, 128]
    assert values["pixel_size_um"] == 0.65
    assert values["frame_interval_s"] == 300


def test_what_was_guessed_is_said_a_line_each(tmp_path, run):
    tifffile.imwrite(
        tmp_path / "a.tif", np.ones((9, 3, 20, 24), np.uint8), photometric="minisblack"
    )
    answer = run("info", tmp_path / "a.tif")
    said = "a.tif does not name its axes; read as TCYX"
    assert [w.split("  ")[-1].strip() for w in answer.stdout.splitlines() if "check" in w] == [said]
    values = json.loads(run("info", tmp_path / "a.tif", "--json").stdout)
    assert (values["please_check"], values["noted"]) == ([said], [])


def test_info_with_other_axes(world, run):
    values = json.loads(run("info", world.movie, "--axes", "ZYX", "--json").stdout)
    assert (values["frames"], values["sections"]) == (1, 6)


def test_info_of_a_model(world, run):
    answer = run("info", world.model)
    assert answer.code == 0
    lines = answer.stdout.splitlines()
    assert f"sha256         {Model.load(world.model).sha256}" in lines
    assert lines[lines.index("network") + 1].startswith("  in channels")
    values = json.loads(run("info", world.model, "--json").stdout)
    assert values["network"]["filters"] == [4, 8]
    assert values["card"] == {"diameter": 20.0}


@pytest.fixture
def kept(world, tmp_path, monkeypatch):
    """The world's model, kept as "my cells" beside a damaged one."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    library().mkdir(parents=True)
    path = Model.load(world.model).save(library() / "my cells.safetensors")
    (library() / "broken.safetensors").write_bytes(b"no model")
    return path


def test_models_lists_bundled_ones_and_your_own(kept, run):
    listed = {model["name"]: model for model in json.loads(run("models", "--json").stdout)}
    assert list(listed) == [*Model.bundled(), "broken", "my cells"]
    assert listed["my cells"]["origin"] == "mine"
    assert listed["my cells"]["file"] == str(kept)
    assert "cannot be read as a model" in listed["broken"]["problem"]
    plain = run("models").stdout.splitlines()
    assert [line.split("  ")[0] for line in plain] == [
        *Model.bundled(),
        "broken (mine)",
        "my cells (mine)",
    ]


def test_models_says_where_your_own_would_be(tmp_path, monkeypatch, run):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "nothing"))
    assert run("models").stdout.splitlines()[-1].endswith(str(library()))


def test_your_own_model_goes_by_its_name(kept, world, tmp_path, run):
    assert "sha256" in run("info", "my cells").stdout
    answer = run("segment", world.movie, "--out", tmp_path / "out", "--model", "my cells")
    assert answer.code == 0, answer.stderr
    noted = json.loads((tmp_path / "out" / "labels.tif.json").read_text())
    assert Model.load(kept).sha256 in json.dumps(noted)


def test_export_from_labels_that_are_there(world, tmp_path, run):
    out = tmp_path / "out"
    answer = run("export", world.movie, world.truth, "--out", out, "--style", "side_by_side")
    assert answer.code == 0, answer.stderr
    assert [line.rsplit("/", 1)[-1] for line in answer.stdout.split()] == [
        "labels.tif",
        "objects.csv",
        "overlay.mp4",
    ]
    written = tifffile.imread(out / "labels.tif")
    np.testing.assert_array_equal(written, tifffile.imread(world.truth))


def test_export_of_one_part(world, tmp_path, run):
    words = ("export", world.movie, world.truth, "--out", tmp_path, "--no-table", "--no-movie")
    assert run(*words).code == 0
    assert {p.name for p in tmp_path.iterdir()} == {"labels.tif", "labels.tif.json"}
