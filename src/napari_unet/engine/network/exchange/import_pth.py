"""Other people's networks: a ``.pth`` state_dict of a 2D network, read without running code.

The shape of a plain U-Net is read from the tensors, not from names: double 3x3 convolutions with
or without batch normalisation, transposed 2x2 up-convolutions, any filters, a 1x1 or 3x3 head.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.safe_load import Unreadable, read_plain
from napari_unet.engine.network.exchange.import_bilinear import FIRST, from_bilinear
from napari_unet.engine.network.exchange.import_monai import from_monai
from napari_unet.engine.network.exchange.import_smp import from_smp
from napari_unet.engine.network.exchange.state_dict import Foreign, plain_tensors
from napari_unet.engine.network.model_checks import check_weights
from napari_unet.engine.network.unet import UNet, UNetConfig

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.engine.network.config import NetworkConfig

_EXPECTED = (
    "the state_dict of a plain 2D U-Net: double 3x3 convolutions, transposed 2x2 up-convolutions, "
    "a 1x1 or 3x3 head; or of another network that is known"
)
_REMEDY = "save it with torch.save(net.state_dict(), 'net.pth'), or train a new model here"
_NORM = ("weight", "bias", "running_mean", "running_var")


@dataclass(eq=False)
class _Layer:
    """One convolution with the normalisation that follows it."""

    weight: Tensor
    bias: Tensor | None = None
    norm: dict[str, Tensor] | None = None

    @property
    def kernel(self) -> int:
        return int(self.weight.shape[-1])

    @property
    def transposed(self) -> bool:
        return self.kernel == 2

    @property
    def inputs(self) -> int:
        return int(self.weight.shape[0 if self.transposed else 1])

    @property
    def outputs(self) -> int:
        return int(self.weight.shape[1 if self.transposed else 0])


def read_state_dict(path: Path) -> tuple[NetworkConfig, dict[str, Tensor]]:
    """Return configuration and tensors of a network from a ``.pth`` file.

    Raises
    ------
    BadInput
        Where the file holds code, or anything but the weights of a network that is known.

    """
    try:
        return recognise(plain_tensors(read_plain(path)))
    except BadInput:  # of what is not installed
        raise
    except (Foreign, Unreadable) as found:
        raise BadInput(f"{path.name} {found}", _EXPECTED, _REMEDY) from None
    except (RuntimeError, ValueError):  # of UNet and its config, which know their limits
        found_in = f"{path.name} has parts that do not fit together, or is too large"
        raise BadInput(found_in, _EXPECTED, _REMEDY) from None


def recognise(state: dict[str, Tensor]) -> tuple[NetworkConfig, dict[str, Tensor]]:
    """Return configuration and renamed tensors of the network whose ``state`` it is."""
    for known in (from_smp, from_bilinear, from_monai):
        if found := known(state):
            return found
    return convert(state)


def convert(state: dict[str, Tensor]) -> tuple[UNetConfig, dict[str, Tensor]]:
    """Return configuration and renamed tensors of a plain U-Net's ``state``."""
    layers = _layers(state)
    *body, head = _with_head_last(layers)
    ups = [layer for layer in body if layer.transposed]
    plain = [layer for layer in body if not layer.transposed]
    if not ups:
        raise Foreign(f"holds {len(layers)} convolutions but no transposed 2x2 up-convolution")
    blocks = _double_convolutions(plain)
    if len(blocks) != 2 * len(ups) + 1:
        raise Foreign(
            f"has {len(blocks)} double convolutions for {len(ups)} up-convolutions, "
            f"not {2 * len(ups) + 1}"
        )
    # decoders are registered deep first: that settles levels of equal width
    rise = sorted(ups, key=lambda up: (up.outputs, up.inputs, -ups.index(up)))
    filters = _filters(rise)
    down, up = _place(blocks, filters)
    raw = head.outputs
    config = UNetConfig(
        in_channels=down[0][0].inputs,
        outputs=("object", *(f"class {k}" for k in range(1, raw))) if raw > 2 else ("object",),
        filters=filters,
        norm=down[0][0].norm is not None,
        bias=any(layer.bias is not None for layer in plain),
        head_kernel=head.kernel,
        softmax=raw > 2,
    )
    tensors = _named(config, down, up, rise, _one_logit(head) if raw == 2 else head)
    if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
        raise Foreign("holds weights that are NaN or infinite")
    check_weights(config, tensors)
    if FIRST in state:  # of a repository whose code is known
        return config, tensors
    return _with_skip_order(config, tensors), tensors


