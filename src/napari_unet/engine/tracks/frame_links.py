"""Which cell of a frame is which of the frame before: by overlap, by division, by distance."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.optimize import linear_sum_assignment

from napari_unet.engine.labels.objects import overlaps
from napari_unet.engine.tracks.track_objects import diameters_of, places_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.engine.tracks.given_links import Barred
    from napari_unet.engine.tracks.track_objects import Objects, Spacing

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

_SMALLER = -0.2  # log of a daughter's size over her mother's where neither overlaps with her


@dataclass(frozen=True)
class LinkSettings:
    """What counts as the same cell in the next frame, and what as a division.

    Attributes
    ----------
    min_overlap
        The least IoU at which cells are linked by overlap.
    reach
        Cells without it are linked to the nearest free one within so many diameters.
    gap
        For so many frames a cell may be lost.
    daughter_reach
        Daughters lie within so many diameters of the mother. Two objects, at least one of which
        continues no cell, are her daughters where what speaks against it is below 1: the square
        of the way from her to the middle between them over ``middle`` diameters, of the logarithm
        of their sizes' ratio over ``unlike``, of the IoU at which one of them continues her over
        ``goes_on``, and the logarithm of the larger one's size over hers.

    A cell's diameter and size are the usual ones of its last frames: before it divides it shrinks.

    """

    min_overlap: float = 0.1
    reach: float = 1.25
    gap: int = 2
    daughter_reach: float = 2.0
    middle: float = 0.5
    unlike: float = 1.0
    goes_on: float = 0.6


@dataclass(frozen=True)
class Seen:
    """Objects of a frame with what they are judged by: places and, of earlier ones, usual sizes.

    ``places`` and ``diameters`` are in px, of volumes in the width of a voxel; ``usual`` are the
    areas that each object has had lately.
    """

    objects: Objects
    places: Floats
    usual: Floats
    diameters: Floats

    @classmethod
    def of(cls, objects: Objects, usual: Floats, spacing: Spacing = None) -> Seen:
        """Take the places of objects, and their diameters from their usual areas."""
        ndim = objects.centroids.shape[1]
        sizes = diameters_of(usual, ndim, spacing)
        return cls(objects, places_of(objects, spacing), usual, sizes)


def link_frames(
    was: Seen, now: Seen, settings: LinkSettings, barred: Barred | None = None
) -> tuple[Ints, Ints]:
    """Return for each object the index of its predecessor and of its mother; -1 for none.

    What is ``barred`` is left alone.
    """
    before, after = was.objects, now.objects
    links = np.full(len(after.ids), -1, np.int64)
    strength = np.zeros(len(after.ids))
    old, new, overlap = overlaps(before.dense, after.dense)
    iou = overlap / (before.areas[old] + after.areas[new] - overlap)
    enough = iou >= settings.min_overlap
    if barred is not None:
        enough &= barred.allows(old, new)
    old, new, iou = old[enough], new[enough], iou[enough]
    for pair in assign(old, new, -iou, len(before.ids), len(after.ids)):
        links[new[pair]], strength[new[pair]] = old[pair], iou[pair]
    mothers = _mothers(was, now, links, strength, settings, barred)
    free_old = np.setdiff1d(np.arange(len(before.ids)), np.append(links, mothers))
    free_new = np.flatnonzero((links < 0) & (mothers < 0))
    apart: Collection[tuple[int, int]] = ()
    if barred is not None:
        free_old, free_new = free_old[~barred.old[free_old]], free_new[~barred.new[free_new]]
        apart = barred.within(free_old, free_new)
    reach = settings.reach * was.diameters[free_old]
    for o, n in nearest(was.places[free_old], now.places[free_new], reach, apart):
        links[free_new[n]] = free_old[o]
    return links, mothers


def nearest(
    old: Floats, new: Floats, reach: Floats, but: Collection[tuple[int, int]] = ()
) -> Iterator[tuple[int, int]]:
    """Pair places (n, 2) so that their ways are shortest, each within an old one's reach.

    Pairs of indices that are in ``but`` are not paired.
    """
    if not len(old) or not len(new):
        return
    apart = np.linalg.norm(old[:, None] - new[None], axis=2)
    for row, column in but:
        apart[row, column] = np.inf
    o, n = np.nonzero(apart <= reach[:, None])
    for pair in assign(o, n, apart[o, n] - 1e6, len(old), len(new)):
        yield int(o[pair]), int(n[pair])


def _mothers(
    was: Seen,
    now: Seen,
    links: Ints,
    strength: Floats,
    s: LinkSettings,
    barred: Barred | None = None,
) -> Ints:
    """Return for each object the index of the mother whose division it comes from; -1 for none."""
    areas = now.objects.areas
    mothers = np.full(len(areas), -1, np.int64)
    free = np.flatnonzero(links < 0 if barred is None else (links < 0) & ~barred.new)
    if not len(free) or not len(was.usual):
        return mothers
    heir = np.full(len(was.usual), -1, np.int64)
    heir[links[links >= 0]] = np.flatnonzero(links >= 0)
    apart = np.linalg.norm(now.places[free][:, None] - was.places[None], axis=2)
    near = apart <= s.daughter_reach * was.diameters
    moved = (apart / (s.reach * was.diameters)) ** 2 + np.log(areas[free][:, None] / was.usual) ** 2
    moved[:, heir >= 0] = np.inf  # what speaks against an object being a cell lost near it
    if barred is not None:
        near[:, barred.undivided], moved[:, barred.old] = False, np.inf
        for not_hers, index in barred.apart:
            near[free == index, not_hers], moved[free == index, not_hers] = False, np.inf
    found: list[tuple[float, int, int, int]] = []
    for i, mother in np.argwhere(near).tolist():
        one, goes_on = int(free[i]), int(heir[mother])
        others = [goes_on] if goes_on >= 0 else free[i + 1 :][near[i + 1 :, mother]].tolist()
        most = min(1.0, float(np.delete(moved[i], mother).min(initial=np.inf)))
        for other in others:
            middle = (now.places[one] + now.places[other]) / 2 - was.places[mother]
            larger = float(np.log(areas[[one, other]].max() / was.usual[mother]))
            against = float(
                middle @ middle / (s.middle * was.diameters[mother]) ** 2
                + (np.log(areas[one] / areas[other]) / s.unlike) ** 2
                + (strength[other] / s.goes_on) ** 2
                + max(larger, -0.5)
            )
            if against < most and (goes_on >= 0 or larger < _SMALLER):
                found.append((against, mother, one, other))
    taken: set[int] = set()
    for _, mother, one, other in sorted(found):
        if mother not in mothers and not {one, other} & taken:
            mothers[[one, other]] = mother
            taken |= {one, other}
    return mothers


def assign(rows: Ints, columns: Ints, cost: Floats, n_rows: int, n_columns: int) -> Iterator[int]:
    """Return the pairs of the assignment of least cost (all < 0), each cluster by itself.

    Cells compete with their neighbours only, so thousands of them are many small problems. Pairs
    are told by their place in ``rows`` and ``columns``.
    """
    graph = sparse.coo_array(
        (np.ones(len(rows)), (rows, columns + n_rows)), shape=(n_rows + n_columns,) * 2
    )
    _, cluster = sparse.csgraph.connected_components(graph, directed=False)
    order = np.argsort(cluster[rows], kind="stable")
    edges = np.flatnonzero(np.diff(cluster[rows][order])) + 1
    for members in np.split(order, edges):
        if len(members) <= 1:
            yield from members.tolist()
            continue
        r, i = np.unique(rows[members], return_inverse=True)
        c, j = np.unique(columns[members], return_inverse=True)
        table = np.zeros((len(r), len(c)))
        table[i, j] = cost[members]
        place = np.full(table.shape, -1)
        place[i, j] = members
        for a, b in zip(*linear_sum_assignment(table), strict=True):
            if table[a, b] < 0:
                yield int(place[a, b])
