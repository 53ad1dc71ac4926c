"""Frames of cells of any kind, each of another, with exact truth: what an outline is.

Shapes, how crowded they are, contrast, texture and noise are drawn at random from the seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_unet.sample.random_looks import LOOKS, Light, Look
from napari_unet.sample.random_shapes import random_shapes, smooth

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class RandomCells:
    """A frame: ``image`` (Y, X) or, stained, (Y, X, 3) uint8; ``labels`` (Y, X) uint16."""

    image: NDArray[np.uint8]
    labels: NDArray[np.uint16]
    look: Look


def random_cells(
    seed: int,
    shape: tuple[int, int] = (256, 256),
    *,
    looks: Iterable[Look] = tuple(LOOKS),
    across: float | None = None,
) -> RandomCells:
    """Return a frame of cells of one of the ``looks``; the same seed gives the same frame.

    Cells are ``across`` px, where it is given; otherwise 10 to 48.
    """
    random = np.random.default_rng([seed, 31])
    among = tuple(looks)
    look = among[int(random.integers(len(among)))]
    cells = random_shapes(random, shape, across)
    light = _seen(random, LOOKS[look](random, cells))
    return RandomCells(light, cells.labels.astype(np.uint16), look)


def _seen(random: np.random.Generator, light: Light) -> NDArray[np.uint8]:
    """Return what a camera makes of light: blurred, unevenly lit, noisy, of 256 values."""
    sigma = random.uniform(0.3, 1.1)
    light = ndimage.gaussian_filter(light, (sigma, sigma, 0)[: light.ndim])
    low, high = np.percentile(light, (0.1, 99.9))
    light = (light - low) / max(float(high - low), 1e-6)
    lit = 1 + random.uniform(0, 0.15) * smooth(random, light.shape[:2], 60, 1)[0]
    noise = random.uniform(0.005, 0.06) * random.standard_normal(light.shape)
    light = light * (lit if light.ndim == 2 else lit[..., None]) + noise
    gain = random.uniform(0.5, 0.85)
    return np.asarray(np.clip(np.rint(255 * (0.1 + gain * light)), 0, 255), np.uint8)
