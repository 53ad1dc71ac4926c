"""State dicts of encoders as others save them, made from ours: right keys and shapes."""

import re

import torch

# of EfficientNet: what follows in a block, as torchvision and timm call it
_TORCHVISION = {
    "_expand_conv": "0.0", "_bn0": "0.1", "_depthwise_conv": "1.0", "_bn1": "1.1",
    "_se_reduce": "2.fc1", "_se_expand": "2.fc2", "_project_conv": "3.0", "_bn2": "3.1",
}  # fmt: skip
_TIMM = {
    "_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2",
    "_se_reduce": "se.conv_reduce", "_se_expand": "se.conv_expand", "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}  # fmt: skip
_FIRST_TORCHVISION = {"1.0": "0.0", "1.1": "0.1", "2.fc1": "1.fc1", "2.fc2": "1.fc2",
                      "3.0": "2.0", "3.1": "2.1"}  # fmt: skip
_FIRST_TIMM = {"bn2": "bn1", "conv_pwl": "conv_pw", "bn3": "bn2"}


def trained_encoder(network, channels=3):
    """Other weights for the encoder of ``network``, with a first layer of so many channels."""
    generator = torch.Generator().manual_seed(1)
    state = {}
    for key, tensor in network.encoder.state_dict().items():
        shape = list(tensor.shape)
        if key in ("conv1.weight", "_conv_stem.weight"):
            shape[1] = channels
        made = torch.rand(shape, generator=generator)
        state[key] = made if tensor.is_floating_point() else tensor
    return state


def as_torchvision_resnet(state):
    return state | {"fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}


def _renamed(state, block, stem, norm, head):
    starts = {}
    for key in state:
        if match := re.match(r"_blocks\.(\d+)\.(\d+)\.", key):
            stage, number = int(match[1]), int(match[2])
            starts[stage] = min(starts.get(stage, number), number)
    renamed = {}
    for key, tensor in state.items():
        match = re.match(r"_blocks\.(\d+)\.(\d+)\.(_\w+)\.(\w+)", key)
        if match:
            stage, number = int(match[1]), int(match[2])
            renamed[block(stage, number, number - starts[stage], match[3], match[4])] = tensor
        else:
            renamed[key.replace("_conv_stem", stem).replace("_bn0", norm)] = tensor
    return renamed | {f"{head}.weight": torch.zeros(1000, 1408)}


def as_efficientnet_pytorch(state):
    def block(stage, number, inside, layer, leaf):
        return f"_blocks.{number}.{layer}.{leaf}"

    return _renamed(state, block, "_conv_stem", "_bn0", "_fc")


def as_torchvision_efficientnet(state):
    def block(stage, number, inside, layer, leaf):
        at = _TORCHVISION[layer]
        at = at if stage else _FIRST_TORCHVISION[at]
        return f"features.{stage + 1}.{inside}.block.{at}.{leaf}"

    return _renamed(state, block, "features.0.0", "features.0.1", "classifier.1")


def as_timm_efficientnet(state):
    def block(stage, number, inside, layer, leaf):
        at = _TIMM[layer]
        return f"blocks.{stage}.{inside}.{at if stage else _FIRST_TIMM.get(at, at)}.{leaf}"

    return _renamed(state, block, "conv_stem", "bn1", "classifier")
