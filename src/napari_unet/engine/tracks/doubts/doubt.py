"""A doubt: a place in a movie where the labels may be wrong, why, and what would mend it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

Reason = Literal[
    "one cell here, two before and after",
    "two cells here, one before and after",
    "two cells become one",
    "gone for a frame",
    "appears from nowhere",
    "vanishes",
    "outline unsure",
    "two nuclei in one outline",
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
Verb = Literal["split", "merge", "take", "delete", "outline", "theirs"]
_WORDS: dict[Verb, str] = {
    "split": "split it",
    "merge": "merge them",
    "take": "take it in",
    "delete": "delete it",
    "outline": "outline it anew",
    "theirs": "take it as the other user has it",
}
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
    is looked for where they are, moved by ``way`` (y, x) px.
    """

    verb: Verb
    source: int = -1
    cells: tuple[int, ...] = ()
    way: tuple[float, float] = (0.0, 0.0)

    def __str__(self) -> str:
        said = _WORDS[self.verb]
        return f"{said}, as on frame {self.source}" if self.source >= 0 else said


@dataclass(frozen=True)
class Doubt:
    """A place of a frame, the ids of the cells there, why, what to do; ``score`` from 0 to 1.

    The score is about how likely something is wrong there. Doubts about a whole frame have no
    cells and lie in its middle.
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

    @property
    def whole_frame(self) -> bool:
        """Whether it is about all of the frame."""
        return not self.size

    @property
    def words(self) -> str:
        """Say what is doubtful, in a few words."""
        return f"{self.reason}: {self.detail}" if self.detail else self.reason

    def to_values(self) -> dict[str, Any]:
        """Return plain values, as ``napari-unet doubts --json`` prints them."""
        return {
            "frame": self.frame,
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
    """Return doubts by how likely something is wrong there; equal ones in the movie's order."""
    return sorted(doubts, key=lambda one: (-one.score, one.frame, one.y, one.x, one.reason))


def distinct(doubts: Iterable[Doubt]) -> list[Doubt]:
    """Return doubts worst first, each cell of a frame, and each place, only for the worst reason.

    What two reasons say of the same cell is one error to a user.
    """
    taken: set[tuple[int, int]] = set()
    places: dict[int, list[tuple[float, float, float]]] = {}
    found = []
    for one in worst_first(doubts):
        known = {(one.frame, cell) for cell in one.cells}
        near = any(
            (one.y - y) ** 2 + (one.x - x) ** 2 < (size / 2) ** 2
            for y, x, size in places.get(one.frame, ())
        )
        if not one.whole_frame and (known & taken or (near and not one.cells)):
            continue
        taken |= known
        if not one.whole_frame:
            places.setdefault(one.frame, []).append((one.y, one.x, one.size))
        found.append(one)
    return found
