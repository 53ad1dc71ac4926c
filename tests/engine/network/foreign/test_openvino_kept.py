"""Networks converted once: the same logits from the file, and nothing lost where it is damaged."""

from __future__ import annotations

import pytest
import torch

from napari_unet.engine.network.foreign import openvino_kept
from napari_unet.engine.network.foreign.openvino_kept import kept_or_converted
from napari_unet.engine.network.unet import UNet, UNetConfig

pytest.importorskip("openvino")

from napari_unet.engine.prediction.openvino_backend import OpenVinoBackend, _convert

FRAME = torch.rand(1, 1, 32, 48, generator=torch.Generator().manual_seed(0))


def make():
    torch.manual_seed(3)
    return UNet(UNetConfig(filters=(16, 32, 64))).eval()


@pytest.fixture
def network():
    return make()


@pytest.fixture(scope="module")
def model():
    """What OpenVINO makes of the network: always the same, and it takes a second."""
    return _convert(make())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(openvino_kept, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    monkeypatch.setattr(openvino_kept, "_LEAST", 1 << 18)  # as it is, unlike for other tests
    return tmp_path / "cache" / "openvino"


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 8
    path.write_bytes(content)


def write_nothing(path):
    path.write_bytes(b"")


def lock(path):
    path.unlink()
    path.parent.rmdir()
    path.parent.write_text("a file where the folder should be")


HAPPENS = {
    "nothing": lambda path: None,
    "cut": cut,
    "flip": flip,
    "empty": write_nothing,
    "gone": lock,
}


@pytest.mark.parametrize("happens", HAPPENS)
def test_logits_are_the_same_whatever_happened_to_the_file(happens, network, model, folder):
    converted = []

    def convert(given):
        converted.append(given)
        return model

    first = OpenVinoBackend(kept_or_converted(network, convert), "fp32", 1)
    (path,) = folder.iterdir()
    HAPPENS[happens](path)
    again = OpenVinoBackend(kept_or_converted(network, convert), "fp32", 1)
    assert len(converted) == (1 if happens == "nothing" else 2)
    assert torch.equal(again.logits(FRAME), first.logits(FRAME))
    if happens != "gone":
        kept_or_converted(network, convert)
        assert len(converted) == (1 if happens == "nothing" else 2)


def test_other_weights_are_another_file_and_a_few_are_kept(network, model, folder, monkeypatch):
    monkeypatch.setattr(openvino_kept, "_FILES", 2)
    for _ in range(3):
        kept_or_converted(network, lambda _: model)
        with torch.no_grad():
            network.head.bias.add_(1)
    assert len(list(folder.iterdir())) == 2
    tiny = UNet(UNetConfig(filters=(4, 8)))
    kept_or_converted(tiny, lambda _: model)  # converted in no time
    assert len(list(folder.iterdir())) == 2
