"""State dicts of MONAI's networks, as its own classes write them: which, and how wide.

Each is read by a layer that only it has, its shape from the weights; then every name and shape
must be those of the network. Strides cannot be seen in weights: they are the usual ones.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import torch

from napari_unet.engine.network.exchange.state_dict import Foreign, outputs_of
from napari_unet.engine.network.model_checks import check_weights
from napari_unet.engine.network.monai import configs
from napari_unet.engine.network.networks import build

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from napari_unet.engine.network.config import NetworkConfig

    State = dict[str, Tensor]

_TWINS = re.compile(r"(input_block|downsamples|bottleneck|upsamples|deep_supervision_heads)\.")
_UNUSED = re.compile(r"encoder\.(_conv_head|_bn1|_fc)\.")
_MADE = re.compile(r"norm_cross_attn|super_head|num_batches_tracked")
"""What versions and options leave out, and the result does not depend on."""


def from_monai(state: State) -> tuple[NetworkConfig, State] | None:
    """Return config and tensors of a network of MONAI's; None where it is none.

    Raises
    ------
    Foreign
        Where it is nearly one: another option was chosen than there is here.

    """
    for mark, read in _READERS.items():
        if mark not in state:
            continue
        try:
            config = read(state)
        except (KeyError, ValueError, IndexError):
            raise Foreign("has a layer that no network here has beside others of MONAI") from None
        return config, _fitting(config, state)
    return None


def _fitting(config: NetworkConfig, state: State) -> State:
    given = {f"net.{k}": v for k, v in state.items() if not (_TWINS.match(k) or _UNUSED.match(k))}
    with torch.device("meta"):
        wanted = build(config).state_dict()
    given = {k: v for k, v in given.items() if k in wanted or "super_head" not in k}
    missing = wanted.keys() - given.keys()
    if missing and all(_MADE.search(name) for name in missing):
        own = build(config).state_dict()
        given |= {name: own[name] for name in missing}
    try:
        check_weights(config, given)
    except ValueError as error:
        reason = str(error).removeprefix("net.")
        raise Foreign(
            f"looks like a {config.title} of MONAI with other options ({reason})"
        ) from None
    return given


def _plus_plus(state: State) -> NetworkConfig:
    nodes = ["conv_0_0", *(f"conv_{i}_0.convs" for i in range(1, 5)), "upcat_0_4.convs"]
    return configs.UNetPlusPlusConfig(
        in_channels=state["conv_0_0.conv_0.conv.weight"].shape[1],
        filters=tuple(len(state[f"{node}.conv_1.conv.weight"]) for node in nodes),
        **outputs_of(len(state["final_conv_0_4.weight"])),
    )


def _residual(state: State) -> NetworkConfig:
    first = "conv.unit0.conv.weight"
    filters, inside = [], "model."
    while f"{inside}0.{first}" in state:
        filters.append(len(state[f"{inside}0.{first}"]))
        inside += "1.submodule."
    return configs.ResUNetConfig(
        in_channels=state[f"model.0.{first}"].shape[1],
        filters=(*filters, len(state[f"{inside}{first}"])),
        units=sum(re.match(r"model\.0\.conv\.unit\d+\.conv\.weight", k) is not None for k in state),
        **outputs_of(state["model.2.0.conv.weight"].shape[1]),
    )


def _attention(state: State) -> NetworkConfig:
    first = "conv.0.conv.weight"
    filters, inside = [len(state[f"model.0.{first}"])], "model.1.submodule."
    while f"{inside}0.{first}" in state:
        filters.append(len(state[f"{inside}0.{first}"]))
        inside += "1.submodule."
    return configs.AttentionUNetConfig(
        in_channels=state[f"model.0.{first}"].shape[1],
        filters=(*filters, len(state[f"{inside}{first}"])),
        **outputs_of(len(state["model.2.conv.weight"])),
    )


def _unetr(state: State) -> NetworkConfig:
    patches = state["vit.patch_embedding.patch_embeddings.weight"]
    positions = state["vit.patch_embedding.position_embeddings"].shape[1]
    return configs.UNETRConfig(
        in_channels=patches.shape[1],
        features=len(state["encoder1.layer.conv1.conv.weight"]),
        size=16 * math.isqrt(positions),
        **configs.UNETRConfig.wide(len(patches)),
        **outputs_of(len(state["out.conv.conv.weight"])),
    )


def _vae(state: State) -> NetworkConfig:
    if "vae_fc1.weight" not in state:
        raise Foreign("is a SegResNet of MONAI without its VAE")
    first = state["convInit.conv.weight"]
    latent, squeezed = state["vae_fc1.weight"].shape
    return configs.SegResNetVAEConfig(
        in_channels=first.shape[1],
        features=len(first),
        size=16 * math.isqrt(squeezed // 16),
        latent=latent,
        **outputs_of(len(state["conv_final.2.conv.weight"])),
    )


def _nnunet(state: State) -> NetworkConfig:
    filters, inside = [], "skip_layers."
    while f"{inside}downsample.conv1.conv.weight" in state:
        filters.append(len(state[f"{inside}downsample.conv1.conv.weight"]))
        inside += "next_layer."
    return configs.NnUNetConfig(
        in_channels=state["skip_layers.downsample.conv1.conv.weight"].shape[1],
        filters=(*filters, len(state[f"{inside}conv1.conv.weight"])),
        **outputs_of(len(state["output_block.conv.conv.weight"])),
    )


def _flexible(state: State) -> NetworkConfig:
    convs = (f"decoder.blocks.{i}.convs.conv_1.conv.weight" for i in range(5))
    values: dict[str, Any] = {
        "filters": tuple(len(state[conv]) for conv in convs),
        **outputs_of(len(state["segmentation_head.0.weight"])),
    }
    if "encoder.conv1.weight" not in state:
        channels = state["encoder._conv_stem.weight"].shape[1]
        return configs.EfficientNetB2UNetConfig(in_channels=channels, **values)
    for level in (2, 3, 4):  # where MONAI pads with zeros: the same as a convolution
        name = f"encoder.layer{level}.0.downsample"
        outputs, inputs = state[f"encoder.layer{level}.0.conv1.weight"].shape[:2]
        if f"{name}.0.weight" not in state:
            ones, zeros = torch.ones(outputs), torch.zeros(outputs)
            state[f"{name}.0.weight"] = torch.eye(outputs, inputs)[:, :, None, None]
            state |= {f"{name}.1.weight": ones, f"{name}.1.bias": zeros}
            state |= {f"{name}.1.running_mean": zeros, f"{name}.1.running_var": ones - 1e-5}
            state[f"{name}.1.num_batches_tracked"] = torch.tensor(0)
    return configs.ResNet18UNetConfig(in_channels=state["encoder.conv1.weight"].shape[1], **values)


_READERS: dict[str, Callable[[State], NetworkConfig]] = {
    "conv_0_0.conv_0.conv.weight": _plus_plus,
    "model.0.conv.unit0.conv.weight": _residual,
    "model.0.conv.0.conv.weight": _attention,
    "vit.patch_embedding.patch_embeddings.weight": _unetr,
    "convInit.conv.weight": _vae,
    "skip_layers.downsample.conv1.conv.weight": _nnunet,
    "decoder.blocks.0.convs.conv_0.conv.weight": _flexible,
}
