"""Boxes: the part of a frame or volume that something lies in, a slice for each axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.engine.stack.lazy_array import Box


def hull(boxes: Sequence[Box]) -> Box:
    """Return the smallest box around some, of which there must be one."""
    return tuple(
        slice(min(s.start for s in sides), max(s.stop for s in sides))
        for sides in zip(*boxes, strict=True)
    )


def within(inner: Box, outer: Box) -> Box:
    """Return a box as it lies in an outer one."""
    return tuple(
        slice(i.start - o.start, i.stop - o.start) for i, o in zip(inner, outer, strict=True)
    )


def size_of(box: Box) -> tuple[int, ...]:
    """Return how many pixels a box has along each axis."""
    return tuple(side.stop - side.start for side in box)


def ends_of(box: Box) -> list[int]:
    """Return first and end of each side in a row, as they are kept in a file."""
    return [end for side in box for end in (side.start, side.stop)]


def box_of(ends: Sequence[int]) -> Box:
    """Return the box of such a row; ValueError where it is none."""
    left = iter([int(end) for end in ends])
    return tuple(slice(start, stop) for start, stop in zip(left, left, strict=True))


def axes_said(shape: tuple[int, ...]) -> str:
    """Return what the numbers of a movie's shape are."""
    return f"frames, {'sections, ' if len(shape) == 4 else ''}height, width"
