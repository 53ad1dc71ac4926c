"""Info, models and export: what is in a file, what is bundled, what can be written."""

from __future__ import annotations

import json

import numpy as np
import tifffile

from napari_unet.engine.model import Model


def test_info_of_a_movie(world, run):
    values = json.loads(run("info", world.movie, "--json").stdout)
    assert values["axes"] == "TYX"
    assert values["shape"] == [6, 96, 128]
    assert values["pixel_size_um"] == 0.65
    assert values["frame_interval_s"] == 300


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


def test_models_lists_what_is_bundled(run):
    names = [model["name"] for model in json.loads(run("models", "--json").stdout)]
    assert names == Model.bundled()
    plain = run("models").stdout
    assert all(name in plain for name in names)


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
