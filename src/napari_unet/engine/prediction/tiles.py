"""Tiles with a halo: a frame in parts, equal to the whole frame.

A tile is read with the network's radius around it (the halo) and only its inside is kept. Its
corner lies on a multiple of the network's stride, so every pooling window is the same as in the
whole frame. Nothing is blended, and hardly anything is computed twice.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    from napari_unet.engine.stack.lazy_array import Box


class Tile(NamedTuple):
    """``read`` from the frame, of that keep ``inside``, and write it to ``write``."""

    read: Box
    inside: Box
    write: Box


def tiles(
    shape: tuple[int, int], tile: int, halo: int, multiple: int, region: Box | None = None
) -> Iterator[Tile]:
    """Cover ``region`` (the whole frame where left out) of a frame ``(Y, X)`` with tiles.

    ``tile`` is the edge of what is read, halo included; but half of it is kept at least.
    """
    region = region or (slice(0, shape[0]), slice(0, shape[1]))
    halo = -(-halo // multiple) * multiple
    kept = max(multiple, max(tile - 2 * halo, tile // 2) // multiple * multiple)
    spans = [list(_spans(n, r, kept, halo, multiple)) for n, r in zip(shape, region, strict=True)]
    for y, x in product(*spans):
        yield Tile((y[0], x[0]), (y[1], x[1]), (y[2], x[2]))


def _spans(
    n: int, region: slice, kept: int, halo: int, multiple: int
) -> Iterator[tuple[slice, slice, slice]]:
    """Cut one axis of length ``n``. The first start is a multiple, the last stop may be the end."""
    for start in range(region.start // multiple * multiple, region.stop, kept):
        stop = min(start + kept, n)
        first, last = max(0, start - halo), min(n, stop + halo)
        low, high = max(start, region.start), min(stop, region.stop)
        yield (
            slice(first, last),
            slice(low - first, high - first),
            slice(low - region.start, high - region.start),
        )


def in_tiles(network: Callable[[Tensor], Tensor], frames: Tensor, plan: Iterator[Tile]) -> Tensor:
    """Run ``network`` over ``frames`` (N, C, Y, X) tile by tile; the logits of what is covered."""
    parts = [(t.write, network(frames[:, :, *t.read].contiguous())[:, :, *t.inside]) for t in plan]
    height, width = (max(write[axis].stop for write, _ in parts) for axis in (0, 1))
    logits = parts[0][1].new_empty((*parts[0][1].shape[:2], height, width))
    for write, part in parts:
        logits[:, :, *write] = part
    return logits


def dihedral(network: Callable[[Tensor], Tensor], frames: Tensor) -> Tensor:
    """Mean logits over the 8 flips and quarter turns of ``frames`` (N, C, Y, X).

    The mean is taken of the logits, as nnU-Net does: they are what is stored. ``frames`` are a
    multiple of the network's stride, so that pooling windows lie the same in each turn.
    """
    total: Tensor | None = None
    for turns, flip in product(range(4), (False, True)):
        turned = torch.rot90(frames, turns, (2, 3))
        turned = torch.flip(turned, (3,)) if flip else turned
        logits = network(turned.contiguous())
        logits = torch.flip(logits, (3,)) if flip else logits
        logits = torch.rot90(logits, -turns, (2, 3))
        total = logits.clone() if total is None else total.add_(logits)
    assert total is not None
    return total.div_(8)
