"""Encoders that others have trained: what is taken, what is left, what is refused."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from napari_unet.engine.annotations.annotations import Annotations
from napari_unet.engine.errors import BadInput
from napari_unet.engine.network.exchange import fetch_encoder
from napari_unet.engine.network.exchange.encoder_weights import take_encoder
from napari_unet.engine.network.networks import CONFIGS, build
from napari_unet.engine.settings import TrainSettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.training.training import train
from tests.engine.network.exchange import encoders

pytestmark = pytest.mark.slow  # MONAI takes seconds to import
RESNET, EFFICIENTNET = "resnet18-unet", "efficientnet-b2-unet"
TINY = (8, 8, 8, 8, 4)


def network(name, channels=1):
    return build(CONFIGS[name](filters=TINY, in_channels=channels))


STYLES = [
    (RESNET, encoders.as_torchvision_resnet, "2 (fc) left"),
    (RESNET, lambda state: {f"net.encoder.{k}": v for k, v in state.items()}, "none left"),
    (EFFICIENTNET, encoders.as_efficientnet_pytorch, "1 (_fc) left"),
    (EFFICIENTNET, encoders.as_torchvision_efficientnet, "1 (classifier) left"),
    (EFFICIENTNET, encoders.as_timm_efficientnet, "1 (classifier) left"),
]


@pytest.mark.parametrize(("name", "style", "left"), STYLES)
def test_the_usual_names_of_layers(name, style, left, tmp_path):
    into = network(name, channels=3)
    state = encoders.trained_encoder(into)
    torch.save({"state_dict": style(state)}, tmp_path / "photos.pth")
    before = into.net.decoder.state_dict()["blocks.0.convs.conv_0.conv.weight"].clone()
    taken = take_encoder(into, str(tmp_path / "photos.pth"))
    for key, tensor in into.encoder.state_dict().items():
        assert torch.equal(tensor, state[key]) or key.endswith("_tracked"), key
    assert taken.words.startswith("encoder from photos.pth: ") and taken.words.endswith(left)
    digest = hashlib.sha256((tmp_path / "photos.pth").read_bytes()).hexdigest()
    assert taken.sha256 == digest
    after = into.net.decoder.state_dict()["blocks.0.convs.conv_0.conv.weight"]
    assert torch.equal(after, before)


@pytest.mark.parametrize(
    ("channels", "given", "words"),
    [
        (1, 3, "the first layer summed from 3 to 1 channel"),
        (2, 3, "the first layer inflated from 3 to 2 channels"),
        (5, 3, "the first layer inflated from 3 to 5 channels"),
        (3, 1, "the first layer inflated from 1 to 3 channels"),
    ],
)
def test_a_grey_image_gives_what_it_gave_in_colour(channels, given, words, tmp_path):
    into = network(RESNET, channels)
    state = encoders.trained_encoder(into, given)
    save_file(state, tmp_path / "photos.safetensors")
    assert words in take_encoder(into, str(tmp_path / "photos.safetensors")).words
    grey = torch.rand(1, 1, 32, 32)
    if channels % given in (0, 1) and given % channels == 0:
        expected = torch.conv2d(
            grey.expand(-1, given, -1, -1), state["conv1.weight"], stride=2, padding=3
        )
        found = into.encoder.conv1(grey.expand(-1, channels, -1, -1))
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-4)
    assert into.encoder.conv1.weight.shape[1] == channels


def _without(state):
    return {k: v for k, v in state.items() if "layer4.1" not in k}


WRONG = [
    (lambda s: s | {"layer1.2.conv1.weight": torch.zeros(64, 64, 3, 3)}, "is of another network"),
    (_without, r"is of another network: it has no layer4\.1\.conv1\.weight"),
    (lambda s: s | {"layer1.0.conv1.weight": torch.zeros(64, 64, 1, 1)}, r"\(64, 64, 1, 1\), not"),
    (lambda s: s | {"bn1.bias": torch.full((64,), np.nan)}, "NaN or infinite"),
    (lambda s: {"weight": torch.zeros(3)}, r"holds no conv1\.weight or the like"),
    (lambda s: [1], "holds a list"),
]


@pytest.mark.parametrize(("change", "line"), WRONG)
def test_a_wrong_file_is_one_line(change, line, tmp_path):
    into = network(RESNET)
    before = into.encoder.conv1.weight.clone()
    torch.save(change(encoders.trained_encoder(into)), tmp_path / "other.pth")
    with pytest.raises(BadInput, match=rf"other\.pth .*{line}") as refused:
        take_encoder(into, str(tmp_path / "other.pth"))
    assert "\n" not in str(refused.value)
    assert torch.equal(into.encoder.conv1.weight, before)


def test_a_file_that_is_not_there_and_one_with_code(tmp_path):
    with pytest.raises(BadInput, match=r"gone\.pth is no file"):
        take_encoder(network(RESNET), str(tmp_path / "gone.pth"))
    torch.save(torch.nn.Linear(2, 2), tmp_path / "program.pth")
    with pytest.raises(BadInput, match="it may be a whole pickled program and was not opened"):
        take_encoder(network(RESNET), str(tmp_path / "program.pth"))
    with pytest.raises(BadInput, match="a U-Net has no encoder that others have trained"):
        take_encoder(build(CONFIGS["unet"]()), "imagenet")


@pytest.fixture
def published(tmp_path, monkeypatch):
    """The file of a ResNet-18 as if published, and a cache to fetch it to."""
    file = tmp_path / "net" / "resnet18.pth"
    file.parent.mkdir()
    torch.save(encoders.as_torchvision_resnet(encoders.trained_encoder(network(RESNET))), file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setitem(
        fetch_encoder.PUBLISHED, "resnet18", fetch_encoder.Published(file.as_uri(), digest)
    )
    monkeypatch.setattr(fetch_encoder, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    return file


def test_by_name_it_is_fetched_once(published):
    assert "tensors taken" in take_encoder(network(RESNET), "imagenet").words
    published.unlink()
    assert "tensors taken" in take_encoder(network(RESNET), "imagenet").words


def test_without_a_network_one_line_says_where_it_is(published, tmp_path):
    published.unlink()
    with pytest.raises(BadInput, match=r"resnet18\.pth could not be fetched .*give the file"):
        take_encoder(network(RESNET), "imagenet")
    assert not list((tmp_path / "cache" / "encoders").iterdir())


def test_what_is_not_what_was_published_is_not_taken(published, tmp_path):
    kept = tmp_path / "cache" / "encoders" / "resnet18.pth"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"something else")
    with pytest.raises(BadInput, match="was not what was published, and was removed"):
        take_encoder(network(RESNET), "imagenet")
    published.write_bytes(published.read_bytes() + b"more")
    with pytest.raises(BadInput, match="its sha256 is another"):
        take_encoder(network(RESNET), "imagenet")
    assert not kept.exists()


def test_a_training_begins_with_it_and_says_so(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.zeros((2, 64, 64), np.uint16)
    labels[:, 20:40, 20:40] = 1
    stack = Stack.from_array(labels * 99 + rng.integers(0, 9, labels.shape, np.uint16), axes="TYX")
    annotations = Annotations.from_labels(stack, Stack.from_array(labels, axes="TYX"), (0,))
    torch.save(encoders.trained_encoder(network(RESNET)), tmp_path / "photos.pth")
    settings = TrainSettings(
        steps=1, crop=64, batch=1, threads=1, device="cpu", validation="none", network=RESNET,
        filters=TINY, encoder_weights=str(tmp_path / "photos.pth"), learning_rate=1e-9, ema=0,
    )  # fmt: skip
    steps = train(stack, annotations, settings)
    assert "encoder from photos.pth: " in next(steps).note
    with pytest.raises(StopIteration) as end:
        next(steps)
    model = end.value.value
    assert model.record["encoder"]["file"] == model.record["settings"]["encoder_weights"]
    assert model.record["encoder"]["file"] == "photos.pth"
    given = encoders.trained_encoder(model.network)["layer1.0.conv1.weight"]
    learned = model.network.encoder.layer1[0].conv1.weight
    torch.testing.assert_close(learned, given, atol=1e-3, rtol=0)
    with pytest.raises(BadInput, match="encoder weights are given, and the model model"):
        train(stack, annotations, settings, base=model)
