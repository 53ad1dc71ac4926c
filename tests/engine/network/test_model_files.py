"""Models by name: bundled, a path, the user's own."""

from __future__ import annotations

import pytest

from napari_unet.engine.errors import BadInput
from napari_unet.engine.network.model import Model
from napari_unet.engine.network.model_files import bundled_models, find_model, library, own_models


@pytest.fixture
def kept(toy_model, tmp_path, monkeypatch):
    """The toy model, kept under the name "my cells"; other files beside it."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    library().mkdir(parents=True)
    path = toy_model.save(library() / "my cells.safetensors")
    (library() / "notes.txt").write_text("not a model")
    return path


def test_own_models_are_found_by_name(kept):
    assert own_models() == {"my cells": kept}
    assert find_model("my cells") == kept
    assert Model.load("my cells").config == Model.load(kept).config


def test_a_bundled_name_comes_first_then_a_file(kept, toy_model, tmp_path, monkeypatch):
    name, file = next(iter(bundled_models().items()))
    toy_model.save(library() / f"{name}.safetensors")
    assert find_model(name) == file
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my cells").write_bytes(kept.read_bytes())
    assert find_model("my cells").resolve() == tmp_path / "my cells"


def test_without_a_library_there_are_no_own_models(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "nothing"))
    assert own_models() == {}


def test_what_is_not_there_is_said_with_what_is(kept):
    with pytest.raises(BadInput) as refused:
        find_model("unknown")
    for words in ("there is no model 'unknown'", "my cells", *bundled_models()):
        assert words in str(refused.value)
