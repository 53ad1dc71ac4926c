"""Repairs carried out: each a step of undo, as the verbs by hand are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.labels.space.boxes import hull, size_of, within
from napari_unet.engine.labels.verbs import alike, cuts, outlines, places, shapes
from napari_unet.engine.session.reviewing.aside import levels_of
from napari_unet.engine.session.reviewing.cell_links import CellLinks
from napari_unet.engine.session.users.disputed import take_theirs

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_unet.engine.session.live_labels import LiveLabels
    from napari_unet.engine.session.plans import Plan
    from napari_unet.engine.stack.lazy_array import Box
    from napari_unet.engine.tracks.doubts.doubt import Doubt, Repair

    Mask = NDArray[np.bool_]
    Way = tuple[float, ...] | NDArray[np.float64]
    Cells = tuple[int, ...]

_LEAST = 4  # px: less is no cell
_MARGIN = 12  # px around a shape
_REACH = 64  # px around a place at which a cell is filled in


@dataclass(frozen=True)
class _Mended:
    """How a frame is mended: a plan, what the step is called, the ids of the cells of it."""

    plan: Plan
    step: str
    cells: Cells


class Repairs:
    """Takes the repairs that doubts offer. Each returns the ids of the cells that came of it.

    Raises
    ------
    BadInput
        Where a repair cannot be done, or the labels are others by now: nothing is changed then.

    """

    def __init__(self, live: LiveLabels) -> None:
        self._live = live

    def take(self, doubt: Doubt) -> Cells:
        """Take the repair of a doubt, on all of its frames, in one step.

        Frames of one about several on which it cannot be done are left as they are; the ids are
        those of the first.
        """
        if doubt.repair is not None and doubt.repair.verb == "theirs":
            return take_theirs(self._live, doubt)
        if doubt.repair is not None and doubt.repair.of_links:
            return self._to_its_mother(doubt, doubt.repair)
        mended, refused = [], []
        for one in doubt.parts:
            try:
                mended.append(self._mended(one))
            except BadInput as error:
                refused.append(error)
        if not mended:
            raise refused[0]
        first = mended[0]
        self._live.carry_out([one.plan for one in mended], first.step, doubt.cells or first.cells)
        return first.cells

    def _to_its_mother(self, doubt: Doubt, repair: Repair) -> Cells:
        (mother,), (daughter,) = repair.cells, doubt.cells
        CellLinks(self._live).set_mother((repair.source, mother), (doubt.frame, daughter))
        return doubt.cells

    def _mended(self, doubt: Doubt) -> _Mended:
        if doubt.repair is None:
            raise BadInput(
                f"there is no repair for: {doubt.words}", "a doubt that offers one", "look at it"
            )
        ways: dict[str, Callable[[Doubt, Repair], _Mended]] = {
            "split": self._split,
            "merge": self._merge,
            "take": self._take_in,
            "delete": self._delete,
            "outline": self._outline,
        }
        return ways[doubt.repair.verb](doubt, doubt.repair)

    def _delete(self, doubt: Doubt, _: Repair) -> _Mended:
        (cell,) = doubt.cells
        with self._live.frame_state(doubt.frame) as state:
            return _Mended(state.deleted(cell), "delete", ())

    def _merge(self, doubt: Doubt, repair: Repair) -> _Mended:
        first = next((cell for cell in repair.cells if cell in doubt.cells), doubt.cells[0])
        others = [cell for cell in doubt.cells if cell != first]
        with self._live.frame_state(doubt.frame) as state:
            return _Mended(state.merged(first, *others), "merge", (first,))

    def _split(self, doubt: Doubt, repair: Repair) -> _Mended:
        (cell,) = doubt.cells
        levels, live = levels_of(self._live, doubt.frame), self._live
        there = [_Shape.of(self._labels(repair.source), one) for one in repair.cells]
        with live.frame_state(doubt.frame) as state:
            box = state.box_of(cell)
            mask = state.labels[box] == cell
            part = None if levels is None else levels[box]
            if there:
                middle = _middle(mask, box)
                way = middle - np.concatenate([shape.pixels for shape in there]).mean(axis=0)
                laid = [shape.laid(way, box) for shape in there]
                parts = alike.cut_like(mask, laid, state.steps)
            else:
                parts = cuts.cut_apart(mask, part, state.steps)
            sizes = np.bincount(parts.reshape(-1), minlength=1)[1:]
            if np.count_nonzero(sizes) < 2:
                raise BadInput(
                    f"cell {cell} shows no place to split it",
                    "a cell with a neck, or like two of another frame",
                    "draw the line along which to split it",
                )
            new, ids = state.labels[box].copy(), []
            taken = set(np.unique(state.labels).tolist()) - {cell}
            for number, given in enumerate(_given(cell, repair.cells, sizes, taken), start=1):
                if sizes[number - 1]:
                    ids.append(given or live.new_id())
                    new[parts == number] = ids[-1]
            return _Mended(state.repaint(box, new, (cell,)), "split", tuple(ids))

    def _take_in(self, doubt: Doubt, repair: Repair) -> _Mended:
        if not repair.cells:
            return self._fill(doubt)
        frame, (source,) = doubt.frame, repair.cells
        shape = _Shape.of(self._labels(repair.source), source)
        levels, live = levels_of(self._live, frame), self._live
        with live.frame_state(frame) as state:
            box = shape.box(repair.way, live.shape[1:])
            labels = state.labels[box]
            free = (labels == 0) | (labels == BACKGROUND_ID)
            part = None if levels is None else levels[box]
            laid = shape.laid(repair.way, box)
            at = state.settings.threshold
            cell, by_model = alike.taken_in(part, laid, free, at, state.steps)
            if np.count_nonzero(cell) < _LEAST:
                raise BadInput(
                    "there is no room for the cell",
                    "ground without one",
                    "delete or split what is there",
                )
            new = source if not (state.labels == source).any() else live.new_id()
            plan = state.repaint(box, np.where(cell, np.uint16(new), labels))
            return _Mended(plan, "fill" if by_model else "copy", (new,))

    def _fill(self, doubt: Doubt) -> _Mended:
        """Take in what the model nearly saw, like no cell of another frame."""
        levels, live = levels_of(self._live, doubt.frame), self._live
        click = tuple(slice(at, at + 1) for at in map(round, doubt.place))
        with live.frame_state(doubt.frame) as state:
            box = places.around(click, _REACH, live.shape[1:])
            labels = state.labels[box]
            free = (labels == 0) | (labels == BACKGROUND_ID)
            place = tuple(side.start for side in within(click, box))
            cell = None
            if levels is not None:
                at = state.settings.threshold
                cell = outlines.missing_cell(levels[box], free, ~free, place, at, state.steps)
            if cell is None or np.count_nonzero(cell) < _LEAST:
                raise BadInput(
                    "the model sees no cell there", "a place where it nearly does", "draw round it"
                )
            new = live.new_id()
            plan = state.repaint(box, np.where(cell, np.uint16(new), labels))
            return _Mended(plan, "fill", (new,))

    def _outline(self, doubt: Doubt, repair: Repair) -> _Mended:
        frame, (cell,) = doubt.frame, doubt.cells
        shape = _Shape.of(self._labels(repair.source), repair.cells[0])
        levels, live = levels_of(self._live, frame), self._live
        with live.frame_state(frame) as state:
            own = state.box_of(cell)
            mask = state.labels[own] == cell
            way = _middle(mask, own) - shape.pixels.mean(axis=0)
            box = hull([own, shape.box(way, live.shape[1:])])
            labels = state.labels[box]
            mine, free = labels == cell, (labels == 0) | (labels == BACKGROUND_ID)
            part = None if levels is None else levels[box]
            new, _ = alike.outlined_like(part, mine, shape.laid(way, box), free)
            if np.count_nonzero(new) < _LEAST:
                raise BadInput(
                    f"nothing would be left of cell {cell}", "a larger cell", "draw it anew"
                )
            return _Mended(state.reshaped(cell, box, shapes.largest(new)), "redraw", (cell,))

    def _labels(self, frame: int) -> NDArray[np.uint16]:
        if not 0 <= frame < len(self._live):
            raise _changed(frame)
        return np.asarray(self._live[frame], np.uint16)


@dataclass(frozen=True)
class _Shape:
    """The pixels (n, 2) of a cell, or voxels (n, 3), to be laid elsewhere."""

    pixels: NDArray[np.intp]

    @classmethod
    def of(cls, labels: NDArray[np.uint16], cell: int) -> _Shape:
        pixels = np.argwhere(labels == cell)
        if not len(pixels):
            raise BadInput(
                f"cell {cell} is no longer there", "the labels as they were", "find doubts again"
            )
        return cls(pixels)

    def box(self, way: Way, size: tuple[int, ...]) -> Box:
        """Return the box around the shape moved by ``way``, with a margin, within a frame."""
        moved = self.pixels + np.rint(way).astype(int)
        found = places.box_of(moved.astype(np.float64), _MARGIN, size)
        if found is None:
            raise BadInput("the cell would lie outside", "a place in the frame", "draw it by hand")
        return found

    def laid(self, way: Way, box: Box) -> Mask:
        """Return the shape moved by ``way`` as a mask of a box."""
        moved = self.pixels + np.rint(way).astype(int) - [side.start for side in box]
        mask = np.zeros(size_of(box), bool)
        inside = ((moved >= 0) & (moved < mask.shape)).all(axis=1)
        mask[tuple(moved[inside].T)] = True
        return mask


def _middle(mask: Mask, box: Box) -> NDArray[np.float64]:
    """Return the middle of a mask of a box, in its frame."""
    corner = [side.start for side in box]
    return np.asarray(np.argwhere(mask).mean(axis=0) + corner, np.float64)


def _given(cell: int, like: Cells, sizes: NDArray[np.intp], taken: set[int]) -> Cells:
    """Return ids for the parts of a cell, 0 for a new one: those of the cells that they are like.

    So where ids go through time and are free here; else the largest part keeps the id.
    """
    if cell in like and not taken.intersection(like):
        return like
    largest = int(np.argmax(sizes))
    return tuple(cell if part == largest else 0 for part in range(len(sizes)))


def _changed(frame: int) -> BadInput:
    return BadInput(f"there is no frame {frame}", "a frame of this movie", "find doubts again")
