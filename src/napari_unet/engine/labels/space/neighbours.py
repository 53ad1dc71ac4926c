"""Which pixels lie beside each other, whatever the number of axes: sides and corners of a frame.

The last two axes are Y and X. One in front of them is Z, whose first and last sections are where
the microscope stopped: nothing is known beyond, and a cell that reaches there goes on.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Slices = tuple[slice, ...]


def around(ndim: int) -> NDArray[np.bool_]:
    """Return what touches a pixel by a side, an edge or a corner: 3 to the power of ``ndim``."""
    return np.ones((3,) * ndim, dtype=bool)


@lru_cache
def along(axis: int) -> tuple[Slices, Slices]:
    """Return an image without its last pixels of an axis, and without the first ones."""
    front = (slice(None),) * axis
    return (*front, slice(-1)), (*front, slice(1, None))


@lru_cache
def outer(ndim: int) -> tuple[Slices, ...]:
    """Return the first and last rows and columns of a frame or volume: its edge in Y and X."""
    every = (slice(None),) * (ndim - 2)
    ends = slice(0, 1), slice(-1, None)
    rows, columns = [(*every, end) for end in ends], [(*every, slice(None), end) for end in ends]
    return (*rows, *columns)


def ends(shape: tuple[int, ...]) -> tuple[Slices, ...]:
    """Return all edges at which an object is cut: of several sections the first and last, too."""
    sides = outer(len(shape))
    if len(shape) == 2 or shape[0] == 1:
        return sides
    return (*sides, (slice(0, 1),), (slice(-1, None),))


@lru_cache
def onward(ndim: int) -> tuple[tuple[int, ...], ...]:
    """Return the steps to those neighbours that come later in memory, by side or corner."""
    return tuple(step for step in product((-1, 0, 1), repeat=ndim) if step > (0,) * ndim)


@lru_cache
def pairs(ndim: int) -> tuple[tuple[Slices, Slices], ...]:
    """Return what lays an image on itself so that neighbours meet, once for each of `onward`."""
    here = {1: slice(-1), 0: slice(None), -1: slice(1, None)}
    return tuple(
        (tuple(here[s] for s in step), tuple(here[-s] for s in step)) for step in onward(ndim)
    )


def steps_of(spacing: tuple[float, ...] | None, ndim: int) -> tuple[float, ...]:
    """Return how far pixels are apart along each axis, in the lesser of width and height.

    By their ``spacing`` in any unit; all 1 where that is not known.
    """
    if spacing is None:
        return (1.0,) * ndim
    return tuple(step / min(spacing[-2:]) for step in spacing)
