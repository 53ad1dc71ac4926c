"""What every network is to the rest: frames in, logits out, and what it gives while it learns."""

from __future__ import annotations

import copy
from itertools import chain
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_unet.engine.labels.codes import encode_logits
from napari_unet.engine.network.outputs import TrainingOutputs
from napari_unet.engine.network.windows import in_windows

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_unet.engine.network.config import NetworkConfig


class Network(nn.Module):
    """Takes ``(N, C, Y, X)`` float32 of any size and gives logits ``(N, len(outputs), Y, X)``.

    One whose ``config`` says that it is not exact sees more of a frame than the halo: it is run
    in windows of the size that it learned at (`network_codes`).
    """

    config: NetworkConfig

    @property
    def device(self) -> torch.device:
        """Return where its weights are."""
        return next(chain(self.parameters(), self.buffers())).device

    def training_outputs(self, frames: Tensor) -> TrainingOutputs:
        """Return what the losses compare with the targets: the logits of ``frames``."""
        return TrainingOutputs([self(frames)])

    def folded(self) -> Self:
        """Return a copy to predict with, in eval mode: the same logits, in fewer passes or not."""
        return copy.deepcopy(self).eval().requires_grad_(False)


def network_codes(network: Network, image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return probability codes ``(K, Y, X)`` of a normalised frame ``(C, Y, X)``."""
    device, config = network.device, network.config
    with torch.inference_mode():
        frame = torch.from_numpy(image)[None].to(device)
        if device.type != "mps":
            frame = frame.contiguous(memory_format=torch.channels_last)
        seen = resized(frame, scaled_size(frame.shape[-2:], config.scale))
        logits = network(seen) if config.exact else in_windows(network, seen, config.window)
        logits = resized(logits, frame.shape[-2:])
    return encode_logits(logits[0].float().cpu().numpy())


def scaled_size(size: Sequence[int], scale: float) -> tuple[int, int]:
    """Return the height and width of a frame of ``size`` that is resized by ``scale``."""
    height, width = (max(1, round(n * scale)) for n in size)
    return height, width


def resized(frames: Tensor, size: Sequence[int]) -> Tensor:
    """Return (N, C, Y, X) of that size, linearly, with a low-pass where it shrinks."""
    if tuple(frames.shape[-2:]) == tuple(size):
        return frames
    if frames.device.type == "mps":  # no antialias there
        return resized(frames.cpu(), size).to(frames.device)
    return F.interpolate(frames, list(size), mode="bilinear", antialias=True)


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


def class_logits(raw: Tensor) -> Tensor:
    """Return softmax scores ``(N, K, ...)``, background first as logits of object and classes."""
    background, classes = raw[:, :1], raw[:, 1:]
    rest = [
        torch.logsumexp(torch.cat((raw[:, :k], raw[:, k + 1 :]), 1), 1, keepdim=True)
        for k in range(1, raw.shape[1])
    ]
    return torch.cat(
        (torch.logsumexp(classes, 1, keepdim=True) - background, classes - torch.cat(rest, 1)), 1
    )
