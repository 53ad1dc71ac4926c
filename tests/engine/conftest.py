"""One toy world for the engine's tests: a short movie and a network with clear-cut answers."""

import pytest
import torch
from torch import nn

from napari_unet.engine.network.model import Model
from napari_unet.engine.network.normalisation import Normaliser
from napari_unet.engine.network.unet import UNet, UNetConfig
from napari_unet.engine.settings import Normalisation
from napari_unet.engine.stack.stack import Stack
from napari_unet.sample.movie import sample_movie


@pytest.fixture(scope="session")
def toy_stack():
    """Eight frames of 90 x 122 px: no multiple of the network's stride."""
    movie, _ = sample_movie(frames=8, shape=(90, 122))
    return Stack.from_array(movie, name="toy")


@pytest.fixture(scope="session")
def toy_model(toy_stack):
    return make_model(toy_stack)


@pytest.fixture(scope="session")
def two_channel_model(toy_stack):
    return make_model(toy_stack, in_channels=2)


def make_model(stack, normalisation=Normalisation(), **config):
    """Random weights, with batch norm that matters and logits that spread from -10 to 10."""
    torch.manual_seed(0)
    network = UNet(UNetConfig(filters=(8, 16, 32), **config)).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.normal_(module.bias, std=0.2)
    frame = torch.from_numpy(Normaliser(normalisation)(stack[0]))
    frame = frame.expand(1, network.config.in_channels, -1, -1)
    with torch.inference_mode():
        logits = network(frame)[0].flatten(1)
    middle, spread = logits.mean(1), logits.std(1)
    with torch.no_grad():
        network.head.weight.mul_((3 / spread)[:, None, None, None])
        network.head.bias.sub_(middle).mul_(3 / spread)
    return Model(network, normalisation, name="toy")
