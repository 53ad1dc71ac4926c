"""Ids through time: overlap linking with divisions, one frame at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import linear_sum_assignment

from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.labels.objects import numbered, overlaps
from napari_unet.engine.labels.space.neighbours import steps_of

if TYPE_CHECKING:
    from napari_unet.engine.annotations.corrections import Corrections

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass
class Track:
    """One id from its first to its last frame (both inclusive); ``parent`` is 0 for none."""

    id: int
    first: int
    last: int
    parent: int = 0


@dataclass(frozen=True)
class LinkSettings:
    """What counts as the same cell in the next frame.

    ``min_overlap`` is the least IoU; cells without it are linked to the nearest free one within
    ``reach`` cell diameters. A new object is a daughter where at least ``daughter_overlap`` of
    it lies on the mother, neither daughter has more than ``daughter_size`` of the mother's
    area, and the sisters' areas are within a factor of ``sister_ratio``.
    """

    min_overlap: float = 0.1
    reach: float = 0.75
    daughter_overlap: float = 0.2
    daughter_size: float = 0.85
    sister_ratio: float = 2.5


@dataclass(frozen=True)
class Objects:
    """Objects of one frame: sorted ids, areas, centroids, and the frame of dense indices.

    Centroids are (n, 2) in px, or (n, 3) of a volume in voxels.
    """

    ids: Ints
    areas: Ints
    centroids: Floats
    dense: NDArray[np.int32]
    track: Ints  # filled in by the linker

    def without_pixels(self) -> Objects:
        """Let the frame go: sizes and places of all frames are held together."""
        return replace(self, dense=np.zeros((0,) * self.dense.ndim, np.int32))


class Linker:
    """Links frames as they come: ``linker(labels)`` gives them with ids constant through time.

    A division ends the mother's track and starts two with her as parent (as in the Cell
    Tracking Challenge). ``frozen`` holds for each position the ids a user gave: those objects
    are never renumbered, and no other track ever takes such an id. ``origins`` gives for each
    track of the frame linked last the one that its object comes from; 0 for none. Voxels of
    volumes are ``spacing`` apart (z, y, x), which tells how far a cell has moved.
    """

    def __init__(
        self,
        settings: LinkSettings | None = None,
        frozen: dict[int, frozenset[int]] | None = None,
        spacing: tuple[float, ...] | None = None,
    ) -> None:
        self.settings = settings or LinkSettings()
        self.frozen, self.spacing = frozen or {}, spacing
        self.tracks: dict[int, Track] = {}
        self._taken = {BACKGROUND_ID, *(i for ids in self.frozen.values() for i in ids)}
        self._next = 1
        self.origins: dict[int, int] = {}
        self._before: Objects | None = None
        self._points: list[NDArray[np.float64]] = []

    def __call__(self, labels: NDArray[Any], position: int) -> NDArray[Any]:
        """Return the labels of the frame at ``position`` with linked ids, int32."""
        now = measure_objects(labels)
        self.link(now, position)
        return np.concatenate([[0], now.track]).astype(np.int32)[now.dense]

    def link(self, now: Objects, position: int) -> None:
        """Fill in the tracks of the objects of the frame at ``position``."""
        previous, mothers = self._origins(now, position)
        fixed = np.isin(now.ids, list(self.frozen.get(position, ())))
        claimed = {int(i) for i in now.ids[fixed]}
        for new, own in enumerate(now.ids.tolist()):
            before, mother = int(previous[new]), int(mothers[new])
            if fixed[new]:
                now.track[new] = self._keep(own, position, mother or before)
            elif before and not mother and before not in claimed:
                now.track[new] = before
                self.tracks[before].last = position
            else:
                now.track[new] = self.begin(position, mother)
        self.origins = dict(
            zip(now.track.tolist(), np.where(mothers, mothers, previous).tolist(), strict=True)
        )
        self._before = now
        at = np.full((len(now.ids), 1), float(position))
        self._points.append(np.hstack([now.track[:, None].astype(np.float64), at, now.centroids]))

    def points(self) -> tuple[Floats, dict[int, list[int]]]:
        """Rows (id, t, y, x) sorted by id, and the graph child -> parents, for a Tracks layer.

        Of volumes (id, t, z, y, x).
        """
        if not self._points:
            return np.zeros((0, 4)), {}
        rows = np.concatenate(self._points)
        graph = {t.id: [t.parent] for t in self.tracks.values() if t.parent}
        return rows[np.lexsort((rows[:, 1], rows[:, 0]))], graph

    def id_of(self) -> dict[int, tuple[int, int]]:
        """Return (track, parent) for each label of the frame linked last."""
        if self._before is None:
            return {}
        pairs = zip(self._before.ids.tolist(), self._before.track.tolist(), strict=True)
        return {label: (track, self.tracks[track].parent) for label, track in pairs}

    def _origins(self, now: Objects, position: int) -> tuple[Ints, Ints]:
        """Return for each object the track it continues and the track it descends from; 0: none."""
        before = self._before
        none = np.zeros(len(now.ids), np.int64)
        if before is None or not len(before.ids) or not len(now.ids):
            return none, none.copy()
        links, mothers = self._links(before, now)
        track = np.append(before.track, 0)  # index -1 gives 0
        return track[links], track[mothers]

    def _links(self, before: Objects, now: Objects) -> tuple[Ints, Ints]:
        """Return for each object the index of its predecessor and of its mother; -1 for none."""
        links = np.full(len(now.ids), -1, np.int64)
        mothers = np.full(len(now.ids), -1, np.int64)
        old, new, overlap = overlaps(before.dense, now.dense)
        iou = overlap / (before.areas[old] + now.areas[new] - overlap)
        enough = iou >= self.settings.min_overlap
        for o, n in _assign(old[enough], new[enough], -iou[enough], len(before.ids), len(now.ids)):
            links[n] = o
        self._find_daughters(before, now, (old, new, overlap), links, mothers)
        self._reach_out(before, now, links, mothers)
        return links, mothers

    def _find_daughters(
        self,
        before: Objects,
        now: Objects,
        table: tuple[Ints, Ints, Ints],
        links: Ints,
        mothers: Ints,
    ) -> None:
        s = self.settings
        heir = np.full(len(before.ids), -1, np.int64)
        linked = links >= 0
        heir[links[linked]] = np.flatnonzero(linked)
        best: dict[int, tuple[float, int]] = {}
        for old, new, overlap in zip(*table, strict=True):
            share = overlap / now.areas[new]
            sister = heir[old]
            if links[new] >= 0 or sister < 0 or share < s.daughter_overlap:
                continue
            sizes = now.areas[[new, sister]]
            small = sizes.max() <= s.daughter_size * before.areas[old]
            alike = sizes.max() <= s.sister_ratio * sizes.min()
            if small and alike and share > best.get(int(old), (0.0, -1))[0]:
                best[int(old)] = (float(share), int(new))
        for old, (_, new) in best.items():
            mothers[new] = mothers[heir[old]] = old

    def _reach_out(self, before: Objects, now: Objects, links: Ints, mothers: Ints) -> None:
        """Link what overlaps with nothing to the nearest free object within reach."""
        free_new = np.flatnonzero((links < 0) & (mothers < 0))
        free_old = np.setdiff1d(np.arange(len(before.ids)), np.append(links, mothers))
        if not len(free_new) or not len(free_old):
            return
        old, new = (
            places_of(objects, self.spacing)[free]
            for objects, free in ((before, free_old), (now, free_new))
        )
        apart = np.linalg.norm(old[:, None] - new[None], axis=2)
        diameter = diameters_of(before, self.spacing)[free_old][:, None]
        o, n = np.nonzero(apart <= self.settings.reach * diameter)
        for i, j in _assign(o, n, apart[o, n] - 1e6, len(free_old), len(free_new)):
            links[free_new[j]] = free_old[i]

    def _keep(self, own: int, position: int, before: int) -> int:
        """Let an object that a user numbered keep its id; what led to it becomes its parent."""
        if own in self.tracks:
            self.tracks[own].last = position
        else:
            self.tracks[own] = Track(own, position, position, before if before != own else 0)
        return own

    def begin(self, position: int, parent: int = 0) -> int:
        """Return a new track's id, which no other track and no user has."""
        while self._next in self._taken:
            self._next += 1
        new = self._next
        self._next += 1
        self.tracks[new] = Track(new, position, position, parent)
        return new