def _layers(state: dict[str, Tensor]) -> list[_Layer]:
    """Convolutions in the order in which the network registered them."""
    layers: list[_Layer] = []
    for key, tensor in state.items():
        prefix, _, leaf = key.rpartition(".")
        if leaf == "running_mean" and any(f"{prefix}.{name}" not in state for name in _NORM):
            raise Foreign(f"has a batch normalisation without scale and shift ({prefix})")
        if leaf != "weight":
            continue
        if not tensor.is_floating_point():
            raise Foreign(f"holds whole numbers as weights ({prefix}): it was quantised")
        if tensor.ndim == 4:
            height, width = tensor.shape[2:]
            if height != width or height not in (1, 2, 3):
                raise Foreign(f"has a {height}x{width} convolution ({prefix})")
            layers.append(_Layer(tensor, state.get(f"{prefix}.bias")))
        elif tensor.ndim == 1 and all(f"{prefix}.{name}" in state for name in _NORM):
            _first_without_norm(layers, prefix, len(tensor)).norm = {
                name: state[f"{prefix}.{name}"] for name in _NORM
            }
        else:
            raise Foreign(f"has a layer of another kind ({prefix}, {tuple(tensor.shape)})")
    if len(layers) < 5:
        raise Foreign(f"holds {len(layers)} convolutions")
    return layers


def _first_without_norm(layers: list[_Layer], prefix: str, channels: int) -> _Layer:
    """Find whose normalisation this is: some register conv, norm, some conv, conv, norm, norm."""
    for layer in layers:
        if layer.kernel == 3 and layer.norm is None and layer.outputs == channels:
            return layer
    raise Foreign(f"has a normalisation of {channels} channels after no 3x3 convolution ({prefix})")


def _with_head_last(layers: list[_Layer]) -> list[_Layer]:
    """Move the head to the end: the one convolution without normalisation, 1x1, or the last."""
    heads = [layer for layer in layers if layer.kernel == 1]
    if len(heads) > 1:
        raise Foreign(f"has {len(heads)} 1x1 convolutions, where a plain U-Net has one")
    head = heads[0] if heads else layers[-1]
    return [layer for layer in layers if layer is not head] + [head]


def _double_convolutions(plain: list[_Layer]) -> list[tuple[_Layer, _Layer]]:
    if len(plain) % 2:
        raise Foreign(f"has {len(plain)} 3x3 convolutions, which do not come in pairs")
    blocks = list(zip(plain[::2], plain[1::2], strict=True))
    for first, second in blocks:
        if first.outputs != second.inputs or second.inputs != second.outputs:
            raise Foreign(
                f"has a block {first.inputs}-{first.outputs}-{second.outputs}, "
                "not a double convolution"
            )
    return blocks


def _place(
    blocks: list[tuple[_Layer, _Layer]], filters: tuple[int, ...]
) -> tuple[list[tuple[_Layer, _Layer]], list[tuple[_Layer, _Layer]]]:
    """Return encoder and decoder blocks by level, found by their channels; names do not matter."""
    rest = list(blocks)

    def take(level: int, inputs: int | None, order: int = 1) -> tuple[_Layer, _Layer]:
        for block in rest[::order]:
            joined = block[0].inputs == 2 * filters[level]
            if block[1].outputs == filters[level] and (
                block[0].inputs == inputs or (inputs is None and not joined)
            ):
                rest.remove(block)
                return block
        raise Foreign(
            f"has no double convolution from {inputs or 'the image'} to {filters[level]} channels "
            f"at level {level + 1}"
        )

    up = [take(level, 2 * filters[level], -1) for level in range(len(filters) - 1)]
    down = [take(level, filters[level - 1] if level else None) for level in range(len(filters))]
    return down, up


