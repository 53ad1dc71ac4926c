"""What is derived for each frame, kept while it is near: basins, and the labels on screen."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_unet.engine.annotations.edit_masks import CLAIMED, ERASED
from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.class_labels import classes_of
from napari_unet.engine.labels.codes import threshold_code
from napari_unet.engine.labels.ids import LAST_ID
from napari_unet.engine.labels.labels import Basins, frame_basins, object_codes
from napari_unet.engine.session.predicted_classes import ClassCodes, PredictedClasses
from napari_unet.engine.session.predicted_objects import PredictedObjects, hull

if TYPE_CHECKING:
    from collections.abc import Container

    from napari_unet.engine.annotations.corrections import Corrections
    from napari_unet.engine.annotations.edit_masks import Change, EditMask
    from napari_unet.engine.settings import LabelSettings
    from napari_unet.engine.stack.lazy_array import Box

    _Basins = Basins | ClassCodes

BUDGET = 256 << 20  # bytes of basins and labels kept
_BYTES_A_PIXEL = 4 + 1 + 2


@dataclass(frozen=True)
class Ground:
    """Ground of a machine's object: a box, which of it (Y, X), and the ids its pieces show."""

    box: Box
    mask: NDArray[np.bool_]
    ids: NDArray[np.intp]

    def claim(self, part: EditMask, shown: NDArray[np.uint16]) -> None:
        """Make the object the user's in a part of the mask, as ``shown`` in the same box."""
        free = (part.ids == 0) & (part.flags & ERASED == 0)
        mine = self.mask & free & np.isin(shown, self.ids)
        part.ids[mine] = shown[mine]
        part.flags[self.mask] |= CLAIMED


class FrameLabels:
    """The labels of one frame: the machine's objects with the user's mask over them."""

    def __init__(
        self,
        shape: tuple[int, int],
        machine: PredictedObjects | PredictedClasses | None,
        mask: EditMask | None,
    ) -> None:
        self.machine = machine
        self._shape = shape
        self._mask = mask
        self._edited: NDArray[np.intp] | None = None
        self._labels: NDArray[np.uint16] | None = None
        self._settings: LabelSettings | None = None

    def labels(self, settings: LabelSettings) -> NDArray[np.uint16]:
        """Return the labels (Y, X), not to be written to."""
        if self._labels is None or settings != self._settings:
            self._settings = settings
            self._labels = self.machine_labels(settings)
            if self._mask is not None:
                if self._edited is None:
                    self._edited = np.flatnonzero(self._mask.edited())
                self._labels.reshape(-1)[self._edited] = self._mask.ids.reshape(-1)[self._edited]
        return self._labels

    def machine_labels(self, settings: LabelSettings) -> NDArray[np.uint16]:
        """Return the machine's labels (Y, X)."""
        if self.machine is None:
            return np.zeros(self._shape, dtype=np.uint16)
        return self.machine.paint(settings)

    def ground(self, label: int, settings: LabelSettings) -> Ground | None:
        """Return the ground, basins and all, of the machine's object of which an id is a piece."""
        if not isinstance(self.machine, PredictedObjects):
            return None
        members = self.machine.members(label, settings)
        if not members.size:
            return None
        return Ground(*self.machine.footprint(members), self.machine.ids_of(members, settings))

    @property
    def of_classes(self) -> bool:
        """Whether the numbers are classes: no pixel is of one object or another."""
        return isinstance(self.machine, PredictedClasses)

    @property
    def highest(self) -> int:
        """The highest id that the machine shows."""
        return self.machine.highest if isinstance(self.machine, PredictedObjects) else 0

    def update(self, change: Change, corrections: Corrections, *, after: bool) -> bool:
        """Follow a change of the user's mask; tells whether labels changed outside of its box."""
        before, now = change.part(after=not after), change.part(after=after)
        mask = self._mask = corrections.edits(change.frame)
        self._edited = None
        box, anew = change.box, False
        if self.machine is not None:
            changed = self.machine.cover(box, before, now)
            if isinstance(self.machine, PredictedObjects) and changed.size:
                box = hull([box, self.machine.around(changed)])
                anew = bool(len(self.machine.basins.joins))  # others may be joined otherwise
            if not np.array_equal(np.unique(before.ids), np.unique(now.ids)):
                anew |= self.machine.name(corrections.ids(change.frame), corrections.reserved)
        if self._labels is None or anew or self._settings is None:
            self._labels = None
            return True
        part, was = self._labels[box], self._labels[box].copy()
        part[...] = 0 if self.machine is None else self.machine.paint(self._settings, box)
        if mask is not None:
            edited = mask.edited(box)
            part[edited] = mask.ids[box][edited]
        return box != change.box and _differ_outside(part, was, box, change.box)


