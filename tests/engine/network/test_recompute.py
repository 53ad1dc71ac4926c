"""Gradient checkpointing: the same gradients and statistics, from less that is kept."""

import copy

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks

from napari_unet.engine.network.recompute import recompute_blocks
from napari_unet.engine.network.unet import UNet, UNetConfig


def step(network, image):
    """Bytes kept for the backward pass of one step."""
    kept = {}

    def keep(tensor):
        kept[tensor.data_ptr()] = tensor.nbytes
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = network(image).square().mean()
    loss.backward()
    return sum(kept.values())


@pytest.mark.parametrize("frozen", [False, True])
def test_the_same_from_less(frozen):
    torch.manual_seed(0)
    plain = UNet(UNetConfig(filters=(4, 8, 16)))
    with torch.no_grad():
        for layer in plain.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.running_var.uniform_(0.5, 2)
    other = copy.deepcopy(plain)
    recompute_blocks(other)
    image = torch.randn(2, 1, 32, 32)
    kept = []
    for network in (plain, other):
        network.train()
        if frozen:
            for layer in network.modules():
                if isinstance(layer, torch.nn.BatchNorm2d):
                    layer.eval()
        kept.append(step(network, image))
    for mine, its in zip(plain.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, its.grad)
    for name, value in plain.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name
    assert kept[1] < 0.6 * kept[0]
