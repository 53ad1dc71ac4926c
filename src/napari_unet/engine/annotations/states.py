"""States of cells: what a user says of a cell beside its outline, such as that it is dead.

A state is said of a place of a frame, and whatever cell lies there has it: so it stays when the
threshold moves, when another model draws the cell, and when a cell gets another number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.ids import BACKGROUND_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    Place = tuple[int, ...]

MITOTIC, DEAD, DEBRIS = "mitotic", "dead", "debris"
STATES = (MITOTIC, DEAD, DEBRIS)
"""Those that have a key of their own; a user's own words are states, too."""
_LONGEST = 40  # letters of a state
# Okabe and Ito's, told apart by any eyes: on a light page, a dark dock and the canvas
_COLOURS = {MITOTIC: "#56b4e9", DEAD: "#d55e00", DEBRIS: "#999999"}
_OF_OWN_WORDS = ("#009e73", "#cc79a7", "#e69f00", "#0072b2")


def state_colours(states: Iterable[str]) -> dict[str, str]:
    """Return the colour of each state of a movie, the same wherever it is drawn.

    A user's own words have theirs in the order of their letters.
    """
    own = sorted({*states} - {*_COLOURS, ""})
    return _COLOURS | {word: _OF_OWN_WORDS[i % len(_OF_OWN_WORDS)] for i, word in enumerate(own)}


def checked_state(text: str) -> str:
    """Return a state as it is kept; `BadInput` where it is no word, or many."""
    state = " ".join(text.split())
    if not state or len(state) > _LONGEST or not state.isprintable():
        raise BadInput(
            f"{state[:_LONGEST]!r} is no state of a cell", f"1 to {_LONGEST} letters", "say a word"
        )
    return state


@dataclass(frozen=True)
class StateChange:
    """The state of the cell at a place of a frame before and after; empty for none."""

    frame: int
    place: Place
    before: str
    after: str

    @property
    def frames(self) -> tuple[int, ...]:
        """The frame it is on."""
        return (self.frame,)

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise ValueError where it is of no place of a movie of ``shape`` (T, Y, X)."""
        where = (self.frame, *self.place)
        if len(where) != len(shape) or not all(
            0 <= at < n for at, n in zip(where, shape, strict=True)
        ):
            raise ValueError(f"state of {where} in a movie of {shape}")

    def to_record(self) -> list[Any]:
        """Return plain values for a line of the journal."""
        return [self.frame, list(self.place), self.before, self.after]

    @classmethod
    def from_record(cls, record: Sequence[Any]) -> StateChange:
        """Read plain values back; ValueError or TypeError where they are no change of a state."""
        frame, place, before, after = record
        if not (isinstance(before, str) and isinstance(after, str)):
            raise ValueError(f"state {before!r}, {after!r}")
        return cls(int(frame), tuple(int(at) for at in place), before, after)


class States:
    """The states of a movie's cells, by frame and place. Not thread-safe by itself."""

    def __init__(self) -> None:
        self._of: dict[int, dict[Place, str]] = {}

    def __bool__(self) -> bool:
        return bool(self._of)

    def copy(self) -> States:
        """Return an independent copy."""
        other = States()
        other._of = {frame: dict(places) for frame, places in self._of.items()}
        return other

    def frames(self) -> tuple[int, ...]:
        """Frames on which something is said, in order."""
        return tuple(sorted(self._of))

    def words(self) -> tuple[str, ...]:
        """States that some cell has, in the order of their letters."""
        return tuple(sorted({state for places in self._of.values() for state in places.values()}))

    def at(self, frame: int) -> Mapping[Place, str]:
        """Return the states said on a frame, by place (y, x)."""
        return dict(sorted(self._of.get(frame, {}).items()))

    def of(self, frame: int, labels: NDArray[Any]) -> dict[int, str]:
        """Return the states of the cells of a frame's labels (Y, X), by id.

        Debris is no cell. Of two places in one cell, as after a merge, the first counts.
        """
        found: dict[int, str] = {}
        for place, state in self.at(frame).items():
            label = int(labels[place])
            if state != DEBRIS and label not in (0, BACKGROUND_ID):
                found.setdefault(label, state)
        return found

    def debris(self, frame: int, labels: NDArray[Any]) -> tuple[Place, ...]:
        """Return the places of a frame that are debris still: nobody drew a cell there since."""
        said = self.at(frame).items()
        return tuple(p for p, s in said if s == DEBRIS and int(labels[p]) == BACKGROUND_ID)

    def within(self, frame: int, mask: NDArray[np.bool_]) -> dict[Place, str]:
        """Return what is said of places in a mask (Y, X) of a frame."""
        return {place: state for place, state in self.at(frame).items() if mask[place]}

    def apply(self, change: StateChange, *, after: bool) -> None:
        """Follow a change, or take it back."""
        state = change.after if after else change.before
        places = self._of.setdefault(change.frame, {})
        if state:
            places[change.place] = state
        else:
            places.pop(change.place, None)
        if not places:
            del self._of[change.frame]
