"""Annotations: which pixels of which frames a user vouches for.

A frame counts whole only where it is complete (every cell outlined). Elsewhere painted objects
count with a thin ring of background around them, background strokes count, and the rest is
ignored: half-painted frames must not teach that cells are background.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.annotations.blank_edge import blank_edge, without_ground
from napari_unet.engine.annotations.frame_annotation import annotate, annotate_classes
from napari_unet.engine.errors import BadInput, Notice
from napari_unet.engine.labels.label_frames import OFFSET, LabelFrames, listed
from napari_unet.engine.labels.label_stack import LabelStack
from napari_unet.engine.labels.read_labels import read_labels
from napari_unet.engine.labels.regions import check_present, in_regions
from napari_unet.engine.stack.missing_pixels import missing_pixels
from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari_unet.engine.annotations.frame_annotation import FrameAnnotation
    from napari_unet.engine.labels.read_labels import Kind
    from napari_unet.engine.labels.regions import Regions
    from napari_unet.engine.stack.stack import Stack


@dataclass(frozen=True, eq=False)
class Annotations:
    """What is annotated of a movie of ``shape (T, Y, X)``, by frame (counted from 0).

    Or of volumes ``(T, Z, Y, X)``, whose pixels are ``spacing`` µm apart. Labels are ids of
    objects, or else numbers of ``classes``, or of ``regions`` of them.
    """

    shape: tuple[int, ...]
    frames: Mapping[int, FrameAnnotation]
    classes: tuple[int, ...] = ()
    notices: tuple[Notice, ...] = ()  # what was guessed or left out of a label file, or is odd
    regions: Regions = ()
    blank: int = 0  # px along the image edge in which no cell is outlined: what is there is unknown
    spacing: tuple[float, ...] | None = None

    @property
    def dims(self) -> int:
        """Dimensions of a frame in space: 3 of volumes."""
        return len(self.shape) - 1

    @property
    def frame_indices(self) -> tuple[int, ...]:
        """The annotated frames, counted from 0, in order."""
        return tuple(sorted(self.frames))

    @property
    def n_objects(self) -> int:
        """Objects, or classes, with at least one supervised pixel, counted in each frame."""
        return sum(
            int(np.count_nonzero(np.unique(f.labels[f.supervised]))) for f in self.frames.values()
        )

    @property
    def supervised_fraction(self) -> float:
        """Share of the pixels of the annotated frames that is supervised."""
        frames = self.frames.values()
        return float(np.mean([f.supervised.mean() for f in frames])) if frames else 0.0

    def only(self, frames: Iterable[int]) -> Annotations:
        """Return the annotations of some frames."""
        return self.with_frames({t: self.frames[t] for t in frames})

    def with_frames(self, frames: Mapping[int, FrameAnnotation]) -> Annotations:
        """Return the same kind of annotations of the same movie on other ``frames``."""
        return replace(self, frames=frames)

    def in_regions(self, regions: Regions, *, known: bool = False) -> Annotations:
        """Return the annotations with numbers of ``regions`` in place of classes.

        Where a model has ``known`` the regions before, not all of them need be there.

        Raises
        ------
        BadInput
            Where the labels are of objects, or hold none of a region's classes.

        """
        if not regions or regions == self.regions or (known and not self.classes):
            return self
        if not self.classes:
            raise BadInput(
                "the labels hold objects, and regions are of classes",
                "a number for each class of pixels",
                "say that the labels are classes, or leave the regions out",
            )
        if not known:
            check_present(regions, self.classes)
        frames = {
            t: replace(frame, labels=in_regions(frame.labels, regions))
            for t, frame in self.frames.items()
        }
        notices, numbers = self.notices, {n for region in regions for n in region.classes}
        if others := [number for number in self.classes if number not in numbers]:
            which = f"class{'es' * (len(others) > 1)} {listed(others)}"
            notices += (Notice("noted", f"{which} of the labels: in no region, so background"),)
        classes = tuple(region.number for region in regions)
        return replace(self, frames=frames, classes=classes, notices=notices, regions=regions)

    def without_edge(self, width: int | None) -> Annotations:
        """Return the annotations without a band of ``width`` px along the image edge.

        None: where no cell lies wholly in a band though cells reach into it, the background there
        does not count (`blank_edge`). Of volumes the band is along y and x.

        Raises
        ------
        BadInput
            Where the band leaves nothing of a frame.

        """
        if width is None:
            return self._without_blank_edge()
        if not width:
            return self
        if 2 * width >= min(self.shape[-2:]):
            raise BadInput(
                f"without {width} px at the image edge nothing is left of the frames",
                f"less than half of {' x '.join(map(str, self.shape[-2:]))} px",
                "leave out a narrower band",
            )
        inner = np.zeros(self.shape[1:], bool)
        inner[..., width:-width, width:-width] = True
        return self.with_frames({t: f.within(inner) for t, f in self.frames.items()})

    def _without_blank_edge(self) -> Annotations:
        width = 0 if self.classes or self.dims == 3 else blank_edge(self.frames.values())
        if not width or 2 * width >= min(self.shape[1:]):
            return self
        frames = {
            t: without_ground(frame, width) if frame.complete else frame
            for t, frame in self.frames.items()
        }
        return replace(self, frames=frames, blank=width)

    @property
    def blank_in_words(self) -> str:
        """What is not known of the image edge; empty where all is."""
        if not self.blank:
            return ""
        return (
            f"no cell lies wholly in the outer {self.blank} px of the labels: what is there is "
            "not learned as background, and cells found there are left out as in the labels"
        )

    def without_missing(self, movie: Stack) -> Annotations:
        """Return the annotations without the pixels that are NaN or infinite in ``movie``.

        Raises
        ------
        BadInput
            Where all cells lie on such pixels.

        """
        if movie.dtype.kind != "f":
            return self
        missing = {t: missing_pixels(movie[t], self.dims) for t in self.frames}
        if all(mask is None for mask in missing.values()):
            return self
        found = self.with_frames(
            {t: f if (m := missing[t]) is None else f.within(~m) for t, f in self.frames.items()}
        )
        if self.n_objects and not found.n_objects:
            raise BadInput(
                "all painted cells lie on pixels that are NaN or infinite",
                "cells on pixels that have a value",
                "paint cells elsewhere",
            )
        return found

    def describe(self) -> str:
        """Say it in words: ``3 frames, 214 cells, 38 % of the pixels``, or ``5 classes``."""
        k, cells = len(self.classes), self.n_objects
        what = counted(k, "class", "classes") if k else counted(cells, "cell")
        what = counted(k, "region") if self.regions else what
        share = f"{100 * self.supervised_fraction:.3g} % of the pixels"
        return f"{counted(len(self.frames), 'frame')}, {what}, {share}"

    def check(self) -> None:
        """Refuse what would make training fail or mislead.

        Raises
        ------
        BadInput
            Without annotated frames, objects or (where no classes are told apart) an edge of one:
            background, or another beside it as in a sheet of cells.

        """
        if not self.frames:
            raise BadInput(
                "no frame is annotated", "at least one frame with painted cells", "paint some cells"
            )
        if not self.n_objects:
            where = ", ".join(map(str, self.frame_indices[:5]))
            raise BadInput(
                f"the labels are empty on the chosen frames ({where})",
                "at least one painted cell",
                "paint cells there, or choose frames that have labels",
            )
        if not self.classes and not any(map(_has_edges, self.frames.values())):
            raise BadInput(
                "the annotations hold no background",
                "some background beside the cells",
                "paint background strokes, or mark a frame as complete",
            )

    @classmethod
    def from_labels(
        cls,
        movie: Stack,
        labels: Stack | LabelStack,
        frames: Iterable[int] | None = None,
        *,
        partial: bool = False,
        kind: Kind = "auto",
        offset: int | None = None,
        remedy: str = OFFSET,
    ) -> Annotations:
        """Read annotations from labels; frames are matched by number or place.

        Parameters
        ----------
        movie, labels
            Frames ``(Y, X)``, or volumes, of the same size.
        frames
            Counted from 0 in the movie; all frames that have labels where not given.
        partial
            Zeros are ignored, except a thin ring around objects in their section, and 65535.
        kind
            What the numbers are: ids (``instances``), a mask whose connected components are the
            objects (``binary``) or ``classes``; ``auto`` guesses it from the labels.
        offset, remedy
            Which frames the labels are of, and what to do where that is not clear: `LabelFrames`.

        Raises
        ------
        BadInput
            Where sizes or frames do not match, or the labels are not of that kind.

        """
        of = labels if isinstance(labels, LabelStack) else LabelStack.of(labels, movie)
        chosen = None if frames is None else sorted(set(frames))
        given = LabelFrames(of, movie, offset=offset, chosen=chosen, remedy=remedy)
        wanted = given.frame_indices if chosen is None else chosen
        given.require(wanted)
        raw = [given[t] for t in wanted]
        found, classes = read_labels(raw, kind, strokes=partial)
        read = dict(zip(wanted, found, strict=True))
        notices = (*given.notices, *of.doubts(kind, strokes=partial, frames=raw))
        if chosen is None:  # an empty frame among painted ones was not annotated, it is unpainted
            painted = {t: frame for t, frame in read.items() if frame.any()} or read
            notices += _left_empty(of.name, [t for t in read if t not in painted], len(read))
            read = painted
        teach = annotate_classes if classes else annotate
        annotated = {t: teach(frame, complete=not partial) for t, frame in read.items()}
        shape = (len(movie), *movie.frame_shape)
        return cls(shape, annotated, classes, notices, spacing=movie.spacing)


def _left_empty(name: str, empty: list[int], n: int) -> tuple[Notice, ...]:
    if not empty:
        return ()
    line = (
        f"{len(empty)} of {counted(n, 'frame')} of the labels {name} are empty and left out "
        f"({listed(empty)}): choose frames by number where no cell is to be seen"
    )
    return (Notice("check", line),)


def _has_edges(frame: FrameAnnotation) -> bool:
    """Whether a frame shows background, or objects that touch."""
    ids = np.where(frame.supervised, frame.labels, -1)
    if (ids == 0).any():
        return True
    turned = [np.moveaxis(ids, axis, 0) for axis in range(ids.ndim)]
    beside = [(one[1:], one[:-1]) for one in turned]
    return any(((a != b) & (a > 0) & (b > 0)).any() for a, b in beside)