class Predictions(Protocol):
    """What labels are derived from: `Probabilities`, or what gives the same."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the codes of all frames: (T, C, Y, X)."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the C planes."""

    @property
    def computed(self) -> NDArray[np.bool_]:
        """Frames that are predicted whole, (T,)."""

    @property
    def parts(self) -> Container[int]:
        """Frames of which a part is predicted."""

    def __getitem__(self, frame: int, /) -> NDArray[np.uint8]:
        """Return the codes (C, Y, X) of a frame."""


def seen(probabilities: Predictions | None, frame: int) -> bool:
    """Tell whether the model has predicted a frame, or a part of it."""
    if probabilities is None:
        return False
    return bool(probabilities.computed[frame]) or frame in probabilities.parts


class FrameCache:
    """FrameLabels of the frames used last. Its owner locks."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._highest = 0
        self._keep = max(2, BUDGET // (_BYTES_A_PIXEL * shape[0] * shape[1]))
        self._frames: OrderedDict[int, FrameLabels] = OrderedDict()
        self._basins: OrderedDict[int, _Basins | None] = OrderedDict()
        self._age = 0
        self._dropped: dict[int, int] = {}

    def clear(self) -> None:
        """Forget everything."""
        self._age += 1
        self._highest = self.highest_id()
        self._frames.clear()
        self._basins.clear()
        self._dropped.clear()

    def drop(self, frame: int) -> None:
        """Forget one frame."""
        self._dropped[frame] = self._dropped.get(frame, 0) + 1
        self._basins.pop(frame, None)
        self._forget(frame)

    def drop_labels(self, frame: int) -> None:
        """Forget the labels of a frame, not its basins."""
        self._forget(frame)

    def has(self, frame: int) -> bool:
        """Tell whether the basins of a frame are here."""
        return frame in self._basins

    def version(self, frame: int) -> tuple[int, int]:
        """Return what must be unchanged for basins computed meanwhile to count."""
        return self._age, self._dropped.get(frame, 0)

    def get(self, frame: int, corrections: Corrections) -> FrameLabels | None:
        """Return a frame's labels; None where its basins have to be computed first."""
        if frame not in self._basins:
            return None
        self._basins.move_to_end(frame)
        view = self._frames.get(frame)
        if view is None:
            view = self._frames[frame] = self._built(frame, corrections)
        return view

    def put(self, frame: int, basins: _Basins | None, version: tuple[int, int]) -> None:
        """Keep basins computed outside the lock, unless they are out of date by now."""
        if version != self.version(frame):
            return
        self._basins[frame] = basins
        self._forget(frame)
        if basins is not None:
            self._highest = max(self._highest, basins.n)
        while len(self._basins) > self._keep:
            old, _ = self._basins.popitem(last=False)
            self._forget(old)

    def highest_id(self) -> int:
        """Return the highest id that the machine has shown on any frame."""
        return max(self._highest, *(view.highest for view in self._frames.values()), 0)

    def update(self, change: Change, corrections: Corrections, *, after: bool) -> bool:
        """Follow a change of a frame's mask; tells whether labels changed outside of its box."""
        view = self._frames.get(change.frame)
        return view is not None and view.update(change, corrections, after=after)

    def _forget(self, frame: int) -> None:
        view = self._frames.pop(frame, None)
        if view is not None:  # what it showed stays given
            self._highest = max(self._highest, view.highest)

    def _built(self, frame: int, corrections: Corrections) -> FrameLabels:
        basins, mask = self._basins[frame], corrections.edits(frame)
        machine: PredictedObjects | PredictedClasses | None = None
        if isinstance(basins, ClassCodes):
            machine = PredictedClasses(basins, corrections.is_complete(frame))
        elif basins is not None:
            machine = PredictedObjects(basins, mask, corrections.is_complete(frame))
            machine.name(corrections.ids(frame), corrections.reserved)
        return FrameLabels(corrections.shape[1:], machine, mask)

    @staticmethod
    def basins(
        probabilities: Predictions | None, frame: int, settings: LabelSettings
    ) -> _Basins | None:
        """Compute the basins of a frame; None where the model has predicted nothing of it."""
        if probabilities is None or not seen(probabilities, frame):
            return None
        outputs = probabilities.outputs
        if classes_of(outputs):
            return ClassCodes(probabilities[frame], outputs)
        basins = frame_basins(object_codes(probabilities[frame], outputs), settings)
        if basins.n:
            # here, not on the GUI thread
            _ = basins.sizes, basins.edge, basins.boxes, basins.within(settings.edge)
        return basins


