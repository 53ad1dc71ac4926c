"""Where cells touch, and where one cell might come apart: what says that a cut is wrong or missing.

Two parts of one nucleus fill an ellipse together and have no border between them; two nuclei in
one outline have some border inside, and an interior on either side of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage as ndi

from napari_unet.engine.labels.codes import decode, threshold_code

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float32]

_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0))
_BORDER = tuple((p, threshold_code(p)) for p in (0.4, 0.25, 0.12))
_SURE = threshold_code(0.5)


@dataclass(frozen=True)
class Seams:
    """Pairs of cells (by index, first < second) that touch.

    ``length`` is their seam's in px, ``form`` how well both together fill the ellipse with their
    moments, ``border`` the mean probability of a border on the seam (NaN without).
    """

    first: Ints
    second: Ints
    length: Floats
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
    """Find where cells of ``dense`` (Y, X) touch; ``moments`` (n, 6) as `moments_of` gives them."""
    n = len(moments) + 1
    width = dense.shape[1]
    numbers = dense.reshape(-1)
    edge = None if border is None else border.reshape(-1)
    keys = [np.zeros(0, np.int64)]
    weights: list[Floats] = []
    inside = np.flatnonzero(numbers)
    for dy, dx in _STEPS:
        there = inside + dy * width + dx
        there = np.where(there < len(numbers), there, inside)
        a, b = numbers[inside], numbers[there]
        pair = (b > 0) & (a != b)
        if dx:
            column = inside % width + dx
            pair &= (column >= 0) & (column < width)
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
    length = (counts / len(_STEPS) * 1.5).astype(np.float32)
    return Seams(first, second, length, form, mean.astype(np.float32))


def moments_of(owner: NDArray[np.int32], y: Ints, x: Ints, n: int) -> NDArray[np.float64]:
    """Return area, sums of y and x, of their squares and of their product, (n, 6), each of 0..n."""
    y, x = y.astype(np.float64), x.astype(np.float64)
    sums = [np.bincount(owner, v, minlength=n) for v in (y, x, y * y, x * x, y * x)]
    return np.stack([np.bincount(owner, minlength=n).astype(np.float64), *sums], axis=1)


def form_of(moments: NDArray[np.float64]) -> Floats:
    """Return the area over that of the ellipse with the same moments (n, 6)."""
    size = np.maximum(moments[:, 0], 1)
    y, x = moments[:, 1] / size, moments[:, 2] / size
    yy, xx = moments[:, 3] / size - y * y, moments[:, 4] / size - x * x
    yx = moments[:, 5] / size - y * x
    spread = (yy + 1 / 12) * (xx + 1 / 12) - yx * yx
    return (size / (4 * np.pi * np.sqrt(np.maximum(spread, 1e-6)))).astype(np.float32)


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
