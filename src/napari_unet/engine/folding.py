"""A U-Net for inference: batch normalisation folded into the convolutions before it."""

from __future__ import annotations

import copy

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from napari_unet.engine.unet import UNet


def fold(network: UNet) -> UNet:
    """Give a copy in eval mode without batch normalisation; the same logits, fewer passes."""
    folded = copy.deepcopy(network).eval().requires_grad_(False)
    for block in (*folded.down, *folded.up):
        layers = list(block.children())
        block._modules.clear()
        for layer in layers:
            last = len(block) - 1
            if isinstance(layer, nn.BatchNorm2d):
                block[last] = fuse_conv_bn_eval(block[last], layer)
            else:
                block.append(layer)
    return folded
