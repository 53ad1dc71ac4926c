"""The ``Unet`` of segmentation_models_pytorch: skips of the encoder's stem, no convolution before.

MONAI's FlexibleUNet halves channels before it joins them, and takes an EfficientNet's first skip
elsewhere: it cannot compute the same. The encoders are MONAI's.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, cast

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from napari_unet.engine.network.config import NetworkConfig, Widths, WindowedConfig
from napari_unet.engine.network.monai.networks import MonaiNetwork, learn_shortcuts, monai_nets

if TYPE_CHECKING:
    from collections.abc import Sequence

Decoder = Annotated[Widths, Field(min_length=5, max_length=5)]
RESNETS = {
    "resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3), "resnet50": (3, 4, 6, 3),
    "resnet101": (3, 4, 23, 3), "resnet152": (3, 8, 36, 3),
}  # fmt: skip
BASIC = ("resnet18", "resnet34")
EFFICIENTNETS = {  # blocks, channels of the last
    "efficientnet-b0": (16, 320), "efficientnet-b1": (23, 320), "efficientnet-b2": (23, 352),
    "efficientnet-b3": (26, 384), "efficientnet-b4": (32, 448), "efficientnet-b5": (39, 512),
    "efficientnet-b6": (45, 576), "efficientnet-b7": (55, 640),
}  # fmt: skip
_SKIPS = (1, 2, 4, 6)  # stages of an EfficientNet after which an edge halves next, and the last


class SmpResNetUNetConfig(NetworkConfig):
    """On a ResNet."""

    title: ClassVar[str] = "Unet of segmentation_models_pytorch on a ResNet"
    exact: ClassVar[bool] = True

    network: Literal["smp-resnet-unet"] = "smp-resnet-unet"
    dims: int = Field(2, ge=2, le=2)
    encoder: Literal["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"] = "resnet18"
    filters: Decoder = (256, 128, 64, 32, 16)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level, the decoder's at the frame's size."""
        wide = 1 if self.encoder in BASIC else 4
        return (self.filters[-1], 64, *(64 * wide * 2**i for i in range(4)))

    @property
    def multiple(self) -> int:
        """Five times halved."""
        return 32

    @property
    def halo(self) -> int:
        """Stem and pooling, the 3x3 convolutions down, two and an upsampling a level up, head."""
        each = 2 if self.encoder in BASIC else 1
        down = 3 + 2
        for level, blocks in enumerate(RESNETS[self.encoder]):
            here, before = 4 * 2**level, 4 * 2 ** max(0, level - 1)
            down += before + (each * blocks - 1) * here
        return int(down + sum(3 * 2**i for i in range(5)) + 1)


class SmpEfficientNetUNetConfig(WindowedConfig):
    """On an EfficientNet, whose squeeze-and-excitation sees the whole input."""

    title: ClassVar[str] = "Unet of segmentation_models_pytorch on an EfficientNet"

    network: Literal["smp-efficientnet-unet"] = "smp-efficientnet-unet"
    dims: int = Field(2, ge=2, le=2)
    encoder: Literal[
        "efficientnet-b0", "efficientnet-b1", "efficientnet-b2", "efficientnet-b3",
        "efficientnet-b4", "efficientnet-b5", "efficientnet-b6", "efficientnet-b7",
    ] = "efficientnet-b0"  # fmt: skip
    filters: Decoder = (256, 128, 64, 32, 16)
    size: int = Field(256, ge=16, le=2048)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level, of which the encoder expands its own sixfold."""
        last = EFFICIENTNETS[self.encoder][1]
        return (self.filters[-1], *(6 * last // 16 * i for i in (1, 2, 3, 8, 16)))

    @property
    def multiple(self) -> int:
        """Five times halved."""
        return 32


class SmpUNet(MonaiNetwork):
    """Such a network; layers have the names that they have there, those of MONAI in the encoder."""

    def __init__(self, config: SmpResNetUNetConfig | SmpEfficientNetUNetConfig) -> None:
        super().__init__(config, _Parts(config))


class _Parts(nn.Module):
    def __init__(self, config: SmpResNetUNetConfig | SmpEfficientNetUNetConfig) -> None:
        super().__init__()
        self.encoder, skips = _encoder(config)
        self.decoder = nn.Module()
        self.decoder.blocks = nn.ModuleList(
            _Block(inputs + skip, outputs)
            for inputs, skip, outputs in zip(
                (skips[-1], *config.filters[:-1]), (*skips[-2::-1], 0), config.filters, strict=True
            )
        )
        head = nn.Conv2d(config.filters[-1], len(config.outputs), 3, padding=1)
        self.segmentation_head = nn.Sequential(head)

    def forward(self, frames: Tensor) -> Tensor:
        *skips, x = self.encoder(frames)
        for block in cast("nn.ModuleList", self.decoder.blocks):
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = block(torch.cat((x, skips.pop()), 1) if skips else x)
        return cast("Tensor", self.segmentation_head(x))


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = (
            nn.Sequential(
                nn.Conv2d(channels, outputs, 3, padding=1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(inplace=True),
            )
            for channels in (inputs, outputs)
        )

    def forward(self, x: Tensor) -> Tensor:
        return cast("Tensor", self.conv2(self.conv1(x)))


def _encoder(
    config: SmpResNetUNetConfig | SmpEfficientNetUNetConfig,
) -> tuple[nn.Module, Sequence[int]]:
    """Return an encoder that gives five maps, and their channels."""
    monai_nets(config.title)
    module = "resnet" if config.encoder in RESNETS else "efficientnet"
    of_monai: Any = import_module(f"monai.networks.nets.{module}")
    options: dict[str, Any] = {
        "model_name": config.encoder, "pretrained": False, "spatial_dims": 2,
        "in_channels": config.in_channels,
    }  # fmt: skip
    if isinstance(config, SmpResNetUNetConfig):
        resnet = of_monai.ResNetEncoder(**options)
        if config.encoder in BASIC:
            learn_shortcuts(resnet)
        return resnet, config.widths[1:]
    net = of_monai.EfficientNetEncoder(**options)
    for unused in ("_conv_head", "_bn1", "_fc"):  # of photographs
        delattr(net, unused)
    stages = [list(stage)[-1] for stage in net._blocks]  # noqa: SLF001 - nothing public
    skips = [net._conv_stem.out_channels, *(stages[i].out_channels for i in _SKIPS)]  # noqa: SLF001
    return _EfficientNetMaps(net), skips


class _EfficientNetMaps(nn.Module):
    """An EfficientNet that gives its stem and the stages before each halving."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self._conv_stem, self._bn0, self._blocks = net._conv_stem, net._bn0, net._blocks  # noqa: SLF001
        self._pad, self._swish = net._conv_stem_padding, net._swish  # noqa: SLF001

    def forward(self, frames: Tensor) -> list[Tensor]:
        x = self._swish(self._bn0(self._conv_stem(self._pad(frames))))
        maps = [x]
        for index, stage in enumerate(self._blocks):
            x = stage(x)
            if index in _SKIPS:
                maps.append(x)
        return maps
