"""A U-Net that rises by bilinear interpolation, as in the best known repository (``bilinear``).

Corners are aligned there, so that what a pixel becomes depends on the frame's size: a tile is
not its part of the frame.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, cast

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from napari_unet.engine.network.config import HalvedConfig, Widths, WindowedConfig
from napari_unet.engine.network.network import Network, class_logits, pad_to_multiple


class BilinearUNetConfig(HalvedConfig, WindowedConfig):
    """Channels of each level; the deepest has as many as the one above it."""

    title: ClassVar[str] = "U-Net that rises bilinearly"

    network: Literal["unet-bilinear"] = "unet-bilinear"
    dims: int = Field(2, ge=2, le=2)
    filters: Annotated[Widths, Field(min_length=2, max_length=7)] = (64, 128, 256, 512, 512)
    bias: bool = False
    size: int = Field(512, ge=16, le=2048)


class BilinearUNet(Network):
    """Encoder and decoder of double convolutions with batch normalisation."""

    config: BilinearUNetConfig

    def __init__(self, config: BilinearUNetConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.filters
        self.down = nn.ModuleList(
            _double(inputs, outputs, outputs, config.bias)
            for inputs, outputs in zip((config.in_channels, *widths), widths, strict=False)
        )
        self.up = nn.ModuleList(  # by level: it ends with the channels of the one above
            _double(width + (widths[i + 1] if i == len(widths) - 2 else width), width,
                    widths[max(0, i - 1)], config.bias)
            for i, width in enumerate(widths[:-1])
        )  # fmt: skip
        self.head = nn.Conv2d(widths[0], len(config.outputs), 1)

    def forward(self, frames: Tensor) -> Tensor:
        """Return the logits of ``frames``."""
        x, crop = pad_to_multiple(frames, self.config.multiple)
        skips: list[Tensor] = []
        for level, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if level else x)
            skips.append(x)
        for block, skip in reversed(list(zip(self.up, skips[:-1], strict=True))):
            risen = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=True)
            x = block(torch.cat((skip, risen), 1))
        logits = cast("Tensor", self.head(x))[:, :, *crop]
        return class_logits(logits) if self.config.softmax else logits


def _double(inputs: int, middle: int, outputs: int, bias: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in ((inputs, middle), (middle, outputs)):
        layers += [nn.Conv2d(a, b, 3, padding=1, bias=bias), nn.BatchNorm2d(b), nn.ReLU(True)]
    return nn.Sequential(*layers)
