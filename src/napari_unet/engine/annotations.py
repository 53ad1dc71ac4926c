"""Annotations: which pixels of which frames a person vouches for.

A frame counts whole only where it is complete (every cell outlined). Elsewhere painted objects
count with a thin ring of background around them, background strokes count, and the rest is
ignored: half-painted frames must not teach that cells are background.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import ndimage

from napari_unet.engine.errors import BadInput
from napari_unet.engine.label_ids import BACKGROUND_ID, read_ids
from napari_unet.engine.stack import match_frames

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from napari_unet.engine.label_ids import Kind
    from napari_unet.engine.stack import Stack

RING = 4  # px: wide enough to hold the outline, narrow enough to miss the unpainted neighbour
_BLOCK_FROM = 8  # frames from which whole blocks are held out


@dataclass(frozen=True, eq=False)
class FrameAnnotation:
    """One frame: ``labels (Y, X)`` int32 with 0 as background, ``supervised (Y, X)`` bool."""

    labels: NDArray[np.int32]
    supervised: NDArray[np.bool_]
    complete: bool

    def within(self, region: NDArray[np.bool_]) -> FrameAnnotation:
        """Give the annotation restricted to ``region (Y, X)``."""
        return FrameAnnotation(self.labels, self.supervised & region, self.complete)


@dataclass(frozen=True, eq=False)
class Annotations:
    """What is annotated of a movie of ``shape (T, Y, X)``, by position of the frame."""

    shape: tuple[int, int, int]
    frames: Mapping[int, FrameAnnotation]

    @property
    def positions(self) -> tuple[int, ...]:
        """Positions of the annotated frames, in order."""
        return tuple(sorted(self.frames))

    @property
    def n_objects(self) -> int:
        """Objects with at least one supervised pixel, counted in each frame."""
        return sum(
            int(np.count_nonzero(np.unique(f.labels[f.supervised]))) for f in self.frames.values()
        )

    @property
    def supervised_fraction(self) -> float:
        """Share of the pixels of the annotated frames that is supervised."""
        frames = self.frames.values()
        return float(np.mean([f.supervised.mean() for f in frames])) if frames else 0.0

    def only(self, positions: Iterable[int]) -> Annotations:
        """Give the annotations of some frames."""
        return Annotations(self.shape, {t: self.frames[t] for t in positions})

    def without_edge(self, width: int) -> Annotations:
        """Give the annotations without a band of ``width`` px along the image edge."""
        if not width:
            return self
        inner = np.zeros(self.shape[1:], bool)
        inner[width:-width, width:-width] = True
        return Annotations(self.shape, {t: f.within(inner) for t, f in self.frames.items()})

    def describe(self) -> str:
        """Say it in words: ``3 frames, 214 cells, 38 % of the pixels``."""
        n, cells = len(self.frames), self.n_objects
        share = f"{100 * self.supervised_fraction:.3g} % of the pixels"
        return f"{n} frame{'s' * (n != 1)}, {cells} cell{'s' * (cells != 1)}, {share}"

    def check(self) -> None:
        """Refuse what would make training fail or mislead.

        Raises
        ------
        BadInput
            Without annotated frames, objects or background.

        """
        if not self.frames:
            raise BadInput(
                "no frame is annotated", "at least one frame with painted cells", "paint some cells"
            )
        if not self.n_objects:
            where = ", ".join(map(str, self.positions[:5]))
            raise BadInput(
                f"the labels are empty on the chosen frames ({where})",
                "at least one painted cell",
                "paint cells there, or choose frames that have labels",
            )
        if not any((f.supervised & (f.labels == 0)).any() for f in self.frames.values()):
            raise BadInput(
                "the annotations hold no background",
                "some background beside the cells",
                "paint background strokes, or mark a frame as complete",
            )

    @classmethod
    def from_labels(
        cls,
        movie: Stack,
        labels: Stack,
        frames: Iterable[int] | None = None,
        *,
        partial: bool = False,
        kind: Kind = "auto",
    ) -> Annotations:
        """Read annotations from a label stack; frames are matched by number or position.

        Parameters
        ----------
        movie, labels
            Stacks of frames ``(Y, X)`` of the same size.
        frames
            Positions in the movie; all frames that have labels where not given.
        partial
            Zeros are ignored, except a thin ring around each object and pixels of id 65535.
        kind
            ``binary`` separates the mask into connected components; ``auto`` does so where all
            frames together hold a single value.

        Raises
        ------
        BadInput
            Where sizes or frames do not match.

        """
        if movie.frame_shape != labels.frame_shape:
            raise BadInput(
                f"the labels {labels.name} are {_size(labels)} pixels",
                f"{_size(movie)}, as the movie {movie.name}",
                "give labels made for this movie",
            )
        of_frame = dict(match_frames(movie, labels))
        chosen = sorted(of_frame) if frames is None else sorted(set(frames))
        _require_labels(labels, [t for t in chosen if t not in of_frame])
        ids = read_ids(labels, [of_frame[t] for t in chosen], kind, strokes=partial)
        read = dict(zip(chosen, ids, strict=True))
        shape = (len(movie), *movie.frame_shape)
        if frames is None:  # an empty frame among painted ones was not annotated, it is unpainted
            read = {t: frame for t, frame in read.items() if frame.any()} or read
        return cls(shape, {t: annotate(ids, complete=not partial) for t, ids in read.items()})

    def split(self, validation: Literal["auto", "none"] | tuple[int, ...] = "auto") -> Split:
        """Keep part aside for checking, apart in time: frames of a movie are nearly copies.

        With 8 frames or more a block of them with a gap around it; with 2 to 7 one frame, which
        joins the training later; with a single one a region of it.
        """
        positions = self.positions
        if validation in ("none", ()) or not positions:
            return Split(self, None, "nothing kept aside", joins=False)
        if isinstance(validation, tuple):
            return self._split_frames(validation)
        split = self._split_region()
        if len(positions) > 1:
            in_time = self._split_block() if len(positions) >= _BLOCK_FROM else self._split_one()
            split = in_time if in_time.has_cells else split
        return split

    def _split_frames(self, held: tuple[int, ...]) -> Split:
        unknown = [t for t in held if t not in self.frames]
        rest = [t for t in self.positions if t not in held]
        if unknown or not rest:
            raise BadInput(
                f"frames to check on: {', '.join(map(str, held))}",
                f"some, but not all, of the annotated frames {', '.join(map(str, self.positions))}",
                "choose other frames to check on",
            )
        if not self.only(rest).n_objects:
            raise BadInput(
                f"all cells are on the frames to check on: {', '.join(map(str, held))}",
                "cells on the other annotated frames, to learn from",
                "choose other frames to check on",
            )
        return Split(self.only(rest), self.only(held), _frames_in_words(held), joins=False)

    def _split_one(self) -> Split:
        held = self.positions[len(self.positions) // 2]
        rest = self.only(t for t in self.positions if t != held)
        return Split(rest, self.only([held]), f"frame {held}", joins=True)

    def _split_block(self) -> Split:
        positions = self.positions
        size = max(2, round(len(positions) / 6))
        start = (len(positions) - size) // 2
        held = positions[start : start + size]
        gap = 1 if len(positions) < 16 else 2
        rest = positions[: start - gap] + positions[start + size + gap :]
        return Split(self.only(rest), self.only(held), _frames_in_words(held), joins=False)

    def _split_region(self) -> Split:
        """Keep aside a stripe that holds about a quarter of the cells of the fullest frame."""
        t = max(self.positions, key=lambda t: np.count_nonzero(self.frames[t].labels))
        frame = self.frames[t]
        along = int(np.argmax(frame.labels.shape))
        length = frame.labels.shape[along]
        cells = np.cumsum((frame.labels > 0).sum(axis=1 - along)) / max(1, (frame.labels > 0).sum())
        cut = int(np.clip(np.searchsorted(cells, 0.75), length // 2, length * 7 // 8))
        near, far = np.zeros((2, *frame.labels.shape), bool)
        ahead: list[slice] = [slice(None)] * 2
        ahead[along] = slice(0, cut - RING)
        near[tuple(ahead)] = True
        ahead[along] = slice(cut + RING, None)
        far[tuple(ahead)] = True
        train, held = frame.within(near), frame.within(far)
        if not (train.labels[train.supervised].any() and held.labels[held.supervised].any()):
            return Split(self, None, "nothing kept aside: too few cells", joins=False)
        others = {k: f for k, f in self.frames.items() if k != t}
        words = f"a quarter of frame {t}"
        return Split(
            Annotations(self.shape, {**others, t: train}),
            Annotations(self.shape, {t: held}),
            words,
            joins=True,
        )


@dataclass(frozen=True, eq=False)
class Split:
    """What to train on and what to check on; ``joins``: checked first, trained on later."""

    train: Annotations
    validation: Annotations | None
    words: str
    joins: bool

    @property
    def has_cells(self) -> bool:
        """Whether there are cells both to learn from and to check on."""
        return bool(self.train.n_objects and self.validation and self.validation.n_objects)


def annotate(ids: NDArray[np.integer], *, complete: bool) -> FrameAnnotation:
    """Supervision that painted ``ids (Y, X)`` give: everything, or objects with a thin ring.

    The ring leaves out what is painted otherwise; pixels of id 65535 are supervised background.
    """
    background = ids == BACKGROUND_ID
    labels = np.where(background, 0, ids).astype(np.int32)
    if complete:
        return FrameAnnotation(labels, np.ones(labels.shape, bool), complete=True)
    near = ndimage.distance_transform_edt(labels == 0) <= RING if labels.any() else labels > 0
    return FrameAnnotation(labels, near | background, complete=False)


def spare_neighbours(frame: FrameAnnotation, seen: NDArray[np.integer]) -> FrameAnnotation:
    """Take back the ring of background where a model has ``seen (Y, X)`` another cell.

    Beside a painted cell there may be one that nobody painted yet: its pixels must not be taught
    as background. Objects that a painted cell covers by a tenth or more are that cell.
    """
    painted = frame.labels > 0
    if frame.complete or not painted.any():
        return frame
    area = np.bincount(seen.ravel())
    covered = np.bincount(seen.ravel(), weights=painted.ravel(), minlength=len(area))
    another = 10 * covered < area
    another[0] = False
    ring = ~painted & (ndimage.distance_transform_edt(~painted) <= RING)
    return frame.within(~(ring & another[seen]))


def _require_labels(labels: Stack, missing: list[int]) -> None:
    if missing:
        raise BadInput(
            f"{labels.name} has no labels for frame {', '.join(map(str, missing[:5]))}",
            "labels for each chosen frame",
            "leave those frames out",
        )


def _size(stack: Stack) -> str:
    return " x ".join(map(str, stack.frame_shape))


def _frames_in_words(positions: tuple[int, ...]) -> str:
    if len(positions) == 1:
        return f"frame {positions[0]}"
    if positions[-1] - positions[0] == len(positions) - 1:
        return f"frames {positions[0]}-{positions[-1]}"
    return f"frames {', '.join(map(str, positions))}"
