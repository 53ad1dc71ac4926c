"""What every network is to the rest: frames in, logits out, and what it gives while it learns."""

from __future__ import annotations

import copy
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_unet.engine.labels.codes import encode_logits
from napari_unet.engine.network.outputs import TrainingOutputs
from napari_unet.engine.network.parts.boxes import in_box
from napari_unet.engine.network.parts.tiles import along, in_tiles, tiles
from napari_unet.engine.network.parts.windows import in_windows

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_unet.engine.network.config import NetworkConfig


_MOST_VOXELS, _TILE = 1 << 22, 160  # of a volume that is checked at once, and of parts of others


class Network(nn.Module):
    """Takes ``(N, C, Y, X)`` float32 of any size and gives logits ``(N, len(outputs), Y, X)``.

    Of volumes it is ``Z, Y, X`` in place of ``Y, X``, here and in all that follows. One whose
    ``config`` says that it is not exact sees more of a frame than the halo: it is run in windows of
    the size that it learned at (`network_codes`).
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
        frame = frame.contiguous(memory_format=layout_for(device, config.dims))
        size = frame.shape[2:]
        seen = resized(frame, scaled_size(size, config.scale))
        logits = resized(in_box(partial(_logits, network), seen, config), size)
    return encode_logits(logits[0].float().cpu().numpy())


def _logits(network: Network, frames: Tensor, _: object = None) -> Tensor:
    config = network.config
    if not config.exact:
        return in_windows(network, frames, config.windows)
    if config.dims == 2 or frames[0, 0].numel() <= _MOST_VOXELS:
        logits: Tensor = network(frames)
        return logits
    padded, crop = pad_to_multiple(frames, config.multiples)
    plan = tiles(padded.shape[2:], _TILE, config.halos, config.multiples)
    return in_tiles(network, padded, plan)[:, :, *crop]


def layout_for(device: torch.device, dims: int) -> torch.memory_format:
    """Return the memory layout in which convolutions are fastest: channels last, but on MPS."""
    if device.type == "mps":
        return torch.contiguous_format
    return torch.channels_last if dims == 2 else torch.channels_last_3d


def scaled_size(size: Sequence[int], scale: float) -> tuple[int, ...]:
    """Return the size of a frame of ``size`` that is resized by ``scale``."""
    return tuple(max(1, round(n * scale)) for n in size)


def resized(frames: Tensor, size: Sequence[int]) -> Tensor:
    """Return (N, C, Y, X) of that size, linearly, with a low-pass where it shrinks.

    Of volumes ``(N, C, Z, Y, X)`` first each section, then along z.
    """
    if tuple(frames.shape[2:]) == tuple(size):
        return frames
    if frames.device.type == "mps":  # no antialias there
        return resized(frames.cpu(), size).to(frames.device)
    if frames.ndim == 4:
        return F.interpolate(frames, list(size), mode="bilinear", antialias=True)
    depth, *plane = size
    sections = resized(frames.flatten(1, 2), plane)
    columns = sections.reshape(*frames.shape[:3], -1)
    found = resized(columns, (depth, columns.shape[3]))
    return found.reshape(*frames.shape[:2], depth, *plane)


def pad_to_multiple(
    frames: Tensor, multiple: int | Sequence[int]
) -> tuple[Tensor, tuple[slice, ...]]:
    """Pad the spatial axes at their ends to a multiple; give the slices that undo it.

    Reflection keeps edge cells plausible; what is smaller than its padding is repeated.
    """
    sizes = frames.shape[2:]
    steps = along(multiple, len(sizes))
    missing = [-size % step for size, step in zip(sizes, steps, strict=True)]
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
