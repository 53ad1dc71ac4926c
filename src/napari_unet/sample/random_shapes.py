"""Cells of random shapes: round to rod, apart to confluent, in any direction or side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.measure import label

if TYPE_CHECKING:
    from collections.abc import Iterator

_SMALLEST, _LARGEST = 10.0, 48.0  # px across
_LONGEST = 4.0  # length by width
_MOST = 700  # cells
_ROUNDS = 12  # in which cells that overlap move apart
_REACH = 1.6  # of a cell's length, in which a pixel may be its
_CRUMB = 0.15  # of a typical cell: less than that is left out


@dataclass(frozen=True)
class Shapes:
    """Cells of a frame: ``labels`` (Y, X) int32, dense from 1; ``across`` px a typical one.

    ``off`` (Y, X) float32: about how many px a pixel lies outside of the nearest cell's outline,
    below 0 inside; ``height`` (Y, X) float32: 1 in the middle of a cell, 0 from its outline on.
    """

    labels: NDArray[np.int32]
    off: NDArray[np.float32]
    height: NDArray[np.float32]
    across: float

    @property
    def n(self) -> int:
        """Number of cells."""
        return int(self.labels.max(initial=0))


@dataclass(frozen=True)
class _Bodies:
    """Ellipses to superellipses: middles (N, 2), half lengths and widths (N,), directions (N,)."""

    middle: NDArray[np.float64]
    long: NDArray[np.float64]
    wide: NDArray[np.float64]
    turn: NDArray[np.float64]
    square: float


def random_shapes(
    random: np.random.Generator, shape: tuple[int, int], across: float | None = None
) -> Shapes:
    """Return cells of a frame (Y, X); of a random size where they are not ``across`` px."""
    if across is None:
        across = float(np.exp(random.uniform(np.log(_SMALLEST), np.log(_LARGEST))))
    bodies, full = _bodies(random, shape, across)
    unrest = random.uniform(0.0, 0.16) * across
    warp = smooth(random, shape, 0.35 * across) * unrest if unrest > 0.3 else np.zeros((2, *shape))
    labels, off = _owned(bodies, shape, warp, grown=1.25 if full else 1.0)
    labels = _whole(labels, _CRUMB * np.pi / 4 * across**2)
    off = np.where((off < 0) & (labels == 0), np.float32(0.5), off)
    depth = -off / np.float32(across / 2)
    height = np.sqrt(np.clip(1 - (1 - np.clip(depth, 0, 1)) ** 2, 0, 1))
    return Shapes(labels, off, height.astype(np.float32), across)


def smooth(
    random: np.random.Generator, shape: tuple[int, int], sigma: float, n: int = 2
) -> NDArray[np.float64]:
    """Return smooth fields (n, Y, X) of standard deviation 1."""
    coarse = max(1, round(sigma / 3))  # noise of wide blobs is made on a coarse grid
    size = [-(-edge // coarse) + 2 for edge in shape]
    noise = ndimage.gaussian_filter(random.standard_normal((n, *size)), (0, *(sigma / coarse,) * 2))
    if coarse > 1:
        noise = ndimage.zoom(noise, (1, coarse, coarse), order=1)
    noise = noise[:, : shape[0], : shape[1]]
    return np.asarray(noise / max(float(noise.std()), 1e-9))


def _bodies(
    random: np.random.Generator, shape: tuple[int, int], across: float
) -> tuple[_Bodies, bool]:
    """Draw cells, and whether they fill all ground between them."""
    full = random.uniform() < 0.25
    covered = random.uniform(0.9, 1.1) if full else random.uniform(0.06, 0.75)
    ratio = 1 + (_LONGEST - 1) * random.uniform() ** 2
    spread = random.uniform(0, 0.3)
    area = shape[0] * shape[1]
    n = int(np.clip(covered * area / (np.pi / 4 * across**2), 3, _MOST))
    middle = random.uniform(0, 1, (n, 2)) * shape
    if random.uniform() < 0.35 and not full:  # colonies, with ground between them
        places = smooth(random, shape, 3 * across, 1)[0]
        tried = random.uniform(0, 1, (6 * n, 2)) * shape
        tried = tried[places[tuple(tried.astype(int).T)] > 0.2]
        middle = tried[:n] if len(tried) > 2 else middle
    n = len(middle)
    size = across / 2 * np.exp(random.normal(0, spread, n))
    ratios = np.clip(ratio * np.exp(random.normal(0, 0.15, n)), 1, _LONGEST)
    turn = random.uniform(0, np.pi, n)
    if random.uniform() < 0.5:  # side by side
        field = smooth(random, shape, 4 * across, 1)[0]
        turn = turn[0] + field[tuple(middle.astype(int).T)] + random.normal(0, 0.2, n)
    bodies = _Bodies(
        middle, size * np.sqrt(ratios), size / np.sqrt(ratios), turn, random.choice((2.0, 2.0, 4.0))
    )
    touching = random.uniform(0.75, 1.0) if full or random.uniform() < 0.6 else 1.15
    _push_apart(bodies, shape, touching)
    return bodies, full


def _push_apart(bodies: _Bodies, shape: tuple[int, int], share: float) -> None:
    """Move cells that lie nearer than a ``share`` of their size, as discs of the same area."""
    radius = share * np.sqrt(bodies.long * bodies.wide)
    for _ in range(_ROUNDS):
        pairs = cKDTree(bodies.middle).query_pairs(2 * float(radius.max()), output_type="ndarray")
        if not len(pairs):
            return
        a, b = pairs.T
        apart = bodies.middle[a] - bodies.middle[b]
        distance = np.maximum(np.hypot(*apart.T), 0.1)
        shift = 0.4 * np.clip(radius[a] + radius[b] - distance, 0, None)[:, None]
        shift = shift * apart / distance[:, None]
        np.add.at(bodies.middle, a, shift)
        np.subtract.at(bodies.middle, b, shift)
    np.clip(bodies.middle, 0, np.array(shape) - 1, out=bodies.middle)


def _owned(
    bodies: _Bodies, shape: tuple[int, int], warp: NDArray[np.float64], *, grown: float
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return whose each pixel is, and how far outside of that cell's outline it lies."""
    labels, off = np.zeros(shape, np.int32), np.full(shape, np.inf, np.float32)
    for number, (box, found) in enumerate(_distances(bodies, shape, warp, grown), 1):
        nearer = found < off[box]
        off[box][nearer] = found[nearer]
        labels[box][nearer & (found < 0)] = number
    far = float(bodies.long.max())
    return labels, np.minimum(off, np.float32(far))


