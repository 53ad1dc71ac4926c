"""Links through time that a user made by hand: one cell, a mother and her daughter, or neither.

Each is said of two places, as states are: whatever cells lie there are meant, so a link stays when
the threshold moves, when another model draws the cells, and when they get other numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Place = tuple[int, ...]
    Spot = tuple[int, Place]  # a frame, and a place of it

SAME, MOTHER, APART = "same", "mother", "apart"
"""The earlier cell goes on as the later one, is its mother, or has nothing to do with it."""


@dataclass(frozen=True)
class HandLink:
    """What was said of the cell at a ``place`` of a frame and one of an earlier frame."""

    frame: int
    place: Place
    source: int
    source_place: Place
    kind: str

    @property
    def later(self) -> Spot:
        """Where the later cell is."""
        return self.frame, self.place

    @property
    def earlier(self) -> Spot:
        """Where the earlier cell is."""
        return self.source, self.source_place


@dataclass(frozen=True)
class LinkChange:
    """What is said of two cells before and after; empty for nothing."""

    frame: int
    place: Place
    source: int
    source_place: Place
    before: str
    after: str

    @property
    def frames(self) -> tuple[int, ...]:
        """The frames of both cells, the earlier one first."""
        return self.source, self.frame

    @classmethod
    def of(cls, link: HandLink, after: str) -> LinkChange:
        """Return the change of what a link says."""
        return cls(link.frame, link.place, link.source, link.source_place, link.kind, after)

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise ValueError where it is of no two places of a movie of ``shape`` (T, Y, X)."""
        for where in ((self.frame, *self.place), (self.source, *self.source_place)):
            if len(where) != len(shape) or not all(
                0 <= at < n for at, n in zip(where, shape, strict=True)
            ):
                raise ValueError(f"link of {where} in a movie of {shape}")
        if self.source >= self.frame:
            raise ValueError(f"link of frame {self.source} to frame {self.frame}")

    def to_record(self) -> list[Any]:
        """Return plain values for a line of the journal."""
        later, earlier = [self.frame, list(self.place)], [self.source, list(self.source_place)]
        return [*later, *earlier, self.before, self.after]

    @classmethod
    def from_record(cls, record: Sequence[Any]) -> LinkChange:
        """Read plain values back; ValueError or TypeError where they are no change of a link.

        A kind of a later version is kept.
        """
        frame, place, source, source_place, before, after = record
        if not (isinstance(before, str) and isinstance(after, str)):
            raise ValueError(f"link {before!r}, {after!r}")
        places = (tuple(int(at) for at in where) for where in (place, source_place))
        return cls(int(frame), next(places), int(source), next(places), before, after)


class HandLinks:
    """The links of a movie that were made by hand, in the order they were. Not thread-safe."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[Spot, Spot], str] = {}

    def __bool__(self) -> bool:
        return bool(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)

    def __iter__(self) -> Iterator[HandLink]:
        for (later, earlier), kind in tuple(self._kinds.items()):
            yield HandLink(*later, *earlier, kind)

    def copy(self) -> HandLinks:
        """Return an independent copy."""
        other = HandLinks()
        other._kinds = dict(self._kinds)
        return other

    def apply(self, change: LinkChange, *, after: bool) -> None:
        """Follow a change, or take it back."""
        key = (change.frame, change.place), (change.source, change.source_place)
        kind = change.after if after else change.before
        if kind:
            self._kinds[key] = kind
        else:
            self._kinds.pop(key, None)
