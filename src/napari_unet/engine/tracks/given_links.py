"""Links that are given for a frame: they stand, and what is linked by itself goes round them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]
    Pairs = Collection[tuple[int, int]]


@dataclass(frozen=True)
class Barred:
    """What may not be linked by itself: objects before and now, pairs, and divisions.

    ``old`` (n before) and ``new`` (n now) are linked already, ``undivided`` (n before) are no
    mothers, ``apart`` are pairs of an index before and one now.
    """

    old: Bools
    new: Bools
    undivided: Bools
    apart: Pairs

    def allows(self, old: Ints, new: Ints) -> Bools:
        """Tell which pairs of indices may be linked."""
        free: Bools = ~self.old[old] & ~self.new[new]
        for before, now in self.apart:
            free &= (old != before) | (new != now)
        return free

    def within(self, old: Ints, new: Ints) -> Pairs:
        """Return the pairs that are apart, as places in sorted arrays of indices."""
        return [
            (int(np.searchsorted(old, before)), int(np.searchsorted(new, now)))
            for before, now in self.apart
            if before in old and now in new
        ]


@dataclass(frozen=True)
class Given:
    """What is said of a frame's objects, by their index, and of earlier tracks.

    Attributes
    ----------
    same
        The track that an object continues.
    mothers
        The track that divided into it.
    apart
        Objects, each with a track that it does not come from.
    undivided
        Tracks that go on in a later frame.
    ended
        Tracks that divided before, as was said.

    """

    same: Mapping[int, int]
    mothers: Mapping[int, int]
    apart: frozenset[tuple[int, int]]
    undivided: frozenset[int]
    ended: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.same or self.mothers or self.apart or self.undivided or self.ended)

    @property
    def objects(self) -> list[int]:
        """Objects that come from what is said."""
        return sorted({*self.same, *self.mothers})

    @property
    def settled(self) -> frozenset[int]:
        """Tracks that all is said of: which object they go on as, or both their daughters."""
        mothers = list(self.mothers.values())
        return frozenset({*self.same.values(), *(m for m in mothers if mothers.count(m) > 1)})

    def barred(self, before: Ints, n: int) -> Barred:
        """Return what may not be linked by itself, of objects of tracks ``before`` to ``n`` now."""
        new = np.zeros(n, bool)
        new[self.objects] = True
        index = {track: i for i, track in enumerate(before.tolist())}
        undivided = {*self.same.values(), *self.mothers.values(), *self.undivided}
        return Barred(
            np.isin(before, sorted(self.settled)),
            new,
            np.isin(before, sorted(undivided)),
            [(index[track], now) for now, track in sorted(self.apart) if track in index],
        )

    def settle(self, previous: Ints, mothers: Ints) -> None:
        """Make what was found for each object, a track that it continues or its mother, agree.

        Where one daughter is taken from a mother, the other one continues her.
        """
        bereft = set()
        mothers[np.isin(mothers, sorted(self.undivided))] = 0
        previous[np.isin(previous, sorted(self.ended))] = 0
        for index, track in self.apart:
            if previous[index] == track:
                previous[index] = 0
            if mothers[index] == track:
                mothers[index] = 0
                bereft.add(track)
        for index, track in self.same.items():
            bereft.add(int(mothers[index]))
            previous[previous == track], mothers[mothers == track] = 0, 0
            previous[index], mothers[index] = track, 0
        for index, track in self.mothers.items():
            bereft.add(int(mothers[index]))
            previous[index], mothers[index] = 0, track
        for track in set(self.mothers.values()):
            goes_on = previous == track
            mothers[goes_on], previous[goes_on] = track, 0
        for track in bereft - {0, *self.same.values(), *self.mothers.values()}:
            left = np.flatnonzero(mothers == track)
            if len(left) == 1:
                previous[left], mothers[left] = track, 0

    def tracks_of(
        self,
        numbered: Mapping[int, int],
        aliases: dict[int, int],
        known: Collection[int],
        mothers: Ints,
    ) -> dict[int, int]:
        """Return the tracks of objects that a user ``numbered`` (index to id); 0 for another one.

        The id is the track's, unless what is said is otherwise: then ``aliases`` (id to track)
        keep the one that the id stands for from then on. ``mothers`` of those that a cell with
        their number divided into are filled in.
        """
        found: dict[int, int] = {}
        for index, own in sorted(numbered.items(), key=lambda pair: pair[1] not in aliases):
            track = aliases.get(own, own)
            if index in self.same:
                track = self.same[index]
            elif index in self.mothers:
                track = 0 if track in known else track
            elif track in self.mothers.values():
                mothers[index], track = track, 0
            elif track in {*self.same.values(), *self.ended} or (index, track) in self.apart:
                track = 0
            found[index] = 0 if track in found.values() else track
            if track and track != own:
                aliases[own] = track
        return found
