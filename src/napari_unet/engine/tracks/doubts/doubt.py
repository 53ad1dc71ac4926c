"""A doubt: a place in a movie where the labels may be wrong, why, and what would mend it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import hypot
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

Reason = Literal[
    "one cell here, two before and after",
    "two cells here, one before and after",
    "two cells become one",
    "one cell becomes two",
    "gone for a frame",
    "appears from nowhere",
    "vanishes",
    "outline unsure",
    "two nuclei in one outline",
    "one nucleus in two outlines",
    "nearly seen",
    "speck",
    "the model contradicts itself",
    "out of focus",
    "stage jumped",
    "brightness fell",
    "empty",
    "cell count jumped",
    "far from what the model learned",
    "users disagree",
]
DISAGREE: Reason = "users disagree"
Verb = Literal["split", "merge", "take", "delete", "outline", "mother", "theirs"]
_WORDS: dict[Verb, str] = {
    "split": "split it",
    "merge": "merge them",
    "take": "take it in",
    "delete": "delete it",
    "outline": "outline it anew",
    "mother": "link it to its mother",
    "theirs": "take it as the other user has it",
}
_OF_TWO: tuple[Reason, ...] = (
    "one cell here, two before and after",
    "two cells become one",
    "one cell becomes two",
    "two nuclei in one outline",
)
_LOOK, _FURTHER, _BY_HAND = 6.0, 0.2, 8.0  # s: a doubt and a key, each further frame, a line drawn
SAFE: dict[str, Reason] = {
    "merged": "one cell here, two before and after",
    "cut": "two cells here, one before and after",
    "gone": "gone for a frame",
    "speck": "speck",
}
"""Reasons whose repairs may be taken unseen: both neighbours in time agree, or it is no cell."""


@dataclass(frozen=True)
class Repair:
    """What would mend a doubt: a verb, and the cells of another frame that it goes by.

    ``cells`` are ids on frame ``source``; a split follows their outlines, a cell that is missing
    is looked for where they are, moved by ``way`` (y, x) px, of volumes (z, y, x) voxels. A mother
    is linked, by which no label changes.
    """

    verb: Verb
    source: int = -1
    cells: tuple[int, ...] = ()
    way: tuple[float, ...] = (0.0, 0.0)

    @property
    def of_links(self) -> bool:
        """Whether it says what a cell comes of, and leaves the labels as they are."""
        return self.verb == "mother"

    def __str__(self) -> str:
        said = _WORDS[self.verb]
        if self.of_links:
            return f"{said} on frame {self.source}"
        return f"{said}, as on frame {self.source}" if self.source >= 0 else said


@dataclass(frozen=True)
class Doubt:
    """A place of a frame, the ids of the cells there, why, what to do; ``score`` from 0 to 1.

    The score is about how likely something is wrong there. ``more`` are doubts of later frames
    that are the same error: what is done about one is done about all. Doubts about a whole frame
    have no cells and lie in its middle. One about a volume has a ``z``, too, of sections that are
    ``z_step`` apart, in the width of a pixel.
    """

    frame: int
    y: float
    x: float
    cells: tuple[int, ...]
    reason: Reason
    repair: Repair | None
    score: float
    size: float = 0.0  # px across of what is doubted; 0 of a whole frame
    detail: str = ""
    more: tuple[Doubt, ...] = ()
    evidence: tuple[tuple[str, float], ...] = ()  # what the score was made from, its kind first
    z: float | None = None
    z_step: float = 1.0

    @property
    def place(self) -> tuple[float, ...]:
        """Where it is in its frame (y, x) px, in its volume (z, y, x)."""
        return (self.y, self.x) if self.z is None else (self.z, self.y, self.x)

    def away(self, place: Sequence[float]) -> float:
        """Return how far a place is from it, px, of volumes in the width of a voxel."""
        deep = 0.0 if self.z is None else (self.z - place[-3]) * self.z_step
        return hypot(deep, self.y - place[-2], self.x - place[-1])

    def with_score(
        self, score: float, offered: bool, evidence: tuple[str, Mapping[str, float]]
    ) -> Doubt:
        """Return the doubt with a score, and without its repair where that is not ``offered``."""
        said = ((evidence[0], 1.0), *sorted(evidence[1].items()))
        return replace(self, score=score, repair=self.repair if offered else None, evidence=said)

    @property
    def parts(self) -> tuple[Doubt, ...]:
        """The doubt of each frame by itself, in the movie's order."""
        return (replace(self, more=()), *self.more) if self.more else (self,)

    @property
    def frames(self) -> tuple[int, ...]:
        """The frames that it is about."""
        return (self.frame, *(one.frame for one in self.more))

    @property
    def gain(self) -> float:
        """How many cells are put right by a second of looking and mending here, likely."""
        n = len(self.frames)
        by_hand = 0.0 if self.repair else self.score * n * _BY_HAND
        cells = 2 if self.reason in _OF_TWO else 1
        return self.score * n * cells / (_LOOK + _FURTHER * (n - 1) + by_hand)

    @property
    def whole_frame(self) -> bool:
        """Whether it is about all of the frame."""
        return not self.size

    @property
    def words(self) -> str:
        """Say what is doubtful, in a few words."""
        said = f"{self.reason}: {self.detail}" if self.detail else self.reason
        return f"{said}, {len(self.frames)} frames" if self.more else said

    def to_values(self) -> dict[str, Any]:
        """Return plain values, as ``napari-unet doubts --json`` prints them."""
        return {
            "frame": self.frame,
            "frames": list(self.frames),
            **({} if self.z is None else {"z": round(self.z, 1)}),
            "y": round(self.y, 1),
            "x": round(self.x, 1),
            "label": self.cells[0] if self.cells else None,
            "labels": list(self.cells),
            "reason": self.reason,
            "words": self.words,
            "repair": self.repair.verb if self.repair else None,
            "source": self.repair.source if self.repair and self.repair.source >= 0 else None,
            "score": round(self.score, 3),
        }


