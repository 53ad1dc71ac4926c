"""State dicts of ``Unet`` of segmentation_models_pytorch, on ResNets and EfficientNets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import torch

from napari_unet.engine.network.exchange.state_dict import Foreign, outputs_of
from napari_unet.engine.network.foreign.smp_unet import (
    BASIC,
    EFFICIENTNETS,
    RESNETS,
    SmpEfficientNetUNetConfig,
    SmpResNetUNetConfig,
)
from napari_unet.engine.network.model_checks import check_weights
from napari_unet.engine.network.networks import build

if TYPE_CHECKING:
    from torch import Tensor

    from napari_unet.engine.network.config import NetworkConfig

_OURS = "segmentation_models_pytorch"
_UNUSED = re.compile(r"encoder\.(fc|_conv_head|_bn1|_fc)\.")


def from_smp(state: dict[str, Tensor]) -> tuple[NetworkConfig, dict[str, Tensor]] | None:
    """Return config and tensors of such a network; None where it is none.

    Raises
    ------
    Foreign
        Where it is of that package, but another network or encoder.

    """
    if any(key.startswith("decoder.blocks.x_") for key in state):
        raise Foreign(f"is a UnetPlusPlus of {_OURS}, which joins its levels in another way")
    if "decoder.blocks.0.conv1.0.weight" not in state:
        return None
    try:
        config = _config(state)
    except (KeyError, ValueError, IndexError):
        raise Foreign(f"is a network of {_OURS}, but no Unet of five levels") from None
    tensors = _named(config, state)
    try:
        check_weights(config, tensors)
    except ValueError as error:
        reason = str(error).removeprefix("net.")
        raise Foreign(f"is a Unet of {_OURS} with other options ({reason})") from None
    return config, tensors


def _config(state: dict[str, Tensor]) -> NetworkConfig:
    name = _encoder(state)
    filters = tuple(len(state[f"decoder.blocks.{i}.conv2.0.weight"]) for i in range(5))
    values: dict[str, Any] = {"encoder": name, "filters": filters}
    values |= outputs_of(len(state["segmentation_head.0.weight"]))
    if name in RESNETS:
        return SmpResNetUNetConfig(in_channels=state["encoder.conv1.weight"].shape[1], **values)
    channels = state["encoder._conv_stem.weight"].shape[1]
    return SmpEfficientNetUNetConfig(in_channels=channels, **values)


def _encoder(state: dict[str, Tensor]) -> str:
    """Return the name of the encoder, by the number of its blocks."""
    if "encoder._conv_stem.weight" in state:
        last = {
            int(match[1]): len(tensor)
            for key, tensor in state.items()
            if (match := re.match(r"encoder\._blocks\.(\d+)\._project_conv\.weight", key))
        }
        found: tuple[int, ...] = (len(last), last[max(last)])
        names = [name for name, shape in EFFICIENTNETS.items() if shape == found]
    else:
        bottleneck = "encoder.layer1.0.conv3.weight" in state
        found = tuple(
            sum(re.match(rf"encoder\.layer{i}\.\d+\.conv1\.weight", k) is not None for k in state)
            for i in range(1, 5)
        )
        names = [n for n, b in RESNETS.items() if b == found and (n not in BASIC) == bottleneck]
    if not names:
        part = next((k for k in state if k.startswith("encoder.")), "").rpartition(".")[0]
        raise Foreign(
            f"is a Unet of {_OURS} with another encoder than ResNet or EfficientNet ({part})"
        )
    return names[0]


def _named(config: NetworkConfig, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors under the names of our network: MONAI counts an EfficientNet's stages, too."""
    with torch.device("meta"):
        wanted = build(config).state_dict()
    flat = {re.sub(r"_blocks\.\d+\.(\d+)\.", r"_blocks.\1.", name): name for name in wanted}
    tensors = {
        flat.get(f"net.{key}", f"net.{key}"): tensor
        for key, tensor in state.items()
        if not _UNUSED.match(key)
    }
    counts = {name for name in wanted if name.endswith("num_batches_tracked")}
    return tensors | {name: torch.tensor(0) for name in counts - tensors.keys()}
