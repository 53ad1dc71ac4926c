"""The life of nuclei in a block of tissue: they move, touch, grow and divide. Lengths in µm."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator

Floats = NDArray[np.float64]

_MARGIN = 8.0  # of tissue around the field
_CYCLE = 32  # frames from birth to division
_BIRTH_RADIUS = 3.5  # the volume doubles until division
_STEP = 0.12  # a frame
_CLOSE = 0.88  # of the sum of two radii: so near nuclei may lie


@dataclass(frozen=True)
class VolumeWorld:
    """What is simulated: the same values give the same movie.

    ``shape`` and ``spacing`` (µm) are of z, y and x; ``density`` is the number of nuclei in
    10,000 µm³ at the start, ``noise`` scales all noise.
    """

    seed: int = 0
    frames: int = 6
    shape: tuple[int, int, int] = (16, 128, 160)
    spacing: tuple[float, float, float] = (1.5, 0.4, 0.4)
    density: float = 11.0
    noise: float = 1.0
    frame_interval: float = 600.0  # s

    @property
    def size(self) -> Floats:
        """How far the field reaches in z, y and x."""
        return np.asarray(np.array(self.shape) * self.spacing, np.float64)


@dataclass
class Ellipsoid:
    """A nucleus in one frame; positions are of its middle, from the field's corner."""

    id: int
    parent: int
    position: Floats
    age: float  # frames since birth
    cycle: float
    axes: Floats  # (3, 3): rows are its axes, each as long as their share of the radius
    brightness: float
    texture: NDArray[np.int64]  # corner in the texture
    velocity: Floats = field(default_factory=lambda: np.zeros(3))

    @property
    def radius(self) -> float:
        """Of the ball of its volume."""
        return float(_BIRTH_RADIUS * np.cbrt(1 + np.clip(self.age / self.cycle, 0, 1)))


def simulate(world: VolumeWorld) -> Iterator[list[Ellipsoid]]:
    """Yield the nuclei of each frame."""
    random = np.random.default_rng([world.seed, 31])
    size = world.size + 2 * _MARGIN
    count = round(world.density * size.prod() / 1e4)
    nuclei = [
        _new(random, i + 1, 0, random.uniform(0, size) - _MARGIN, random.uniform(0, 0.97))
        for i in range(count)
    ]
    for _ in range(60):  # let the crowd settle before the first frame
        _push_apart(nuclei)
    last = count
    for _ in range(world.frames):
        yield [replace(n, position=n.position.copy()) for n in nuclei]
        nuclei, last = _later(random, nuclei, last)


def _new(
    random: np.random.Generator, number: int, parent: int, position: Floats, grown: float
) -> Ellipsoid:
    cycle = _CYCLE * random.uniform(0.85, 1.15)
    turned, _ = np.linalg.qr(random.normal(size=(3, 3)))
    lengths = np.exp(random.normal(0, 0.1, 3))
    return Ellipsoid(
        id=number,
        parent=parent,
        position=position,
        age=grown * cycle,
        cycle=cycle,
        axes=turned * (lengths / np.cbrt(lengths.prod()))[:, None],
        brightness=float(random.lognormal(0, 0.25)),
        texture=random.integers(0, 1 << 10, 3),
    )


def _later(
    random: np.random.Generator, nuclei: list[Ellipsoid], last: int
) -> tuple[list[Ellipsoid], int]:
    """One frame later: everybody moves and ages; who is old enough divides."""
    alive: list[Ellipsoid] = []
    for n in nuclei:
        n.velocity = 0.8 * n.velocity + random.normal(0, _STEP, 3)
        n.position = n.position + n.velocity
        n.age += 1
        if n.age < n.cycle:
            alive.append(n)
            continue
        across = random.normal(size=3)
        across /= np.linalg.norm(across)
        for side in (-1, 1):
            last += 1
            child = _new(random, last, n.id, n.position + side * 0.75 * n.radius * across, 0.0)
            child.brightness = n.brightness * random.uniform(0.9, 1.1)
            child.velocity = side * 0.3 * across
            alive.append(child)
    for _ in range(4):
        _push_apart(alive)
    return alive, last


def _push_apart(nuclei: list[Ellipsoid]) -> None:
    """Nuclei that overlap push each other off; they may stay in touch."""
    place = np.array([n.position for n in nuclei])
    radius = np.array([n.radius for n in nuclei])
    apart = place[:, None] - place[None]
    distance = np.linalg.norm(apart, axis=-1) + np.eye(len(place)) * 1e9
    overlap = np.clip(_CLOSE * (radius[:, None] + radius[None]) - distance, 0, None)
    shift = (apart / np.maximum(distance, 0.1)[..., None]) * overlap[..., None]
    for n, moved in zip(nuclei, 0.4 * shift.sum(axis=1), strict=True):
        n.position = n.position + moved
