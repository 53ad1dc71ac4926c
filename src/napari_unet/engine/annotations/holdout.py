"""What is kept aside of the annotations to check on, apart in time: frames are nearly copies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_unet.engine.annotations.frame_annotation import RING
from napari_unet.engine.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.engine.annotations.annotations import Annotations
    from napari_unet.engine.annotations.frame_annotation import FrameAnnotation

_BLOCK_FROM = 8  # frames from which whole blocks are held out


@dataclass(frozen=True)
class HoldOut:
    """Which frames are kept aside, or which end of one; it holds for strokes to come, too.

    ``cut`` is an axis and a pixel along it: what lies beyond is kept aside, what lies before is
    learned from. Positions from the first to the last of ``gap`` are not learned from either.
    With ``joins`` all of it is checked on first and learned from later.
    """

    words: str
    frames: tuple[int, ...] = ()
    cut: tuple[int, int] | None = None
    gap: tuple[int, int] | None = None
    joins: bool = False

    def part(self, annotations: Annotations) -> Split:
        """Part annotations into what is learned from and what is checked on."""
        held = [t for t in self.frames if t in annotations.frames]
        checked = {t: self._far(annotations.frames[t]) for t in held}
        validation = replace(annotations, frames=checked) if held else None
        return Split(self.learned(annotations), validation, self)

    def learned(self, annotations: Annotations) -> Annotations:
        """Return what may be learned from while the rest is kept aside."""
        if not self.frames:
            return annotations
        low, high = self.gap or (1, 0)
        frames = {}
        for t, frame in annotations.frames.items():
            if t not in self.frames and not low <= t <= high:
                frames[t] = frame
            elif self.cut and t in self.frames:
                frames[t] = self._near(frame)
        return replace(annotations, frames=frames)

    def _near(self, frame: FrameAnnotation) -> FrameAnnotation:
        axis, cut = self.cut or (0, 0)
        return frame.within(_stripe(frame, axis, slice(0, cut - RING)))

    def _far(self, frame: FrameAnnotation) -> FrameAnnotation:
        if self.cut is None:
            return frame
        axis, cut = self.cut
        return frame.within(_stripe(frame, axis, slice(cut + RING, None)))


@dataclass(frozen=True, eq=False)
class Split:
    """What to train on and what to check on."""

    train: Annotations
    validation: Annotations | None
    aside: HoldOut

    @property
    def words(self) -> str:
        """What is checked on: ``frames 3-4``."""
        return self.aside.words

    @property
    def joins(self) -> bool:
        """Whether it is checked on first and trained on later."""
        return self.aside.joins

    @property
    def has_cells(self) -> bool:
        """Whether there are cells both to learn from and to check on."""
        return bool(self.train.n_objects and self.validation and self.validation.n_objects)


def hold_out(
    annotations: Annotations, validation: Literal["auto", "none"] | tuple[int, ...] = "auto"
) -> Split:
    """Keep part aside for checking.

    With 8 frames or more a block of them with a gap around it; with 2 to 7 one frame, which
    joins the training later; with a single one a region of it.

    Raises
    ------
    BadInput
        Where the frames chosen to check on are not annotated or leave nothing to learn from.

    """
    positions = annotations.positions
    if validation in ("none", ()) or not positions:
        return HoldOut("nothing kept aside").part(annotations)
    if isinstance(validation, tuple):
        return _chosen(annotations, validation)
    if len(positions) > 1:
        in_time = _block(positions) if len(positions) >= _BLOCK_FROM else _one(positions)
        split = in_time.part(annotations)
        if split.has_cells:
            return split
    return _region(annotations)


def _chosen(annotations: Annotations, held: tuple[int, ...]) -> Split:
    positions = annotations.positions
    if not set(held) <= set(positions) or set(positions) <= set(held):
        raise BadInput(
            f"frames to check on: {', '.join(map(str, held))}",
            f"some, but not all, of the annotated frames {', '.join(map(str, positions))}",
            "choose other frames to check on",
        )
    split = HoldOut(_in_words(held), held).part(annotations)
    if not split.train.n_objects:
        raise BadInput(
            f"all cells are on the frames to check on: {', '.join(map(str, held))}",
            "cells on the other annotated frames, to learn from",
            "choose other frames to check on",
        )
    return split


def _one(positions: tuple[int, ...]) -> HoldOut:
    held = positions[len(positions) // 2]
    return HoldOut(f"frame {held}", (held,), joins=True)


def _block(positions: tuple[int, ...]) -> HoldOut:
    size = max(2, round(len(positions) / 6))
    start = (len(positions) - size) // 2
    gap = 1 if len(positions) < 16 else 2
    around = positions[start - gap], positions[start + size + gap - 1]
    held = positions[start : start + size]
    return HoldOut(_in_words(held), held, gap=around)


def _region(annotations: Annotations) -> Split:
    """Keep aside a stripe that holds about a quarter of the cells of the fullest frame."""
    frames = annotations.frames
    t = max(annotations.positions, key=lambda t: np.count_nonzero(frames[t].labels))
    painted = frames[t].labels > 0
    along = int(np.argmax(painted.shape))
    length = painted.shape[along]
    cells = np.cumsum(painted.sum(axis=1 - along)) / max(1, painted.sum())
    cut = int(np.clip(np.searchsorted(cells, 0.75), length // 2, length * 7 // 8))
    split = HoldOut(f"a quarter of frame {t}", (t,), cut=(along, cut), joins=True).part(annotations)
    near, held = split.train.only([t]), split.validation
    if near.n_objects and held and held.n_objects:
        return split
    return HoldOut("nothing kept aside: too few cells").part(annotations)


def _stripe(frame: FrameAnnotation, axis: int, along: slice) -> NDArray[np.bool_]:
    region = np.zeros(frame.labels.shape, bool)
    region[(along, slice(None)) if axis == 0 else (slice(None), along)] = True
    return region


def _in_words(positions: tuple[int, ...]) -> str:
    if len(positions) == 1:
        return f"frame {positions[0]}"
    if positions[-1] - positions[0] == len(positions) - 1:
        return f"frames {positions[0]}-{positions[-1]}"
    return f"frames {', '.join(map(str, positions))}"
