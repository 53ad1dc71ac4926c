"""The U-Net (Ronneberger, Fischer and Brox 2015, doi:10.1007/978-3-319-24574-4_28).

For inference its batch normalisation is folded into the convolutions before it.
"""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, TypeVar, cast

import torch
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from napari_unet.engine.network.config import HalvedConfig, Widths
from napari_unet.engine.network.network import Network, class_logits, pad_to_multiple

if TYPE_CHECKING:
    from collections.abc import Iterable


class PlainUNetConfig(HalvedConfig):
    """Shape of a plain U-Net, of two 3x3 convolutions a level."""

    exact: ClassVar[bool] = True

    filters: Annotated[Widths, Field(min_length=2, max_length=7)] = (16, 32, 64, 128)
    norm: bool = True
    bias: bool = False
    head_kernel: int = Field(1, ge=1, le=3)
    skip_first: bool = True

    @property
    def halo(self) -> int:
        """Return the radius in pixels beyond which a pixel cannot influence another in a plane."""
        return self.halos[-1]

    @property
    def halos(self) -> tuple[int, ...]:
        """Return the radius beyond which a pixel cannot influence another, along each axis.

        Two 3x3 convolutions a level, once down and once up, and a 2x2 up-convolution.
        """
        found = []
        for axis in range(self.dims):
            scales = [scale[axis] for scale in self.scales]
            down = sum(2 * n for n in scales)
            ups = zip(scales, self.steps, strict=False)
            up = sum(2 * n + (step[axis] - 1) * n for n, step in ups)
            found.append(down + up + self.head_kernel // 2)
        return tuple(found)


class UNetConfig(PlainUNetConfig):
    """The default. Its name is not written: files of version 0.1.0 have none."""

    title: ClassVar[str] = "U-Net"

    network: Literal["unet"] = Field("unet", exclude=True)

    @model_serializer(mode="wrap")
    def _as_in_0_1_0(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Keep the order of version 0.1.0, so that equal models are equal files."""
        values: dict[str, Any] = dump(self)
        return {key: values[key] for key in _ORDER if key in values}


_ORDER = (
    "in_channels", "outputs", "filters", "dims", "norm", "bias", "head_kernel", "skip_first",
    "softmax", "scale", "strides", "boxed",
)  # fmt: skip


class UNet2015Config(PlainUNetConfig):
    """As published: wide, without normalisation, dropout at the bottom."""

    title: ClassVar[str] = "U-Net of 2015"

    network: Literal["unet-2015"] = "unet-2015"
    filters: Annotated[Widths, Field(min_length=2, max_length=7)] = (64, 128, 256, 512, 1024)
    norm: bool = False
    bias: bool = True
    dropout: float = Field(0.5, ge=0, lt=1)


class UNetNotebookConfig(PlainUNetConfig):
    """As in notebooks: convolutions with a bias before their batch normalisation."""

    title: ClassVar[str] = "U-Net of the notebooks"

    network: Literal["unet-notebook"] = "unet-notebook"
    bias: bool = True


class DoubleConv(nn.Sequential):
    """Twice convolution, normalisation, ReLU: ``(N, I, ...)`` to ``(N, O, ...)``."""

    def __init__(self, inputs: int, outputs: int, config: PlainUNetConfig) -> None:
        layers: list[nn.Module] = []
        for channels in (inputs, outputs):
            bias = config.bias or not config.norm
            layers.append(_conv(config.dims)(channels, outputs, 3, padding=1, bias=bias))
            if config.norm:
                layers.append((nn.BatchNorm2d if config.dims == 2 else nn.BatchNorm3d)(outputs))
            layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers)


class UNet(Network):
    """Encoder and decoder with skip connections.

    Takes ``(N, C, Y, X)`` float32 of any size (``(N, C, Z, Y, X)`` with ``dims=3``) and gives
    logits ``(N, len(outputs), Y, X)`` (or ``Z, Y, X``). Sizes are padded inside, by reflection
    where the frame is large enough.
    """

    config: PlainUNetConfig

    def __init__(self, config: PlainUNetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or UNetConfig()
        widths = config.filters
        ups: Any = nn.ConvTranspose2d if config.dims == 2 else nn.ConvTranspose3d
        self.down = nn.ModuleList(
            DoubleConv(inputs, outputs, config)
            for inputs, outputs in zip((config.in_channels, *widths), widths, strict=False)
        )
        self.rise = nn.ModuleList(
            ups(deep, shallow, step, stride=step)
            for (shallow, deep), step in zip(pairwise(widths), config.steps, strict=True)
        )
        self.up = nn.ModuleList(DoubleConv(2 * width, width, config) for width in widths[:-1])
        self.head = _conv(config.dims)(
            widths[0], len(config.outputs), config.head_kernel, padding=config.head_kernel // 2
        )
        self.apply(_initialise)

    def forward(self, frames: Tensor) -> Tensor:
        """Return the logits of ``frames``."""
        padded, crop = pad_to_multiple(frames, self.config.multiples)
        logits = self._levels(padded)[:, :, *crop]
        return class_logits(logits) if self.config.softmax else logits

    def folded(self) -> Self:
        """Return a copy in eval mode without batch normalisation; the same logits, fewer passes."""
        return fold(self)

    def _levels(self, x: Tensor) -> Tensor:
        pool = F.max_pool2d if self.config.dims == 2 else F.max_pool3d
        skips = [self.down[0](x)]
        for step, block in zip(self.config.steps, list(self.down)[1:], strict=True):
            skips.append(block(pool(skips[-1], step)))
        x = skips[-1]
        for rise, block, skip in reversed(list(zip(self.rise, self.up, skips[:-1], strict=True))):
            risen = rise(x)
            x = block(torch.cat((skip, risen) if self.config.skip_first else (risen, skip), dim=1))
        return cast("Tensor", self.head(x))


def _conv(dims: int) -> type[nn.Conv2d] | type[nn.Conv3d]:
    return nn.Conv2d if dims == 2 else nn.Conv3d


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Conv3d) and module.kernel_size[0] == 3:
        if module.weight.is_meta:  # only shapes are asked; random numbers there load a compiler
            return
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")  # He 2015


class UNet2015(UNet):
    """A U-Net with dropout at the end of its way down."""

    def __init__(self, config: UNet2015Config) -> None:
        super().__init__(config)
        bottom = cast("DoubleConv", self.down[-1])
        bottom.append((nn.Dropout2d if config.dims == 2 else nn.Dropout3d)(config.dropout))


U = TypeVar("U", bound=UNet)


def fold(network: U) -> U:
    """Return a copy in eval mode without batch normalisation; the same logits, fewer passes."""
    folded = copy.deepcopy(network).eval().requires_grad_(False)
    for blocks in (folded.down, folded.up):
        for index, block in enumerate(blocks):
            blocks[index] = nn.Sequential(*_fold_pairs(block.children()))
    return folded


def _fold_pairs(layers: Iterable[nn.Module]) -> list[nn.Module]:
    folded: list[nn.Module] = []
    for layer in layers:
        if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm3d):
            folded[-1] = fuse_conv_bn_eval(cast("nn.Conv2d", folded[-1]), layer)
        else:
            folded.append(layer)
    return folded
