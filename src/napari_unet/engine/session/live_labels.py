"""LiveLabels: the labels of a movie as an array, derived when read, corrected when written.

model < threshold < user: a frame's labels are the machine's objects at the threshold, with the
user's corrections over them. Writing a pixel makes the whole of each object it touches the
user's, frozen in the outline it has on screen.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from psygnal import Signal
from scipy import ndimage

from napari_unet.engine.annotations.corrections import Corrections
from napari_unet.engine.annotations.edit_masks import EditMask
from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.class_labels import classes_of
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.labels.labels import basins_key
from napari_unet.engine.labels.space.neighbours import around, steps_of
from napari_unet.engine.session.frame_labels import (
    FrameCache,
    FrameLabels,
    check_shape,
    checked,
    draft_labels,
    seen,
)
from napari_unet.engine.session.news import News, emit
from napari_unet.engine.session.plans import FrameState, Plan
from napari_unet.engine.session.strokes import Kept, Strokes
from napari_unet.engine.settings import LabelSettings
from napari_unet.engine.stack.lazy_array import (
    FrameView,
    LazyArray,
    block_of,
    frames_of,
    whole_key,
)

if TYPE_CHECKING:
    from napari_unet.engine.annotations.edit_masks import Change
    from napari_unet.engine.annotations.frame_annotation import FrameAnnotation
    from napari_unet.engine.annotations.steps import Said, Step
    from napari_unet.engine.session.frame_labels import Predictions


class LiveLabels(LazyArray):
    """Array-like ``(T, Y, X)`` or ``(T, Z, Y, X)`` uint16 that napari's Labels layer paints.

    Reading gives copies. Writing is a correction: the block is compared with the labels as they
    are, and each object gained or lost is frozen. 65535 is the background brush. Basins of the
    frames used last are kept, so that a moved threshold costs a comparison. Safe to use from
    several threads; listeners run in the thread that made the change.

    Parameters
    ----------
    shape
        Frames, height, width; of volumes sections after the frames.
    probabilities
        The model's; None for labels that are all by hand. Assign another to change the model.
    settings
        From probability to labels. Assign to move the threshold.
    corrections
        What the user changed so far.
    spacing
        How far the voxels of a volume are apart, (z, y, x) in any unit.

    """

    dtype = np.dtype(np.uint16)

    changed = Signal(object)  # frames to draw again; None for all of them
    edited = Signal(object)  # frames of a step of the user's, or of one taken back
    noticed = Signal(str)  # a line for the user; from whichever thread

    def __init__(
        self,
        shape: tuple[int, ...],
        probabilities: Predictions | None = None,
        settings: LabelSettings | None = None,
        corrections: Corrections | None = None,
        spacing: tuple[float, ...] | None = None,
    ) -> None:
        self.shape = tuple(int(n) for n in shape)
        self.corrections = corrections or Corrections(self.shape)
        check_shape("the corrections are", self.corrections.shape, self.shape)
        self.corrections.not_kept.connect(self.notify)
        self._news = News()
        self._lock, self._changing = self._news.lock, self._news.changing
        self._cache = FrameCache(self.shape[1:])
        self.keeps = self._cache.keeps  # frames whose cells are at hand
        self._strokes = Strokes(self.corrections, self._cache)
        self._settings, self._spacing = settings or LabelSettings(), spacing
        self._probabilities = checked(probabilities, self.shape)
        self._drawing, self._turn = threading.local(), 0

    # The machine's side

    @property
    def settings(self) -> LabelSettings:
        """Threshold, splitting and sizes; assigning them changes the machine's labels at once."""
        return self._settings

    @settings.setter
    def settings(self, settings: LabelSettings) -> None:
        with self._changing():
            if settings == self._settings:
                return
            if basins_key(settings) != basins_key(self._settings):
                self._cache.clear()
            self._settings = settings
            self._news.tell(self.changed, None)

    @property
    def spacing(self) -> tuple[float, ...] | None:
        """How far voxels are apart; assigning another finds the cells of volumes anew."""
        return self._spacing

    @spacing.setter
    def spacing(self, spacing: tuple[float, ...] | None) -> None:
        with self._changing():
            anew, self._spacing = self.ndim > 3 and spacing != self._spacing, spacing
            if anew:
                self._cache.clear()
                self._news.tell(self.changed, None)

    @property
    def steps(self) -> tuple[float, ...]:
        """How far voxels are apart along each axis, in the width of one; 1 in an image."""
        return steps_of(self._spacing if self.ndim > 3 else None, self.ndim - 1)

    @property
    def probabilities(self) -> Predictions | None:
        """The model's probabilities; assigning others changes the model, corrections stay."""
        return self._probabilities

    @probabilities.setter
    def probabilities(self, probabilities: Predictions | None) -> None:
        probabilities = checked(probabilities, self.shape)
        with self._changing():
            self._probabilities = probabilities
            self._cache.clear()
            self._news.tell(self.changed, None)

    def notify(self, notice: str) -> None:
        """Say something to the user, through ``noticed``."""
        emit(self.noticed, notice)

    def computed(self, frame: int) -> bool:
        """Tell whether the model has predicted a frame, all of it."""
        return self._probabilities is not None and bool(self._probabilities.computed[frame])

    def invalidate(self, frame: int) -> None:
        """Forget what was derived for a frame: its probabilities were written anew."""
        with self._changing():
            self._cache.drop(frame)
            self._news.tell(self.changed, (frame,))

    def prepare(self, frame: int) -> bool:
        """Compute a frame's basins ahead, in a worker thread; False where nothing is predicted."""
        return self._frame(frame).machine is not None

    def is_prepared(self, frame: int) -> bool:
        """Tell whether reading a frame takes no watershed."""
        with self._lock:
            known = self._cache.has(frame) or not seen(self._probabilities, frame)
            return known or bool(self.classes)

    @property
    def classes(self) -> tuple[int, ...]:
        """Numbers of the classes that the model tells apart; () where labels are objects."""
        return classes_of(self._probabilities.outputs if self._probabilities is not None else ())

    # Reading

    @contextmanager
    def drawn_by(self, takes_draft: Callable[[int], bool] | None) -> Iterator[None]:
        """Give this thread drafts meanwhile, of frames due a watershed that it rather has so.

        ``takes_draft`` is asked with the frame; who takes a draft draws again when the frame is
        prepared. Only drawing may get drafts: what is counted, filled or saved are the labels.
        """
        self._drawing.takes_draft = takes_draft
        try:
            yield
        finally:
            self._drawing.takes_draft = None

    def state(self, frame: int) -> EditMask:
        """Return a copy of what the user said about a frame."""
        with self._lock:
            return self._strokes.part(frame, tuple(slice(0, n) for n in self.shape[1:]))

    def annotation(self, frame: int, *, classes: bool = False) -> FrameAnnotation:
        """Return what a frame teaches; where the user painted ``classes``, without a ring."""
        with self._lock:
            return self.corrections.to_annotation(frame, classes=classes)

    def __deepcopy__(self, memo: dict[int, Any]) -> LiveLabels:
        """Return an independent copy: same probabilities, corrections of its own, no journal."""
        with self._lock:
            own = self.corrections.copy()
            return LiveLabels(self.shape, self._probabilities, self._settings, own, self._spacing)

    # Writing

    def __setitem__(self, key: Any, value: ArrayLike) -> None:
        first, rest = whole_key(key, self.shape)
        value = np.asarray(value, dtype=self.dtype)
        step: list[Change] = []
        with self._changing():
            for frame, indices, part in frames_of(first, rest, value, self.shape[0]):
                view = self._frame(frame)
                box, new = block_of(view.labels(self._settings), indices, part)
                step += self._strokes.paint(frame, view, box, new, self._settings)
            self._keep(step)

    def touch(self, frame: int, where: Sequence[NDArray[np.intp]], value: int) -> None:
        """Vouch for pixels that hold ``value`` already; ``where`` has indices for each axis."""
        with self._changing():
            view = self._frame(frame)
            same = view.labels(self._settings)[tuple(where)] == value
            if not same.any() or value == BACKGROUND_ID:
                return
            if value and not self.classes:
                self._keep(self._strokes.freeze(frame, view, [value], self._settings))
            else:
                here = tuple(indices[same] for indices in where)
                self._keep([self._strokes.vouch(frame, here, value)])

    def begin_stroke(self) -> None:
        """Make the writes up to ``end_stroke`` one step of undo."""
        with self._changing():
            self.end_stroke()
            self._strokes.begin()

    def end_stroke(self, verb: str = "", cells: tuple[int, ...] = ()) -> None:
        """End a stroke, which was a verb's; nothing happens where none was begun."""
        with self._changing():
            self._tell(self._strokes.end(self._settings, verb, cells))

    def cancel_stroke(self) -> None:
        """Take the writes since ``begin_stroke`` back, as if they had not been."""
        with self._changing():
            if frames := self._strokes.cancel():
                self._news.tell(self.changed, frames)

    # Actions

    def new_id(self) -> int:
        """Reserve the id of a new cell: one no frame of the movie shows; of classes, the next."""
        with self._lock:
            if self.classes:
                self._turn += 1
                return self.classes[(self._turn - 1) % len(self.classes)]
            return self.corrections.new_id(self._cache.highest_id())

    def confirm_cell(self, frame: int, *place: int) -> int:
        """Vouch for the object at a pixel (y, x) as it is; gives its id, 0 where there is none."""
        with self._changing():
            view = self._frame(frame)
            labels = view.labels(self._settings)
            label = int(labels[place])
            if label in (0, BACKGROUND_ID):
                return 0
            if self.classes:  # an object is a connected piece of a class
                pieces, _ = ndimage.label(labels == label, around(labels.ndim))
                self.touch(frame, np.nonzero(pieces == pieces[place]), label)
            else:
                changes = self._strokes.freeze(frame, view, [label], self._settings)
                self._keep(changes, "confirm", (label,))
            return label

    def confirm_frame(self, frame: int, complete: bool = True) -> None:
        """Say that every cell of a frame is outlined, or take that back."""
        with self._changing():
            if self.corrections.is_complete(frame) == complete:
                return
            labels = self._frame(frame).labels(self._settings)
            change = self._strokes.complete(frame, labels, complete)
            self._keep([change], "complete" if complete else "open")
            self._news.tell(self.changed, (frame,))

    @contextmanager
    def frame_state(self, frame: int) -> Iterator[FrameState]:
        """Hold a frame as it is now, to make plans from; nothing changes meanwhile, so be quick."""
        self._frame(frame)
        with self._lock:
            view = self._frame(frame)
            mask = self.corrections.edits(frame) or EditMask.empty(self.shape[1:])
            yield FrameState(frame, view, mask, self._settings, self.steps)

    def carry_out(
        self, plans: Sequence[Plan], verb: str, cells: tuple[int, ...] = (), said: Said = ()
    ) -> None:
        """Carry plans out as one step, done by a verb to some cells, of which it is ``said``.

        Raises
        ------
        BadInput
            Where a frame was changed since its plan was made; then nothing is done.

        """
        with self._changing():
            self.end_stroke()
            if not all(plan.fits(self._strokes.part(plan.frame, plan.box)) for plan in plans):
                raise BadInput("the labels were changed meanwhile", "the same labels", "try again")
            changes = [self._strokes.write(plan.frame, plan.box, plan.after) for plan in plans]
            self._tell(self._strokes.keep(changes, self._settings, verb, cells, said))
            self._news.tell(self.changed, tuple(sorted({plan.frame for plan in plans})))

    def undo(self) -> tuple[int, ...]:
        """Take the user's last step back; gives the frames it was on, () where there is none."""
        return self._travel(self.corrections.undo, after=False)

    def redo(self) -> tuple[int, ...]:
        """Do the last undone step again; gives the frames it was on, () where there is none."""
        return self._travel(self.corrections.redo, after=True)

    def next_undo(self) -> tuple[int, ...]:
        """Frames that ``undo`` would change, to go there first."""
        with self._changing():
            self.end_stroke()
            return self.corrections.last_done.frames

    def next_redo(self) -> tuple[int, ...]:
        """Frames that ``redo`` would change, to go there first."""
        return self.corrections.last_undone.frames

    # Inside

    def _frame(self, frame: int) -> FrameLabels:
        """Return what is derived for a frame; a missing watershed runs outside the lock."""
        while True:
            with self._lock:
                view = self._cache.get(frame, self.corrections)
                probabilities, settings = self._probabilities, self._settings
                spacing = self._spacing
                if view is not None and (
                    view.machine is not None or not seen(probabilities, frame)
                ):
                    return view
                version = self._cache.version(frame)
            basins = FrameCache.basins(probabilities, frame, settings, spacing)
            with self._lock:
                self._cache.put(frame, basins, version)

    def _read(self, frame: int, key: Any = ...) -> Any:
        view = self._frame(frame)
        with self._lock:
            return view.part(self._settings, key)

    def _look(self, frame: int, key: Any) -> Any:
        asked = getattr(self._drawing, "takes_draft", None)
        probabilities, settings = self._probabilities, self._settings
        if probabilities is None or asked is None or self.is_prepared(frame) or not asked(frame):
            return self._read(frame, key)
        codes = probabilities[frame]
        with self._lock:
            return draft_labels(codes[0], settings, self.corrections, frame, key)

    def _whole(self, frame: int) -> FrameView:
        return FrameView(self.shape[1:], self.dtype, lambda: self._read(frame))

    def _at_hand(self, frame: int) -> bool:
        return self.is_prepared(frame)

    def _too_many(self, frames: int) -> None:
        self.notify(
            f"{frames} frames were asked for at once: only those looked at so far are there, "
            "the others are empty. Use Export to write all of them",
        )

    def _keep(self, changes: list[Change], verb: str = "", cells: tuple[int, ...] = ()) -> None:
        self._tell(self._strokes.keep(changes, self._settings, verb, cells))

    def _tell(self, kept: Kept) -> None:
        if kept.frames:
            self._news.tell(self.edited, kept.frames)
        if kept.redraw:
            self._news.tell(self.changed, kept.redraw)
        for line in kept.notices:
            self._news.tell(self.noticed, line)

    def _travel(self, way: Callable[[], Step], *, after: bool) -> tuple[int, ...]:
        with self._changing():
            self.end_stroke()
            frames = self._strokes.travel(way, after=after)
            if frames:
                self._news.tell(self.edited, frames)
                self._news.tell(self.changed, frames)
            return frames
