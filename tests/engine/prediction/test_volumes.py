"""Volumes through the network: tiles, flips, boxes and files give what the whole volume gives."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.codes import encode_logits
from napari_unet.engine.network.model import Model
from napari_unet.engine.network.network import network_codes
from napari_unet.engine.network.normalisation import Normaliser
from napari_unet.engine.network.unet import UNet, UNetConfig
from napari_unet.engine.prediction import prediction
from napari_unet.engine.prediction import predictor as predictor_module
from napari_unet.engine.prediction.memory import SMALLEST_TILE, Plan
from napari_unet.engine.prediction.prediction import (
    predict,
    prediction_key,
    probabilities_shape,
)
from napari_unet.engine.prediction.predictor import open_predictor
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.settings import Normalisation, PredictSettings, Selection
from napari_unet.engine.stack.stack import Stack

EXACT = PredictSettings(device="cpu", backend="torch", precision="fp32", threads=1)
SIZE = (9, 70, 91)


@pytest.fixture(scope="module")
def stack():
    rng = np.random.default_rng(0)
    movie = rng.integers(0, 4000, (2, *SIZE)).astype(np.uint16)
    movie[:, 2:6, 20:50, 30:60] += 9000
    return Stack.from_array(movie, Selection(z="volume"), axes="TZYX", name="volumes")


def made(channels=1, **config):
    torch.manual_seed(0)
    wanted = {"filters": (2, 3, 4), "strides": ((1, 2, 2), (2, 2, 2)), **config}
    network = UNet(UNetConfig(in_channels=channels, dims=3, **wanted)).eval()
    rng = np.random.default_rng(0)
    with torch.no_grad():
        noise = torch.from_numpy(rng.random((1, channels, *SIZE), np.float32))
        spread = network(noise).std()
        network.head.weight.mul_(3 / spread)
        network.head.bias.mul_(3 / spread)
    return Model(network, Normalisation(), name="of volumes")


@pytest.fixture(scope="module")
def model():
    return made()


def reference(model, volume):
    with torch.inference_mode():
        seen = Normaliser(model.normalisation, dims=3)(volume)
        return encode_logits(model.network(torch.from_numpy(seen)[None])[0].numpy())


def apart(codes, others):
    return np.abs(codes.astype(int) - others.astype(int)).max()


def test_tiles_and_boxes_give_the_codes_of_the_whole(model, stack):
    whole = reference(model, stack[1])
    assert whole.shape == (2, *SIZE) and np.ptp(whole) > 50
    tiled = open_predictor(model, EXACT.replace(tile=64))
    assert apart(open_predictor(model, EXACT)(stack[1]), whole) <= 1
    assert apart(tiled(stack[1]), whole) <= 1
    box = (slice(2, 5), slice(10, 60), slice(33, 90))
    assert apart(tiled.region(stack[1], box), whole[:, *box]) <= 1


def test_accurate_is_the_mean_over_the_eight_flips(model, stack):
    codes = open_predictor(model, EXACT.replace(accurate=True))(stack[0])
    turned = open_predictor(model, EXACT.replace(accurate=True))(
        np.ascontiguousarray(stack[0][:8, :64, :88][::-1, :, ::-1])
    )
    straight = open_predictor(model, EXACT.replace(accurate=True))(
        np.ascontiguousarray(stack[0][:8, :64, :88])
    )
    assert apart(turned[:, ::-1, :, ::-1], straight) <= 1
    assert codes.shape == (2, *SIZE)


def test_volumes_begin_in_tiles_that_fit_the_memory(model, stack, monkeypatch):
    predictor = open_predictor(model, EXACT)
    whole = predictor.memory(SIZE)
    monkeypatch.setattr(predictor_module, "available_memory", lambda device: whole)
    codes = predictor(stack[0])
    assert predictor.memory(SIZE) < whole
    assert apart(codes, reference(model, stack[0])) <= 1
    monkeypatch.setattr(predictor_module, "available_memory", lambda device: 1 << 40)
    assert open_predictor(model, EXACT).memory(SIZE) == whole


def test_the_smallest_tile_is_the_last():
    plan = Plan(2, smallest=SMALLEST_TILE[3])
    assert plan.fitting(500, lambda plan: 100, 1000) == plan
    assert plan.fitting(500, lambda plan: 10**9, 1).tile == SMALLEST_TILE[3]
    assert plan.fitting(500, lambda plan: plan.tile or 1000, 600).tile == 256


def test_a_movie_of_volumes_is_kept_in_a_file(model, stack, tmp_path):
    key, shape = prediction_key(stack, model, EXACT), probabilities_shape(stack, model)
    assert shape == (2, 2, *SIZE)
    predictor = open_predictor(model, EXACT)
    with Probabilities.create(tmp_path / "volumes.unetp", shape, key) as kept:
        assert [done.position for done in predict(stack, predictor, kept)] == [0, 1]
    with Probabilities.open(tmp_path / "volumes.unetp") as kept:
        assert kept.shape == shape and kept.computed.all()
        np.testing.assert_array_equal(kept[1], predictor(stack[1]))


def test_several_channels(stack):
    model = made(channels=2, outputs=("object",))
    data = np.stack([np.stack([stack[t], stack[t][::-1]]) for t in range(2)])
    both = Stack.from_array(data, Selection(z="volume", channel=(0, 1)), axes="TCZYX")
    assert apart(open_predictor(model, EXACT)(both[0]), reference(model, data[0])) <= 1


def test_images_and_volumes_are_not_taken_for_each_other(model, toy_model, toy_stack, stack):
    for movie, other, words in ((stack, toy_model, "--z frames"), (toy_stack, model, "--z volume")):
        kept = Probabilities.in_memory(probabilities_shape(movie, other))
        with pytest.raises(BadInput, match=words):
            predict(movie, open_predictor(other, EXACT), kept)


def test_a_volume_that_no_memory_holds_is_said_so(model, stack, monkeypatch):
    monkeypatch.setattr(prediction, "available_memory", lambda device: 1 << 16)
    kept = Probabilities.in_memory(probabilities_shape(stack, model))
    with pytest.raises(BadInput, match=r"one volume of volumes needs .*--z frames"):
        predict(stack, open_predictor(model, EXACT), kept)


def test_only_the_box_of_what_is_not_0_is_seen():
    model = made(channels=2, outputs=("object",), boxed=True)
    model = replace(model, normalisation=Normalisation(kind="zscore_foreground"))
    rng, inside = np.random.default_rng(1), np.s_[2:8, 5:50, 30:91]
    scan = np.zeros((2, *SIZE), np.uint16)
    scan[:, *inside] = rng.integers(1, 900, scan[:, *inside].shape)
    predictor = open_predictor(model, EXACT)
    codes = predictor(scan)
    outside = np.ones(SIZE, bool)
    outside[inside] = False
    assert not codes[0][outside].any() and np.ptp(codes[0][inside]) > 50
    alone = open_predictor(model, EXACT)(np.ascontiguousarray(scan[:, *inside]))
    assert apart(codes[:, *inside], alone) <= 1
    for box in (np.s_[0:4, 10:70, 20:60], np.s_[0:2, 0:5, 0:5]):
        assert apart(predictor.region(scan, box), codes[:, *box]) <= 1
    seen = Normaliser(model.normalisation, dims=3)(scan)
    assert apart(network_codes(model.network, seen), codes) <= 1
    assert not predictor(np.zeros_like(scan)).any()


@pytest.mark.parametrize("scale", [0.5, 1.5])
def test_volumes_are_resized_along_all_axes(model, stack, scale):
    codes = open_predictor(model, EXACT.replace(scale=scale))(stack[0])
    assert codes.shape == (2, *SIZE) and np.ptp(codes) > 50
