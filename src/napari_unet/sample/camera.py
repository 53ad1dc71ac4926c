"""The camera of the sample movie: nuclei as light, light as counts of a detector."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_unet.sample.world import TEXTURE_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.sample.world import Nucleus, SampleWorld

Floats = NDArray[np.float32]
OFFSET, READ_NOISE, _GAIN = 200.0, 6.0, 2.2  # counts, counts, counts per electron


def draw(
    nuclei: Sequence[Nucleus], drift: NDArray[np.float64], shape: tuple[int, int]
) -> tuple[Floats, NDArray[np.uint16]]:
    """Light of the nuclei (Y, X) and whose pixel it is (Y, X); the inner one owns an overlap."""
    light = np.zeros(shape, np.float32)
    labels = np.zeros(shape, np.uint16)
    level = np.ones(shape, np.float32)  # distance from the centre in units of the outline
    for n in nuclei:
        centre = n.position + drift
        reach = 1.6 * n.radius
        low = np.maximum(np.floor(centre - reach), 0).astype(int)
        high = np.minimum(np.ceil(centre + reach) + 1, shape).astype(int)
        if (low >= high).any():
            continue
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        y = (np.arange(low[0], high[0], dtype=np.float32) - np.float32(centre[0]))[:, None]
        x = (np.arange(low[1], high[1], dtype=np.float32) - np.float32(centre[1]))[None]
        own, value = _draw_one(n, y, x)
        mine = own < level[box]
        level[box][mine] = own[mine]
        light[box][mine] = value[mine]
        labels[box][mine] = n.id
    return light, labels


def _draw_one(n: Nucleus, y: Floats, x: Floats) -> tuple[Floats, Floats]:
    """Level (below 1 inside the outline) and light of one nucleus on a small grid."""
    cos, sin = np.float32(np.cos(n.angle)), np.float32(np.sin(n.angle))
    along, across = (x * cos + y * sin) / n.radius, (y * cos - x * sin) / n.radius
    plate = 1 + 0.75 * max(n.condensed - 0.4, 0) / 0.6  # metaphase: a bar across the spindle
    along, across = along / plate**0.5, across * plate
    theta = np.arctan2(across, along)
    outline = np.ones_like(theta)
    for k, (amplitude, phase) in enumerate(n.outline, start=2):
        outline += np.float32(amplitude * (1 - 0.7 * n.condensed)) * np.cos(
            k * theta + np.float32(phase)
        )
    level = np.hypot(along, across) / outline
    rows = (along * 34).astype(int) + n.texture[0]
    columns = (across * 34).astype(int) + n.texture[1]
    texture = _texture()[rows % TEXTURE_SIZE, columns % TEXTURE_SIZE]
    for v, u, width in n.nucleoli:
        squared = (along - np.float32(u)) ** 2 + (across - np.float32(v)) ** 2
        texture = texture - 1.6 * np.exp(-squared / np.float32(2 * width**2))
    flat = 1 + 0.17 * (1 - n.condensed) * texture
    dome = 1.05 - 0.3 * np.clip(level, 0, 1) ** 2
    strength = n.brightness * (1 + 1.1 * n.condensed)
    return level.astype(np.float32), (strength * np.maximum(flat, 0.3) * dome).astype(np.float32)


@lru_cache(maxsize=1)
def _texture() -> Floats:
    """Chromatin: band-limited noise that repeats at its edges, standard deviation 1."""
    noise = np.random.default_rng(7).standard_normal((TEXTURE_SIZE, TEXTURE_SIZE))
    fine = ndimage.gaussian_filter(noise, 4, mode="wrap")
    coarse = ndimage.gaussian_filter(noise, 9, mode="wrap")
    bands = fine / fine.std() + 0.7 * coarse / coarse.std()
    return np.asarray(bands / bands.std(), np.float32)


def expose(light: Floats, world: SampleWorld, t: int) -> NDArray[np.uint16]:
    """Blur, haze, uneven illumination, background, bleaching and noise, as counts (Y, X)."""
    height, width = world.shape
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    lamp = 1 - 0.22 * ((x - 0.25) ** 2 + (y + 0.15) ** 2)
    haze = ndimage.zoom(ndimage.gaussian_filter(light[::4, ::4], 4), 4, order=1)
    haze = np.pad(haze, ((0, 4), (0, 4)), mode="edge")[:height, :width]
    sharp = ndimage.gaussian_filter(light, 0.9)
    bleach = 0.9985**t
    electrons = bleach * lamp * (260 * world.contrast * (sharp + 0.22 * haze))
    electrons += 60 + 18 * x + 12 * y
    rng = np.random.default_rng([world.seed, 3, t])
    # shot noise at these counts is as good as Gaussian with the variance of Poisson
    spread = np.sqrt(_GAIN**2 * electrons + READ_NOISE**2) * np.float32(world.noise)
    counts = OFFSET + _GAIN * electrons
    counts += spread * rng.standard_normal(world.shape, dtype=np.float32)
    return np.asarray(np.clip(np.rint(counts), 0, 65535), np.uint16)
