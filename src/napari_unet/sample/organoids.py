"""Organoids in bright field: a dark wall around a lumen, from 8 to 80 px across.

They grow and drift; those that meet push each other off and stay in touch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_unet.sample.kind_world import Drawn, KindWorld

_SMALLEST, _LARGEST = 4.0, 40.0  # px, radius
_COVERED = 0.45  # of the field
_GROWTH = 1.015  # a frame
_LUMEN = 9.0  # px, radius from which an organoid has one
_UNEVEN = (0.10, 0.05, 0.03)  # how far outlines lie beside a circle, for two lobes, three, four
_GROUND, _WALL, _RIM, _HALO = 0.6, 0.36, 0.14, 0.8  # light that passes


def organoids(world: KindWorld) -> Iterator[Drawn]:
    """Yield light (Y, X), about 0 to 1, and labels (Y, X) uint16, frame by frame."""
    random = np.random.default_rng([world.seed, 13])
    size = np.array(world.shape, float)
    radii: list[float] = []
    while np.pi * np.square(radii).sum() < _COVERED * size.prod():
        radii.append(float(np.exp(random.uniform(np.log(_SMALLEST), np.log(_LARGEST)))))
    radius = np.array(sorted(radii, reverse=True))
    place = random.uniform(0, size, (len(radius), 2))
    waves = random.uniform(0, 1, (len(radius), len(_UNEVEN), 2))
    for _ in range(200):
        _push_apart(place, radius, size)
    ground = _clouds(random, world.shape)
    for _ in range(world.frames):
        yield _draw(world.shape, place, radius, waves, ground)
        radius = radius * _GROWTH
        place = place + random.normal(0, 1.0, place.shape)
        for _ in range(20):
            _push_apart(place, radius, size)


def _push_apart(
    place: NDArray[np.float64], radius: NDArray[np.float64], size: NDArray[np.float64]
) -> None:
    """Move those that overlap; the field's edge may cut one."""
    apart = place[:, None] - place[None]
    distance = np.hypot(apart[..., 0], apart[..., 1]) + np.eye(len(place)) * 1e9
    overlap = np.clip(radius[:, None] + radius[None] + 1 - distance, 0, None)
    lighter = radius[None] ** 2 / (radius[:, None] ** 2 + radius[None] ** 2)
    shift = (apart / np.maximum(distance, 0.1)[..., None]) * (overlap * lighter)[..., None]
    place += 0.5 * shift.sum(1)
    np.clip(place, 0, size, out=place)


def _draw(
    shape: tuple[int, int],
    place: NDArray[np.float64],
    radius: NDArray[np.float64],
    waves: NDArray[np.float64],
    ground: NDArray[np.float32],
) -> Drawn:
    """Draw each: a rim, a wall and, in larger ones, a lumen like the ground."""
    y, x = (axis.astype(np.float32) for axis in np.indices(shape))
    light, labels = ground.copy(), np.zeros(shape, np.uint16)
    inmost = np.full(shape, np.inf, np.float32)  # px from the outline, below 0 inside
    for number, (middle, r, uneven) in enumerate(zip(place, radius, waves, strict=True), 1):
        theta = np.arctan2(y - middle[0], x - middle[1])
        outline = np.full(shape, r, np.float32)
        for k, (amplitude, (share, phase)) in enumerate(zip(_UNEVEN, uneven, strict=True), 2):
            outline *= 1 + amplitude * share * np.cos(k * theta + 2 * np.pi * phase)
        off = np.hypot(y - middle[0], x - middle[1]) - outline
        mine = (off < 0) & (off < inmost)
        inmost = np.minimum(inmost, off)
        labels[mine] = number
        wall = max(2.5, 0.28 * r)
        light += (_HALO - _GROUND) * np.exp(-0.5 * ((off - 2) / 1.3) ** 2) * (labels == 0)
        light[mine] = _WALL
        lumen = mine & (off < -wall) & (r > _LUMEN)
        light[lumen] = 0.95 * ground[lumen]
        light[mine & (off > -2)] = _RIM
    return ndimage.gaussian_filter(light, 0.8), labels


def _clouds(random: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return an uneven ground (Y, X): matrix, out of focus."""
    noise = ndimage.gaussian_filter(random.standard_normal(shape), 9)
    return np.asarray(_GROUND + 0.03 * noise / noise.std(), np.float32)
