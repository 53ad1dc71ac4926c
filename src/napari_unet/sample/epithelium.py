"""A sheet of epithelium whose membranes are stained: cells touch all around, nothing is ground.

Cells are the Voronoi regions of points that drift, bent a little; a membrane lies where two meet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_unet.sample.kind_world import Drawn, KindWorld

_ACROSS = 26.0  # px, of a typical cell
_MARGIN = 60  # px of sheet around the field
_RELAXED = 2  # rounds that even out the cells
_STEP = 1.2  # px a frame
_PUSHED = 0.3  # share of the way to the middle of its place that a cell is pushed each frame
_BENT = 2.5  # px
_MEMBRANE = 1.3  # px, from its middle to where it has faded


def epithelium(world: KindWorld) -> Iterator[Drawn]:
    """Yield light (Y, X), about 0 to 1, and labels (Y, X) uint16, frame by frame."""
    random = np.random.default_rng([world.seed, 11])
    size = np.array(world.shape) + 2 * _MARGIN
    count = round(size.prod() / (np.pi / 4 * _ACROSS**2))
    points = random.uniform(0, size, (count, 2))
    grid = np.stack(np.meshgrid(*(np.arange(0, n, 3) for n in size), indexing="ij"), -1)
    flat = grid.reshape(-1, 2)
    for _ in range(_RELAXED):
        points = _middles(points, flat)
    brightness = random.uniform(0.45, 1.0, 4096).astype(np.float32)  # of membranes
    inside = random.uniform(0.02, 0.12, count).astype(np.float32)  # of cells
    velocity = random.normal(0, _STEP, (count, 2))
    bend = _smooth(random, world.shape, 14) * _BENT
    pixels = np.moveaxis(np.indices(world.shape), 0, -1) + _MARGIN + bend
    for _ in range(world.frames):
        distance, nearest = cKDTree(points).query(pixels, k=2)
        apart = (distance[..., 1] - distance[..., 0]).astype(np.float32) / 2
        one, two = np.sort(nearest, -1)[..., 0], np.sort(nearest, -1)[..., 1]
        edge = brightness[(one * 31 + two * 17) % len(brightness)]
        light = edge * np.exp(-0.5 * (apart / (_MEMBRANE / 1.5)) ** 2) + inside[nearest[..., 0]]
        yield light.astype(np.float32), (nearest[..., 0] + 1).astype(np.uint16)
        velocity = 0.8 * velocity + random.normal(0, 0.6 * _STEP, (count, 2))
        points = points + velocity
        points += _PUSHED * (_middles(points, flat) - points)  # none is squeezed flat


def _middles(points: NDArray[np.float64], pixels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the middle of the region of each point (N, 2), of these pixels (P, 2)."""
    nearest, n = cKDTree(points).query(pixels)[1], len(points)
    sums = np.stack([np.bincount(nearest, pixels[:, k], n) for k in (0, 1)], 1)
    size = np.bincount(nearest, minlength=n)[:, None]
    return np.where(size > 0, sums / np.maximum(size, 1), points)


def _smooth(
    random: np.random.Generator, shape: tuple[int, int], sigma: float
) -> NDArray[np.float64]:
    """Return a smooth field (Y, X, 2) of standard deviation 1."""
    noise = ndimage.gaussian_filter(random.standard_normal((*shape, 2)), (sigma, sigma, 0))
    return np.asarray(noise / noise.std())
