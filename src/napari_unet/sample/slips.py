"""Right labels with slips put into them: cells merged, cut, missed and invented, one a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_unet.engine.tracks.doubts.doubt import Doubt

Kind = Literal["merged", "cut", "missed", "invented"]
_EDGE = 14  # px: cells nearer to the frame's edge may come and go
_NEAR = 3  # px between cells that may be merged
_SAME_PLACE = 6  # px
REPAIRS: dict[Kind, str] = {
    "merged": "split",
    "cut": "merge",
    "missed": "take",
    "invented": "delete",
}


@dataclass(frozen=True)
class Slip:
    """What was done wrong: where (y, x), and the true ids of the cells."""

    kind: Kind
    frame: int
    y: float
    x: float
    cells: tuple[int, ...]


def labels_with_slips(
    labels: NDArray[np.uint16],
    frames: int = 20,
    seed: int = 0,
    kinds: tuple[Kind, ...] = get_args(Kind),
) -> tuple[NDArray[np.uint16], tuple[Slip, ...]]:
    """Return labels (T, Y, X) with one slip on each of some frames, kind after kind, and the slips.

    Neither the first nor the last frame has one; no cell that divides has.
    """
    random = np.random.default_rng([seed, 22])
    damaged = labels.copy()
    slips: list[Slip] = []
    order = random.permutation(np.arange(1, len(labels) - 1))
    for t in order.tolist():
        if len(slips) == frames:
            break
        turn = len(slips) % len(kinds)
        for kind in (*kinds[turn:], *kinds[:turn]):  # the next one where there are no such cells
            slip = _SLIPS[kind](damaged, labels, t, random)
            if slip is not None:
                slips.append(slip)
                break
    return damaged, tuple(sorted(slips, key=lambda one: one.frame))


def offered(found: Iterable[Doubt], slips: Sequence[Slip]) -> list[bool]:
    """Return of each slip whether a doubt, or one of its parts, offers what mends it."""
    parts = [part for one in found for part in one.parts]
    return [
        any(
            one.frame == slip.frame
            and one.repair is not None
            and one.repair.verb == REPAIRS[slip.kind]
            and np.hypot(one.y - slip.y, one.x - slip.x) < _SAME_PLACE
            for one in parts
        )
        for slip in slips
    ]


def _merged(
    damaged: NDArray[np.uint16], labels: NDArray[np.uint16], t: int, random: np.random.Generator
) -> Slip | None:
    cells = _steady(labels, t)
    for one in random.permutation(cells).tolist():
        near = ndimage.distance_transform_edt(labels[t] != one) <= _NEAR
        beside = np.intersect1d(np.unique(labels[t][near]), cells)
        beside = beside[beside != one]
        if len(beside):
            both = (labels[t] == one) | (labels[t] == beside[0])
            filled = ndimage.binary_closing(np.pad(both, 4), iterations=2)[4:-4, 4:-4]
            damaged[t][(filled & (labels[t] == 0)) | both] = one
            return _slip("merged", t, both, (one, int(beside[0])))
    return None


def _cut(
    damaged: NDArray[np.uint16], labels: NDArray[np.uint16], t: int, random: np.random.Generator
) -> Slip | None:
    one = _one_of(_steady(labels, t), random)
    if one is None:
        return None
    cell = labels[t] == one
    y, x = np.nonzero(cell)
    apart = np.stack([y - y.mean(), x - x.mean()])
    along = np.linalg.eigh(apart @ apart.T)[1][:, 1]
    side = along @ apart > random.uniform(-1, 1)
    damaged[t][y[side], x[side]] = int(damaged.max()) + 1
    return _slip("cut", t, cell, (one,))


def _missed(
    damaged: NDArray[np.uint16], labels: NDArray[np.uint16], t: int, random: np.random.Generator
) -> Slip | None:
    one = _one_of(_steady(labels, t), random)
    if one is None:
        return None
    cell = labels[t] == one
    damaged[t][cell] = 0
    return _slip("missed", t, cell, (one,))


def _invented(
    damaged: NDArray[np.uint16], labels: NDArray[np.uint16], t: int, random: np.random.Generator
) -> Slip | None:
    areas = np.bincount(labels[t].reshape(-1))[1:]
    radius = float(np.sqrt(np.median(areas[areas > 0]) / np.pi)) * random.uniform(0.6, 1.0)
    taken = (labels[max(0, t - 1) : t + 2] > 0).any(axis=0)
    free = ndimage.distance_transform_edt(~taken) > radius + 2
    inset = int(radius) + _EDGE
    free[:inset], free[-inset:], free[:, :inset], free[:, -inset:] = (False,) * 4
    places = np.argwhere(free)
    if not len(places):
        return None
    y, x = random.choice(places)
    rows, columns = np.ogrid[: free.shape[0], : free.shape[1]]
    disc = np.hypot(rows - y, columns - x) <= radius
    damaged[t][disc] = int(damaged.max()) + 1
    return _slip("invented", t, disc, ())


_SLIPS = {"merged": _merged, "cut": _cut, "missed": _missed, "invented": _invented}


def _steady(labels: NDArray[np.uint16], t: int) -> NDArray[np.int64]:
    """Return the cells on frame t and both beside it that are off the edge."""
    found = [np.unique(labels[k]) for k in (t - 1, t, t + 1)]
    edge = labels[t].copy()
    edge[_EDGE:-_EDGE, _EDGE:-_EDGE] = 0
    on_all = np.intersect1d(np.intersect1d(found[0], found[1]), found[2])
    cells = np.setdiff1d(on_all, np.unique(edge))
    return np.asarray(cells[cells > 0], np.int64)


def _one_of(cells: NDArray[np.int64], random: np.random.Generator) -> int | None:
    return int(random.choice(cells)) if len(cells) else None


def _slip(kind: Kind, t: int, where: NDArray[np.bool_], cells: tuple[int, ...]) -> Slip:
    y, x = np.argwhere(where).mean(axis=0).tolist()
    return Slip(kind, t, y, x, cells)
