"""The shape of all objects of a volume at once: middle, surface, how near to a ball.

The surface is found by Crofton's formula, as MorphoLibJ does (Legland, Kiêu and Devaux 2007): how
often lines in the 13 directions of a voxel's neighbours enter and leave an object. No surface is
meshed, and voxels need not be cubes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.labels.space.neighbours import onward

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Solids:
    """Shape of each object: centroids (n, 3) in voxels, z, y, x; surface and sphericity (n,).

    The surface is in the unit of the spacing, squared. The sphericity (Wadell 1935) is the
    surface of a ball of the same volume, divided by the object's.
    """

    centroids: Floats
    surface: Floats
    sphericity: Floats


def measure_solids(dense: NDArray[np.int32], volumes: Ints, spacing: tuple[float, ...]) -> Solids:
    """Return the shapes of numbered objects (Z, Y, X) whose voxels are ``spacing`` apart.

    The spacing, of z, y and x, is NaN where it is not known; so are surface and sphericity then.
    """
    n = len(volumes)
    where = np.flatnonzero(dense)
    owner = dense.reshape(-1)[where] - 1
    sums = [
        np.bincount(owner, places, minlength=n) for places in np.unravel_index(where, dense.shape)
    ]
    surface = np.full(n, np.nan)
    if np.isfinite(spacing).all():
        surface = _surfaces(dense, n, tuple(spacing))
    ball = np.cbrt(np.pi) * np.cbrt(6 * volumes * float(np.prod(spacing))) ** 2
    return Solids(np.stack(sums, axis=1) / np.maximum(volumes, 1)[:, None], surface, ball / surface)


def _surfaces(dense: NDArray[np.int32], n: int, spacing: tuple[float, ...]) -> Floats:
    padded = np.pad(dense, 1)
    flat = padded.reshape(-1)
    where = np.flatnonzero(flat)
    owner = flat[where]
    strides = [stride // padded.itemsize for stride in padded.strides]
    surface = np.zeros(n)
    for direction, weight in zip(onward(3), _weights(spacing), strict=True):
        step = int(np.dot(direction, strides))
        for there in (step, -step):
            outside = flat[where + there] != owner
            surface += weight * np.bincount(owner[outside] - 1, minlength=n)
    return surface


@lru_cache
def _weights(spacing: tuple[float, ...]) -> tuple[float, ...]:
    """Return the surface that one crossing in each of the 13 directions stands for.

    A direction stands for the part of the sphere that is nearer to it than to the others.
    """
    from scipy.spatial import SphericalVoronoi

    ways = np.array(onward(3)) * np.array(spacing)
    lengths = np.linalg.norm(ways, axis=1)
    points = np.concatenate([ways, -ways]) / np.tile(lengths, 2)[:, None]
    share = SphericalVoronoi(points).calculate_areas()[: len(ways)] / (2 * np.pi)
    return tuple((2 * share * float(np.prod(spacing)) / lengths).tolist())
