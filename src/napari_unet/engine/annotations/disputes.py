"""Places where two users' corrections of a frame disagree, kept until one of them decides."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_unet.engine.annotations.edit_masks import EditMask
from napari_unet.engine.labels.space.boxes import box_of, ends_of, size_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from napari_unet.engine.stack.lazy_array import Box


@dataclass(frozen=True)
class Dispute:
    """A box of a frame as it was merged, and as another user has it; ``cells`` are the ids there.

    It is open as long as nobody changes what the two of them say otherwise.
    """

    frame: int
    box: Box
    cells: tuple[int, ...]
    words: str
    mine: bytes
    theirs: bytes

    @classmethod
    def between(
        cls,
        frame: int,
        box: Box,
        cells: tuple[int, ...],
        words: str,
        parts: tuple[EditMask, EditMask],
    ) -> Dispute:
        """Note two states of a box: as it was merged, and the other one."""
        return cls(frame, box, cells, words, parts[0].pack(), parts[1].pack())

    @property
    def shape(self) -> tuple[int, ...]:
        """Height and width of the box, of a volume with its depth before them."""
        return size_of(self.box)

    def part(self, *, theirs: bool) -> EditMask:
        """Return the box as it was merged, or as the other user has it."""
        return EditMask.unpack(self.theirs if theirs else self.mine, self.shape)

    def differ(self) -> NDArray[np.bool_]:
        """Return the pixels of the box of which the two say something else."""
        mine, theirs = self.part(theirs=False), self.part(theirs=True)
        found: NDArray[np.bool_] = (mine.ids != theirs.ids) | (mine.flags != theirs.flags)
        return found

    def is_open(self, mask: EditMask | None) -> bool:
        """Whether the frame's edit mask still is what was merged, where the two differ."""
        if mask is None:
            return False
        now, mine, where = mask.cut(self.box), self.part(theirs=False), self.differ()
        same = (now.ids == mine.ids) & (now.flags == mine.flags)
        return bool(same[where].all())

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise ValueError where it is of no movie of ``shape`` (T, …)."""
        bounds = zip(self.box, shape[1:], strict=True)
        inside = all(0 <= side.start < side.stop <= n for side, n in bounds)
        if not inside or not 0 <= self.frame < shape[0]:
            raise ValueError(f"frame {self.frame}, box {self.box} of a movie of {shape}")
        self.differ()

    def to_record(self) -> dict[str, Any]:
        """Return plain values for a line of the journal."""
        return {
            "frame": self.frame,
            "box": ends_of(self.box),
            "cells": list(self.cells),
            "words": self.words,
            "mine": base64.b85encode(self.mine).decode(),
            "theirs": base64.b85encode(self.theirs).decode(),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Dispute:
        """Read plain values back; ValueError, TypeError or KeyError where they are no dispute."""
        mine, theirs = (base64.b85decode(record[name]) for name in ("mine", "theirs"))
        cells = tuple(int(cell) for cell in record["cells"])
        box = box_of(record["box"])
        return cls(int(record["frame"]), box, cells, str(record["words"]), mine, theirs)
