"""Steps: what a user did at once, to be taken back at once, with the verb it was done by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_unet.engine.annotations.edit_masks import Change
from napari_unet.engine.annotations.hand_links import LinkChange
from napari_unet.engine.annotations.states import StateChange

if TYPE_CHECKING:
    from collections.abc import Mapping

Said = tuple[StateChange | LinkChange, ...]  # what a step says of cells, beside their pixels

# What is said of a step; those without a verb are of the brush, or of a version before verbs.
_SAID = {
    "": "painted",
    "delete": "deleted {}",
    "merge": "merged {}",
    "split": "split {}",
    "draw": "drew {}",
    "redraw": "redrew {}",
    "fill": "filled in {}",
    "grow": "grew {}",
    "shrink": "shrank {}",
    "smooth": "smoothed {}",
    "lower": "lowered the threshold of {}",
    "higher": "raised the threshold of {}",
    "holes": "filled the holes of {}",
    "copy": "copied {}",
    "interpolate": "interpolated {}",
    "between": "filled {} between its sections",
    "reopen": "gave {} back to the model",
    "session": "took in another session",
    "theirs": "took {} as the other user has it",
    "fine": "left {} as it is",
    "fine ground": "left the ground as it is",
    "state": "called {}",
    "no state": "took back what {} was called",
    "link": "linked {} to {}",
    "unlink": "unlinked {} and {}",
    "mother": "made {} the mother of {}",
    "no link": "left the links of {} to the program",
    "lock": "locked {}",
    "unlock": "unlocked {}",
    "confirm": "confirmed {}",
    "complete": "marked as done",
    "open": "marked as not done",
}
_OF_TWO = ("link", "unlink", "mother")  # said of an earlier cell and a later one
_MOST_CELLS = 3  # that are named


@dataclass(frozen=True)
class Step:
    """Changes of one or several frames that are one for the user; ``cells`` are their ids.

    ``states`` are those that cells got or lost, ``links`` those made by hand, of an earlier and a
    later cell; ``author`` is who did it, empty where nobody says.
    """

    changes: tuple[Change, ...] = ()
    verb: str = ""
    cells: tuple[int, ...] = ()
    states: tuple[StateChange, ...] = ()
    author: str = ""
    links: tuple[LinkChange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes or self.states or self.links)

    @property
    def said(self) -> Said:
        """What it says of cells."""
        return (*self.states, *self.links)

    @property
    def frames(self) -> tuple[int, ...]:
        """Frames that it is on, in order."""
        said = {frame for one in self.said for frame in one.frames}
        return tuple(sorted({change.frame for change in self.changes} | said))

    @property
    def words(self) -> str:
        """Return what was done, as a user would say it: ``merged 10 + 11 on frame 18``."""
        named = [str(cell) for cell in self.cells[:_MOST_CELLS]]
        named += ["…"] if len(self.cells) > _MOST_CELLS else []
        of_two = self.verb in _OF_TWO and len(named) == 2
        named = named if of_two else [" + ".join(named)]
        said = _SAID.get(self.verb, "changed")
        said = said.format(*named, *[""] * (said.count("{}") - len(named))).rstrip()
        if state := next((change.after for change in self.states if change.after), ""):
            said += f" {state}"
        frames = self.frames
        if not frames:
            return said
        if len(frames) == 1:
            return f"{said} on frame {frames[0]}"
        row = frames[-1] - frames[0] + 1 == len(frames)
        where = f"{frames[0]} to {frames[-1]}" if row else ", ".join(map(str, frames[:5]))
        return f"{said} on frames {where}{'…' if not row and len(frames) > 5 else ''}"

    def to_record(self) -> dict[str, Any]:
        """Return plain values for a line of the journal; of the brush those of version 0.1.0."""
        record: dict[str, Any] = {"do": [change.to_record() for change in self.changes]}
        if self.verb:
            record |= {"verb": self.verb, "cells": list(self.cells)}
        if self.states:
            record["states"] = [change.to_record() for change in self.states]
        if self.links:
            record["links"] = [change.to_record() for change in self.links]
        if self.author:
            record["by"] = self.author
        return record

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Step:
        """Read plain values back; ValueError, TypeError or KeyError where they are no step.

        A verb of a later version is kept: what it changed is in the changes.
        """
        changes = tuple(Change.from_record(change) for change in record["do"])
        verb, author = record.get("verb", ""), record.get("by", "")
        if not (isinstance(verb, str) and isinstance(author, str)):
            raise ValueError(f"verb {verb!r} by {author!r}")
        cells = tuple(int(cell) for cell in record.get("cells", ()))
        states = tuple(StateChange.from_record(one) for one in record.get("states", ()))
        links = tuple(LinkChange.from_record(one) for one in record.get("links", ()))
        return cls(changes, verb, cells, states, author, links)
