"""LiveLabels: the labels of a movie as an array, derived when read, corrected when written.

model < threshold < user: a frame's labels are the machine's objects at the threshold, with the
user's corrections over them. Writing a pixel makes the whole of each object it touches the
user's, frozen in the outline it has on screen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from napari_unet.engine.annotations.corrections import Corrections, Step
from napari_unet.engine.annotations.edit_masks import CLAIMED, ERASED, Change, EditMask
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.labels.reconstruction import bounds
from napari_unet.engine.session.derived_labels import DerivedLabels, check_shape
from napari_unet.engine.session.predicted_objects import PredictedObjects
from napari_unet.engine.stack.array_keys import Box, block_of, frames_of, whole_key

if TYPE_CHECKING:
    from napari_unet.engine.settings import LabelSettings


class LiveLabels(DerivedLabels):
    """Array-like of labels, ``(T, Y, X)`` uint16, that napari's Labels layer reads and paints.

    Reading gives copies. Writing is a correction: the block is compared with the labels as they
    are, and each object gained or lost is frozen. 65535 is the background brush. Safe to use
    from several threads.

    Parameters
    ----------
    shape
        Frames, height, width.
    probabilities
        Gives codes (C, Y, X) of frame t by index, with ``computed`` (T,) bool; None for labels
        that are all by hand. Assign another to change the model.
    settings
        From probability to labels. Assign to move the threshold.
    corrections
        What the user changed so far.

    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        probabilities: Any = None,
        settings: LabelSettings | None = None,
        corrections: Corrections | None = None,
    ) -> None:
        super().__init__(shape, probabilities, settings)
        self.corrections = corrections or Corrections(self.shape)
        check_shape("the corrections are", self.corrections.shape, self.shape)
        self.on_step: list[Callable[[tuple[int, ...]], object]] = []
        self._stroke: list[Change] | None = None
        self._turn = 0

    # Reading

    def state(self, frame: int) -> EditMask:
        """Return a copy of what the user said about a frame."""
        with self._lock:
            return self._part(frame, (slice(0, self.shape[1]), slice(0, self.shape[2])))

    def annotation(
        self, frame: int, *, classes: bool = False
    ) -> tuple[NDArray[np.int32], NDArray[np.bool_], bool]:
        """Return what a frame teaches: labels (Y, X), supervised pixels (Y, X), complete.

        Of ``classes`` only what is painted counts: beside a stroke there is more of its class.
        """
        shown = self._frame(frame)
        with self._lock:
            labels, supervised, complete = self.corrections.to_annotation(
                frame, shown.labels(self._settings)
            )
        if classes and not complete:
            supervised = self.state(frame).edited()
        return labels, supervised, complete

    def streamed(self, *, background: bool = False) -> Iterator[NDArray[np.uint16]]:
        """Yield the labels (Y, X) frame by frame, for writers; 65535 as 0 unless ``background``."""
        for frame in range(self.shape[0]):
            labels = self._read(frame)
            if not background:
                labels[labels == BACKGROUND_ID] = 0
            yield labels

    def __deepcopy__(self, memo: dict[int, Any]) -> LiveLabels:
        """Return an independent copy: same probabilities, corrections of its own, no journal."""
        with self._lock:
            return LiveLabels(
                self.shape, self._probabilities, self._settings, self.corrections.copy()
            )

    # Writing

    def __setitem__(self, key: Any, value: ArrayLike) -> None:
        first, rest = whole_key(key, self.shape)
        value = np.asarray(value, dtype=self.dtype)
        step: list[Change] = []
        with self._changing():
            for frame, indices, part in frames_of(first, rest, value, self.shape[0]):
                labels = self._frame(frame).labels(self._settings)
                box, new = block_of(labels, indices, part)
                step += self._correct(frame, box, new)
            self._record(step)

    def touch(self, frame: int, ys: NDArray[np.intp], xs: NDArray[np.intp], value: int) -> None:
        """Vouch for pixels that already hold ``value``: a correct cell, or ground that is empty."""
        with self._changing():
            labels = self._frame(frame).labels(self._settings)
            same = labels[ys, xs] == value
            ys, xs = ys[same], xs[same]
            if not ys.size or value == BACKGROUND_ID:
                return
            box = (slice(int(ys.min()), int(ys.max()) + 1), slice(int(xs.min()), int(xs.max()) + 1))
            if value and not self.classes:
                self._record(self._freeze(frame, [value]))
                return
            part = self._part(frame, box)
            here = ys - box[0].start, xs - box[1].start
            if value:
                part.ids[here] = value
                part.flags[here] &= ~np.uint8(ERASED)
            else:
                part.flags[here] |= ERASED
            self._record([self._write(frame, box, part)])

    def begin_stroke(self) -> None:
        """Make the writes up to ``end_stroke`` one step of undo."""
        with self._changing():
            self.end_stroke()
            self._stroke = []

    def end_stroke(self) -> None:
        """End a stroke; nothing happens where none was begun."""
        with self._changing():
            stroke, self._stroke = self._stroke, None
            if stroke:
                self._record(stroke)

    def cancel_stroke(self) -> None:
        """Take the writes since ``begin_stroke`` back, as if they had not been."""
        with self._changing():
            stroke, self._stroke = self._stroke or [], None
            for change in reversed(stroke):
                self.corrections.revert(change)
                self._refresh(change, after=False)
            if stroke:
                self._news(self.on_change, tuple(sorted({change.frame for change in stroke})))

    # Actions

    def new_id(self) -> int:
        """Reserve the id of a new cell: one no frame of the movie shows; of classes, the next."""
        with self._lock:
            if self.classes:
                self._turn += 1
                return self.classes[(self._turn - 1) % len(self.classes)]
            return self.corrections.new_id(self._cache.most_objects)

    def confirm_cell(self, frame: int, y: int, x: int) -> int:
        """Vouch for the object at a pixel as it is; gives its id, 0 where there is none."""
        with self._changing():
            labels = self._frame(frame).labels(self._settings)
            label = int(labels[y, x])
            if label in (0, BACKGROUND_ID):
                return 0
            if self.classes:  # an object is a connected piece of a class
                pieces, _ = ndimage.label(labels == label, np.ones((3, 3)))
                ys, xs = np.nonzero(pieces == pieces[y, x])
                self.touch(frame, ys, xs, label)
            else:
                self._record(self._freeze(frame, [label]))
            return label

    def confirm_frame(self, frame: int, complete: bool = True) -> None:
        """Say that every cell of a frame is outlined, or take that back."""
        with self._changing():
            if self.corrections.is_complete(frame) == complete:
                return
            labels = self._frame(frame).labels(self._settings)
            box = bounds(labels > 0) if complete else None
            box = box or (slice(0, 1), slice(0, 1))
            part = self._part(frame, box)
            if complete:
                shown = labels[box]
                part.ids[shown > 0] = shown[shown > 0]
            self._record([self._write(frame, box, part, complete)])
            self._news(self.on_change, (frame,))

    def undo(self) -> tuple[int, ...]:
        """Take the user's last step back; gives the frames it was on, () where there is none."""
        return self._travel(self.corrections.undo, after=False)

    def redo(self) -> tuple[int, ...]:
        """Do the last undone step again; gives the frames it was on, () where there is none."""
        return self._travel(self.corrections.redo, after=True)

    def next_undo(self) -> tuple[int, ...]:
        """Frames that ``undo`` would change, to go there first."""
        with self._lock:
            self.end_stroke()
            return self.corrections.next_undo()

    def next_redo(self) -> tuple[int, ...]:
        """Frames that ``redo`` would change, to go there first."""
        return self.corrections.next_redo()

    # Inside

    def _correct(self, frame: int, box: Box, new: NDArray[np.uint16]) -> list[Change]:
        """Take a block as painted: freeze what it touches, then put the changed pixels down."""
        shown = self._frame(frame).labels(self._settings)[box].copy()
        changed = new != shown
        if not changed.any():
            return []
        touched = np.union1d(shown[changed], new[changed])
        step = self._freeze(frame, touched.tolist())
        part = self._part(frame, box)
        part.ids[changed] = new[changed]
        part.flags[changed] &= ~np.uint8(ERASED)
        part.flags[changed & (new == 0)] |= ERASED
        return [*step, self._write(frame, box, part)]

    def _freeze(self, frame: int, touched: Iterable[int]) -> list[Change]:
        """Make the machine's objects among some ids the user's, outline, ground and all."""
        view = self._frame(frame)
        step = []
        for label in touched:
            members = view.members(label, self._settings)
            machine = view.machine
            if (
                label in (0, BACKGROUND_ID)
                or not isinstance(machine, PredictedObjects)
                or not members.size
            ):
                continue
            ground, footprint = machine.footprint(members)
            part = self._part(frame, ground)
            outline = (view.labels(self._settings)[ground] == label) & footprint
            part.ids[outline] = label
            part.flags[footprint] |= CLAIMED
            step.append(self._write(frame, ground, part))
        return step

    def _write(self, frame: int, box: Box, part: EditMask, complete: bool | None = None) -> Change:
        change = self.corrections.write(frame, box, part, complete)
        self._refresh(change, after=True)
        return change

    def _refresh(self, change: Change, *, after: bool) -> None:
        """Bring what is cached of a frame up to date with a change of the user's sheet."""
        if change.complete[0] != change.complete[1]:
            self._cache.drop_labels(change.frame)
        else:
            self._cache.update(change, self.corrections, after=after)

    def _record(self, step: list[Change]) -> None:
        if not step:
            return
        if self._stroke is not None:
            self._stroke += step
            return
        self.corrections.commit(step)
        self._news(self.on_step, tuple(sorted({change.frame for change in step})))

    def _travel(self, way: Callable[[], Step], *, after: bool) -> tuple[int, ...]:
        with self._changing():
            self.end_stroke()
            step = way()
            for change in step:
                self._refresh(change, after=after)
            frames = tuple(sorted({change.frame for change in step}))
            if frames:
                self._news(self.on_step, frames)
                self._news(self.on_change, frames)
            return frames

    def _part(self, frame: int, box: Box) -> EditMask:
        sheet = self.corrections.edits(frame)
        if sheet is not None:
            return sheet.cut(box)
        return EditMask.empty((box[0].stop - box[0].start, box[1].stop - box[1].start))