def frozen_ids(corrections: Corrections | None) -> dict[int, frozenset[int]]:
    """Return for each frame the ids that a user vouches for, as `Linker` takes them."""
    if corrections is None:
        return {}
    return {t: frozenset(corrections.ids(t).tolist()) for t in corrections.frames()}


def measure_objects(labels: NDArray[Any]) -> Objects:
    """Measure what linking needs of labels (Y, X) or (Z, Y, X)."""
    ids, areas, dense = numbered(labels)
    where = np.flatnonzero(dense)
    objects = dense.reshape(-1)[where] - 1
    places = np.unravel_index(where, labels.shape)
    sums = np.stack([np.bincount(objects, w, minlength=len(ids)) for w in places], axis=1)
    centroids = sums / np.maximum(areas, 1)[:, None]
    track = np.zeros(len(ids), np.int64)
    return Objects(ids, areas, centroids, dense, track)


def places_of(objects: Objects, spacing: tuple[float, ...] | None) -> Floats:
    """Return where objects are; of volumes along z, y and x in the width of a voxel."""
    ndim = objects.centroids.shape[1]
    return objects.centroids if ndim == 2 else objects.centroids * steps_of(spacing, ndim)


def diameters_of(objects: Objects, spacing: tuple[float, ...] | None) -> Floats:
    """Return the diameters of discs as large as the objects, (n,); of balls of their volumes."""
    ndim = objects.centroids.shape[1]
    if ndim == 2:
        return np.asarray(np.sqrt(objects.areas * 4 / np.pi))
    return np.asarray(np.cbrt(objects.areas * (6 / np.pi * np.prod(steps_of(spacing, ndim)))))


def _assign(
    rows: Ints, columns: Ints, cost: Floats, n_rows: int, n_columns: int
) -> Iterator[tuple[int, int]]:
    """Return the assignment of least cost (all < 0), each cluster of rivals by itself.

    Cells compete with their neighbours only, so thousands of them are many small problems.
    """
    graph = sparse.coo_array(
        (np.ones(len(rows)), (rows, columns + n_rows)), shape=(n_rows + n_columns,) * 2
    )
    _, cluster = sparse.csgraph.connected_components(graph, directed=False)
    order = np.argsort(cluster[rows], kind="stable")
    edges = np.flatnonzero(np.diff(cluster[rows][order])) + 1
    for members in np.split(order, edges):
        if len(members) <= 1:
            yield from ((int(rows[m]), int(columns[m])) for m in members)
            continue
        r, i = np.unique(rows[members], return_inverse=True)
        c, j = np.unique(columns[members], return_inverse=True)
        table = np.zeros((len(r), len(c)))
        table[i, j] = cost[members]
        for a, b in zip(*linear_sum_assignment(table), strict=True):
            if table[a, b] < 0:
                yield int(r[a]), int(c[b])
