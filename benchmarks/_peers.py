"""How others run the same network: a notebook's loop, MONAI's window, nnU-Net's predictor."""

from __future__ import annotations

import importlib.util
import itertools
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

HAS_MONAI = importlib.util.find_spec("monai") is not None
ROI = 256


def eager(network: nn.Module, frame: Tensor) -> Tensor:
    """As in teaching notebooks: eval mode, no_grad, one frame at a time."""
    with torch.no_grad():
        return network(frame)


def monai_window(network: nn.Module, frame: Tensor) -> Tensor:
    """``sliding_window_inference`` with roi 256, overlap 0.25 and its other defaults."""
    with torch.no_grad():
        if HAS_MONAI:
            from monai.inferers import sliding_window_inference

            return sliding_window_inference(frame, (ROI, ROI), 4, network, overlap=0.25)
        return sliding_window(network, frame, 0.25)


def nnunet_scheme(network: nn.Module, frame: Tensor) -> Tensor:
    """nnU-Net's default predictor: step 0.5, Gaussian weights, mirrored along both axes."""
    with torch.no_grad():
        total: Tensor | None = None
        for axes in ((), (2,), (3,), (2, 3)):
            part = sliding_window(network, frame.flip(axes), 0.5, gaussian=True, batch=1).flip(axes)
            total = part if total is None else total + part
        return total / 4


def sliding_window(
    network: Callable[[Tensor], Tensor],
    frame: Tensor,
    overlap: float,
    *,
    gaussian: bool = False,
    batch: int = 4,
) -> Tensor:
    """Overlapping windows, averaged: what MONAI does for a frame (1, C, Y, X) of at least ROI."""
    step = int(ROI * (1 - overlap))
    starts = [
        [min(i * step, n - ROI) for i in range(-(-(n - ROI) // step) + 1)] for n in frame.shape[2:]
    ]
    places = list(itertools.product(*starts))
    weight = _weight(frame.device) if gaussian else torch.ones(ROI, ROI, device=frame.device)
    total: Tensor | None = None
    count = torch.zeros(frame.shape[2:], device=frame.device)
    for first in range(0, len(places), batch):
        group = places[first : first + batch]
        windows = torch.cat([frame[:, :, y : y + ROI, x : x + ROI] for y, x in group])
        for (y, x), part in zip(group, network(windows), strict=True):
            if total is None:
                total = part.new_zeros((1, len(part), *frame.shape[2:]))
            total[0, :, y : y + ROI, x : x + ROI] += part * weight
            count[y : y + ROI, x : x + ROI] += weight
    return total / count


def _weight(device: torch.device) -> Tensor:
    """nnU-Net's Gaussian: sigma an eighth of the window, 10 at the centre in its code."""
    line = torch.arange(ROI, device=device) - (ROI - 1) / 2
    bell = torch.exp(-0.5 * (line / (ROI / 8)) ** 2)
    weight = bell[:, None] * bell[None]
    return weight.clamp_min(weight[weight > 0].min())
