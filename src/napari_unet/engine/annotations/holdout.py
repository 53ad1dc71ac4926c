"""What of the annotations is held out to check on: apart in time, or in space on a single frame.

Frames of a movie are nearly copies of each other: a model scores well on the neighbour of a frame
it learned from, and a random choice of frames would flatter it. So what is checked on is a block
with a gap around it, and where there are too few frames for that, a score is taken before what was
held out joins the training: few annotations are worth more for learning than for checking.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_unet.engine.annotations.frame_annotation import RING
from napari_unet.engine.errors import BadInput
from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_unet.engine.annotations.annotations import Annotations
    from napari_unet.engine.annotations.frame_annotation import FrameAnnotation

BLOCK_FROM = 8  # frames from which whole blocks are held out


@dataclass(frozen=True)
class HoldOut:
    """Which frames are held out, or which end of one; it holds for strokes to come, too.

    ``cut`` is an axis and a pixel along it: what lies beyond is held out, what lies before is
    learned from. Frames from the first to the last of ``gap`` are not learned from either.
    With ``joins`` all of it is checked on first and learned from later.
    """

    frames: tuple[int, ...] = ()
    cut: tuple[int, int] | None = None
    gap: tuple[int, int] | None = None
    joins: bool = False
    too_few: bool = False  # cells, so that nothing could be held out

    @property
    def words(self) -> str:
        """What is checked on: ``frames 3-4``, ``a quarter of frame 0``."""
        if not self.frames:
            return f"nothing kept aside{': too few cells' if self.too_few else ''}"
        return f"a quarter of frame {self.frames[0]}" if self.cut else frames_in_words(self.frames)

    @property
    def never_learned(self) -> tuple[int, ...]:
        """Frames that are checked on alone: they can still tell which threshold suits best."""
        return () if self.joins else self.frames

    def to_record(self) -> dict[str, Any]:
        """Return plain values, for the record of a model and for a checkpoint."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> HoldOut:
        """Read plain values back, those of version 0.1.0 (with ``words``) too.

        What they are not is a ValueError, KeyError or TypeError.
        """
        cut, gap = record.get("cut"), record.get("gap")
        if cut and cut[0] not in (0, 1, 2):
            raise ValueError(f"a cut along axis {cut[0]}")
        return cls(
            frames=tuple(int(t) for t in record.get("frames", ())),
            cut=(int(cut[0]), int(cut[1])) if cut else None,
            gap=(int(gap[0]), int(gap[1])) if gap else None,
            joins=bool(record.get("joins")),
            too_few=bool(record.get("too_few")) or "too few" in record.get("words", ""),
        )

    def part(self, annotations: Annotations) -> Split:
        """Part annotations into what is learned from and what is checked on."""
        annotated = [t for t in self.frames if t in annotations.frames]
        far = {t: self._far(annotations.frames[t]) for t in annotated}
        validation = annotations.with_frames(far) if annotated else None
        return Split(self.learned(annotations), validation, self)

    def learned(self, annotations: Annotations) -> Annotations:
        """Return what may be learned from while the rest is held out."""
        if not self.frames:
            return annotations
        low, high = self.gap or (1, 0)
        frames = {}
        for t, frame in annotations.frames.items():
            if t not in self.frames and not low <= t <= high:
                frames[t] = frame
            elif self.cut and t in self.frames:
                frames[t] = self._near(frame)
        return annotations.with_frames(frames)

    # A ring's width on both sides of the cut belongs to neither: the ring of a cell on one side
    # must not teach what the other side is checked on.

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
    hold_out: HoldOut

    @property
    def words(self) -> str:
        """What is checked on: ``frames 3-4``."""
        return self.hold_out.words

    def describe(self, annotations: Annotations) -> str:
        """Return in words what there is to learn from, all of it, and what of that is checked on.

        ``3 frames, 127 cells, 100 % of the pixels; checked on frame 18 (41 of the cells, learned
        from in the end)``.
        """
        return split_in_words(annotations.describe(), annotations, self)

    @property
    def joins(self) -> bool:
        """Whether it is checked on first and trained on later."""
        return self.hold_out.joins

    @property
    def has_cells(self) -> bool:
        """Whether there are cells both to learn from and to check on."""
        return bool(self.train.n_objects and self.validation and self.validation.n_objects)


def split_in_words(said: str, annotations: Annotations, split: Split, words: str = "") -> str:
    """Say what of ``annotations``, ``said`` in words, is checked on; in other ``words`` for it."""
    checked = split.validation
    kept = checked.n_objects if checked is not None else 0
    line = f"{said}; checked on {words or split.words}"
    if not kept or annotations.classes:
        return line
    line += f" ({kept} of the cells, {'' if split.joins else 'not '}learned from"
    line += " in the end)" if split.joins else ")"
    beside = annotations.n_objects - split.train.n_objects - kept
    in_time = beside > 0 and split.hold_out.gap is not None
    return f"{line}; {counted(beside, 'cell')} beside them left out" if in_time else line


