"""Encoders that learned from photographs: their files, read without running code, by their keys.

ResNets as torchvision and timm name their layers; EfficientNets as efficientnet_pytorch (which
MONAI follows), torchvision and timm do; encoders of U-Nets that were trained here.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.names import user_path
from napari_unet.engine.files.safe_load import Unreadable, read_plain
from napari_unet.engine.network.exchange.fetch_encoder import PUBLISHED, fetched
from napari_unet.engine.network.exchange.state_dict import Foreign, plain_tensors
from napari_unet.engine.network.monai.networks import FlexibleUNet
from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor, nn

    from napari_unet.engine.network.network import Network

IMAGENET = "imagenet"
_FIRST = {"resnet": "conv1.weight", "efficientnet": "_conv_stem.weight"}
_HEADS = re.compile(r"(fc|_fc|classifier(\.1)?|_conv_head|_bn1|conv_head|bn2|features\.8\.[01])\.")
_BLOCK = re.compile(r"_blocks\.(\d+)\.(\d+)\.(_\w+)\.(\w+)")


@dataclass(frozen=True)
class TakenEncoder:
    """What was taken for an encoder from the file of another network."""

    file: str
    sha256: str
    words: str


def take_encoder(network: Network, source: str) -> TakenEncoder:
    """Return what was taken for the encoder of ``network`` from a file, or by the name imagenet.

    The first layer is summed or inflated to the channels of the network.

    Raises
    ------
    BadInput
        Where the network has no such encoder, or the file is of another one.

    """
    if not isinstance(network, FlexibleUNet):
        names = " or ".join(f"{name}-unet" for name in PUBLISHED)
        raise BadInput(
            f"a {network.config.title} has no encoder that others have trained",
            f"the network {names}",
            "choose one of them, or leave the encoder weights out",
        )
    path = fetched(network.backbone) if source == IMAGENET else user_path(source)
    try:
        state = _read(path)
        words = _take(network.encoder, state, network.backbone)
    except (Foreign, Unreadable) as found:
        raise BadInput(
            f"{path.name} {found}",
            f"the state_dict of a {network.backbone}, as torchvision and others save it",
            "choose another file, or leave the encoder weights out",
        ) from None
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return TakenEncoder(path.name, digest, f"encoder from {path.name}: {words}")


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise Foreign("is no file")
    if path.suffix != ".safetensors":
        loaded = read_plain(path)
    else:
        try:
            loaded = load_file(path)
        except (SafetensorError, OSError, ValueError) as error:
            raise Foreign(f"cannot be read ({str(error)[:80]})") from None
    return plain_tensors(loaded)


def _take(encoder: nn.Module, state: dict[str, Tensor], title: str) -> str:
    """Give ``encoder`` its weights; return what was taken, and what was left."""
    own = encoder.state_dict()
    first = _FIRST["resnet" if title.startswith("resnet") else "efficientnet"]
    named = {key: tensor for key, tensor in state.items() if not key.endswith("_tracked")}
    prefix, source = _naming(own, named, first)
    taken: dict[str, Tensor] = {}
    for name in own:
        if name.endswith("num_batches_tracked"):
            continue
        if (key := prefix + source(name)) not in named:
            raise Foreign(f"is of another network: it has no {key}")
        taken[name] = named[key]
    left = named.keys() - {prefix + source(name) for name in taken}
    others = [k for k in left if k.startswith(prefix) and not _HEADS.match(k[len(prefix) :])]
    if others and not _beside(prefix, others):
        raise Foreign(f"is of another network: it has {min(others)}, too")
    channels = taken[first].shape[1:2]
    taken[first] = _fitted(taken[first], own[first].shape[1])
    for name, tensor in taken.items():
        if tensor.shape != own[name].shape:
            raise Foreign(
                f"is of another network: {source(name)} is {tuple(tensor.shape)}, "
                f"not {tuple(own[name].shape)}"
            )
        if not torch.isfinite(tensor).all():
            raise Foreign("holds weights that are NaN or infinite")
    encoder.load_state_dict(taken, strict=False)
    change = _change(channels[0], own[first].shape[1])
    return f"{counted(len(taken), 'tensor')} taken{change}, {_said(left)} left"


def _beside(prefix: str, others: list[str]) -> bool:
    """Whether those lie beside an encoder that has no prefix of its own, in a whole network."""
    return not prefix and all(key.startswith(("decoder.", "deconv", "up")) for key in others)


def _said(left: set[str]) -> str:
    parts = sorted({key.partition(".")[0] for key in left})
    return f"{len(left)} ({', '.join(parts[:3])})" if parts else "none"


def _change(given: int, wanted: int) -> str:
    if given == wanted:
        return ""
    how = "summed" if wanted == 1 else "inflated"
    return f", the first layer {how} from {given} to {counted(wanted, 'channel')}"


def _fitted(weight: Tensor, channels: int) -> Tensor:
    """Return a first layer ``(O, C, Y, X)`` for other channels: equal ones give what they gave."""
    given = weight.shape[1] if weight.ndim == 4 else channels
    if given == channels or not given:
        return weight
    if channels == 1:
        return weight.sum(1, keepdim=True)
    repeated = weight[:, [i % given for i in range(channels)]]
    return repeated * (given / channels)


def _naming(
    own: dict[str, Tensor], state: dict[str, Tensor], first: str
) -> tuple[str, Callable[[str], str]]:
    """Return prefix and names that a file has for an encoder's own ones, by its first layer."""
    starts: dict[int, int] = {}  # number of the first block of each stage
    for name in own:
        if match := _BLOCK.match(name):
            stage, block = int(match[1]), int(match[2])
            starts[stage] = min(block, starts.get(stage, block))
    styles: dict[str, Callable[[str], str]] = {first: str}
    if starts:
        flat = any(re.search(r"_blocks\.\d+\._", key) for key in state)
        styles = {
            first: _of_efficientnet_pytorch if flat else str,
            "features.0.0.weight": partial(_of_torchvision, starts),
            "conv_stem.weight": partial(_of_timm, starts),
        }
    for key in state:
        for stem, style in styles.items():
            if key == stem or key.endswith(f".{stem}"):
                prefix = key.removesuffix(stem)
                if not re.search(r"(layer\d|blocks|features)\.", prefix):
                    return prefix, style
    raise Foreign(f"holds no {first} or the like")


