"""Areas of convex hulls of all objects of a frame at once, from the ends of their rows.

As scikit-image has it, the hull is that of the middles of the pixels' sides, and its area is the
number of pixels whose middle it holds. Whole numbers throughout: coordinates are doubled. In a
volume, one object at a time by Qhull.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def hull_areas(objects: Ints, rows: Ints, first: Ints, last: Ints, n: int) -> Ints:
    """Return the area of each object's hull in px, (n,).

    ``objects`` (from 0), ``rows``, ``first`` and ``last`` columns are of runs, row by row.
    """
    order = np.argsort(objects, kind="stable")
    of, y = objects[order], rows[order]
    new = np.ones(len(of), bool)  # a row of an object, which may have several runs
    new[1:] = (of[1:] != of[:-1]) | (y[1:] != y[:-1])
    starts = np.flatnonzero(new)
    ends = np.append(starts[1:], len(of)) - 1
    of, y = of[starts], y[starts]
    left, right = first[order][starts], last[order][ends]
    # The left sides, then the right ones mirrored: each is hollowed from the same side.
    chain = _hollowed(
        *_side_middles(np.concatenate([of, of + n]), np.tile(y, 2), np.concatenate([left, -right]))
    )
    top, bottom = np.full(n, np.iinfo(np.int64).max), np.full(n, -1)
    np.minimum.at(top, of, y)
    np.maximum.at(bottom, of, y)
    heights = bottom - top + 1
    owner = np.repeat(np.arange(n), heights)
    row = np.arange(len(owner)) - np.repeat(np.cumsum(heights) - heights, heights) + top[owner]
    widths = 1 - _ends(chain, owner, row) - _ends(chain, owner + n, row)
    return np.bincount(owner, widths, minlength=n).astype(np.int64)


def hull_volume(mask: NDArray[np.bool_]) -> float:
    """Return the volume in voxels of the hull of a mask (Z, Y, X), of the middles of its sides."""
    from scipy.spatial import ConvexHull

    z, y = np.nonzero(mask.any(-1))
    rows = mask[z, y]
    first, last = rows.argmax(-1), mask.shape[-1] - 1 - rows[:, ::-1].argmax(-1)
    ends = np.concatenate([np.stack([z, y, x], axis=1) for x in (first, last)])
    half = np.concatenate([np.eye(3), -np.eye(3)]) / 2
    return float(ConvexHull((ends[:, None] + half).reshape(-1, 3)).volume)


def _side_middles(chain: Ints, y: Ints, x: Ints) -> tuple[Ints, Ints, Ints]:
    """Return chain, doubled y and x of the middles of the upper, the outer and the lower side.

    Ordered by chain, then y, one x each: the outermost.
    """
    chains = np.repeat(chain, 3)
    ys = (2 * y[:, None] + np.array([-1, 0, 1])).reshape(-1)
    xs = (2 * x[:, None] - np.array([0, 1, 0])).reshape(-1)
    twice = np.flatnonzero((chains[1:] == chains[:-1]) & (ys[1:] == ys[:-1]))
    xs[twice] = np.minimum(xs[twice], xs[twice + 1])
    keep = np.ones(len(xs), bool)
    keep[twice + 1] = False
    return chains[keep], ys[keep], xs[keep]


def _hollowed(chain: Ints, y: Ints, x: Ints) -> tuple[Ints, Ints, Ints]:
    """Leave out the points that lie on or inside the line between their neighbours, till none do.

    Such a point is no corner of the hull, whether or not its neighbours are.
    """
    while True:
        dy, dx = y[2:] - y[:-2], x[2:] - x[:-2]
        inside = (x[1:-1] - x[:-2]) * dy >= dx * (y[1:-1] - y[:-2])
        inside &= chain[2:] == chain[:-2]
        if not inside.any():
            return chain, y, x
        keep = np.ones(len(x), bool)
        keep[1:-1] = ~inside
        chain, y, x = chain[keep], y[keep], x[keep]


def _ends(corners: tuple[Ints, Ints, Ints], chain: Ints, row: Ints) -> Ints:
    """Return the first column of each row of a chain that lies in the hull."""
    chains, ys, xs = corners
    span = int(ys.max()) + 4
    after = np.searchsorted(chains * span + ys, chain * span + 2 * row, side="right")
    before = after - 1
    dy = ys[after] - ys[before]
    doubled = xs[before] * dy + (xs[after] - xs[before]) * (2 * row - ys[before])
    ends: Ints = -(-doubled // (2 * dy))
    return ends
