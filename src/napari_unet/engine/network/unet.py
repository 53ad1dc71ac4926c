"""The U-Net (Ronneberger, Fischer and Brox 2015, doi:10.1007/978-3-319-24574-4_28).

For inference its batch normalisation is folded into the convolutions before it.
"""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, cast

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from napari_unet.engine.labels.class_labels import classes_of
from napari_unet.engine.labels.codes import encode_logits
from napari_unet.engine.network.outputs import TrainingOutputs
from napari_unet.engine.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray


class UNetConfig(Settings):
    """Shape of a U-Net: enough to build it again.

    ``outputs`` names the probabilities it gives; the first is always ``object``. With
    ``softmax`` the network was made for exclusive classes, background first, and its raw
    outputs become one logit for *object* and one for each class.
    """

    in_channels: int = Field(1, ge=1, le=64)
    outputs: Annotated[tuple[str, ...], Field(min_length=1, max_length=64)] = ("object", "border")
    filters: Annotated[tuple[int, ...], Field(min_length=2, max_length=7)] = (16, 32, 64, 128)
    dims: int = Field(2, ge=2, le=3)
    norm: bool = True
    bias: bool = False
    head_kernel: int = Field(1, ge=1, le=3)
    skip_first: bool = True
    softmax: bool = False

    @model_validator(mode="after")
    def _check(self) -> UNetConfig:
        if self.outputs[0] != "object":
            raise ValueError("the first output of a U-Net is 'object'")
        if min(self.filters) < 1 or max(self.filters) > 4096:
            raise ValueError("filters lie between 1 and 4096")
        if self.softmax and len(self.outputs) < 2:
            raise ValueError("softmax needs a background and at least one class")
        return self

    @property
    def classes(self) -> tuple[int, ...]:
        """Numbers of the classes it tells apart; () where it finds objects."""
        return classes_of(self.outputs)

    @property
    def multiple(self) -> int:
        """Edge lengths inside the network are multiples of this number of pixels."""
        return int(2 ** (len(self.filters) - 1))

    @property
    def halo(self) -> int:
        """Return the radius in pixels beyond which a pixel cannot influence another.

        Two 3x3 convolutions a level, once down and once up, and a 2x2 up-convolution.
        """
        levels = len(self.filters)
        down = sum(2 * 2**i for i in range(levels))
        up = sum(2 * 2**i + 2**i for i in range(levels - 1))
        return int(down + up + self.head_kernel // 2)


class DoubleConv(nn.Sequential):
    """Twice convolution, normalisation, ReLU: ``(N, I, ...)`` to ``(N, O, ...)``."""

    def __init__(self, inputs: int, outputs: int, config: UNetConfig) -> None:
        layers: list[nn.Module] = []
        for channels in (inputs, outputs):
            bias = config.bias or not config.norm
            layers.append(_conv(config.dims)(channels, outputs, 3, padding=1, bias=bias))
            if config.norm:
                layers.append((nn.BatchNorm2d if config.dims == 2 else nn.BatchNorm3d)(outputs))
            layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers)


class UNet(nn.Module):
    """Encoder and decoder with skip connections.

    Takes ``(N, C, Y, X)`` float32 of any size (``(N, C, Z, Y, X)`` with ``dims=3``) and gives
    logits ``(N, len(outputs), Y, X)``. Sizes are padded inside, by reflection where the
    frame is large enough.
    """

    def __init__(self, config: UNetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or UNetConfig()
        widths = config.filters
        ups = nn.ConvTranspose2d if config.dims == 2 else nn.ConvTranspose3d
        self.down = nn.ModuleList(
            DoubleConv(inputs, outputs, config)
            for inputs, outputs in zip((config.in_channels, *widths), widths, strict=False)
        )
        self.rise = nn.ModuleList(
            ups(deep, shallow, 2, stride=2) for shallow, deep in pairwise(widths)
        )
        self.up = nn.ModuleList(DoubleConv(2 * width, width, config) for width in widths[:-1])
        self.head = _conv(config.dims)(
            widths[0], len(config.outputs), config.head_kernel, padding=config.head_kernel // 2
        )
        self.apply(_initialise)

    def forward(self, frames: Tensor) -> Tensor:
        """Return the logits of ``frames``."""
        padded, crop = pad_to_multiple(frames, self.config.multiple)
        logits = self._levels(padded)[:, :, *crop]
        return _class_logits(logits) if self.config.softmax else logits

    def training_outputs(self, frames: Tensor) -> TrainingOutputs:
        """Return what the losses compare with the targets: the logits of ``frames``."""
        return TrainingOutputs([self(frames)])

    def _levels(self, x: Tensor) -> Tensor:
        pool = F.max_pool2d if self.config.dims == 2 else F.max_pool3d
        skips: list[Tensor] = []
        for level, block in enumerate(self.down):
            x = block(pool(x, 2) if level else x)
            skips.append(x)
        for rise, block, skip in reversed(list(zip(self.rise, self.up, skips[:-1], strict=True))):
            risen = rise(x)
            x = block(torch.cat((skip, risen) if self.config.skip_first else (risen, skip), dim=1))
        return cast("Tensor", self.head(x))


def pad_to_multiple(frames: Tensor, multiple: int) -> tuple[Tensor, tuple[slice, ...]]:
    """Pad the spatial axes at their ends to a multiple; give the slices that undo it.

    Reflection keeps edge cells plausible; what is smaller than its padding is repeated.
    """
    sizes = frames.shape[2:]
    missing = [-size % multiple for size in sizes]
    crop = tuple(slice(0, size) for size in sizes)
    if not any(missing):
        return frames, crop
    widths = [side for extra in reversed(missing) for side in (0, extra)]
    fits = all(extra < size for extra, size in zip(missing, sizes, strict=True))
    return F.pad(frames, widths, mode="reflect" if fits else "replicate"), crop


def _conv(dims: int) -> type[nn.Conv2d] | type[nn.Conv3d]:
    return nn.Conv2d if dims == 2 else nn.Conv3d


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Conv3d) and module.kernel_size[0] == 3:
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")  # He 2015


def _class_logits(raw: Tensor) -> Tensor:
    """Turn softmax scores ``(N, K, ...)``, background first, into logits of object and classes."""
    background, classes = raw[:, :1], raw[:, 1:]
    rest = [
        torch.logsumexp(torch.cat((raw[:, :k], raw[:, k + 1 :]), 1), 1, keepdim=True)
        for k in range(1, raw.shape[1])
    ]
    return torch.cat(
        (torch.logsumexp(classes, 1, keepdim=True) - background, classes - torch.cat(rest, 1)), 1
    )


def fold(network: UNet) -> UNet:
    """Return a copy in eval mode without batch normalisation; the same logits, fewer passes."""
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


def network_codes(network: UNet, image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return probability codes ``(K, Y, X)`` of a normalised frame ``(C, Y, X)``."""
    device = next(network.parameters()).device
    with torch.inference_mode():
        frame = torch.from_numpy(image)[None].to(device)
        if device.type != "mps":
            frame = frame.contiguous(memory_format=torch.channels_last)
        logits = network(frame)[0].float().cpu().numpy()
    return encode_logits(logits)
