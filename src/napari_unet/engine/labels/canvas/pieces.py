"""Regions of a frame laid side by side on small canvases, without the empty ground between them.

What is found of a region depends on the box around it alone, so a stage costs what there is to
see. A canvas is small enough to stay in the processor's cache while one stage follows the other.
A volume is one canvas: all its sections, rows and columns between the first and last region.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

T = TypeVar("T", bound=np.generic)
Box = tuple[slice, ...]

GAP = 4  # px between pieces, and around them: the reach of the smoothing
AROUND = GAP // 2
_CANVAS = 1 << 18  # px
_BITS = 60  # of a place in a frame
_PAIRS = 1 << 22  # of boxes beside each other: with more, looking costs more than it saves


@dataclass(frozen=True)
class Pieces:
    """Boxes of a frame, each around the region of a number, and their places on a canvas.

    ``meeting`` are those of them that overlap another box of the frame.
    """

    numbers: NDArray[np.int32]
    boxes: Sequence[Box]
    places: Sequence[Box]
    meeting: Sequence[bool]
    shape: tuple[int, ...]

    @classmethod
    def of(cls, regions: NDArray[np.int32]) -> Iterator[Pieces]:
        """Lay the boxes of ``regions``, dense from 1, on as many canvases as they need."""
        boxes = ndi.find_objects(regions)
        if regions.ndim > 2:
            yield cls._volume(boxes, regions.shape)
            return
        sides = np.array([(y.start, y.stop, x.start, x.stop) for y, x in boxes])
        top, bottom, left, right = sides.T
        order = np.argsort(top - bottom, kind="stable")
        areas = ((bottom - top + GAP) * (right - left + GAP)).tolist()
        meeting = _meeting(*sides.T).tolist()
        on_it: list[int] = []
        taken = 0
        for i in order.tolist():
            if on_it and taken + areas[i] > _CANVAS:
                yield cls._laid(on_it, boxes, meeting)
                on_it, taken = [], 0
            on_it.append(i)
            taken += areas[i]
        if on_it:
            yield cls._laid(on_it, boxes, meeting)

    @classmethod
    def _volume(cls, boxes: Sequence[Box], shape: tuple[int, ...]) -> Pieces:
        """Lay what holds all boxes of a volume, with a gap around each section."""
        box = (slice(0, shape[0]), *(
            slice(min(b[axis].start for b in boxes), max(b[axis].stop for b in boxes))
            for axis in range(1, len(shape))
        ))  # fmt: skip
        place = (box[0], *(slice(GAP, GAP + s.stop - s.start) for s in box[1:]))
        numbers = np.arange(1, len(boxes) + 1, dtype=np.int32)
        return cls(numbers, [box], [place], [False], (shape[0], *(s.stop + GAP for s in place[1:])))

    @classmethod
    def _laid(cls, on_it: Sequence[int], boxes: Sequence[Box], meeting: Sequence[bool]) -> Pieces:
        """Lay boxes, the highest first, on shelves."""
        sizes = [
            (boxes[i][0].stop - boxes[i][0].start, boxes[i][1].stop - boxes[i][1].start)
            for i in on_it
        ]
        width = max(
            GAP + sum(x + GAP for _, x in sizes) // max(1, round(len(sizes) ** 0.5)),
            GAP + max(x + GAP for _, x in sizes),
        )
        places: list[Box] = []
        top, left, shelf = GAP, GAP, sizes[0][0]
        for y, x in sizes:
            if left + x + GAP > width:
                top, left, shelf = top + shelf + GAP, GAP, y
            places.append((slice(top, top + y), slice(left, left + x)))
            left += x + GAP
        numbers = np.array(on_it, np.int32) + 1
        return cls(
            numbers, [boxes[i] for i in on_it], places, [meeting[i] for i in on_it],
            (top + shelf + GAP, width),
        )  # fmt: skip

    def lay(self, image: NDArray[T]) -> NDArray[T]:
        """Return the pieces of a frame or volume on their canvas; zeros between them."""
        canvas = np.zeros(self.shape, image.dtype)
        for box, place in zip(self.boxes, self.places, strict=True):
            canvas[place] = image[box]
        return canvas

    def lay_around(self, image: NDArray[T]) -> NDArray[T]:
        """Return the pieces with what lies around them in the frame, as far as two pixels.

        At the frame's edge its outermost pixels go on, so that no minimum sees the edge.
        """
        canvas = np.zeros(self.shape, image.dtype)
        for box, place in zip(self.boxes, self.places, strict=True):
            missing = []
            wide, to = [], []
            for axis, (inside, at, n) in enumerate(zip(box, place, image.shape, strict=True)):
                most = AROUND if axis >= image.ndim - 2 else 0
                before, behind = min(most, inside.start), min(most, n - inside.stop)
                wide.append(slice(inside.start - before, inside.stop + behind))
                to.append(slice(at.start - before, at.stop + behind))
                missing.append((most - before, most - behind))
            canvas[tuple(to)] = image[tuple(wide)]
            if any(map(any, missing)):
                _go_on(canvas, to, missing)
        return canvas

    def lift(self, canvas: NDArray[T], image: NDArray[T]) -> None:
        """Put what a canvas has into an empty frame; where boxes overlap, the most of it."""
        for box, place, meets in zip(self.boxes, self.places, self.meeting, strict=True):
            if meets:
                np.maximum(image[box], canvas[place], out=image[box])
            else:
                image[box] = canvas[place]

    def frame_order(self, where: NDArray[np.intp], numbers: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return what sorts pixels of a canvas as they come in the frame.

        ``where`` are flat indices on the canvas, ``numbers`` the pieces they lie in.
        """
        ndim = len(self.shape)
        moved = np.zeros((int(self.numbers.max()) + 1, ndim), np.int64)
        moved[self.numbers] = [
            tuple(a.start - b.start for a, b in zip(box, place, strict=True))
            for box, place in zip(self.boxes, self.places, strict=True)
        ]
        order = np.zeros(len(where), np.int64)
        for on_axis, by in zip(np.unravel_index(where, self.shape), moved[numbers].T, strict=True):
            order = (order << _BITS // ndim) + on_axis + by
        return order

    def marks(self) -> NDArray[np.int32]:
        """Return the number of the piece that each pixel of a canvas lies in."""
        found = np.zeros(self.shape, np.int32)
        for number, place in zip(self.numbers.tolist(), self.places, strict=True):
            found[place] = number
        return found


def share(canvases: Sequence[Pieces], images: Sequence[NDArray[T]], shape: tuple[int, ...]) -> None:
    """Raise the canvases, in place, where boxes of a frame overlap, to the most of them."""
    both = [
        (canvas[place], box)
        for pieces, canvas in zip(canvases, images, strict=True)
        for box, place, meets in zip(pieces.boxes, pieces.places, pieces.meeting, strict=True)
        if meets
    ]
    if both:
        frame = np.zeros(shape, images[0].dtype)
        for piece, box in both:
            np.maximum(frame[box], piece, out=frame[box])
        for piece, box in both:
            piece[:] = frame[box]


def _meeting(
    top: NDArray[np.int64],
    bottom: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Return which boxes overlap another one."""
    order = np.argsort(top, kind="stable")
    top, bottom, left, right = top[order], bottom[order], left[order], right[order]
    n = np.searchsorted(top, bottom) - np.arange(len(top)) - 1  # that begin before this one ends
    if n.sum() > _PAIRS:
        return np.ones(len(top), bool)
    one = np.repeat(np.arange(len(top)), n)
    other = one + 1 + np.arange(len(one)) - np.repeat(np.cumsum(n) - n, n)
    meets = (left[one] < right[other]) & (left[other] < right[one])
    found = np.zeros(len(top), bool)
    found[order[one[meets]]] = found[order[other[meets]]] = True
    return found


def _go_on(canvas: NDArray[T], to: Sequence[slice], missing: Sequence[tuple[int, int]]) -> None:
    """Repeat the outermost rows, then columns, of a piece as often as there are some missing."""
    to = list(to)
    for axis, (before, behind) in enumerate(missing):
        part = to[axis]
        wide = slice(part.start - before, part.stop + behind)
        for come, last in (
            (slice(wide.start, part.start), slice(part.start, part.start + 1)),
            (slice(part.stop, wide.stop), slice(part.stop - 1, part.stop)),
        ):
            canvas[(*to[:axis], come, *to[axis + 1 :])] = canvas[
                (*to[:axis], last, *to[axis + 1 :])
            ]
        to[axis] = wide
