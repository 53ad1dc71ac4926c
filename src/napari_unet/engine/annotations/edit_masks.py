"""What a user says about each pixel of a frame, and how that changes.

An edit mask has two planes: ``ids`` (uint16; an object a user vouches for, 65535 the background
brush, 0 nothing said) and ``flags`` (uint8; ERASED: the user says no object is here, CLAIMED:
ground of an object that was touched, closed to the machine, LOCKED: of an object that neither
brush nor verb may change, DISPUTED: a pixel of what two users say otherwise). Those of a volume
are (Z, Y, X).
"""

from __future__ import annotations

import base64
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.labels.space.boxes import box_of, ends_of, size_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.engine.stack.lazy_array import Box

ERASED = 1
CLAIMED = 2
LOCKED = 4
DISPUTED = 8
_DENSE = 16  # masks kept unpacked, at most; the others are small
_DENSE_BYTES = 256 << 20  # of those, beside the one in use
_BYTES_A_PIXEL = 3


@dataclass
class EditMask:
    """The user's planes of one frame: ``ids`` (Y, X) uint16, ``flags`` (Y, X) uint8."""

    ids: NDArray[np.uint16]
    flags: NDArray[np.uint8]

    @classmethod
    def empty(cls, shape: tuple[int, ...]) -> EditMask:
        """Make a mask on which nothing is said."""
        return cls(np.zeros(shape, np.uint16), np.zeros(shape, np.uint8))

    def cut(self, box: Box) -> EditMask:
        """Return a copy of a box of both planes."""
        return EditMask(self.ids[box].copy(), self.flags[box].copy())

    def paste(self, box: Box, part: EditMask) -> None:
        """Write a part into a box of both planes."""
        self.ids[box] = part.ids
        self.flags[box] = part.flags

    def blocked(self, box: Box = (slice(None),)) -> NDArray[np.bool_]:
        """Pixels closed to the machine's objects: edited, or claimed."""
        return (self.ids[box] > 0) | (self.flags[box] > 0)

    def edited(self, box: Box = (slice(None),)) -> NDArray[np.bool_]:
        """Pixels whose label is the user's: an object, background, or erased."""
        return (self.ids[box] > 0) | ((self.flags[box] & ERASED) > 0)

    def locked(self, box: Box = (slice(None),)) -> NDArray[np.bool_]:
        """Pixels of objects that are locked."""
        return (self.flags[box] & LOCKED) > 0

    def cells(self) -> NDArray[np.intp]:
        """Return the ids of its objects, sorted."""
        # Counting only what is painted: a stroke asks for this, and most of a frame is empty.
        painted = self.ids[(self.ids > 0) & (self.ids < BACKGROUND_ID)]
        return np.flatnonzero(np.bincount(painted))

    def painted(self) -> NDArray[np.uint16]:
        """Return the ids as a label file has them: what was erased is background (65535)."""
        erased = (self.ids == 0) & ((self.flags & ERASED) > 0)
        return np.where(erased, np.uint16(BACKGROUND_ID), self.ids)

    def pack(self) -> bytes:
        """Compress both planes."""
        return zlib.compress(self.ids.astype("<u2").tobytes() + self.flags.tobytes(), 1)

    @classmethod
    def unpack(cls, packed: bytes, shape: tuple[int, ...]) -> EditMask:
        """Undo ``pack``; ValueError where the bytes are not planes of this shape."""
        n = prod(shape)
        try:
            opened = zlib.decompressobj()
            raw = opened.decompress(packed, 3 * n + 1)  # no more than that, whatever it holds
        except zlib.error as error:
            raise ValueError(str(error)) from error
        if len(raw) != 3 * n or not opened.eof:
            raise ValueError(f"{len(raw)} bytes for planes of {shape}")
        ids = np.frombuffer(raw, "<u2", n).astype(np.uint16).reshape(shape)
        return cls(ids, np.frombuffer(raw, np.uint8, n, 2 * n).copy().reshape(shape))


@dataclass(frozen=True)
class Change:
    """What one step did to one frame: a box of its edit mask, and its *complete* mark."""

    frame: int
    box: Box
    before: bytes
    after: bytes
    complete: tuple[bool, bool]

    @classmethod
    def between(
        cls, frame: int, box: Box, before: EditMask, after: EditMask, complete: tuple[bool, bool]
    ) -> Change:
        """Note the change from one state of a box to another."""
        return cls(frame, box, before.pack(), after.pack(), complete)

    @property
    def shape(self) -> tuple[int, ...]:
        """Height and width of the box, of a volume with its depth before them."""
        return size_of(self.box)

    def part(self, *, after: bool) -> EditMask:
        """Return the box as it was before, or after."""
        return EditMask.unpack(self.after if after else self.before, self.shape)

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise ValueError where it is no change of a movie of ``shape`` (T, …)."""
        bounds = zip(self.box, shape[1:], strict=True)
        inside = all(0 <= side.start < side.stop <= n for side, n in bounds)
        if not inside or not 0 <= self.frame < shape[0]:
            raise ValueError(f"frame {self.frame}, box {self.box} of a movie of {shape}")
        self.part(after=False)
        self.part(after=True)

    def to_record(self) -> dict[str, Any]:
        """Return plain values for a line of the journal."""
        return {
            "frame": self.frame,
            "box": ends_of(self.box),
            "before": base64.b85encode(self.before).decode(),
            "after": base64.b85encode(self.after).decode(),
            "complete": list(self.complete),
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Change:
        """Read plain values back; ValueError or KeyError where they are not a change."""
        box = box_of(record["box"])
        before, after = (base64.b85decode(record[name]) for name in ("before", "after"))
        was, now = (bool(v) for v in record["complete"])
        return cls(int(record["frame"]), box, before, after, (was, now))


class EditMasks:
    """Edit masks of a movie by frame: few in full, the others packed. Not thread-safe by itself."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._shape = shape
        self._keep = max(1, min(_DENSE, _DENSE_BYTES // max(1, _BYTES_A_PIXEL * prod(shape))))
        self._dense: OrderedDict[int, EditMask] = OrderedDict()
        self._packed: dict[int, bytes] = {}

    def copy(self) -> EditMasks:
        """Return an independent copy, packed."""
        other = EditMasks(self._shape)
        dense = {frame: mask.pack() for frame, mask in self._dense.items()}
        other._packed = {**self._packed, **dense}
        return other

    def frames(self) -> tuple[int, ...]:
        """Frames that have a mask, in order."""
        return tuple(sorted({*self._dense, *self._packed}))

    def get(self, frame: int) -> EditMask | None:
        """Return the mask of a frame, to read; None where nothing was ever said."""
        if frame in self._dense:
            self._dense.move_to_end(frame)
            return self._dense[frame]
        if frame in self._packed:
            return self.ensure(frame)
        return None

    def ensure(self, frame: int) -> EditMask:
        """Return the mask of a frame, to write."""
        if frame not in self._dense:
            packed = self._packed.pop(frame, None)
            mask = (
                EditMask.empty(self._shape)
                if packed is None
                else EditMask.unpack(packed, self._shape)
            )
            self._dense[frame] = mask
            while len(self._dense) > self._keep:
                old, evicted = self._dense.popitem(last=False)
                self._packed[old] = evicted.pack()
        self._dense.move_to_end(frame)
        return self._dense[frame]
