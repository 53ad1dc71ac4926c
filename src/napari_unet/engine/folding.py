"""A U-Net for inference: batch normalisation folded into the convolutions before it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, cast

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_unet.engine.unet import UNet


def fold(network: UNet) -> UNet:
    """Give a copy in eval mode without batch normalisation; the same logits, fewer passes."""
    folded = copy.deepcopy(network).eval().requires_grad_(False)
    for blocks in (folded.down, folded.up):
        for index, block in enumerate(blocks):
            blocks[index] = nn.Sequential(*_fold_pairs(block.children()))
    return folded


def _fold_pairs(layers: Iterable[nn.Module]) -> list[nn.Module]:
    folded: list[nn.Module] = []
    for layer in layers:
        if isinstance(layer, nn.BatchNorm2d):
            folded[-1] = fuse_conv_bn_eval(cast("nn.Conv2d", folded[-1]), layer)
        else:
            folded.append(layer)
    return folded
