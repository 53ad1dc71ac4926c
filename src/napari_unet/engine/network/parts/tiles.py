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
    from collections.abc import Callable, Iterator, Sequence

    from torch import Tensor

Part = tuple[slice, ...]
"""Rows and columns of a part of a frame, of a volume its sections before them."""


class Tile(NamedTuple):
    """``read`` from the frame, of that keep ``inside``, and write it to ``write``."""

    read: Part
    inside: Part
    write: Part


def along(value: int | Sequence[int], dims: int) -> tuple[int, ...]:
    """Return what holds along each of the axes, where one number stands for all of them."""
    return (value,) * dims if isinstance(value, int) else tuple(value)


def tiles(
    shape: Sequence[int],
    tile: int,
    halo: int | Sequence[int],
    multiple: int | Sequence[int],
    region: Part | None = None,
) -> Iterator[Tile]:
    """Cover ``region`` (the whole frame where left out) of a frame ``(Y, X)`` with tiles.

    Or of a volume ``(Z, Y, X)``. ``tile`` is the edge of what is read, halo included; but half of
    it is kept at least. ``halo`` and ``multiple`` may differ from axis to axis.
    """
    region = region or tuple(slice(0, n) for n in shape)
    each = zip(along(halo, len(shape)), along(multiple, len(shape)), strict=True)
    spans = [
        list(_spans(n, part, kept_of(tile, *of_axis), *of_axis))
        for n, part, of_axis in zip(shape, region, each, strict=True)
    ]
    for axes in product(*spans):
        yield Tile(*zip(*axes, strict=True))


def kept_of(tile: int, halo: int, multiple: int) -> int:
    """Return how much of a tile is kept along an axis."""
    return max(multiple, max(tile - 2 * _rounded(halo, multiple), tile // 2) // multiple * multiple)


def read_of(
    shape: Sequence[int], tile: int, halo: int | Sequence[int], multiple: int | Sequence[int]
) -> tuple[int, ...]:
    """Return the size of what is read for the largest tile of a frame of ``shape``."""
    each = zip(along(halo, len(shape)), along(multiple, len(shape)), strict=True)
    return tuple(
        min(n, kept_of(tile, *of_axis) + 2 * _rounded(*of_axis))
        for n, of_axis in zip(shape, each, strict=True)
    )


def _rounded(halo: int, multiple: int) -> int:
    return -(-halo // multiple) * multiple


def _spans(
    n: int, region: slice, kept: int, halo: int, multiple: int
) -> Iterator[tuple[slice, slice, slice]]:
    """Cut one axis of length ``n``. The first start is a multiple, the last stop may be the end."""
    halo = _rounded(halo, multiple)
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
    """Run ``network`` over ``frames`` (N, C, Y, X) tile by tile; the logits of what is covered.

    Volumes are ``(N, C, Z, Y, X)``.
    """
    parts = [(t.write, network(frames[:, :, *t.read].contiguous())[:, :, *t.inside]) for t in plan]
    size = [max(part.stop for part in axis) for axis in zip(*(w for w, _ in parts), strict=True)]
    logits = parts[0][1].new_empty((*parts[0][1].shape[:2], *size))
    for write, part in parts:
        logits[:, :, *write] = part
    return logits


def dihedral(network: Callable[[Tensor], Tensor], frames: Tensor) -> Tensor:
    """Mean logits over the 8 flips and quarter turns of ``frames`` (N, C, Y, X).

    Of volumes ``(N, C, Z, Y, X)`` over the 8 flips. The mean is taken of the logits, as nnU-Net
    does: they are what is stored. ``frames`` are a multiple of the network's stride, so that
    pooling windows lie the same in each turn.
    """
    total: Tensor | None = None
    turns = range(4) if frames.ndim == 4 else range(1)
    flips = product((False, True), repeat=frames.ndim - 2 if frames.ndim > 4 else 1)
    for quarters, flipped in product(turns, flips):
        axes = [frames.ndim - 1 - i for i, flip in enumerate(flipped) if flip]
        turned = torch.rot90(frames, quarters, (2, 3)) if quarters else frames
        turned = torch.flip(turned, axes) if axes else turned
        logits = network(turned.contiguous())
        logits = torch.flip(logits, axes) if axes else logits
        logits = torch.rot90(logits, -quarters, (2, 3)) if quarters else logits
        total = logits.clone() if total is None else total.add_(logits)
    assert total is not None
    return total.div_(8)
