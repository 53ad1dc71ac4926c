"""Right labels with slips put into them: cells merged, cut, missed and invented, one a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_unet.engine.labels.objects import diameter_in_plane

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_unet.engine.tracks.doubts.doubt import Doubt

Kind = Literal["merged", "cut", "missed", "invented"]
Frames = NDArray[np.uint16]  # (T, Y, X) or (T, Z, Y, X)
Steps = NDArray[np.float64]  # from pixel to pixel along each axis of a frame
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
    """What was done wrong: where (y, x) or (z, y, x), and the true ids of the cells."""

    kind: Kind
    frame: int
    place: tuple[float, ...]
    cells: tuple[int, ...]


def labels_with_slips(
    labels: NDArray[np.uint16],
    frames: int = 20,
    seed: int = 0,
    kinds: tuple[Kind, ...] = get_args(Kind),
    steps: tuple[float, ...] | None = None,
) -> tuple[NDArray[np.uint16], tuple[Slip, ...]]:
    """Return labels (T, Y, X) with one slip on each of some frames, kind after kind, and the slips.

    Neither the first nor the last frame has one; no cell that divides has. Labels may be of volumes
    (T, Z, Y, X), whose voxels are ``steps`` apart, in the width of one.
    """
    random = np.random.default_rng([seed, 22])
    damaged, by = labels.copy(), np.array(steps or (1.0,) * (labels.ndim - 1))
    slips: list[Slip] = []
    order = random.permutation(np.arange(1, len(labels) - 1))
    for t in order.tolist():
        if len(slips) == frames:
            break
        turn = len(slips) % len(kinds)
        for kind in (*kinds[turn:], *kinds[:turn]):  # the next one where there are no such cells
            slip = _SLIPS[kind](damaged, labels, t, random, by)
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
            and one.away(slip.place) < _SAME_PLACE
            for one in parts
        )
        for slip in slips
    ]


def _merged(
    damaged: Frames, labels: Frames, t: int, random: np.random.Generator, steps: Steps
) -> Slip | None:
    cells = _steady(labels, t)
    for one in random.permutation(cells).tolist():
        near = ndimage.distance_transform_edt(labels[t] != one, steps) <= _NEAR
        beside = np.intersect1d(np.unique(labels[t][near]), cells)
        beside = beside[beside != one]
        if len(beside):
            both = (labels[t] == one) | (labels[t] == beside[0])
            inner = (slice(4, -4),) * both.ndim
            filled = ndimage.binary_closing(np.pad(both, 4), iterations=2)[inner]
            damaged[t][(filled & (labels[t] == 0)) | both] = one
            return _slip("merged", t, both, (one, int(beside[0])))
    return None


def _cut(
    damaged: Frames, labels: Frames, t: int, random: np.random.Generator, steps: Steps
) -> Slip | None:
    one = _one_of(_steady(labels, t), random)
    if one is None:
        return None
    cell = labels[t] == one
    where = np.nonzero(cell)
    apart = np.stack([(at - at.mean()) * step for at, step in zip(where, steps, strict=True)])
    along = np.linalg.eigh(apart @ apart.T)[1][:, -1]
    side = along @ apart > random.uniform(-1, 1)
    damaged[t][tuple(at[side] for at in where)] = int(damaged.max()) + 1
    return _slip("cut", t, cell, (one,))


def _missed(
    damaged: Frames, labels: Frames, t: int, random: np.random.Generator, _: Steps
) -> Slip | None:
    one = _one_of(_steady(labels, t), random)
    if one is None:
        return None
    cell = labels[t] == one
    damaged[t][cell] = 0
    return _slip("missed", t, cell, (one,))


def _invented(
    damaged: Frames, labels: Frames, t: int, random: np.random.Generator, steps: Steps
) -> Slip | None:
    areas = np.bincount(labels[t].reshape(-1))[1:]
    usual = diameter_in_plane(float(np.median(areas[areas > 0])), tuple(steps))
    radius = usual / 2 * random.uniform(0.6, 1.0)
    taken = (labels[max(0, t - 1) : t + 2] > 0).any(axis=0)
    free = ndimage.distance_transform_edt(~taken, steps) > radius + 2
    inset = np.zeros(free.shape, bool)
    inset[_inner(free.shape, int(radius) + _EDGE, int(radius / steps[0]) + 1)] = True
    places = np.argwhere(free & inset)
    if not len(places):
        return None
    place = random.choice(places)
    disc = np.linalg.norm((np.moveaxis(np.indices(free.shape), 0, -1) - place) * steps, axis=-1)
    damaged[t][disc <= radius] = int(damaged.max()) + 1
    return _slip("invented", t, disc <= radius, ())


_SLIPS = {"merged": _merged, "cut": _cut, "missed": _missed, "invented": _invented}


def _steady(labels: Frames, t: int) -> NDArray[np.int64]:
    """Return the cells on frame t and both beside it that are off the edge."""
    found = [np.unique(labels[k]) for k in (t - 1, t, t + 1)]
    edge = labels[t].copy()
    edge[_inner(edge.shape, _EDGE)] = 0
    on_all = np.intersect1d(np.intersect1d(found[0], found[1]), found[2])
    cells = np.setdiff1d(on_all, np.unique(edge))
    return np.asarray(cells[cells > 0], np.int64)


def _inner(shape: tuple[int, ...], edge: int, sections: int = 1) -> tuple[slice, ...]:
    """Return what lies off the edge in y and x, of volumes without some first and last sections."""
    return (slice(sections, -sections),) * (len(shape) - 2) + (slice(edge, -edge),) * 2


def _one_of(cells: NDArray[np.int64], random: np.random.Generator) -> int | None:
    return int(random.choice(cells)) if len(cells) else None


def _slip(kind: Kind, t: int, where: NDArray[np.bool_], cells: tuple[int, ...]) -> Slip:
    place = tuple(np.argwhere(where).mean(axis=0).tolist())
    return Slip(kind, t, place, cells)
