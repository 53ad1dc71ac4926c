"""What two users made of a frame, put together: what both say, what one says, where they differ."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage as ndi
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_unet.engine.annotations.disputes import Dispute
from napari_unet.engine.annotations.edit_masks import DISPUTED, ERASED, EditMask
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.labels.objects import numbered, overlaps
from napari_unet.engine.labels.scores import frame_scores
from napari_unet.engine.labels.space.boxes import hull

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_unet.engine.labels.scores import FrameScores
    from napari_unet.engine.stack.lazy_array import Box

    Mask = NDArray[np.bool_]
    Ints = NDArray[np.int64]

SAME = 0.7  # IoU from which on two outlines are one cell
_TOUCH = 0.1  # of the smaller cell: less is a rim that two neighbours share
_SPOKEN = 0.5  # of a cell, that the other user says is ground


@dataclass(frozen=True)
class View:
    """A frame as one user has it: the edit mask, and whether every cell is outlined."""

    mask: EditMask
    complete: bool
    name: str

    @property
    def cells(self) -> NDArray[np.uint16]:
        """The user's cells (Y, X)."""
        return np.where(self.mask.ids < BACKGROUND_ID, self.mask.ids, np.uint16(0))

    @cached_property
    def ground(self) -> Mask:
        """Where the user says that no cell is (Y, X)."""
        ids, erased = self.mask.ids, (self.mask.flags & ERASED) > 0
        said: Mask = (ids == BACKGROUND_ID) | ((ids == 0) & (erased | self.complete))
        return said


@dataclass(frozen=True)
class Group:
    """Cells of two users that lie on one another, as numbers of theirs; of one of them, alone."""

    mine: tuple[int, ...]
    theirs: tuple[int, ...]