def worst_first(doubts: Iterable[Doubt]) -> list[Doubt]:
    """Return doubts by how much is likely wrong there; equal ones in the movie's order."""
    return sorted(doubts, key=lambda one: (-one.gain, one.frame, *one.place, one.reason))


def joined(doubts: Iterable[Doubt]) -> Iterator[Doubt]:
    """Yield doubts of several frames that are one error as one; nothing where there are none."""
    parts = sorted(doubts, key=lambda one: one.frame)
    if parts:
        yield replace(parts[0], more=tuple(parts[1:]))


def left_of(doubt: Doubt, kept: Callable[[Doubt], bool]) -> Doubt | None:
    """Return a doubt without the frames that are not ``kept``; None where none is."""
    parts = [one for one in doubt.parts if kept(one)]
    if len(parts) == len(doubt.frames):
        return doubt
    return next(joined(parts), None)


def distinct(doubts: Iterable[Doubt]) -> list[Doubt]:
    """Return doubts worst first, each cell of a frame, and each place, only for the worst reason.

    What two reasons say of the same cell is one error to a user.
    """
    taken = _Taken()
    found = []
    for one in worst_first(doubts):
        left = left_of(one, taken.is_free)
        if left is not None:
            taken.add(left)
            found.append(left)
    return worst_first(found)


class _Taken:
    """Cells and places that a worse doubt is about."""

    def __init__(self) -> None:
        self._cells: set[tuple[int, int]] = set()
        self._places: dict[int, list[Doubt]] = {}

    def is_free(self, one: Doubt) -> bool:
        if one.whole_frame:
            return True
        if one.cells:
            return all((one.frame, cell) not in self._cells for cell in one.cells)
        there = self._places.get(one.frame, ())
        return not any(one.away(other.place) < other.size / 2 for other in there)

    def add(self, doubt: Doubt) -> None:
        for one in doubt.parts:
            self._cells |= {(one.frame, cell) for cell in one.cells}
            if not one.whole_frame:
                self._places.setdefault(one.frame, []).append(one)