def hold_out(
    annotations: Annotations, validation: Literal["auto", "none"] | tuple[int, ...] = "auto"
) -> Split:
    """Hold out part of the annotations for checking.

    With 8 frames or more a block of them with a gap around it; with 2 to 7 one frame, which
    joins the training later; with a single one a region of it.

    Raises
    ------
    BadInput
        Where the frames chosen to check on are not annotated or leave nothing to learn from.

    """
    frames = annotations.frame_indices
    if validation in ("none", ()) or not frames:
        return HoldOut().part(annotations)
    if isinstance(validation, tuple):
        return _chosen(annotations, validation)
    if len(frames) > 1:
        in_time = _block(frames) if len(frames) >= BLOCK_FROM else _one(frames)
        split = in_time.part(annotations)
        if split.has_cells:
            return split
    return _region(annotations)


def without_tested(annotations: Annotations, test: tuple[int, ...]) -> Annotations:
    """Return the annotations but for the frames that a model is to be tested on."""
    return annotations.only(annotations.frames.keys() - set(test))


def kept_for_test(
    annotations: Annotations,
    test: tuple[int, ...],
    validation: Literal["auto", "none"] | tuple[int, ...] = "auto",
) -> Annotations | None:
    """Return the annotations that a model is tested on at its end; None for none.

    Raises
    ------
    BadInput
        Where these frames are not annotated, are all there is, or are to be checked on, too.

    """
    if not test:
        return None
    known = annotations.frame_indices
    expected = ""
    if not set(test) <= set(known) or set(known) <= set(test):
        expected = f"some, but not all, of the annotated frames {', '.join(map(str, known))}"
    elif isinstance(validation, tuple) and set(test) & set(validation):
        expected = "others than those checked on, which choose the weights"
    if expected:
        raise BadInput(
            f"the frames to test on are {', '.join(map(str, sorted(set(test))))}",
            expected,
            "choose other frames to test on",
        )
    return annotations.only(test)


def _chosen(annotations: Annotations, frames: tuple[int, ...]) -> Split:
    annotated = annotations.frame_indices
    if not set(frames) <= set(annotated) or set(annotated) <= set(frames):
        raise BadInput(
            f"the frames to check on are {', '.join(map(str, frames))}",
            f"some, but not all, of the annotated frames {', '.join(map(str, annotated))}",
            "choose other frames to check on",
        )
    split = HoldOut(frames).part(annotations)
    if not split.train.n_objects:
        raise BadInput(
            f"all cells are on the frames to check on, {', '.join(map(str, frames))}",
            "cells on the other annotated frames, to learn from",
            "choose other frames to check on",
        )
    return split


def _one(frames: tuple[int, ...]) -> HoldOut:
    """Hold out the middle one: learned from on both sides, it says what lies between is like."""
    return HoldOut((frames[len(frames) // 2],), joins=True)


def _block(frames: tuple[int, ...]) -> HoldOut:
    """Hold out neighbouring frames, with a gap: the next frame in time shows the same cells."""
    size = max(2, round(len(frames) / 6))
    start = (len(frames) - size) // 2
    gap = 1 if len(frames) < 16 else 2
    around = frames[start - gap], frames[start + size + gap - 1]
    return HoldOut(frames[start : start + size], gap=around)


def _region(annotations: Annotations) -> Split:
    """Hold out a stripe with about a quarter of the cells of the fullest frame."""
    frames = annotations.frames
    t = max(annotations.frame_indices, key=lambda t: np.count_nonzero(frames[t].labels))
    painted = frames[t].labels > 0
    along = int(np.argmax(painted.shape))
    length, others = painted.shape[along], tuple({*range(painted.ndim)} - {along})
    cells = np.cumsum(painted.sum(axis=others)) / max(1, painted.sum())
    # no less than half is learned from, no less than an eighth is checked on
    cut = int(np.clip(np.searchsorted(cells, 0.75), length // 2, length * 7 // 8))
    split = HoldOut((t,), cut=(along, cut), joins=True).part(annotations)
    near, far = split.train.only([t]), split.validation
    if near.n_objects and far and far.n_objects:
        return split
    return HoldOut(too_few=True).part(annotations)


def _stripe(frame: FrameAnnotation, axis: int, along: slice) -> NDArray[np.bool_]:
    region = np.zeros(frame.labels.shape, bool)
    region[(*(slice(None),) * axis, along)] = True
    return region


def frames_in_words(frames: tuple[int, ...]) -> str:
    """Say which frames: ``frame 3``, ``frames 3-4``, ``frames 3, 8``."""
    if len(frames) == 1:
        return f"frame {frames[0]}"
    if frames[-1] - frames[0] == len(frames) - 1:
        return f"frames {frames[0]}-{frames[-1]}"
    return f"frames {', '.join(map(str, frames))}"
