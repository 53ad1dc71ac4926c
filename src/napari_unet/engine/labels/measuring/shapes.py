"""The shape of all objects of a frame at once, from their runs of pixels: no call an object.

The definitions are those of scikit-image's ``regionprops``, which the tests compare with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.labels.measuring.hulls import hull_areas

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_STEP, _SLANT = np.sqrt(2), (1 + np.sqrt(2)) / 2
_LENGTHS = np.zeros(50)  # of a pixel of the outline, by its neighbours there (Benkrid 2000)
_LENGTHS[[5, 7, 15, 17, 25, 27]] = 1
_LENGTHS[[21, 33]] = _STEP
_LENGTHS[[13, 23]] = _SLANT


@dataclass(frozen=True)
class Runs:
    """Pixels of objects in a row: the object from 0, its row, first and last column, each (r,)."""

    objects: Ints
    rows: Ints
    first: Ints
    last: Ints

    @classmethod
    def of(cls, dense: NDArray[np.int32]) -> Runs:
        """Find them in numbered objects (Y, X), row by row."""
        inside = dense > 0
        starts, ends = inside.copy(), inside
        changes = dense[:, 1:] != dense[:, :-1]
        starts[:, 1:] &= changes
        ends[:, :-1] &= changes
        first, last = np.flatnonzero(starts), np.flatnonzero(ends)
        rows, columns = np.divmod(first, dense.shape[1])
        return cls(
            dense.reshape(-1)[first].astype(np.int64) - 1, rows, columns, columns + last - first
        )


@dataclass(frozen=True)
class Shapes:
    """Shape of each object, each (n,): centroids and perimeters in px."""

    y: Floats
    x: Floats
    perimeter: Floats
    eccentricity: Floats
    solidity: Floats


def measure_shapes(
    dense: NDArray[np.int32], areas: Ints, spacing: tuple[float, float] = (1.0, 1.0)
) -> Shapes:
    """Return the shapes of numbered objects (Y, X); ``spacing`` is height and width of a pixel.

    The spacing goes into the eccentricity alone.
    """
    n = len(areas)
    if n == 0:
        return Shapes(*(np.zeros(0) for _ in range(5)))
    runs = Runs.of(dense)
    lengths = runs.last - runs.first + 1
    corner_y, corner_x = _corner(runs.objects, runs.rows, n), _corner(runs.objects, runs.first, n)
    y, first = runs.rows - corner_y[runs.objects], runs.first - corner_x[runs.objects]
    last = first + lengths - 1
    along = (first + last) * lengths // 2  # sum of the columns of a run
    squares = _squares(last) - _squares(first - 1)
    sums = [
        _sums(runs.objects, values, n)
        for values in (y * lengths, along, y * y * lengths, squares, y * along)
    ]
    return Shapes(
        y=(sums[0] + corner_y * areas) / areas,
        x=(sums[1] + corner_x * areas) / areas,
        perimeter=perimeters(dense, n),
        eccentricity=_eccentricities(areas, sums, spacing),
        solidity=areas / hull_areas(runs.objects, runs.rows, runs.first, runs.last, n),
    )


def _corner(objects: Ints, values: Ints, n: int) -> Ints:
    """Return the least value of each object."""
    least = np.full(n, np.iinfo(np.int64).max)
    np.minimum.at(least, objects, values)
    return least


def _sums(objects: NDArray[Any], values: NDArray[Any], n: int) -> Floats:
    return np.asarray(np.bincount(objects, values, minlength=n), np.float64)


def _squares(n: Ints) -> Ints:
    """Return 0² + 1² + … + n²."""
    return n * (n + 1) * (2 * n + 1) // 6


def _eccentricities(areas: Ints, sums: list[Floats], spacing: tuple[float, float]) -> Floats:
    """Return those of the ellipses with the same second moments; 0 of a disc, 1 of a line.

    Whole numbers below 2**53: of an object of some 10,000 px exact before the root is taken.
    """
    sy, sx, syy, sxx, sxy = sums
    height, width = spacing
    yy = (areas * syy - sy * sy) * height**2
    xx = (areas * sxx - sx * sx) * width**2
    xy = (areas * sxy - sy * sx) * (height * width)
    apart = np.hypot(yy - xx, 2 * xy)  # of the larger moment from the smaller
    total = yy + xx + apart
    return np.sqrt(2 * apart / np.where(total > 0, total, 1))


def perimeters(dense: NDArray[np.int32], n: int) -> Floats:
    """Return the length of the outline of each object, inner outlines included, in px."""
    outline = np.zeros((dense.shape[0] + 2, dense.shape[1] + 2), np.int32)
    inner = np.zeros(dense.shape, bool)
    same = dense[1:-1, 1:-1]
    whole = inner[1:-1, 1:-1]
    np.equal(same, dense[:-2, 1:-1], out=whole)
    whole &= same == dense[2:, 1:-1]
    whole &= same == dense[1:-1, :-2]
    whole &= same == dense[1:-1, 2:]
    np.multiply(dense, ~inner, out=outline[1:-1, 1:-1])
    flat, width = outline.reshape(-1), outline.shape[1]
    where = np.flatnonzero(flat)
    owner = flat[where]
    code = np.ones(len(where), np.int8)
    for steps, weight in (
        ((-width, width, -1, 1), 2),
        ((-width - 1, -width + 1, width - 1, width + 1), 10),
    ):
        for step in steps:
            code += np.int8(weight) * (flat[where + step] == owner)
    return _sums(owner - 1, _LENGTHS[code], n)
