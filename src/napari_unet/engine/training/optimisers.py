"""How weights follow their gradients: AdamW, Adam, SGD with momentum, RMSprop; all are torch's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import nn

    from napari_unet.engine.settings import TrainSettings

_ANY = 1e-3  # the schedule sets it before each step


def make_optimiser(
    network: nn.Module, settings: TrainSettings, device: torch.device
) -> torch.optim.Optimizer:
    """Return the optimiser chosen, over all weights of ``network``.

    AdamW takes the decay off the weights themselves, the others add it to the gradients.
    """
    weights, decay = network.parameters(), settings.weight_decay
    fused = device.type in ("cpu", "cuda")
    match settings.optimiser:
        case "adam":
            return torch.optim.Adam(weights, lr=_ANY, weight_decay=decay, fused=fused)
        case "sgd":
            return torch.optim.SGD(
                weights, lr=_ANY, momentum=settings.momentum, weight_decay=decay, fused=fused
            )
        case "rmsprop":
            return torch.optim.RMSprop(
                weights, lr=_ANY, momentum=settings.momentum, weight_decay=decay
            )
    return torch.optim.AdamW(weights, lr=_ANY, weight_decay=decay, fused=fused)
