"""How much goes through the network at once, and less of it when memory runs out."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from napari_unet.engine.network.network import scaled_size
from napari_unet.engine.network.parts.tiles import read_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet.engine.network.config import NetworkConfig

SMALLEST_TILE = {2: 256, 3: 64}
"""px, of images and of volumes."""

_BATCH_PIXELS = 1 << 22  # small frames share a launch on a GPU up to this many pixels
_SHARE = 0.5  # of the free memory that feature maps of a volume may take


@dataclass(frozen=True)
class Plan:
    """How much goes through the network at once: frames together, and the tile's edge."""

    batch: int = 1
    tile: int | None = None
    smallest: int = SMALLEST_TILE[2]

    def smaller(self, edge: int, *, tiles: bool = True) -> Plan | None:
        """Return the next plan, with less memory for frames of this edge; None after the last.

        Without ``tiles`` only fewer go through at once.
        """
        if self.batch > 1:
            return replace(self, batch=self.batch // 2)
        if not tiles:
            return None
        largest = 1 << (max(edge, 2 * self.smallest) - 1).bit_length() - 1
        tile = min(self.tile // 2, largest) if self.tile else largest
        return replace(self, tile=tile) if tile >= self.smallest else None

    def fitting(self, edge: int, needed: Callable[[Plan], int], free: int) -> Plan:
        """Return the first plan for which the bytes ``needed`` are ``free``, with some to spare.

        The last one where none is: an estimate alone refuses nothing.
        """
        plan = self
        while needed(plan) > _SHARE * free and (less := plan.smaller(edge)) is not None:
            plan = less
        return plan


def frames_at_once(plan: Plan, shape: tuple[int, ...]) -> int:
    """Return how many frames of this shape go through the network together."""
    return max(1, min(plan.batch, _BATCH_PIXELS // math.prod(shape)))


def map_bytes(
    shape: tuple[int, ...], plan: Plan, config: NetworkConfig, scale: float, precision: str
) -> int:
    """Return the bytes that feature maps of frames of this shape take at once, at least."""
    if not config.exact:  # windows of a size of their own, as many at once as frames
        pixels = float(math.prod(config.windows))
    elif config.dims == 2:
        edge = min(plan.tile or max(shape), max(shape))
        pixels = min(shape[0] * shape[1], edge * edge) * scale**2
    else:
        size = scaled_size(shape, scale)
        if plan.tile is not None:
            size = read_of(size, plan.tile, config.halos, config.multiples)
        pixels = float(math.prod(size))
    bytes_each = 4 if precision == "fp32" else 2
    return round(pixels * frames_at_once(plan, shape) * feature_maps(config) * bytes_each)


def feature_maps(config: NetworkConfig) -> float:
    """Feature maps of the frame's size alive at once: the last level with its skips.

    There the up-convolved map and the skip stand beside their concatenation and its result.
    """
    return 4 * config.widths[0] + config.load


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the host or the device had no memory left; torch says so in several ways."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    said = str(error).lower()
    return any(
        words in said
        for words in ("out of memory", "can't allocate memory", "not enough memory", "bad_alloc")
    )
