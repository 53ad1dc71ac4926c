"""What is left of cells that others were painted over, or that were erased through.

Pieces are connected by sides, as the machine's objects are: a line drawn by a brush of one pixel
cuts. All of it holds for frames (Y, X) and volumes (Z, Y, X) alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage as ndi

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CRUMB = 0.1  # share of a cell: what comes loose of it is a crumb below, if it is small, too


@dataclass(frozen=True)
class Leftover:
    """What changes on an object of the machine's that was robbed: flat indices into a crop."""

    crumbs: NDArray[np.intp]  # too small to be a cell
    others: tuple[NDArray[np.intp], ...]  # pieces beside the one that keeps the id


def leftover(left: NDArray[np.bool_], levels: NDArray[np.uint8], min_size: int) -> Leftover:
    """Find the pieces of ``left`` (Y, X), what is seen of a robbed object of the machine's.

    The piece with the highest of the ``levels`` (Y, X) keeps the id: so it does at every threshold
    at which that piece is there. The others come in the order of their highest level.
    """
    numbers, n = ndi.label(left)
    if n == 0:
        return Leftover(np.empty(0, np.intp), ())
    inside = np.flatnonzero(left)
    of = numbers.reshape(-1)[inside]
    large = np.bincount(of, minlength=n + 1) >= max(min_size, 1)
    height = np.zeros(n + 1, np.int64)
    np.maximum.at(height, of, levels.reshape(-1)[inside])
    kept = np.flatnonzero(large[1:]) + 1
    order = kept[np.argsort(-height[kept], kind="stable")]
    return Leftover(inside[~large[of]], tuple(inside[of == piece] for piece in order[1:]))


@dataclass(frozen=True)
class Fallen:
    """What a user's cell fell into: masks (Y, X) of pieces that become cells, and of crumbs."""

    cells: tuple[NDArray[np.bool_], ...]
    crumbs: NDArray[np.bool_]
    kept: int  # pixels that keep the id, crumbs left out


def fallen(now: NDArray[np.bool_], lost: NDArray[np.bool_], min_size: int) -> Fallen:
    """Find what a user's cell fell into, of which pixels ``now`` are left and others ``lost``.

    Only what was in one piece before is in pieces now. An id in several large pieces before is
    no single cell, but a class, or a mask of many cells: it stays as it is.
    """
    pieces, n = ndi.label(now)
    sizes = np.bincount(pieces.reshape(-1), minlength=n + 1)
    none = np.zeros(now.shape, bool)
    if n < 2:
        return Fallen((), none, int(sizes[1:].sum()))
    before, _ = ndi.label(now | lost)
    wholes = np.bincount(before.reshape(-1))[1:]
    least = min(min_size, _CRUMB * wholes.sum())
    if np.count_nonzero(wholes >= max(least, 1)) > 1:
        return Fallen((), none, int(sizes[1:].sum()))
    whole = np.zeros(n + 1, np.intp)  # which each piece was part of
    whole[pieces[now]] = before[now]
    of_cut = np.flatnonzero(whole == 1 + int(np.argmax(wholes)))
    largest = of_cut[np.argmax(sizes[of_cut])]
    others = of_cut[of_cut != largest]
    crumbs = others[(sizes[others] < min_size) & (sizes[others] < _CRUMB * sizes[1:].sum())]
    cells = np.setdiff1d(others, crumbs)
    return Fallen(
        tuple(pieces == piece for piece in cells),
        np.isin(pieces, crumbs),
        int(sizes[largest]),
    )
