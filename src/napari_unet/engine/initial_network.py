"""The network a training begins with: a new one, or a copy of another model's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.engine.errors import BadInput
from napari_unet.engine.unet import UNet, UNetConfig

if TYPE_CHECKING:
    from napari_unet.engine.model import Model
    from napari_unet.engine.settings import TrainSettings
    from napari_unet.engine.stack import Stack


def initial_network(stack: Stack, settings: TrainSettings, base: Model | None) -> UNet:
    """Give a copy of the base's network, or a new one for the channels of the movie."""
    if base:
        network = UNet(base.config)
        network.load_state_dict(base.network.state_dict())
        return network
    outputs = ("object", "border") if settings.border else ("object",)
    config = UNetConfig(in_channels=_channels(stack), outputs=outputs, filters=settings.filters)
    return UNet(config)


def _channels(stack: Stack) -> int:
    return 1 if len(stack.shape) == 3 else stack.shape[1]


def check_base(stack: Stack, base: Model | None) -> None:
    """Refuse a base for other channels than the movie has, or one that tells classes apart."""
    if base and any(name.startswith("class ") for name in base.config.outputs):
        raise BadInput(
            f"the model {base.name} tells {len(base.config.outputs) - 1} classes apart",
            "a model of objects and their borders",
            "start from a new network",
        )
    if base and base.config.in_channels != _channels(stack):
        raise BadInput(
            f"the model {base.name} takes {base.config.in_channels} channels, "
            f"the movie gives {_channels(stack)}",
            "as many channels as the model takes",
            "choose other channels, or start from a new model",
        )