def _of_efficientnet_pytorch(name: str) -> str:
    return re.sub(r"_blocks\.\d+\.", "_blocks.", name)


def _of_torchvision(starts: dict[int, int], name: str) -> str:
    if name.startswith("_conv_stem."):
        return name.replace("_conv_stem", "features.0.0")
    if name.startswith("_bn0."):
        return name.replace("_bn0", "features.0.1")
    stage, block, layer, leaf = _parts(starts, name)
    at = {
        "_expand_conv": "0.0", "_bn0": "0.1", "_depthwise_conv": "1.0", "_bn1": "1.1",
        "_se_reduce": "2.fc1", "_se_expand": "2.fc2", "_project_conv": "3.0", "_bn2": "3.1",
    }[layer]  # fmt: skip
    if stage == 0:  # which expands nothing
        at = f"{int(at[0]) - 1}{at[1:]}"
    return f"features.{stage + 1}.{block}.block.{at}.{leaf}"


def _of_timm(starts: dict[int, int], name: str) -> str:
    if name.startswith("_conv_stem."):
        return name[1:]
    if name.startswith("_bn0."):
        return name.replace("_bn0", "bn1")
    stage, block, layer, leaf = _parts(starts, name)
    at = {
        "_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2",
        "_se_reduce": "se.conv_reduce", "_se_expand": "se.conv_expand",
        "_project_conv": "conv_pwl", "_bn2": "bn3",
    }[layer]  # fmt: skip
    if stage == 0:
        at = {"bn2": "bn1", "conv_pwl": "conv_pw", "bn3": "bn2"}.get(at, at)
    return f"blocks.{stage}.{block}.{at}.{leaf}"


def _parts(starts: dict[int, int], name: str) -> tuple[int, int, str, str]:
    match = _BLOCK.match(name)
    assert match is not None, name
    stage = int(match[1])
    return stage, int(match[2]) - starts[stage], match[3], match[4]