def machine_of(
    basins: _Basins | None, corrections: Corrections, frame: int
) -> tuple[PredictedObjects | None, NDArray[np.bool_]]:
    """Return the machine's objects of a frame, none of classes, and the user's pixels."""
    mask = corrections.edits(frame)
    hidden = mask.edited() if mask else np.zeros(corrections.shape[1:], bool)
    if not isinstance(basins, Basins):
        return None, hidden
    return PredictedObjects(basins, mask, corrections.is_complete(frame)), hidden


def draft_labels(
    object_codes: NDArray[np.uint8], settings: LabelSettings, corrections: Corrections, frame: int
) -> NDArray[np.uint16]:
    """Label a frame (Y, X) in a moment: pieces above the threshold, the user's over them.

    Touching cells are one piece and no size is looked at: for the eye, until the basins are there.
    """
    mask = corrections.edits(frame)
    if corrections.is_complete(frame):
        pieces = np.zeros(object_codes.shape, np.int32)
    else:
        pieces, _ = ndi.label(object_codes >= threshold_code(settings.threshold))
    labels = np.minimum(pieces, LAST_ID).astype(np.uint16)
    if mask is not None:
        blocked = mask.blocked()
        labels[blocked] = mask.ids[blocked]
    return labels


def checked(probabilities: Predictions | None, shape: tuple[int, int, int]) -> Predictions | None:
    """Return predictions of a movie of ``shape`` (T, Y, X); `BadInput` where of another."""
    if probabilities is not None:
        t, _, y, x = probabilities.shape
        check_shape("the probabilities are", (t, y, x), shape)
    return probabilities


def check_shape(what: str, found: tuple[int, ...], shape: tuple[int, ...]) -> None:
    """Refuse what was made on a movie of another shape."""
    if tuple(found) != tuple(shape):
        raise BadInput(
            f"{what} of a movie of {tuple(found)} (frames, height, width)",
            str(tuple(shape)),
            "use those made on this movie",
        )


def _differ_outside(
    one: NDArray[np.uint16], other: NDArray[np.uint16], box: Box, inner: Box
) -> bool:
    """Tell whether two versions of a box differ outside of an inner one."""
    differ = one != other
    y, x = (slice(i.start - o.start, i.stop - o.start) for i, o in zip(inner, box, strict=True))
    differ[y, x] = False
    return bool(differ.any())