def _filters(rise: list[_Layer]) -> tuple[int, ...]:
    """Channels of each level, from the up-convolutions, shallow first."""
    for shallow, deep in pairwise(rise):
        if shallow.inputs != deep.outputs:
            raise Foreign(
                f"has up-convolutions {deep.inputs}-{deep.outputs} and "
                f"{shallow.inputs}-{shallow.outputs}, which do not follow each other"
            )
    return (*(layer.outputs for layer in rise), rise[-1].inputs)


def _one_logit(head: _Layer) -> _Layer:
    """Softmax over background and object is one logit: their difference."""
    bias = None if head.bias is None else head.bias[1:] - head.bias[:1]
    return _Layer(head.weight[1:] - head.weight[:1], bias)


def _named(
    config: UNetConfig,
    down: list[tuple[_Layer, _Layer]],
    up: list[tuple[_Layer, _Layer]],
    rise: list[_Layer],
    head: _Layer,
) -> dict[str, Tensor]:
    """Return the tensors under the names of :class:`UNet`."""
    step = 3 if config.norm else 2
    tensors: dict[str, Tensor] = {}

    def add(name: str, layer: _Layer, *, bias: bool) -> None:
        tensors[f"{name}.weight"] = layer.weight
        if bias:
            zero = torch.zeros(layer.outputs)
            tensors[f"{name}.bias"] = zero if layer.bias is None else layer.bias

    for part, blocks in (("down", down), ("up", up)):
        for level, block in enumerate(blocks):
            for index, layer in enumerate(block):
                add(f"{part}.{level}.{index * step}", layer, bias=config.bias or not config.norm)
                if config.norm != (layer.norm is not None):
                    raise Foreign("normalises only some of its convolutions")
                for name, tensor in (layer.norm or {}).items():
                    tensors[f"{part}.{level}.{index * step + 1}.{name}"] = tensor
                if layer.norm:
                    tensors[f"{part}.{level}.{index * step + 1}.num_batches_tracked"] = (
                        torch.tensor(0)
                    )
    for level, layer in enumerate(rise):
        add(f"rise.{level}", layer, bias=True)
    add("head", head, bias=True)
    return tensors


def _with_skip_order(config: UNetConfig, tensors: dict[str, Tensor]) -> UNetConfig:
    """Choose whether the skip or the risen channels come first in a joined block.

    The keys do not say. With batch normalisation the network remembers which mean it saw
    after the first decoder convolution: the order whose activations fit it better is right.
    Without, the skip comes first, as in most published code.
    """
    if not config.norm:
        return config
    surprise = {
        order: _surprise(config.replace(skip_first=order), tensors) for order in (True, False)
    }
    return config.replace(skip_first=surprise[True] <= surprise[False])


def _surprise(config: UNetConfig, tensors: dict[str, Tensor]) -> float:
    """How far decoder activations on a smooth random image lie from the remembered ones."""
    network = UNet(config)
    network.load_state_dict(tensors)
    network.eval()
    distances: list[float] = []

    def compare(module: torch.nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen, norm = inputs[0], module
        mean, variance = seen.mean((0, 2, 3)), seen.var((0, 2, 3)) + 1e-5
        expected, spread = norm.get_buffer("running_mean"), norm.get_buffer("running_var") + 1e-5
        for found, remembered in ((mean, expected), (variance.log(), spread.log())):
            pair = torch.stack((found, remembered))
            distances.append(1 - float(torch.nan_to_num(torch.corrcoef(pair)[0, 1])))

    for block in network.up:
        block[1].register_forward_pre_hook(compare)  # type: ignore[index]
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand((2, config.in_channels, 16, 16), generator=generator)
    image = torch.nn.functional.interpolate(noise, size=(256, 256), mode="bicubic").clamp(0, 1)
    with torch.inference_mode():
        network(image)
    return sum(distances) / len(distances)
