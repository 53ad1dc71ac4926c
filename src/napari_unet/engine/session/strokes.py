"""Strokes: what the user does to the labels on screen, as changes of the masks, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.annotations.edit_masks import CLAIMED, ERASED, EditMask
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.labels.reconstruction import bounds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from napari_unet.engine.annotations.corrections import Corrections, Step
    from napari_unet.engine.annotations.edit_masks import Change
    from napari_unet.engine.session.frame_labels import FrameCache, FrameLabels
    from napari_unet.engine.settings import LabelSettings
    from napari_unet.engine.stack.lazy_array import Box


class Strokes:
    """Writes to the corrections and keeps what is cached of a frame up to date. Its owner locks.

    Between ``begin`` and ``end`` all that is kept is one step of undo. What gives frames gives
    those of a step that was made or taken back.
    """

    def __init__(self, corrections: Corrections, cache: FrameCache) -> None:
        self._corrections, self._cache = corrections, cache
        self._stroke: list[Change] | None = None

    def begin(self) -> None:
        """Begin a stroke."""
        self._stroke = []

    def end(self) -> tuple[int, ...]:
        """End a stroke and give its frames; nothing happens where none was begun."""
        stroke, self._stroke = self._stroke, None
        return self.keep(stroke or [])

    def cancel(self) -> tuple[int, ...]:
        """Take back what was written since ``begin`` and give its frames."""
        stroke, self._stroke = self._stroke or [], None
        for change in reversed(stroke):
            self._corrections.revert(change)
            self._refresh(change, after=False)
        return _frames(stroke)

    def keep(self, changes: list[Change]) -> tuple[int, ...]:
        """Make changes a step and give its frames; in a stroke they wait for its end."""
        if self._stroke is not None:
            self._stroke += changes
            return ()
        if changes:
            self._corrections.commit(changes)
        return _frames(changes)

    def travel(self, way: Callable[[], Step], *, after: bool) -> tuple[int, ...]:
        """Go a step back or forth and give its frames."""
        step = way()
        for change in step:
            self._refresh(change, after=after)
        return _frames(step)

    def paint(
        self, frame: int, view: FrameLabels, box: Box, new: NDArray[np.uint16], at: LabelSettings
    ) -> list[Change]:
        """Take a block as painted: freeze what it touches, then put the changed pixels down."""
        shown = view.labels(at)[box].copy()
        changed = new != shown
        if not changed.any():
            return []
        touched = np.union1d(shown[changed], new[changed])
        changes = self.freeze(frame, view, touched.tolist(), at)
        part = self.part(frame, box)
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
            found = None if label in (0, BACKGROUND_ID) else view.ground(label, at)
            if found is not None:
                box, ground = found
                part = self.part(frame, box)
                part.ids[(view.labels(at)[box] == label) & ground] = label
                part.flags[ground] |= CLAIMED
                changes.append(self.write(frame, box, part))
        return changes

    def vouch(self, frame: int, ys: NDArray[np.intp], xs: NDArray[np.intp], value: int) -> Change:
        """Take pixels as right that show ``value``, 0 for ground that is empty."""
        box = (slice(int(ys.min()), int(ys.max()) + 1), slice(int(xs.min()), int(xs.max()) + 1))
        part, here = self.part(frame, box), (ys - box[0].start, xs - box[1].start)
        if value:
            part.ids[here] = value
            part.flags[here] &= ~np.uint8(ERASED)
        else:
            part.flags[here] |= ERASED
        return self.write(frame, box, part)

    def complete(self, frame: int, labels: NDArray[np.uint16], complete: bool) -> Change:
        """Make all the labels (Y, X) of a frame the user's and it complete; or open it again."""
        box = bounds(labels > 0) if complete else None
        box = box or (slice(0, 1), slice(0, 1))
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
        return EditMask.empty((box[0].stop - box[0].start, box[1].stop - box[1].start))

    def _refresh(self, change: Change, *, after: bool) -> None:
        if change.complete[0] != change.complete[1]:
            self._cache.drop_labels(change.frame)
        else:
            self._cache.update(change, self._corrections, after=after)


def _frames(changes: Iterable[Change]) -> tuple[int, ...]:
    return tuple(sorted({change.frame for change in changes}))
