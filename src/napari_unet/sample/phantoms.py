"""Generated heads in four contrasts, with exact truth: ellipsoids nested in each other.

They stand for scans of tumours, whose published sets cannot be handed on: a swelling around a core,
in it a part that takes up contrast agent. What tells them apart shows in no single contrast, and
around the head all is 0. Everything follows from the seed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

CONTRASTS = ("T1", "T1 with contrast agent", "T2", "FLAIR")
REGIONS = "whole=1,2,4; core=1,4; enhancing=4"
"""As `TrainSettings.regions`: of class 1 core, 2 swelling, 4 what takes up contrast agent."""

_LIGHT = {  # of each tissue in the four contrasts
    0: (1.0, 1.0, 0.6, 0.65),
    2: (0.9, 0.9, 1.05, 1.2),
    1: (0.7, 0.75, 1.15, 0.85),
    4: (0.75, 1.4, 1.0, 0.95),
}
_SCALE = 1000.0  # of the light, in whole numbers


@dataclass(frozen=True)
class Phantoms:
    """How many heads there are, of which size; their sections are as far apart as their pixels."""

    count: int = 2
    shape: tuple[int, int, int] = (32, 48, 48)
    noise: float = 0.06
    uneven: float = 0.15
    """How much brighter one side is than the other."""
    seed: int = 0


def sample_phantoms(
    wanted: Phantoms | None = None, **changes: Any
) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """Return heads (T, C, Z, Y, X) uint16 and their classes (T, Z, Y, X) uint8.

    ``changes`` are fields of ``Phantoms``: ``sample_phantoms(count=4, seed=1)``.
    """
    wanted = replace(wanted or Phantoms(), **changes)
    made = [_head(wanted, t) for t in range(wanted.count)]
    return np.stack([head for head, _ in made]), np.stack([classes for _, classes in made])


def _head(wanted: Phantoms, t: int) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """Return one head (C, Z, Y, X) and its classes (Z, Y, X)."""
    random = np.random.default_rng([wanted.seed, 20, t])
    size = np.array(wanted.shape, float)
    places = np.stack(np.meshgrid(*map(np.arange, wanted.shape), indexing="ij"), -1) + 0.5
    middle = size / 2 + random.uniform(-0.03, 0.03, 3) * size
    head = _ellipsoid(places, middle, size * random.uniform(0.4, 0.46, 3), np.eye(3))
    classes = np.zeros(wanted.shape, np.uint8)
    centre = middle + random.uniform(-0.12, 0.12, 3) * size
    axes = np.linalg.qr(random.standard_normal((3, 3)))[0]
    radius = size.min() * random.uniform(0.26, 0.3) * random.uniform(0.85, 1.15, 3)
    for number, share in ((2, 1.0), (1, 0.72), (4, 0.48)):
        inside = _ellipsoid(places, centre, share * radius, axes)
        classes[inside & head] = number
        # the next lies somewhere in it, and not at its rim
        centre = centre + random.uniform(-0.07, 0.07, 3) * radius @ axes
    return _scanned(head, classes, wanted, random), classes


def _ellipsoid(
    places: NDArray[Any], centre: NDArray[Any], radius: NDArray[Any], axes: NDArray[Any]
) -> NDArray[np.bool_]:
    within = ((places - centre) @ axes.T) / radius
    return np.asarray(np.square(within).sum(-1) < 1)


def _scanned(
    head: NDArray[np.bool_],
    classes: NDArray[np.uint8],
    wanted: Phantoms,
    random: np.random.Generator,
) -> NDArray[np.uint16]:
    """Return the contrasts (C, Z, Y, X): tissue, uneven light and noise in the head, 0 around."""
    slope = random.standard_normal(3)
    slope /= np.linalg.norm(slope)
    along = [np.linspace(-1, 1, n) for n in wanted.shape]
    ramp = sum(
        part * line.reshape([-1 if a == axis else 1 for a in range(3)])
        for axis, (part, line) in enumerate(zip(slope, along, strict=True))
    )
    seen = np.zeros((len(CONTRASTS), *wanted.shape), np.uint16)
    for channel in range(len(CONTRASTS)):
        light = np.zeros(wanted.shape, np.float32)
        for number, levels in _LIGHT.items():
            light[classes == number] = levels[channel]
        grain = ndimage.gaussian_filter(random.standard_normal(wanted.shape), 1.5)
        light = ndimage.gaussian_filter(light, 0.6) * (1 + wanted.uneven * np.asarray(ramp))
        light = light + 0.5 * wanted.noise * grain / grain.std()
        light = light + wanted.noise * random.standard_normal(wanted.shape)
        counts = np.clip(np.rint(_SCALE * light), 1, 65535).astype(np.uint16)
        seen[channel][head] = counts[head]
    return seen
