"""Strokes: what the user does to the labels on screen, as changes of the masks, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.annotations.edit_masks import ERASED, EditMask
from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.canvas.reconstruction import bounds
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.labels.space.boxes import hull, size_of
from napari_unet.engine.session.leftovers import Fallen, fallen
from napari_unet.engine.session.losses import Loss, Losses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from napari_unet.engine.annotations.corrections import Corrections
    from napari_unet.engine.annotations.edit_masks import Change
    from napari_unet.engine.annotations.steps import Said, Step
    from napari_unet.engine.session.frame_labels import FrameCache, FrameLabels
    from napari_unet.engine.settings import LabelSettings
    from napari_unet.engine.stack.lazy_array import Box


_GONE = "Nothing is left of cell {}, which was painted over: Ctrl+Z brings it back"


@dataclass(frozen=True)
class Kept:
    """What came of a step: its frames, those to draw again, and lines for the user."""

    frames: tuple[int, ...] = ()
    redraw: tuple[int, ...] = ()
    notices: tuple[str, ...] = ()


class Strokes:
    """Writes to the corrections and keeps what is cached of a frame up to date. Its owner locks.

    Between ``begin`` and ``end`` all that is kept is one step of undo.
    """

    def __init__(self, corrections: Corrections, cache: FrameCache) -> None:
        self._corrections, self._cache = corrections, cache
        self._stroke: list[Change] | None = None
        self._losses = Losses()
        self._redraw: set[int] = set()

    def begin(self) -> None:
        """Begin a stroke."""
        self._stroke = []

    def end(self, at: LabelSettings, verb: str = "", cells: tuple[int, ...] = ()) -> Kept:
        """End a stroke, by a verb to some cells; nothing happens where none was begun."""
        stroke, self._stroke = self._stroke, None
        return self.keep(stroke or [], at, verb, cells)

    def cancel(self) -> tuple[int, ...]:
        """Take back what was written since ``begin`` and give its frames."""
        stroke, self._stroke = self._stroke or [], None
        for change in reversed(stroke):
            self._corrections.revert(change)
            self._refresh(change, after=False)
        self._losses, self._redraw = Losses(), set()
        return _frames(stroke)

    def keep(
        self,
        changes: list[Change],
        at: LabelSettings,
        verb: str = "",
        cells: tuple[int, ...] = (),
        said: Said = (),
    ) -> Kept:
        """Make changes a step, done by a verb to some cells; in a stroke they wait for its end.

        Cells that it cut fall into cells of their own; ``said`` is what else it says of cells.
        """
        if self._stroke is not None:
            self._stroke += changes
            return Kept()
        losses, self._losses = self._losses, Losses()
        notices = []
        for loss in losses:
            cut, line = self._settle(loss, at, losses.highest)
            changes = [*changes, *cut]
            notices += [line] if line else []
        if changes or said:
            self._corrections.commit(changes, verb, cells, said)
        redraw, self._redraw = self._redraw, set()
        frames = {*_frames(changes), *(frame for one in said for frame in one.frames)}
        return Kept(tuple(sorted(frames)), tuple(sorted(redraw)), tuple(notices))

    def travel(self, way: Callable[[], Step], *, after: bool) -> tuple[int, ...]:
        """Go a step back or forth and give its frames."""
        step = way()
        for change in step.changes:
            self._refresh(change, after=after)
        self._redraw = set()
        return step.frames

    def paint(
        self, frame: int, view: FrameLabels, box: Box, new: NDArray[np.uint16], at: LabelSettings
    ) -> list[Change]:
        """Take a block as painted: freeze what it touches, then put the changed pixels down.

        Touched are the objects that are painted on with their own id, or erased from. Painting
        another id over an object robs it of the pixels alone: nobody vouched for the rest of it.
        Locked objects keep their pixels.
        """
        shown = view.labels(at)[box].copy()
        changed = new != shown
        mask = self._corrections.edits(frame)
        if mask is not None and (kept := changed & mask.locked(box)).any():
            changed &= ~kept
            self._redraw.add(frame)  # napari shows them painted
        if not changed.any():
            return []
        touched = np.union1d(shown[changed & (new == 0)], new[changed])
        changes = self.freeze(frame, view, touched.tolist(), at)
        part = self.part(frame, box)
        if not view.of_classes:
            self._losses.note(frame, box, part.ids, np.where(changed, new, part.ids))
        part.ids[changed] = new[changed]
        part.flags[changed] &= ~np.uint8(ERASED)
        part.flags[changed & (new == 0)] |= ERASED
        return [*changes, self.write(frame, box, part)]

    def freeze(
        self, frame: int, view: FrameLabels, touched: Iterable[int], at: LabelSettings
    ) -> list[Change]:
        """Make the machine's objects among some ids the user's, outline, ground and all.

        The whole ground is claimed, not the outline alone: at a lower threshold the machine
        would grow a rim of its own around what the user has corrected.
        """
        changes = []
        for label in touched:
            ground = None if label in (0, BACKGROUND_ID) else view.ground(label, at)
            if ground is not None:
                part = self.part(frame, ground.box)
                ground.claim(part, view.labels(at)[ground.box])
                changes.append(self.write(frame, ground.box, part))
                self._losses.frozen(frame, ground.ids.tolist())
        return changes

    def vouch(self, frame: int, where: tuple[NDArray[np.intp], ...], value: int) -> Change:
        """Take pixels as right that show ``value``, 0 for ground that is empty."""
        box = tuple(slice(int(on.min()), int(on.max()) + 1) for on in where)
        part = self.part(frame, box)
        here = tuple(on - side.start for on, side in zip(where, box, strict=True))
        if value:
            part.ids[here] = value
            part.flags[here] &= ~np.uint8(ERASED)
        else:
            part.flags[here] |= ERASED
        return self.write(frame, box, part)

    def complete(self, frame: int, labels: NDArray[np.uint16], complete: bool) -> Change:
        """Make all the labels of a frame the user's and it complete; or open it again."""
        box = bounds(labels > 0) if complete else None
        box = box or (slice(0, 1),) * labels.ndim
        part = self.part(frame, box)
        if complete:
            shown = labels[box]
            part.ids[shown > 0] = shown[shown > 0]
        return self.write(frame, box, part, complete)

    def write(self, frame: int, box: Box, part: EditMask, complete: bool | None = None) -> Change:
        """Put a part into a frame's mask."""
        change = self._corrections.write(frame, box, part, complete)
        self._refresh(change, after=True)
        return change

    def part(self, frame: int, box: Box) -> EditMask:
        """Return a copy of a part of a frame's mask."""
        mask = self._corrections.edits(frame)
        if mask is not None:
            return mask.cut(box)
        return EditMask.empty(size_of(box))

    def _settle(self, loss: Loss, at: LabelSettings, painted: int) -> tuple[list[Change], str]:
        """Make cells of the pieces of one that lost pixels, and say where too little is left."""
        mask = self._corrections.edits(loss.frame)
        assert mask is not None
        box = bounds(mask.ids == loss.label)
        if box is None:
            return [], _GONE.format(loss.label) if loss.painted_over else ""
        box = hull([box, *(lost for lost, _ in loss.parts)])
        part = mask.cut(box)
        now, lost = part.ids == loss.label, loss.within(box)
        found, changes = fallen(now, lost, at.min_size), []
        try:
            for piece in found.cells:
                above = max(self._cache.highest_id(), painted)
                part.ids[piece] = self._corrections.new_id(above)
        except BadInput as error:  # all ids are used: the pieces keep theirs
            return [], str(error)
        if loss.was_machines:  # nobody vouched for them; a user's own stay what they were
            part.ids[found.crumbs] = 0
        if not np.array_equal(part.ids, mask.ids[box]):
            changes.append(self.write(loss.frame, box, part))
            self._redraw.add(loss.frame)
        return changes, _too_small(loss.label, found, int(lost.sum()), at.min_size)

    def _refresh(self, change: Change, *, after: bool) -> None:
        if change.complete[0] != change.complete[1]:
            self._cache.drop_labels(change.frame)
        elif self._cache.update(change, self._corrections, after=after):
            self._redraw.add(change.frame)


def _too_small(label: int, found: Fallen, lost: int, min_size: int) -> str:
    """Say where a cell falls below the smallest size, or a piece of it is below it."""
    small = [int(piece.sum()) for piece in found.cells if piece.sum() < min_size]
    before = found.kept + lost + int(found.crumbs.sum()) + sum(int(p.sum()) for p in found.cells)
    if found.kept < min_size <= before:
        what = f"Cell {label} has {found.kept} px left"
    elif small:
        what = f"A piece of cell {label} has {small[0]} px"
    else:
        return ""
    return f"{what}, below the smallest cell of {min_size} px: Ctrl+Z takes that back"


def _frames(changes: Iterable[Change]) -> tuple[int, ...]:
    return tuple(sorted({change.frame for change in changes}))
