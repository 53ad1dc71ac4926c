"""Learner: what it keeps of each step beside the weights."""

import copy

import pytest
import torch
from torch import nn

from napari_unet.engine.network.networks import build
from napari_unet.engine.network.unet import UNetConfig
from napari_unet.engine.settings import TrainSettings
from napari_unet.engine.training.learner import Learner
from napari_unet.engine.training.sampling.patches import Batch


@pytest.mark.parametrize("momentum", [0.01, 0.1, None])  # an EfficientNet's, the usual, a mean
def test_frames_are_soon_predicted_by_what_was_learned(momentum):
    torch.manual_seed(0)
    network = build(UNetConfig(filters=(4, 8)))
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    for layer in norms:
        layer.momentum = momentum
    learner = Learner(network, TrainSettings(precision="fp32"), torch.device("cpu"))
    image = 3 + 2 * torch.randn((2, 1, 32, 32))
    crops = Batch(image, (image > 3).float(), torch.ones_like(image), torch.ones_like(image))
    for step in range(40):
        learner.learn(crops, 0.0, step)  # the weights stay: only the statistics follow
    with torch.no_grad():
        predicted = learner.mean(image)
        learned = copy.deepcopy(learner.mean).train()(image)
    assert (predicted - learned).square().mean().sqrt() < 0.1 * learned.std()