class FrameMerge:
    """Puts two views of a frame together; ``new_id`` gives an id for one of the other user's.

    ``taken`` is how many cells came in, ``scores`` how far the two agree on what both spoke of:
    the other's cells against the first one's, and the other way round.
    """

    def __init__(self, mine: View, theirs: View, new_id: Callable[[int], int]) -> None:
        self._mine, self._theirs, self._new_id = mine, theirs, new_id
        self._ids, self._areas, self._dense = numbered(mine.cells)
        self._other_ids, self._other_areas, self._other_dense = numbered(theirs.cells)
        self._boxes: list[Box] = ndi.find_objects(self._dense)  # whole frames are large
        self._other_boxes: list[Box] = ndi.find_objects(self._other_dense)
        self._share: dict[tuple[int, int], int] = {}
        self.mask = mine.mask.cut((slice(None),))
        self.taken = 0
        self._spoken: tuple[set[int], set[int]] = (set(), set())  # of cells of either
        self._open: list[Group] = []
        for group in self._groups():
            self._settle(group)
        self._take_ground()

    @property
    def complete(self) -> bool:
        """Whether one of the two says that every cell is outlined."""
        return self._mine.complete or self._theirs.complete

    def scores(self) -> tuple[FrameScores, FrameScores] | None:
        """Return how far the two agree; None where they spoke of nothing in common."""
        both = [
            np.where(np.isin(dense, sorted(numbers)), dense, 0)
            for dense, numbers in zip((self._dense, self._other_dense), self._spoken, strict=True)
        ]
        if not any(part.any() for part in both):
            return None
        return frame_scores(both[1], both[0]), frame_scores(both[0], both[1])

    def disputes(self, frame: int) -> list[Dispute]:
        """Return where the two disagree; marks a pixel of each, so that leaving it is a step."""
        found = []
        for group in self._open:
            box = self._box_of(group)
            where = np.isin(self._dense[box], group.mine) & (self._dense[box] > 0)
            other = self._other_dense[box]
            where |= np.isin(other, group.theirs) & (other > 0)
            pixels = np.argwhere(where)
            middle = np.argmin(((pixels - pixels.mean(axis=0)) ** 2).sum(axis=1))
            spot = tuple(pixels[middle].tolist())
            self.mask.flags[box][spot] |= DISPUTED
            mine = self.mask.cut(box)
            ids = tuple(self._ids[np.array(group.mine, int) - 1].tolist())
            theirs = self._as_theirs(group, box)
            theirs.flags[spot] &= ~np.uint8(DISPUTED)
            found.append(Dispute.between(frame, box, ids, self._words(group), (mine, theirs)))
        return found

    # ---- inside -----------------------------------------------------------------------------

    def _groups(self) -> list[Group]:
        """Part the cells of both into those that lie on one another."""
        n, m = len(self._ids), len(self._other_ids)
        if not n + m:
            return []
        rows, columns, shared = overlaps(self._dense, self._other_dense)
        self._share = dict(
            zip(zip(rows.tolist(), columns.tolist(), strict=True), shared.tolist(), strict=True)
        )
        near = shared >= _TOUCH * np.minimum(self._areas[rows], self._other_areas[columns])
        edges = (np.ones(near.sum()), (rows[near], columns[near] + n))
        _, of = connected_components(coo_array(edges, shape=(n + m, n + m)), directed=False)
        found: dict[int, Group] = {}
        for place, group in enumerate(of.tolist()):
            known = found.get(group, Group((), ()))
            if place < n:
                found[group] = Group((*known.mine, place + 1), known.theirs)
            else:
                found[group] = Group(known.mine, (*known.theirs, place - n + 1))
        return list(found.values())

    def _settle(self, group: Group) -> None:
        """Keep what both say, take what one says of what the other did not look at."""
        spoken = bool(group.mine and group.theirs)
        if not spoken:
            box, cell = self._alone(group)
            ground = (self._theirs if group.mine else self._mine).ground[box]
            spoken = bool(ground[cell].mean() >= _SPOKEN)
        if spoken:
            self._spoken[0].update(group.mine)
            self._spoken[1].update(group.theirs)
            if not self._is_same(group):
                self._open.append(group)
        elif group.theirs:
            self._take(group)
            self.taken += 1

    def _alone(self, group: Group) -> tuple[Box, Mask]:
        """Return the box of a cell that lies on none of the other user's, and where it is there."""
        dense = self._dense if group.mine else self._other_dense
        box, (number,) = self._box_of(group), group.mine or group.theirs
        return box, dense[box] == number

    def _box_of(self, group: Group) -> Box:
        mine = [self._boxes[number - 1] for number in group.mine]
        return hull([*mine, *(self._other_boxes[number - 1] for number in group.theirs)])

    def _is_same(self, group: Group) -> bool:
        if len(group.mine) != 1 or len(group.theirs) != 1:
            return False
        (one,), (other,) = group.mine, group.theirs
        shared = self._share[one - 1, other - 1]
        both = self._areas[one - 1] + self._other_areas[other - 1] - shared
        return bool(shared >= SAME * both)

    def _take(self, group: Group) -> None:
        """Take a cell of the other user where the first has none."""
        box, cell = self._alone(group)
        ids, flags = self.mask.ids[box], self.mask.flags[box]
        free = cell & (ids == 0)
        ids[free] = self._new_id(int(self._other_ids[group.theirs[0] - 1]))
        flags[free] = self._theirs.mask.flags[box][free] & ~np.uint8(ERASED)

    def _take_ground(self) -> None:
        """Take what the other user says of ground of which the first says nothing."""
        theirs, mine = self._theirs.mask, self._mine
        silent = (self.mask.ids == 0) & (self.mask.flags == 0) & (self._other_dense == 0)
        if mine.complete:
            return
        self.mask.flags[silent] |= theirs.flags[silent]
        brushed = silent & (theirs.ids == BACKGROUND_ID)
        self.mask.ids[brushed] = BACKGROUND_ID

    def _as_theirs(self, group: Group, box: Box) -> EditMask:
        """Return a box as the other user has the cells of a group."""
        part = self.mask.cut(box)
        gone = np.isin(self._dense[box], group.mine) & (self._dense[box] > 0)
        part.ids[gone] = 0
        part.flags[gone] |= ERASED
        other = self._other_dense[box]
        for number in group.theirs:
            cell = (other == number) & (part.ids == 0)
            part.ids[cell] = self._new_id(int(self._other_ids[number - 1]))
            part.flags[cell] &= ~np.uint8(ERASED)
        return part

    def _words(self, group: Group) -> str:
        n, m = len(group.mine), len(group.theirs)
        mine, theirs = self._mine.name, self._theirs.name
        if n == m == 1:
            return f"{mine} and {theirs} outline it otherwise"
        said = [f"{'no' if not k else k} cell{'s' * (k != 1)}" for k in (n, m)]
        return f"{mine} has {said[0]} here, {theirs} {said[1]}"
