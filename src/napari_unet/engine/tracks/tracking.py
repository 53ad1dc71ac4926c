"""Ids through time: overlap linking with divisions, one frame at a time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.tracks.by_hand import ByHand, HandLinker
from napari_unet.engine.tracks.frame_links import LinkSettings, Seen, link_frames, nearest
from napari_unet.engine.tracks.given_links import Given
from napari_unet.engine.tracks.track_objects import Objects, measure_objects

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
_REMEMBERED = 6  # frames of a cell from which its usual size is known


@dataclass(frozen=True)
class _Lost:
    """A cell that was last seen at a step of linking: its track, place and usual diameter."""

    track: int
    step: int
    place: Floats
    diameter: float


@dataclass
class Track:
    """One id from its first to its last frame (both inclusive); ``parent`` is 0 for none."""

    id: int
    first: int
    last: int
    parent: int = 0


class Linker:
    """Links frames as they come: ``linker(labels)`` gives them with ids constant through time.

    A division ends the mother's track and starts two with her as parent (as in the Cell
    Tracking Challenge). ``by_hand`` holds for each position the ids a user gave: those objects
    are never renumbered, and no other track ever takes such an id. It holds links made by hand,
    too, which stand: only they give such an object another number. ``origins`` gives for each
    track of the frame linked last the one that its object comes from; 0 for none. Voxels of
    volumes are ``spacing`` apart (z, y, x), which tells how far a cell has moved.
    """

    def __init__(
        self,
        settings: LinkSettings | None = None,
        by_hand: ByHand | None = None,
        spacing: tuple[float, ...] | None = None,
    ) -> None:
        self.settings = settings or LinkSettings()
        self.by_hand, self.spacing = by_hand or ByHand(), spacing
        self.tracks: dict[int, Track] = {}
        self._taken = {BACKGROUND_ID, *(i for ids in self.by_hand.ids.values() for i in ids)}
        self._next = 1
        self.origins: dict[int, int] = {}
        self._before: Objects | None = None
        self._sizes: dict[int, deque[int]] = {}  # areas of each track in its last frames
        self._lost: list[_Lost] = []
        self._step = 0
        self._points: list[NDArray[np.float64]] = []
        self._linked = HandLinker(self.by_hand.links)
        self._aliases: dict[int, int] = {}  # tracks that ids of a user's stand for

    def __call__(self, labels: NDArray[Any], position: int) -> NDArray[Any]:
        """Return the labels of the frame at ``position`` with linked ids, int32."""
        now = measure_objects(labels)
        self.link(now, position)
        return np.concatenate([[0], now.track]).astype(np.int32)[now.dense]

    def link(self, now: Objects, position: int) -> None:
        """Fill in the tracks of the objects of the frame at ``position``."""
        given = self._given(now, position)
        previous, mothers = self._origins(now, position, given)
        if given is not None:
            given.settle(previous, mothers)
        fixed = self._fixed(now, position, mothers, given)
        claimed = {track for track in fixed.values() if track}
        for new, own in enumerate(now.ids.tolist()):
            before, mother = int(previous[new]), int(mothers[new])
            if track := fixed.get(new, 0):
                goes_on = given is not None and before in given.undivided
                origin = mother or (0 if goes_on else before)
                now.track[new] = self._keep(track, position, origin)
            elif before and not mother and before not in claimed:
                now.track[new] = before
                self.tracks[before].last = position
            else:
                now.track[new] = self.begin(position, mother)
            if new in fixed and not track:
                self._aliases[own] = int(now.track[new])
        self._linked.remember(now, position)
        self.origins = dict(
            zip(now.track.tolist(), np.where(mothers, mothers, previous).tolist(), strict=True)
        )
        self._remember(now)
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

    def _given(self, now: Objects, position: int) -> Given | None:
        """Return what was said by hand of the objects of a frame; None where nothing was."""
        if not self.by_hand.links:
            return None
        return self._linked.given(now, position, self._divided)

    def _divided(self) -> set[int]:
        """Return the tracks that ended in daughters."""
        born = [(self.tracks[one.parent], one) for one in self.tracks.values() if one.parent]
        return {mother.id for mother, one in born if mother.last < one.first}

    def _fixed(
        self, now: Objects, position: int, mothers: Ints, given: Given | None
    ) -> dict[int, int]:
        """Return the tracks of objects that a user numbered, by index; 0 for another one."""
        ids = self.by_hand.ids.get(position, frozenset())
        numbered = {int(i): int(now.ids[i]) for i in np.flatnonzero(np.isin(now.ids, list(ids)))}
        if given is None and not self._aliases:
            return numbered
        given = given or Given({}, {}, frozenset(), frozenset())
        return given.tracks_of(numbered, self._aliases, self.tracks, mothers)

    def _origins(self, now: Objects, position: int, given: Given | None) -> tuple[Ints, Ints]:
        """Return for each object the track it continues and the track it descends from; 0: none."""
        before, seen = self._before, Seen.of(now, now.areas.astype(np.float64), self.spacing)
        previous, mothers = (np.zeros(len(now.ids), np.int64) for _ in range(2))
        if before is not None and len(before.ids) and len(now.ids):
            was = Seen.of(before, self._usual(before), self.spacing)
            barred = given.barred(before.track, len(now.ids)) if given is not None else None
            found = link_frames(was, seen, self.settings, barred)
            track = np.append(before.track, 0)  # index -1 gives 0
            previous, mothers = track[found[0]], track[found[1]]
        self._find_again(seen, previous, mothers, given)
        return previous, mothers

    def _find_again(self, now: Seen, previous: Ints, mothers: Ints, given: Given | None) -> None:
        """Let objects that come from nothing go on with cells that were lost near them."""
        free = np.flatnonzero((previous == 0) & (mothers == 0))
        known = [lost for lost in self._lost if self._step - lost.step <= self.settings.gap + 1]
        if given is not None:
            free = np.setdiff1d(free, given.objects)
            known = [lost for lost in known if lost.track not in given.settled]
        if not len(free) or not known:
            return
        places = np.array([lost.place for lost in known])
        reach = self.settings.reach * np.array([lost.diameter for lost in known])
        apart = given.apart if given is not None else ()
        tracks = [lost.track for lost in known]
        but = [
            (tracks.index(track), free.tolist().index(index))
            for index, track in apart
            if track in tracks and index in free
        ]
        for o, n in nearest(places, now.places[free], reach, but):
            previous[free[n]] = known[o].track

    def _usual(self, objects: Objects) -> Floats:
        """Return the area that each object has had lately, over the frames of its track."""
        return np.array([median(self._sizes[t]) for t in objects.track.tolist()], np.float64)

    def _remember(self, now: Objects) -> None:
        """Keep what the next frames are linked to, and the cells that have no successor here."""
        for track, area in zip(now.track.tolist(), now.areas.tolist(), strict=True):
            self._sizes.setdefault(track, deque(maxlen=_REMEMBERED)).append(area)
        going_on = {*now.track.tolist(), *self.origins.values()}
        lost = [one for one in self._lost if self._step - one.step <= self.settings.gap]
        if (before := self._before) is not None:
            lost += self._inside(before)
        self._lost = [one for one in lost if one.track not in going_on]
        known = {*now.track.tolist(), *(one.track for one in self._lost)}
        self._sizes = {track: sizes for track, sizes in self._sizes.items() if track in known}
        self._before, self._step = now, self._step + 1

    def _inside(self, objects: Objects) -> list[_Lost]:
        """Return the cells of the frame before that are not so near to its edge as to leave it."""
        seen = Seen.of(objects, self._usual(objects), self.spacing)
        places, margin = objects.centroids[:, -2:], seen.diameters[:, None]
        far = np.array(objects.dense.shape[-2:]) - margin
        inside = np.all((places >= margin) & (places <= far), axis=1)
        rows = zip(objects.track.tolist(), seen.places, seen.diameters.tolist(), strict=True)
        return [
            _Lost(track, self._step - 1, place, size)
            for (track, place, size), kept in zip(rows, inside.tolist(), strict=True)
            if kept
        ]

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
