"""What a user said of ids through time: numbers that are theirs, and links made by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_unet.engine.annotations.hand_links import APART, MOTHER, SAME
from napari_unet.engine.tracks.given_links import Given

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from napari_unet.engine.annotations.corrections import Corrections
    from napari_unet.engine.annotations.hand_links import HandLink, Spot
    from napari_unet.engine.tracks.track_objects import Objects


@dataclass(frozen=True)
class ByHand:
    """What a `Linker` keeps to: ids by frame that are never renumbered, and links made by hand."""

    ids: Mapping[int, frozenset[int]] = field(default_factory=dict)
    links: tuple[HandLink, ...] = ()

    @classmethod
    def of(cls, corrections: Corrections | None) -> ByHand:
        """Return what a user vouches for in a movie; it reads all frames that were touched."""
        if corrections is None:
            return cls()
        ids = {t: frozenset(corrections.ids(t).tolist()) for t in corrections.frames()}
        return cls(ids, tuple(corrections.links))

    def places(self, frame: int) -> tuple[tuple[int, ...], ...]:
        """Return the places of a frame of whose cells links were made by hand."""
        spots = {spot for link in self.links for spot in (link.later, link.earlier)}
        return tuple(sorted(place for t, place in spots if t == frame))


class HandLinker:
    """Links made by hand as one run of linking meets them: places become objects and tracks."""

    def __init__(self, links: Collection[HandLink]) -> None:
        self._into: dict[int, list[HandLink]] = {}
        self._from: dict[int, list[HandLink]] = {}
        for link in links:
            self._into.setdefault(link.frame, []).append(link)
            self._from.setdefault(link.source, []).append(link)
        self._tracks: dict[Spot, int] = {}
        self._divided: set[int] = set()  # tracks, as was said of earlier frames
        self._going_on: dict[Spot, tuple[int, int]] = {}  # of the later cell: its frame, its track

    def given(
        self, now: Objects, position: int, divided: Callable[[], Collection[int]]
    ) -> Given | None:
        """Return what was said of the objects of a frame; None where nothing was.

        Tracks that ``divided`` do not go on: of a frame of which links speak it is asked which.
        Of what cannot both be, the first counts.
        """
        links = self._into.get(position, ())
        ended_by_now = divided() if links else ()
        same: dict[int, int] = {}
        mothers: dict[int, int] = {}
        apart = set()
        for link in links:
            index, track = now.index_at(link.place), self._tracks.get(link.earlier, 0)
            if index < 0 or not track:
                continue
            free = index not in same and index not in mothers and track not in same.values()
            if link.kind == SAME and free and track not in {*mothers.values(), *ended_by_now}:
                same[index] = track
            elif link.kind == MOTHER and free:
                mothers[index] = track
            elif link.kind == APART:
                apart.add((index, track))
        forced = {*same.items(), *mothers.items()}
        going_on = (track for until, track in self._going_on.values() if until > position)
        ended = frozenset(self._divided)
        self._divided.update(mothers.values())
        found = Given(same, mothers, frozenset(apart - forced), frozenset(going_on), ended)
        return found or None

    def remember(self, now: Objects, position: int) -> None:
        """Keep the tracks of cells of this frame that links of later frames speak of."""
        for link in self._from.get(position, ()):
            index = now.index_at(link.source_place)
            if index >= 0:
                track = int(now.track[index])
                self._tracks[link.earlier] = track
                if link.kind == SAME:
                    self._going_on[link.later] = link.frame, track
