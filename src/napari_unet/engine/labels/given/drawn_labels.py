"""Labels that are outlines: drawn frame by frame when they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Outline:
    """One cell: polygons ``(n, 2)`` of x, y in pixel corners from 0, or an ellipse in a box.

    What lies in an even number of the polygons is a hole. The ``ellipse`` is left, top, right,
    bottom.
    """

    id: int
    polygons: tuple[Points, ...] = ()
    ellipse: tuple[float, float, float, float] | None = None


class DrawnLabels:
    """An array-like ``(T, Y, X)`` uint32; later outlines of a frame lie on top of earlier ones."""

    dtype = np.dtype(np.uint32)
    ndim = 3

    def __init__(
        self, outlines: Mapping[int, Sequence[Outline]], shape: tuple[int, int, int]
    ) -> None:
        self._outlines, self.shape = outlines, shape

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[np.uint32]:
        t, *rest = key if isinstance(key, tuple) else (key,)
        if isinstance(t, slice):
            frames = [self._draw(i) for i in range(*t.indices(len(self)))]
            return np.stack(frames)[(slice(None), *rest)]
        return np.asarray(self._draw(int(t))[tuple(rest)])

    def _draw(self, t: int) -> NDArray[np.uint32]:
        frame = np.zeros(self.shape[1:], np.uint32)
        for outline in self._outlines.get(t, ()):
            if outline.ellipse is not None:
                rows, columns, inside = _in_ellipse(outline.ellipse, self.shape[1:])
            else:
                rows, columns, inside = _in_polygons(outline.polygons, self.shape[1:])
            frame[rows, columns][inside] = outline.id
        return frame


Part = tuple[slice, slice, NDArray[np.bool_]]


def _in_polygons(polygons: Sequence[Points], shape: tuple[int, ...]) -> Part:
    """Return a box and the pixels of it whose centres lie inside."""
    from skimage.draw import polygon2mask

    points = np.concatenate([*polygons, np.empty((0, 2))])
    if not len(points):
        return slice(0), slice(0), np.zeros((0, 0), bool)
    rows, columns = _box(points.min(axis=0), points.max(axis=0), shape)
    size = (rows.stop - rows.start, columns.stop - columns.start)
    inside = np.zeros(size, bool)
    for polygon in polygons:
        corners = polygon[:, ::-1] - 0.5 - (rows.start, columns.start)
        inside ^= polygon2mask(size, corners)  # type: ignore[no-untyped-call]
    return rows, columns, inside


def _in_ellipse(box: tuple[float, float, float, float], shape: tuple[int, ...]) -> Part:
    left, top, right, bottom = box
    rows, columns = _box(np.array([left, top]), np.array([right, bottom]), shape)
    y, x = np.mgrid[rows, columns] + 0.5
    heights, widths = max(bottom - top, 1e-9) / 2, max(right - left, 1e-9) / 2
    away = ((y - (top + bottom) / 2) / heights) ** 2 + ((x - (left + right) / 2) / widths) ** 2
    return rows, columns, away <= 1


def _box(low: Points, high: Points, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Return the whole pixels around two corners (x, y), as far as the frame goes."""
    first = np.clip(np.floor(low[::-1]).astype(int), 0, shape)
    last = np.clip(np.ceil(high[::-1]).astype(int), first, shape)
    return slice(int(first[0]), int(last[0])), slice(int(first[1]), int(last[1]))
