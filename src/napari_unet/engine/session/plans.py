"""Plans: what a verb would change of a frame's edit mask, made apart from the doing of it.

A plan of one frame is made while its cells are at hand; those of many frames are then carried out
at once, as one step of undo.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.annotations.edit_masks import ERASED, LOCKED, EditMask
from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.canvas.reconstruction import bounds
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.labels.space.boxes import hull, within
from napari_unet.engine.labels.verbs import shapes
from napari_unet.engine.session.predicted_objects import PredictedObjects

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from numpy.typing import NDArray

    from napari_unet.engine.session.frame_labels import FrameLabels
    from napari_unet.engine.settings import LabelSettings
    from napari_unet.engine.stack.lazy_array import Box


@dataclass(frozen=True)
class Plan:
    """A box of a frame's edit mask before and after."""

    frame: int
    box: Box
    before: EditMask
    after: EditMask

    def fits(self, now: EditMask) -> bool:
        """Whether nothing changed in the box since the plan was made."""
        same = np.array_equal(now.ids, self.before.ids)
        return same and np.array_equal(now.flags, self.before.flags)


@dataclass(frozen=True)
class FrameState:
    """What plans are made from: a frame's labels, the user's mask of it, and the settings."""

    frame: int
    view: FrameLabels
    mask: EditMask
    settings: LabelSettings
    steps: tuple[float, ...] = (1.0, 1.0)  # from voxel to voxel, in the width of one

    @property
    def labels(self) -> NDArray[np.uint16]:
        """Labels of the frame as they are shown, not to be written to."""
        return self.view.labels(self.settings)

    def box_of(self, label: int) -> Box:
        """Return the box around a cell; `BadInput` where it is not on the frame."""
        box = bounds(self.labels == label) if 0 < label < BACKGROUND_ID else None
        if box is None:
            raise BadInput(
                f"there is no cell {label} on frame {self.frame}" if label else "no cell is there",
                "a cell of this frame",
                "point at one, or click it first",
            )
        return box

    def repaint(self, box: Box, new: NDArray[np.uint16], claim: Iterable[int] = ()) -> Plan:
        """Plan labels ``new`` for a box; machine's objects to ``claim`` become the user's first.

        Raises
        ------
        BadInput
            Where a locked cell would lose a pixel.

        """
        found = (self.view.ground(label, self.settings) for label in claim)
        grounds = [ground for ground in found if ground is not None]
        whole = hull([box, *(ground.box for ground in grounds)])
        before = self.mask.cut(whole)
        after, shown = before.cut((slice(None),)), self.labels[whole].copy()
        for ground in grounds:
            inner = within(ground.box, whole)
            part = after.cut(inner)
            ground.claim(part, shown[inner])
            after.paste(inner, part)
        inside = within(box, whole)
        changed = np.zeros(shown.shape, bool)
        changed[inside] = new != shown[inside]
        if (locked := changed & ((before.flags & LOCKED) > 0)).any():
            raise is_locked(int(before.ids[locked][0]))
        painted = new[changed[inside]]
        after.ids[changed] = painted
        after.flags[changed] &= ~np.uint8(ERASED)
        after.flags[changed] |= np.where(painted == 0, ERASED, 0).astype(np.uint8)
        return Plan(self.frame, whole, before, after)

    def deleted(self, cell: int) -> Plan:
        """Plan a cell away."""
        box = self.box_of(cell)
        labels = self.labels[box]
        return self.repaint(box, np.where(labels == cell, np.uint16(0), labels), (cell,))

    def merged(self, one: int, *others: int) -> Plan:
        """Plan cells as one, with the id of the first; narrow gaps between them are closed."""
        if one in others:
            raise BadInput("that is one cell", "two cells", "drag from one to the other")
        box = hull([self.box_of(cell) for cell in (one, *others)])
        labels = self.labels[box]
        joined = labels == one
        for other in others:
            joined = shapes.joined(joined, labels == other, labels == 0, self.steps)
        return self.repaint(box, np.where(joined, np.uint16(one), labels), (one, *others))

    def reshaped(
        self, cell: int, box: Box, shape: NDArray[np.bool_], *, inside: bool = False
    ) -> Plan:
        """Plan another shape for a cell, in a box that need not hold all of the present one.

        What lies outside of the box is not the cell's then, or stays as it is (``inside``).
        """
        whole = box if inside else hull([box, self.box_of(cell)])
        new = self.labels[whole].copy()
        new[new == cell] = 0
        new[within(box, whole)][shape] = cell
        return self.repaint(whole, new, (cell,))

    def laid_over(self, cell: int, box: Box, shape: NDArray[np.bool_]) -> Plan:
        """Plan a cell over all that is the model's; the user's other cells keep their pixels."""
        mine = self.mask.ids[box]
        free = (mine == 0) | (mine == BACKGROUND_ID)
        return self.repaint(box, np.where(shape & free, np.uint16(cell), self.labels[box]))

    def renamed(self, cell: int, new: int) -> Plan:
        """Plan another id for a cell, one that no other has here as the user's."""
        box = self.box_of(cell)
        labels = self.labels[box]
        return self.repaint(box, np.where(labels == cell, np.uint16(new), labels), (cell,))

    def lock(self, label: int, on: bool) -> Plan:
        """Plan a cell to be the user's and locked, or open again."""
        plan = self.repaint(box := self.box_of(label), self.labels[box], (label,))
        cell = plan.after.ids == label
        if on:
            plan.after.flags[cell] |= LOCKED
        else:
            plan.after.flags[cell] &= ~np.uint8(LOCKED)
        return plan

    def is_locked(self, label: int) -> bool:
        """Whether a cell is locked."""
        box = bounds(self.mask.ids == label)
        if box is None:
            return False
        return bool((self.mask.locked(box) & (self.mask.ids[box] == label)).any())

    def reopen(self, label: int, place: tuple[int, ...] | None = None) -> Plan:
        """Plan a cell to be the model's again; without a label, what was deleted at a place.

        Its pixels and the ground that is mostly its are as if nobody had touched them.
        """
        mine = self.mask.ids == label if label else np.zeros(self.mask.ids.shape, bool)
        boxes = [box] if (box := bounds(mine)) is not None else []
        machine = self.view.machine
        if isinstance(machine, PredictedObjects):
            for basin in self._basins_under(machine, mine, boxes, place):
                ground = machine.footprint(np.array([basin]))
                boxes.append(ground[0])
                mine[ground[0]] |= ground[1]
        if not boxes:
            raise BadInput(
                "nothing was changed by hand there",
                "a cell that you drew, corrected or deleted",
                "point at one",
            )
        whole = hull(boxes)
        before = self.mask.cut(whole)
        after = before.cut((slice(None),))
        if (mine[whole] & (after.ids == label) & ((after.flags & LOCKED) > 0)).any():
            raise is_locked(label)
        back = mine[whole] & np.isin(after.ids, (0, label))
        after.ids[back], after.flags[back] = 0, 0
        return Plan(self.frame, whole, before, after)

    def _basins_under(
        self,
        machine: PredictedObjects,
        mine: NDArray[np.bool_],
        boxes: list[Box],
        place: tuple[int, ...] | None,
    ) -> list[int]:
        """Return the basins that a cell holds more of than any other, or the one at a place."""
        ids = machine.basins.ids
        if not boxes:
            if place is None or not self.mask.flags[place] or self.mask.ids[place]:
                return []
            return [int(ids[place])] if ids[place] else []
        found = []
        for basin in np.unique(ids[boxes[0]][mine[boxes[0]]]).tolist():
            if basin:
                box, ground = machine.footprint(np.array([basin]))
                owners = self.mask.ids[box][ground]
                owners = owners[(owners > 0) & (owners < BACKGROUND_ID)]
                most = int(np.argmax(np.bincount(owners)))
                found += [basin] if mine[box][ground & (self.mask.ids[box] == most)].any() else []
        return found


def check_frame(frame: int, n: int, classes: Collection[int]) -> None:
    """Refuse what is to be done to a cell of a frame of a movie of ``n``, with no cells there."""
    if classes:
        raise BadInput(
            "these labels are classes", "cells, each with a number", "paint with the brush"
        )
    if not 0 <= frame < n:
        raise BadInput(f"there is no frame {frame}", f"0 to {n - 1}", "choose one")


def is_locked(label: int) -> BadInput:
    """Return what is said where a locked cell would change."""
    return BadInput(f"cell {label} is locked", "a cell that is not", f"unlock cell {label} first")
