"""The life of the sample movie: nuclei that move, touch, grow, round up, divide, come and go."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

PIXEL_SIZE = 0.65  # µm
FRAME_INTERVAL = 300.0  # s
TEXTURE_SIZE = 512  # px, of the chromatin that all nuclei are cut from

_MARGIN = 40  # px of world around the field, where nuclei come from and go to
_CYCLE = 170  # frames from birth to division
_MITOSIS = 5  # frames of condensing before, and of relaxing after division
_BIRTH_RADIUS = 8.6  # px; the area doubles until division


@dataclass(frozen=True)
class SampleWorld:
    """What is simulated: the same values give the same movie.

    ``density`` is the number of nuclei per 100 x 100 px at the start, ``contrast`` scales the
    light of the nuclei and ``noise`` all noise.
    """

    seed: int = 0
    frames: int = 48
    shape: tuple[int, int] = (256, 320)
    density: float = 4.5
    contrast: float = 1.0
    noise: float = 1.0
    pixel_size: float = PIXEL_SIZE
    frame_interval: float = FRAME_INTERVAL


SMALL = SampleWorld(frames=6, shape=(96, 128))
"""A quick variant for tests: a few dozen milliseconds."""


@dataclass
class Nucleus:
    """State of one nucleus in one frame; positions in px of the field at frame 0."""

    id: int
    parent: int
    position: NDArray[np.float64]
    age: float  # frames since birth
    cycle: float
    angle: float
    brightness: float
    outline: NDArray[np.float64]  # (K, 2): amplitude and phase of the outline's harmonics 2..5
    nucleoli: NDArray[np.float64]  # (N, 3): y, x, width in units of the radius
    texture: NDArray[np.int64]  # corner in the texture
    velocity: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))

    @property
    def condensed(self) -> float:
        """From 0 (interphase) to 1 (at division)."""
        before = 1 - (self.cycle - self.age) / _MITOSIS
        after = 1 - self.age / _MITOSIS if self.parent else 0.0
        return float(np.clip(max(before, after), 0, 1))

    @property
    def radius(self) -> float:
        """In px; the area doubles until division."""
        grown = np.clip(self.age / self.cycle, 0, 1)
        return float(_BIRTH_RADIUS * np.sqrt(1 + grown) * (1 - 0.22 * self.condensed))


def simulate(world: SampleWorld) -> list[list[Nucleus]]:
    """Return the nuclei of each frame."""
    rng = np.random.default_rng([world.seed, 1])
    size = np.array(world.shape) + 2 * _MARGIN
    nuclei = _first_nuclei(rng, size, round(world.density * size.prod() / 1e4))
    for _ in range(30):  # let the crowd settle before the first frame
        _push_apart(nuclei)
    frames, next_id = [], len(nuclei) + 1
    for _ in range(world.frames):
        frames.append([replace(n, position=n.position.copy()) for n in nuclei])
        nuclei, next_id = _live(rng, nuclei, next_id)
    return frames


def _first_nuclei(rng: np.random.Generator, size: NDArray[Any], count: int) -> list[Nucleus]:
    """Colonies of a few nuclei, and single ones between them."""
    colonies = rng.uniform(0, size, (max(count // 5, 1), 2))
    nuclei = []
    for i in range(count):
        if rng.random() < 0.7:
            place = colonies[rng.integers(len(colonies))] + rng.normal(0, 24, 2)
        else:
            place = rng.uniform(0, size, 2)
        cycle = _CYCLE * rng.uniform(0.9, 1.1)
        position = np.clip(place, 0, size) - _MARGIN
        age = rng.uniform(_MITOSIS, cycle)
        nuclei.append(_new_nucleus(rng, i + 1, 0, position, age, cycle, rng.lognormal(0, 0.35)))
    return nuclei


def _new_nucleus(
    rng: np.random.Generator,
    ident: int,
    parent: int,
    position: NDArray[np.float64],
    age: float,
    cycle: float,
    brightness: float,
) -> Nucleus:
    amplitude = rng.uniform(0, 1, 4) * (0.17, 0.05, 0.03, 0.02) + (0.05, 0, 0, 0)
    outline = np.stack([amplitude, rng.uniform(0, 2 * np.pi, 4)], axis=1)
    outline[0, 1] = 0  # the long axis lies along the angle
    spots = int(rng.integers(1, 4))
    nucleoli = np.column_stack([rng.uniform(-0.5, 0.5, (spots, 2)), rng.uniform(0.1, 0.2, spots)])
    return Nucleus(
        id=ident,
        parent=parent,
        position=position,
        age=age,
        cycle=cycle,
        angle=rng.uniform(0, np.pi),
        brightness=brightness,
        outline=outline,
        nucleoli=nucleoli,
        texture=rng.integers(0, TEXTURE_SIZE, 2),
    )


def _live(
    rng: np.random.Generator, nuclei: list[Nucleus], next_id: int
) -> tuple[list[Nucleus], int]:
    """One frame later: everybody moves, turns, ages; who is old enough divides."""
    alive: list[Nucleus] = []
    for n in nuclei:
        n.velocity = 0.8 * n.velocity + rng.normal(0, 0.22, 2)
        n.position = n.position + n.velocity
        n.angle += rng.normal(0, 0.03)
        n.outline = n.outline.copy()
        n.outline[1:, 1] += rng.normal(0, 0.06, 3)
        n.age += 1
        if n.age < n.cycle:
            alive.append(n)
            continue
        across = np.array([np.cos(n.angle), -np.sin(n.angle)])  # (y, x), normal to the long axis
        for side in (-1, 1):
            cycle = _CYCLE * rng.uniform(0.9, 1.1)
            place = n.position + side * 0.55 * n.radius * across
            bright = n.brightness * rng.uniform(0.9, 1.1)
            child = _new_nucleus(rng, next_id, n.id, place, 0.0, cycle, bright)
            child.angle = n.angle
            child.velocity = side * 1.3 * across
            alive.append(child)
            next_id += 1
    _push_apart(alive)
    return alive, next_id


def _push_apart(nuclei: list[Nucleus]) -> None:
    """Nuclei that overlap push each other off; they may stay in touch."""
    if len(nuclei) < 2:
        return
    positions = np.array([n.position for n in nuclei])
    radii = np.array([n.radius * (1 - 0.35 * n.condensed) for n in nuclei])
    for _ in range(2):
        apart = positions[:, None] - positions[None]
        distance = np.hypot(apart[..., 0], apart[..., 1]) + np.eye(len(nuclei)) * 1e9
        overlap = np.clip(0.94 * (radii[:, None] + radii[None]) - distance, 0, None)
        shift = (apart / np.maximum(distance, 0.1)[..., None]) * overlap[..., None]
        positions += 0.4 * shift.sum(axis=1)
    for n, position in zip(nuclei, positions, strict=True):
        n.position = position


def drift(world: SampleWorld, t: int) -> NDArray[np.float64]:
    """Slow movement of the stage, in px (y, x)."""
    phase = np.random.default_rng([world.seed, 2]).uniform(0, 2 * np.pi, 2)
    return 5 * (np.sin(phase + t / np.array([17.0, 23.0])) - np.sin(phase)) + 0.05 * t
