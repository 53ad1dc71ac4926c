"""A model file comes back whole, or is refused in one line; it never runs code."""

import json
import pickle
import random
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from napari_unet.engine.errors import BadInput
from napari_unet.engine.network.model import SUFFIX, Model
from napari_unet.engine.network.unet import UNet, UNetConfig
from napari_unet.engine.settings import LabelSettings, Normalisation


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(1)
    config = UNetConfig(filters=(4, 8), outputs=("object", "border"), in_channels=2)
    return Model(
        UNet(config).eval(),
        Normalisation(kind="minmax", clip=True),
        LabelSettings(threshold=0.3, min_size=7),
        "HeLa, µ-Slide №1",
        {"parent": "a" * 64, "frames": (1, 4), "before": None, "seconds": 1.5},
        {"diameter": 21.5, "pixel_size": 0.65, "stain": "Höchst"},
        {"replay/images": np.arange(24, dtype=np.uint16).reshape(2, 3, 4)[:, ::-1]},
    )


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    return model.save(tmp_path_factory.mktemp("models") / "cells.safetensors")


def refused(path):
    """The one line with which ``path`` is refused."""
    with pytest.raises(BadInput) as caught:
        Model.load(path)
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 500
    return line


def test_everything_comes_back(model, saved):
    again = Model.load(saved)
    assert again.config == model.config
    assert again.normalisation == model.normalisation
    assert again.label_settings == model.label_settings
    assert (again.name, again.card, again.path) == (model.name, model.card, saved)
    assert again.record == {**model.record, "frames": [1, 4]}
    assert not again.network.training
    for name, tensor in model.network.state_dict().items():
        assert torch.equal(again.network.state_dict()[name], tensor), name
    assert again.arrays.keys() == model.arrays.keys()
    np.testing.assert_array_equal(again.arrays["replay/images"], model.arrays["replay/images"])
    assert again.diameter == 21.5


def test_the_sha256_is_the_content_s(model, saved, tmp_path):
    again = Model.load(saved)
    assert again.sha256 == model.sha256
    assert Model.load(again.save(tmp_path / "copy")).sha256 == model.sha256
    assert replace(model, name="other").sha256 != model.sha256
    with torch.no_grad():
        next(again.network.parameters()).view(-1)[0] += 1
    assert again.sha256 != model.sha256


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("a.safetensors", "a.safetensors"),
        ("a", "a.safetensors"),
        ("5.10.2024", "5.10.2024.safetensors"),
        ("µ é 細胞.v2", "µ é 細胞.v2.safetensors"),
    ],
)
def test_the_suffix_is_added(model, tmp_path, given, written):
    path = model.save(str(tmp_path / given))
    assert path == tmp_path / written
    assert Model.load(str(path)).sha256 == model.sha256


def test_a_record_with_numbers_as_keys_is_the_same_model_again(model, tmp_path):
    counted = Model(model.network, record={"cells": {2: 10, 10: 4}})
    assert Model.load(counted.save(tmp_path / "counted")).sha256 == counted.sha256


@pytest.mark.parametrize("seed", range(40))
def test_a_flipped_byte_is_refused(saved, tmp_path, seed):
    content = bytearray(saved.read_bytes())
    chance = random.Random(seed)
    head = 8 + int.from_bytes(content[:8], "little")
    # the header is small beside the weights: look at both, and at its length
    place = chance.randrange(*((0, 8), (8, head), (head, len(content)))[seed % 3])
    content[place] ^= chance.choice((1, 2, 4, 16, 64, 128, 255))
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(content)
    assert "damaged.safetensors" in refused(damaged)


@pytest.mark.parametrize("share", [0, 0.001, 0.01, 0.1, 0.5, 0.9, 0.999])
def test_a_file_that_ends_early_is_refused(saved, tmp_path, share):
    content = saved.read_bytes()
    short = tmp_path / "short.safetensors"
    short.write_bytes(content[: int(share * len(content))])
    assert "short.safetensors" in refused(short)


def test_an_error_while_writing_leaves_the_older_file(model, tmp_path, monkeypatch):
    path = model.save(tmp_path / "cells")
    before = path.read_bytes()

    def half(self, content):
        with self.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(BadInput, match=r"cells\.safetensors"):
        replace(model, name="newer").save(path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def _resigned(saved, path, **changes):
    """The model with another description, as another version of the program would sign it."""
    from napari_unet.engine.network import model as module

    tensors = load_file(saved)
    with module.safe_open(saved, framework="pt") as file:
        description = {**json.loads(file.metadata()["napari_unet"]), **changes}
    header = {
        "napari_unet": json.dumps(description),
        "sha256": module._digest(description, tensors),
    }
    save_file(tensors, path, header)
    return path


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": "napari-unet 9"}, "napari-unet 9"),
        ({"config": {"filters": [4, 8, 16]}}, "cannot build"),
        ({"config": {"filters": [4]}}, "filters"),
        ({"normalisation": {"kind": "magic"}}, "kind"),
        ({"label_settings": {"threshold": 7}}, "threshold"),
        ({"config": None}, "cannot build"),
        ({"name": None}, "name"),
        ({"record": []}, "record"),
        ({"card": "red"}, "card"),
    ],
)
def test_another_version_s_model_is_refused(saved, tmp_path, changes, said):
    assert said in refused(_resigned(saved, tmp_path / "later.safetensors", **changes))


def test_other_people_s_tensors_are_refused(tmp_path):
    path = tmp_path / "bert.safetensors"
    save_file({"weight": torch.zeros(3)}, path)
    assert "no U-Net" in refused(path)


class Trap:
    """Leaves a mark where unpickling runs it."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def _pickle(trap, path):
    path.write_bytes(pickle.dumps(trap))


def _torch(trap, path):
    torch.save({"state_dict": {"w": torch.zeros(2)}, "x": trap}, path)


def _legacy_torch(trap, path):
    torch.save({"x": trap}, path, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize("write", [_pickle, _torch, _legacy_torch])
@pytest.mark.parametrize("name", ["trap.pth", "trap.safetensors", "trap.pt", "trap"])
def test_code_in_a_file_never_runs(tmp_path, write, name):
    mark = tmp_path / "mark"
    write(Trap(mark), tmp_path / name)
    assert name in refused(tmp_path / name)
    assert not mark.exists()


def _whole_network(path):
    torch.save(UNet(UNetConfig(filters=(4, 8))), path)


def _zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights.txt", "no")


def _script(path):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {
            "net/constants.pkl": pickle.dumps(()),
            "net/data.pkl": pickle.dumps({}),
            "net/version": "3\n",
            "net/code/__torch__.py": "x = 1",
        }.items():
            archive.writestr(name, content)


def _text(path):
    path.write_text("version https://git-lfs.github.com/spec/v1")


def _nothing(path):
    path.touch()


def _noise(path):
    path.write_bytes(random.Random(0).randbytes(5000))


@pytest.mark.parametrize("write", [_whole_network, _zip, _script, _text, _nothing, _noise])
@pytest.mark.parametrize("suffix", [".pth", SUFFIX])
def test_what_is_no_model_is_refused(tmp_path, write, suffix):
    path = tmp_path / f"thing{suffix}"
    write(path)
    assert path.name in refused(path)


def test_names_that_lead_nowhere(tmp_path):
    for name in ("no-such-model", str(tmp_path), str(tmp_path / "gone.safetensors")):
        assert "there is no model" in refused(name)


def test_bundled_models_open_by_name():
    for name in Model.bundled():
        assert Model.load(name).config.outputs[0] == "object"