def _distances(
    bodies: _Bodies, shape: tuple[int, int], warp: NDArray[np.float64], grown: float
) -> Iterator[tuple[tuple[slice, slice], NDArray[np.float32]]]:
    """Yield the box of each cell, and about how many px its pixels lie outside of it."""
    for (y, x), a, b, turn in zip(
        bodies.middle, grown * bodies.long, grown * bodies.wide, bodies.turn, strict=True
    ):
        reach = _REACH * a + 2
        rows = slice(max(0, int(y - reach)), min(shape[0], int(y + reach) + 1))
        columns = slice(max(0, int(x - reach)), min(shape[1], int(x + reach) + 1))
        dy = np.arange(rows.start, rows.stop)[:, None] + warp[0][rows, columns] - y
        dx = np.arange(columns.start, columns.stop)[None] + warp[1][rows, columns] - x
        along = np.abs(np.cos(turn) * dy + np.sin(turn) * dx) / a
        aside = np.abs(np.cos(turn) * dx - np.sin(turn) * dy) / b
        k = bodies.square
        radius = np.sqrt(along**2 + aside**2) if k == 2 else (along**k + aside**k) ** (1 / k)
        yield (rows, columns), ((radius - 1) * b).astype(np.float32)


def _whole(labels: NDArray[np.int32], least: float) -> NDArray[np.int32]:
    """Keep the largest piece of each cell, leave crumbs out, and number them from 1."""
    pieces = np.asarray(label(labels, connectivity=1))  # type: ignore[no-untyped-call]
    sizes = np.bincount(pieces.ravel())
    owner = np.zeros(len(sizes), np.int64)
    owner[pieces.ravel()] = labels.ravel()
    largest = np.zeros(int(labels.max(initial=0)) + 1, np.int64)
    order = np.argsort(sizes, kind="stable")
    largest[owner[order]] = order  # the last written is the largest
    kept = np.zeros(len(sizes), bool)
    kept[largest[1:]] = True
    kept &= (sizes >= least) & (owner > 0)
    number = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
    return np.asarray(number[pieces])
