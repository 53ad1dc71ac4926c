"""Models of others taken in, ours handed on: one line each for what cannot be."""

from __future__ import annotations

import json
import sys

import pytest

from napari_unet.engine.network.model import Model

ABOUT = ("--author", "Ada Author; Somewhere", "--license", "MIT")


def test_a_model_goes_out_and_comes_back_by_name(world, run, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    pytest.importorskip("onnx")
    package = tmp_path / "package.zip"
    answer = run("models", "export", world.model, "--out", package, *ABOUT)
    assert answer.code == 0, answer.stderr
    assert answer.stdout.splitlines() == [str(package)]
    again = run("models", "export", world.model, "--out", package, *ABOUT)
    assert again.code != 0 and "package.zip" in again.error

    answer = run("models", "import", package, "--name", "back/home")
    assert answer.code == 0, answer.stderr
    checked, kept = answer.stdout.splitlines()
    assert checked == "pytorch_state_dict, checked on the package's test result to 0"
    assert kept.endswith("back home.safetensors")
    listed = json.loads(run("models", "--json").stdout)
    assert "back home" in [model["name"] for model in listed]
    assert Model.load("back home").config == Model.load(world.model).config
    assert "back home" in run("models").stdout
    info = run("info", package)
    assert info.code == 0 and "bioimage.io" in info.stdout


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (("import", "nowhere.zip"), 1, "there is no model 'nowhere.zip'"),
        (("export", "nuclei-fluorescence", "--out", "x", "--license", "MIT"), 2, "--author"),
        (("export", "nuclei-fluorescence", "--out", "x", "--author", "A"), 2, "--license"),
        (("exprot",), 2, "exprot"),
    ],
)
def test_wrong_words_are_one_line(words, code, line, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = run("models", *words)
    assert answer.code == code and line in answer.error, answer.stderr
    assert not list(tmp_path.iterdir())


def test_without_onnx_one_line_says_what_to_install(world, run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    answer = run("models", "export", world.model, "--out", tmp_path / "x.zip", *ABOUT)
    assert answer.code == 1
    assert answer.error == (
        "Error: a package for bioimage.io needs onnx, which is not installed: "
        'pip install "napari-unet-live[bioimageio]".'
    )
