"""Where cells touch, and where one cell might come apart: what says that a cut is wrong or missing.

Two parts of one nucleus fill an ellipse together and have no border between them; two nuclei in
one outline have some border inside, and an interior on either side of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage as ndi

from napari_unet.engine.labels.codes import decode, threshold_code

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float32]

_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0))
_FULL = {2: 4 * np.pi, 3: 4 / 3 * np.pi * 5**1.5}  # an ellipse, an ellipsoid over its moments' root
_BORDER = tuple((p, threshold_code(p)) for p in (0.4, 0.25, 0.12))
_SURE = threshold_code(0.5)


@dataclass(frozen=True)
class Seams:
    """Pairs of cells (by index, first < second) that touch.

    ``form`` is how well both together fill the ellipse or ellipsoid with their moments, ``border``
    the mean probability of a border on the seam (NaN without).
    """

    first: Ints
    second: Ints
    form: Floats
    border: Floats

    def __len__(self) -> int:
        return len(self.first)

    def between(self, one: int, other: int) -> int:
        """Return the pair of two cells; -1 where they do not touch."""
        low, high = min(one, other), max(one, other)
        found = np.flatnonzero((self.first == low) & (self.second == high))
        return int(found[0]) if len(found) else -1


def seams_of(
    dense: NDArray[np.int32],
    moments: NDArray[np.float64],
    border: NDArray[np.uint8] | None,
) -> Seams:
    """Find where cells of ``dense`` touch; ``moments`` are as `moments_of` gives them.

    ``dense`` is (Y, X), or (Z, Y, X): then from section to section, too.
    """
    n = len(moments) + 1
    numbers = dense.reshape(-1)
    edge = None if border is None else border.reshape(-1)
    keys = [np.zeros(0, np.int64)]
    weights: list[Floats] = []
    inside = np.flatnonzero(numbers)
    strides = [int(np.prod(dense.shape[axis + 1 :])) for axis in range(dense.ndim)]
    for step in _steps(dense.ndim):
        there = inside + sum(d * stride for d, stride in zip(step, strides, strict=True))
        there = np.where(there < len(numbers), there, inside)
        a, b = numbers[inside], numbers[there]
        pair = (b > 0) & (a != b)
        for d, stride, side in zip(step[1:], strides[1:], dense.shape[1:], strict=True):
            if d:
                at = inside // stride % side + d
                pair &= (at >= 0) & (at < side)
        here, there = inside[pair], there[pair]
        low, high = np.minimum(a[pair], b[pair]), np.maximum(a[pair], b[pair])
        keys.append(low.astype(np.int64) * n + high)
        if edge is not None:
            weights.append(np.maximum(decode(edge[here]), decode(edge[there])))
    key = np.concatenate(keys)
    pairs, which, counts = np.unique(key, return_inverse=True, return_counts=True)
    first, second = pairs // n - 1, pairs % n - 1
    mean = np.full(len(pairs), np.nan)
    if edge is not None and len(pairs):
        mean = np.bincount(which, np.concatenate(weights), minlength=len(pairs)) / counts
    form = form_of(moments[first] + moments[second]) if len(pairs) else np.zeros(0, np.float32)
    return Seams(first, second, form, mean.astype(np.float32))


def _steps(ndim: int) -> tuple[tuple[int, ...], ...]:
    if ndim == 2:
        return _STEPS
    return (*((0, *step) for step in _STEPS), (1, 0, 0), (1, 1, 0), (1, 0, 1))


def apart(ways: NDArray[Any]) -> NDArray[Any]:
    """Return the lengths (…) of ways (…, 2) or (…, 3)."""
    return np.asarray(reduce(np.hypot, np.moveaxis(ways, -1, 0)))


def moments_of(
    owner: NDArray[np.int32], places: Sequence[NDArray[np.intp]], n: int
) -> NDArray[np.float64]:
    """Return area, sums of places along each axis, of squares and of products, of each of 0..n.

    They are (n, 6) of an image, (n, 10) of a volume.
    """
    at = [one.astype(np.float64) for one in places]
    squares = (one * one for one in at)
    products = (one * other for one, other in combinations(at, 2))
    sums = [np.bincount(owner, v, minlength=n) for v in (*at, *squares, *products)]
    return np.stack([np.bincount(owner, minlength=n).astype(np.float64), *sums], axis=1)


def form_of(moments: NDArray[np.float64]) -> Floats:
    """Return the area over that of the ellipse with the same moments (n, 6).

    Of volumes (n, 10) the volume over that of the ellipsoid.
    """
    ndim = 2 if moments.shape[1] == 6 else 3
    size = np.maximum(moments[:, 0], 1)
    middle = [moments[:, 1 + axis] / size for axis in range(ndim)]
    wide = [moments[:, 1 + ndim + axis] / size - at * at + 1 / 12 for axis, at in enumerate(middle)]
    turned = [
        moments[:, 1 + 2 * ndim + pair] / size - one * other
        for pair, (one, other) in enumerate(combinations(middle, 2))
    ]
    spread = _determinant(wide, turned)
    return (size / (_FULL[ndim] * np.sqrt(np.maximum(spread, 1e-6)))).astype(np.float32)


def _determinant(
    diagonal: list[NDArray[np.float64]], beside: list[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return those of symmetric matrices, (n,), by their diagonals and what lies above them."""
    if len(diagonal) == 2:
        (a, b), (c,) = diagonal, beside
        return a * b - c * c
    (a, b, c), (d, e, f) = diagonal, beside
    return a * b * c + 2 * d * e * f - a * f * f - b * e * e - c * d * d


def hidden_seams(
    dense: NDArray[np.int32],
    levels: NDArray[np.uint8] | None,
    border: NDArray[np.uint8] | None,
    n: int,
) -> tuple[Floats, Floats]:
    """Return for each cell the border probability that parts it, and the smaller part's area, (n,).

    0 where it does not come apart above any level.
    """
    parted, part = np.zeros(n, np.float32), np.zeros(n, np.float32)
    if levels is None or border is None:
        return parted, part
    sure = (dense > 0) & (levels >= _SURE)
    for p, level in _BORDER:
        pieces, many = ndi.label(sure & (border < level))
        if many <= 1:
            continue
        where = np.flatnonzero(pieces)
        key = dense.reshape(-1)[where].astype(np.int64) * (many + 1) + pieces.reshape(-1)[where]
        pairs, counts = np.unique(key, return_counts=True)
        cells = pairs // (many + 1) - 1
        order = np.lexsort((-counts, cells))
        cells, counts = cells[order], counts[order]
        second = np.flatnonzero((cells[1:] == cells[:-1]) & np.r_[True, cells[1:-1] != cells[:-2]])
        at, size = cells[second + 1], counts[second + 1].astype(np.float32)
        better = size > 2 * part[at]
        parted[at[better]], part[at[better]] = p, size[better]
    return parted, part
