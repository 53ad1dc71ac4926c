"""What is derived for each frame, kept while it is near: basins, and the labels on screen."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_unet.engine.annotations.edit_masks import CLAIMED, ERASED
from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.class_labels import classes_of
from napari_unet.engine.labels.codes import threshold_code
from napari_unet.engine.labels.ids import LAST_ID
from napari_unet.engine.labels.labels import Basins, frame_basins, object_codes
from napari_unet.engine.labels.space.boxes import axes_said, hull, within
from napari_unet.engine.session.predicted_classes import ClassCodes, PredictedClasses
from napari_unet.engine.session.predicted_objects import PredictedObjects

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from napari_unet.engine.annotations.corrections import Corrections
    from napari_unet.engine.annotations.edit_masks import Change, EditMask
    from napari_unet.engine.settings import LabelSettings
    from napari_unet.engine.stack.lazy_array import Box

    _Basins = Basins | ClassCodes

BUDGET = 256 << 20  # bytes of basins and labels kept
_BYTES_A_PIXEL = 4 + 1 + 2


@dataclass(frozen=True)
class Ground:
    """Ground of a machine's object: a box, a mask of it, and the ids its pieces show."""

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
        shape: tuple[int, ...],
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
        """Return the labels (Y, X) or (Z, Y, X), not to be written to."""
        if self._labels is None or settings != self._settings:
            self._settings = settings
            self._labels = self.machine_labels(settings)
            if self._mask is not None:
                if self._edited is None:
                    self._edited = np.flatnonzero(self._mask.edited())
                self._labels.reshape(-1)[self._edited] = self._mask.ids.reshape(-1)[self._edited]
        return self._labels

    def part(self, settings: LabelSettings, key: Any) -> NDArray[np.uint16]:
        """Return a copy of a part of the labels, by numpy's index.

        Of a volume no more than a section is derived where one is asked for: a moved threshold
        costs what is on screen.
        """
        section = section_of(key, self._shape)
        if section is None or (self._labels is not None and settings == self._settings):
            part: NDArray[np.uint16] = self.labels(settings)[key]
            return part.copy()
        box, labels = (section,), self._of_machine(settings, (section,))
        if self._mask is not None:
            edited = self._mask.edited(box)
            labels[edited] = self._mask.ids[box][edited]
        part = labels[(0, *key[1:])]
        return part.copy()

    def machine_labels(self, settings: LabelSettings) -> NDArray[np.uint16]:
        """Return the machine's labels."""
        return self._of_machine(settings, (slice(None),))

    def _of_machine(self, settings: LabelSettings, box: Box) -> NDArray[np.uint16]:
        if self.machine is None:
            return np.zeros(np.broadcast_to(np.uint16(0), self._shape)[box].shape, np.uint16)
        return self.machine.paint(settings, box)

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
        part[...] = self._of_machine(self._settings, box)
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
    def key(self) -> Mapping[str, Any]:
        """What they are of: movie, model, channel, normalisation."""

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

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._highest = 0
        self.keeps = max(2, BUDGET // (_BYTES_A_PIXEL * prod(shape)))
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
        while len(self._basins) > self.keeps:
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
        probabilities: Predictions | None,
        frame: int,
        settings: LabelSettings,
        spacing: tuple[float, ...] | None = None,
    ) -> _Basins | None:
        """Compute the basins of a frame; None where the model has predicted nothing of it.

        Voxels of a volume are ``spacing`` apart.
        """
        if probabilities is None or not seen(probabilities, frame):
            return None
        outputs = probabilities.outputs
        if classes_of(outputs):
            return ClassCodes(probabilities[frame], outputs)
        basins = frame_basins(object_codes(probabilities[frame], outputs), settings, spacing)
        if basins.n:
            # here, not on the GUI thread
            _ = basins.sizes, basins.edge, basins.boxes, basins.within(settings.edge)
        return basins


def draft_labels(
    object_codes: NDArray[np.uint8],
    settings: LabelSettings,
    corrections: Corrections,
    frame: int,
    key: Any = ...,
) -> NDArray[np.uint16]:
    """Label a frame, or a part by numpy's index, in a moment: pieces above the threshold.

    The user's pixels lie over them. Touching cells are one piece and no size is looked at: for the
    eye, until the basins are there. Of a volume a section is labelled by itself, and all of it
    is one piece.
    """
    section, mask = section_of(key, object_codes.shape), corrections.edits(frame)
    if section is not None:
        object_codes, key = object_codes[section], (0, *key[1:])
    inside = object_codes >= threshold_code(settings.threshold)
    if corrections.is_complete(frame):
        pieces = np.zeros_like(inside)
    elif object_codes.ndim == 3 and section is None:
        pieces = inside
    else:
        pieces = np.asarray(ndi.label(inside)[0])
    labels = np.minimum(pieces, LAST_ID).astype(np.uint16)
    if mask is not None:
        box = (slice(None) if section is None else section,)
        blocked = mask.blocked(box)
        labels[blocked] = mask.ids[box][blocked]
    drafted: NDArray[np.uint16] = labels[key]
    return drafted


def section_of(key: Any, shape: tuple[int, ...]) -> slice | None:
    """Return the one section of a volume that an index asks for; None for all else."""
    if len(shape) != 3 or not isinstance(key, tuple) or not key or not isinstance(key[0], int):
        return None
    return slice(key[0], key[0] + 1)


def checked(probabilities: Predictions | None, shape: tuple[int, ...]) -> Predictions | None:
    """Return predictions of a movie of ``shape`` (T, …); `BadInput` where of another."""
    if probabilities is not None:
        t, _, *space = probabilities.shape
        check_shape("the probabilities are", (t, *space), shape)
    return probabilities


def check_shape(what: str, found: tuple[int, ...], shape: tuple[int, ...]) -> None:
    """Refuse what was made on a movie of another shape."""
    if tuple(found) != tuple(shape):
        raise BadInput(
            f"{what} of a movie of {tuple(found)} ({axes_said(tuple(found))})",
            str(tuple(shape)),
            "use those made on this movie",
        )


def _differ_outside(
    one: NDArray[np.uint16], other: NDArray[np.uint16], box: Box, inner: Box
) -> bool:
    """Tell whether two versions of a box differ outside of an inner one."""
    differ = one != other
    differ[within(inner, box)] = False
    return bool(differ.any())
