"""Cells linked by hand: this is that one, it is not, or that one is its mother.

Each is one step of undo, and stands whenever tracks are made: cells that nothing was said of are
linked around it. No outline changes, and nothing of it is learned from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.annotations.hand_links import APART, MOTHER, SAME, HandLink, LinkChange
from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.labels.verbs.places import innermost
from napari_unet.engine.session.plans import check_frame
from napari_unet.engine.tracks.by_hand import ByHand
from napari_unet.engine.tracks.track_objects import measure_objects
from napari_unet.engine.tracks.tracking import Linker

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.engine.annotations.hand_links import Place
    from napari_unet.engine.session.live_labels import LiveLabels

    Cell = tuple[int, int]  # a frame, and an id on it


@dataclass(frozen=True)
class _Seen:
    """A cell as it is on its frame: its mask (Y, X), and its innermost pixel."""

    frame: int
    mask: NDArray[np.bool_]
    place: Place

    def holds(self, frame: int, place: Place) -> bool:
        return frame == self.frame and bool(self.mask[place])


@dataclass(frozen=True)
class Origin:
    """What a cell comes from: a cell of an earlier frame, as its mother where it divided."""

    frame: int
    cell: int
    divided: bool


_WORDS = {
    SAME: "is cell {} of frame {}",
    MOTHER: "is a daughter of cell {} of frame {}",
    APART: "is not cell {} of frame {}",
}


@dataclass(frozen=True)
class NamedLink:
    """A link that was made by hand: what was said of a cell and one of an earlier frame.

    An id is 0 where no cell is there now: then nothing follows from the link.
    """

    frame: int
    cell: int
    source: int
    source_cell: int
    kind: str

    @property
    def words(self) -> str:
        """Say it in a line."""
        said = _WORDS.get(self.kind, "has to do with cell {} of frame {}")
        line = f"frame {self.frame}, cell {self.cell}: {said.format(self.source_cell, self.source)}"
        gone = self.frame if not self.cell else self.source
        there = self.cell and self.source_cell
        return line if there else f"{line} (no cell is there now on frame {gone})"

    def to_values(self) -> dict[str, Any]:
        """Return plain values, as ``napari-unet links --json`` prints them."""
        return {
            "frame": self.frame,
            "label": self.cell or None,
            "source": self.source,
            "source_label": self.source_cell or None,
            "kind": self.kind,
        }


class CellLinks:
    """The links of one movie's cells, each named by frame and id: ``link((18, 7), (19, 9))``.

    Each returns the ids of the two, the earlier one first.

    Raises
    ------
    BadInput
        Where it cannot be said: nothing is changed then.

    """

    def __init__(self, live: LiveLabels) -> None:
        self._live = live

    def link(self, one: Cell, other: Cell) -> tuple[int, int]:
        """Say that a cell is the same as one of another frame; it does not divide in between."""
        (was, now), ids = self._pair(one, other)
        changes = [
            LinkChange.of(link, "")
            for link in self._live.corrections.links
            if (now.holds(*link.later) and (link.kind != APART or was.holds(*link.earlier)))
            or (was.holds(*link.earlier) and link.kind in (SAME, MOTHER))
        ]
        return self._say("link", ids, changes, _of(was, now, SAME))

    def set_mother(self, mother: Cell, daughter: Cell) -> tuple[int, int]:
        """Say that a cell divided, and a cell of a later frame came of it.

        What the mother went on as becomes a daughter, too.
        """
        if mother[0] >= daughter[0]:
            raise BadInput(
                f"frame {mother[0]} is not before frame {daughter[0]}",
                "a mother on a frame before her daughter's",
                "choose the mother first, then point at her daughter on a later frame",
            )
        (was, now), ids = self._pair(mother, daughter)
        changes = []
        for link in self._live.corrections.links:
            if now.holds(*link.later) and (link.kind != APART or was.holds(*link.earlier)):
                changes.append(LinkChange.of(link, ""))
            elif was.holds(*link.earlier) and link.kind == SAME:
                changes.append(LinkChange.of(link, MOTHER))
        return self._say("mother", ids, changes, _of(was, now, MOTHER))

    def unlink(self, one: Cell, other: Cell) -> tuple[int, int]:
        """Say that a cell has nothing to do with one of another frame."""
        (was, now), ids = self._pair(one, other)
        changes = [
            LinkChange.of(link, "")
            for link in self._live.corrections.links
            if now.holds(*link.later) and was.holds(*link.earlier)
        ]
        return self._say("unlink", ids, changes, _of(was, now, APART))

    def unlink_before(self, frame: int, cell: int) -> tuple[int, int]:
        """Say that a cell has nothing to do with what it comes from."""
        origin = self.origin(frame, cell)
        if origin is None:
            raise BadInput(
                f"cell {cell} comes from no cell of frame {frame - 1}" if frame else
                "it is on the first frame",
                "a cell that is linked to the frame before",
                "choose a cell of another frame first, and point at the one it is not",
            )  # fmt: skip
        return self.unlink((origin.frame, origin.cell), (frame, cell))

    def leave(self, frame: int, cell: int) -> tuple[int, ...]:
        """Take back all that was said by hand of a cell's links; the program links it by itself."""
        seen = self._seen(frame, cell)
        changes = tuple(
            LinkChange.of(link, "")
            for link in self._live.corrections.links
            if seen.holds(*link.later) or seen.holds(*link.earlier)
        )
        if not changes:
            raise BadInput(
                f"no link of cell {cell} was made by hand", "a cell that you linked", "choose one"
            )
        self._live.carry_out([], "no link", (cell,), changes)
        return (cell,)

    def origin(self, frame: int, cell: int) -> Origin | None:
        """Return what a cell comes from, as it is linked now: from the frame before, or by hand."""
        seen = self._seen(frame, cell)
        said = tuple(self._live.corrections.links)
        for link in said:
            if seen.holds(*link.later) and link.kind in (SAME, MOTHER):
                there = self._label(*link.earlier)
                if there:
                    return Origin(link.source, there, link.kind == MOTHER)
        if not frame:
            return None
        linker = Linker(by_hand=ByHand(links=said), spacing=self._live.spacing)
        before, now = (measure_objects(np.asarray(self._live[t])) for t in (frame - 1, frame))
        linker.link(before, frame - 1)
        linker.link(now, frame)
        track = int(now.track[now.ids == cell][0])
        source = linker.origins[track]
        ids = before.ids[before.track == source]
        return Origin(frame - 1, int(ids[0]), source != track) if len(ids) else None

    def listed(self) -> list[NamedLink]:
        """Return the links that were made by hand, by frame, with the cells that are there now."""
        links = sorted(self._live.corrections.links, key=lambda link: (link.later, link.earlier))
        return [
            NamedLink(
                link.frame,
                self._label(*link.later),
                link.source,
                self._label(*link.earlier),
                link.kind,
            )
            for link in links
        ]

    # ---- inside -----------------------------------------------------------------------------

    def _pair(self, one: Cell, other: Cell) -> tuple[tuple[_Seen, _Seen], tuple[int, int]]:
        if one[0] == other[0]:
            raise BadInput(
                f"both cells are on frame {one[0]}",
                "a cell, and one of another frame",
                "choose a cell, go to another frame, and point at the one there",
            )
        earlier, later = sorted((one, other))
        return (self._seen(*earlier), self._seen(*later)), (earlier[1], later[1])

    def _seen(self, frame: int, cell: int) -> _Seen:
        check_frame(frame, len(self._live), self._live.classes)
        with self._live.frame_state(frame) as state:
            box = state.box_of(cell)
            mask = state.labels == cell
        return _Seen(frame, mask, innermost(mask[box], tuple(side.start for side in box)))

    def _label(self, frame: int, place: Place) -> int:
        label = int(self._live[(frame, *place)])
        return 0 if label == BACKGROUND_ID else label

    def _say(
        self, verb: str, cells: tuple[int, int], changes: list[LinkChange], new: HandLink
    ) -> tuple[int, int]:
        """Say a link, and no longer what it takes the place of; nothing where it is so already."""
        key = (new.later, new.earlier)
        kept = [c for c in changes if ((c.frame, c.place), (c.source, c.source_place)) != key]
        before = {(link.later, link.earlier): link.kind for link in self._live.corrections.links}
        if before.get(key, "") != new.kind:
            nothing = HandLink(*new.later, *new.earlier, before.get(key, ""))
            kept.append(LinkChange.of(nothing, new.kind))
        if kept:
            self._live.carry_out([], verb, cells, tuple(kept))
        return cells


def _of(was: _Seen, now: _Seen, kind: str) -> HandLink:
    return HandLink(now.frame, now.place, was.frame, was.place, kind)
