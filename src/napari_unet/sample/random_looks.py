"""How cells of random shapes look: in fluorescence, phase contrast, DIC, by membranes, stained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_unet.sample.random_shapes import Shapes, smooth

Look = Literal["bright", "dark", "dic", "halo", "rimmed", "membrane", "stained"]
Light = NDArray[np.float32]
"""(Y, X), or (Y, X, 3) of a stained tissue; about 0 to 1."""

_HAEMATOXYLIN, _EOSIN = (0.65, 0.70, 0.29), (0.07, 0.99, 0.11)  # Ruifrok 2001


def _each(random: np.random.Generator, cells: Shapes, low: float, high: float) -> Light:
    """Return a number of each cell (Y, X), ``high`` where there is none."""
    values = random.uniform(low, high, cells.n + 1).astype(np.float32)
    values[0] = high
    return np.asarray(values[cells.labels])


def _texture(random: np.random.Generator, cells: Shapes) -> Light:
    """Return grains (Y, X) of standard deviation 1, finer than a cell."""
    sigma = max(0.6, cells.across * random.uniform(0.03, 0.15))
    return np.asarray(smooth(random, cells.labels.shape, sigma, 1)[0], np.float32)


def _organelles(random: np.random.Generator, cells: Shapes) -> Light:
    """Return 1 in a few spots of some cells: nucleoli, vacuoles, granules."""
    if random.uniform() < 0.5:
        return np.zeros(cells.labels.shape, np.float32)
    spots = _texture(random, cells) > random.uniform(1.1, 2.0)
    return np.asarray((spots & (cells.height > 0.4)).astype(np.float32))


def _body(random: np.random.Generator, cells: Shapes) -> Light:
    """Return how much of a cell each pixel holds (Y, X): flat to domed, grainy, with spots."""
    dome = cells.height ** random.uniform(0.0, 0.8) * (cells.labels > 0)
    grainy = 1 + random.uniform(0, 0.3) * _texture(random, cells)
    spotted = 1 + random.uniform(-0.6, 0.6) * _organelles(random, cells)
    return np.asarray(dome * np.clip(grainy, 0.2, None) * spotted, np.float32)


def _ground(random: np.random.Generator, cells: Shapes, most: float) -> Light:
    """Return what lies between cells (Y, X): clouds and grains of up to ``most``."""
    clouds = smooth(random, cells.labels.shape, 2 * cells.across, 1)[0]
    found = random.uniform(0, most) * clouds + random.uniform(0, most) * _texture(random, cells)
    return np.asarray(found, np.float32)


def _rim(cells: Shapes, at: float, width: float) -> Light:
    """Return a line along outlines (Y, X), ``at`` px outside of them."""
    return np.asarray(np.exp(-0.5 * ((cells.off - at) / width) ** 2), np.float32)


def _bright(random: np.random.Generator, cells: Shapes) -> Light:
    light = _body(random, cells) * _each(random, cells, random.uniform(0.2, 1), 1)
    ground = random.uniform(0.02, 0.4) * (1 + _ground(random, cells, 0.2))
    shine = random.uniform(0, 0.4) * ndimage.gaussian_filter(light, 0.4 * cells.across)
    return np.asarray(light + ground + shine, np.float32)


def _dark(random: np.random.Generator, cells: Shapes) -> Light:
    absorbed = _body(random, cells) * _each(random, cells, random.uniform(0.4, 1), 1)
    strength = random.uniform(0.2, 0.8)
    return np.asarray(0.9 * (1 - strength * absorbed) + _ground(random, cells, 0.04), np.float32)


def _dic(random: np.random.Generator, cells: Shapes) -> Light:
    path = cells.across * random.uniform(0.1, 0.5) * cells.height
    path = path + random.uniform(0.1, 1.0) * _body(random, cells) * (1 + _texture(random, cells))
    path = path + _ground(random, cells, 0.3)
    turn, sigma = random.uniform(0, 2 * np.pi), random.uniform(0.6, 1.5)
    down, along = (ndimage.gaussian_filter(path, sigma, order=order) for order in ((1, 0), (0, 1)))
    slope = np.sin(turn) * down + np.cos(turn) * along
    return np.asarray(0.5 + 0.12 * slope / max(float(slope.std()), 1e-6), np.float32)


def _halo(random: np.random.Generator, cells: Shapes) -> Light:
    sign = random.choice((-1.0, -1.0, 1.0))
    light = 0.5 + sign * random.uniform(0.1, 0.4) * _body(random, cells)
    light = light + _ground(random, cells, 0.03)
    near, far = random.uniform(0.6, 1.2), cells.across * random.uniform(0.12, 0.4) + 1
    ringing = ndimage.gaussian_filter(light, near) - ndimage.gaussian_filter(light, far)
    bright = random.uniform(0, 0.5) * _rim(cells, 1.5, 1.2) * (cells.labels == 0)
    return np.asarray(light + random.uniform(0.3, 1.5) * ringing + bright, np.float32)


def _rimmed(random: np.random.Generator, cells: Shapes) -> Light:
    sign = random.choice((-1.0, 1.0))
    width = random.uniform(0.8, 2.0)
    lines = random.uniform(0.2, 0.5) * _rim(cells, -width, width)
    lines = lines - random.uniform(0, 0.4) * _rim(cells, width, width)
    inside = random.uniform(-0.1, 0.1) * _body(random, cells)
    return np.asarray(0.5 + sign * lines + inside + _ground(random, cells, 0.05), np.float32)


def _membrane(random: np.random.Generator, cells: Shapes) -> Light:
    width = random.uniform(0.8, 2.2)
    uneven = np.clip(1 + random.uniform(0, 0.4) * _texture(random, cells), 0.2, None)
    lines = _rim(cells, 0, width) * _each(random, cells, random.uniform(0.4, 1), 1) * uneven
    faint = random.uniform(0, 0.3) * _body(random, cells)
    return np.asarray(lines + faint + 0.05 + _ground(random, cells, 0.03), np.float32)


def _stained(random: np.random.Generator, cells: Shapes) -> Light:
    blue = random.uniform(0.5, 1.6) * _body(random, cells)
    blue = blue * _each(random, cells, random.uniform(0.4, 1), 1) + random.uniform(0, 0.25)
    pink = random.uniform(0, 0.5) * np.clip(1 + _ground(random, cells, 0.5), 0, None)
    stains = np.stack([_HAEMATOXYLIN, _EOSIN]) + random.normal(0, 0.08, (2, 3))
    dense = np.stack([blue, np.maximum(pink, 0)], -1) @ np.clip(stains, 0.02, None)
    return np.asarray(np.exp(-np.clip(dense, 0, 4)), np.float32)


LOOKS: dict[Look, Callable[[np.random.Generator, Shapes], Light]] = {
    "bright": _bright,
    "dark": _dark,
    "dic": _dic,
    "halo": _halo,
    "rimmed": _rimmed,
    "membrane": _membrane,
    "stained": _stained,
}
"""What draws cells under each contrast."""
