"""Which cells of two frames in a row are the same, fused or parted: tables, made once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import fft

from napari_unet.engine.tracks.doubts.measured.seams import apart

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.engine.tracks.doubts.measured.cells import FrameCells, Picture

    Ints = NDArray[np.int64]

_SAME = 0.3  # of the smaller area: less overlap says nothing
_HELD = 0.5  # of a cell's area: it lies in the other
_MOSTLY, _AS_LARGE = 0.25, 0.4  # of a cell's area: it may; log2 of the sizes' ratio, if so
_REACH = 0.75  # diameters that a cell without overlap may have moved
_AREAS = 2.5  # times: what differs more is another cell
_LOST = 0.5  # share of cells that go on; below, the stage may have jumped
_TABLE = 1 << 22  # entries of a table of pairs; more cells are sorted instead
_COARSE = 256  # px: how large a picture is matched with another


@dataclass(frozen=True)
class FrameLinks:
    """Links from one frame to the next, by index; ``shift`` is a jump of the stage, as ways are.

    ``on`` (n before) is the cell that most of each goes on in, ``origin`` (n now) the one that
    most of each comes from; -1 for none. Several may go on in one, or come from one.
    """

    on: Ints
    origin: Ints
    fused: tuple[tuple[int, tuple[int, ...]], ...]  # a cell now, and those before that lie in it
    parted: tuple[tuple[int, tuple[int, ...]], ...]  # a cell before, and those now that lie in it
    shift: tuple[float, ...] = (0.0, 0.0)

    def parts_of(self, before: int) -> tuple[int, ...]:
        """Return the two cells or more that a cell comes apart into; () where it does not."""
        return next((parts for cell, parts in self.parted if cell == before), ())

    def fused_into(self, now: int) -> tuple[int, ...]:
        """Return the two cells or more that became one; () where none did."""
        return next((cells for cell, cells in self.fused if cell == now), ())


def link(before: tuple[FrameCells, Picture], now: tuple[FrameCells, Picture]) -> FrameLinks:
    """Link the cells of two frames, given as measured; a jump of all of them is taken out."""
    found = _linked(before, now, (0,) * before[1].dense.ndim)
    n = min(len(before[0]), len(now[0]))
    if n >= 4 and np.count_nonzero(found.on >= 0) < _LOST * n:
        shift = _jump(before[1], now[1])
        if any(shift):
            again = _linked(before, now, shift)
            if np.count_nonzero(again.on >= 0) > 1.5 * np.count_nonzero(found.on >= 0):
                return again
    return found


def _linked(
    before: tuple[FrameCells, Picture], now: tuple[FrameCells, Picture], shift: tuple[int, ...]
) -> FrameLinks:
    old, new, overlap = _overlaps(before, now, shift)
    was, is_ = before[0], now[0]
    a, b = was.areas[old], is_.areas[new]
    enough = overlap >= _SAME * np.minimum(a, b)
    on = _best(old[enough], new[enough], overlap[enough], len(was))
    origin = _best(new[enough], old[enough], overlap[enough], len(is_))
    fused = _several((new, old, overlap), b, a)
    parted = _several((old, new, overlap), a, b)
    way = tuple(float(n * step) for n, step in zip(shift, was.steps, strict=True))
    _reach_out(was, is_, on, origin, way)
    return FrameLinks(on, origin, fused, parted, way)


def _overlaps(
    before: tuple[FrameCells, Picture], now: tuple[FrameCells, Picture], shift: tuple[int, ...]
) -> tuple[Ints, Ints, Ints]:
    """Return the pairs of cells that share pixels, and how many."""
    dense, where = now[1].dense, now[1].where
    mine = dense.reshape(-1)[where]
    if any(shift):
        moved = np.stack(np.unravel_index(where, dense.shape), axis=1) - shift
        there = ((moved >= 0) & (moved < dense.shape)).all(axis=1)
        where, mine = np.ravel_multi_index(tuple(moved[there].T), dense.shape), mine[there]
    theirs = before[1].dense.reshape(-1)[where]
    both = theirs > 0
    columns = len(now[0]) + 1
    key = theirs[both].astype(np.int64) * columns + mine[both]
    if (len(before[0]) + 1) * columns <= _TABLE:
        counts = np.bincount(key)
        pairs = np.flatnonzero(counts)
        counts = counts[pairs]
    else:
        pairs, counts = np.unique(key, return_counts=True)
    return pairs // columns - 1, pairs % columns - 1, counts.astype(np.int64)


def _best(of: Ints, others: Ints, overlap: Ints, n: int) -> Ints:
    best = np.full(n, -1, np.int64)
    order = np.argsort(overlap, kind="stable")  # the largest is written last
    best[of[order]] = others[order]
    return best


def _several(
    pairs: tuple[Ints, Ints, Ints], sizes: Ints, parts: Ints
) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """Return the cells that several others lie in, given pairs of them and the overlap of each.

    A part that lies in it less counts as well, where all together are as large as the cell.
    """
    of, others, overlap = pairs
    held = overlap >= _HELD * parts
    perhaps = overlap >= _MOSTLY * parts
    order = np.argsort(overlap, kind="stable")
    best = np.full(int(others.max(initial=-1)) + 1, -1, np.int64)
    best[others[order]] = of[order]
    perhaps &= best[others] == of
    found = []
    cells, counts = np.unique(of[perhaps], return_counts=True)
    for cell in cells[counts > 1].tolist():
        mine = of == cell
        sure, wide = mine & held, mine & perhaps
        whole = sizes[wide][0] / parts[wide].sum()
        if np.count_nonzero(wide) > np.count_nonzero(sure) and abs(np.log2(whole)) > _AS_LARGE:
            wide = sure
        if np.count_nonzero(wide) > 1:
            found.append((cell, tuple(others[wide].tolist())))
    return tuple(found)


def _reach_out(
    was: FrameCells, is_: FrameCells, on: Ints, origin: Ints, way: tuple[float, ...]
) -> None:
    """Link what overlaps with nothing to the nearest such cell of about its size."""
    lost = np.setdiff1d(np.flatnonzero(on < 0), origin)
    new = np.setdiff1d(np.flatnonzero(origin < 0), on)
    if not len(lost) or not len(new):
        return
    ways = is_.centres[new][None] - was.centres[lost][:, None] - np.array(way, np.float32)
    distance, most = apart(ways), was.of_sizes(_AREAS)
    factor = was.areas[lost][:, None] / is_.areas[new][None]
    ok = (distance <= _REACH * was.diameters[lost][:, None]) & (factor < most)
    distance = np.where(ok & (factor > 1 / most), distance, np.inf)
    nearest, back = distance.argmin(axis=1), distance.argmin(axis=0)
    for row, column in enumerate(nearest.tolist()):
        if np.isfinite(distance[row, column]) and back[column] == row:
            on[lost[row]], origin[new[column]] = new[column], lost[row]


def _jump(before: Picture, now: Picture) -> tuple[int, ...]:
    """Return by how much all cells moved, px: where their masks lie on each other best.

    The stage moves in the plane: of volumes the masks are those of all sections together.
    """
    front = (0,) * (before.dense.ndim - 2)
    planes = [picture.dense.max(axis=0) if front else picture.dense for picture in (before, now)]
    step = max(1, -(-max(planes[0].shape) // _COARSE))
    masks = [(plane[::step, ::step] > 0).astype(np.float32) for plane in planes]
    one, other = (mask - mask.mean() for mask in masks)
    size = tuple(2 * n for n in one.shape)
    match = fft.irfft2(fft.rfft2(other, size) * fft.rfft2(one, size).conj(), size)
    best = np.unravel_index(int(match.argmax()), match.shape)
    y, x = (int(at - n if at > n // 2 else at) for at, n in zip(best, size, strict=True))
    return (*front, y * step, x * step)
