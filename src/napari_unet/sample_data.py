"""A generated movie of HeLa-like nuclei with exact instance truth: demo, tutorial and test world.

Nuclei move, touch, grow, round up, divide, and leave or enter the field. The camera adds uneven
illumination, haze, drift, bleaching, shot noise and read noise. Everything follows from the seed,
and a shorter movie is the beginning of a longer one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

PIXEL_SIZE = 0.65  # µm
FRAME_INTERVAL = 300.0  # s

_MARGIN = 40  # px of world around the field, where nuclei come from and go to
_CYCLE = 170  # frames from birth to division
_MITOSIS = 5  # frames of condensing before, and of relaxing after division
_BIRTH_RADIUS = 8.6  # px; the area doubles until division
_TEXTURE_SIZE = 512
_OFFSET, _READ_NOISE, _GAIN = 200.0, 6.0, 2.2  # camera: counts, counts, counts per electron

Floats = NDArray[np.float32]


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


def sample_movie(
    world: SampleWorld | None = None, **changes: Any
) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Movie and labels, both (T, Y, X) uint16; ids are constant through time.

    ``changes`` are fields of ``SampleWorld``: ``sample_movie(frames=6, shape=(96, 128))``.
    """
    world = replace(world or SampleWorld(), **changes)
    movie = np.empty((world.frames, *world.shape), np.uint16)
    labels = np.empty_like(movie)
    for t, nuclei in enumerate(_simulate(world)):
        light, labels[t] = _draw(nuclei, _drift(world, t), world.shape)
        movie[t] = _expose(light, world, t)
    return movie, labels


def sample_parents(world: SampleWorld | None = None, **changes: Any) -> dict[int, int]:
    """Give the mother's id for each id that is born by a division."""
    world = replace(world or SampleWorld(), **changes)
    return {n.id: n.parent for nuclei in _simulate(world) for n in nuclei if n.parent}


def open_sample() -> list[tuple[NDArray[np.uint16], dict[str, Any], str]]:
    """Sample movie for napari's *File > Open Sample*: the movie only, the truth is for tests."""
    movie, _ = sample_movie()
    low, high = np.percentile(movie[0], (0.5, 99.9))
    options = {
        "name": "sample movie",
        "scale": (FRAME_INTERVAL, PIXEL_SIZE, PIXEL_SIZE),
        "units": ("second", "micrometer", "micrometer"),
        "axis_labels": ("t", "y", "x"),
        "contrast_limits": (float(low), float(high)),
        "metadata": {"frame_interval": FRAME_INTERVAL, "pixel_size": PIXEL_SIZE},
    }
    return [(movie, options, "image")]


# --- life: where the nuclei are -----------------------------------------------------------------


@dataclass
class _Nucleus:
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
        grown = np.clip(self.age / self.cycle, 0, 1)
        return float(_BIRTH_RADIUS * np.sqrt(1 + grown) * (1 - 0.22 * self.condensed))


def _simulate(world: SampleWorld) -> list[list[_Nucleus]]:
    """Give the nuclei of each frame."""
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


def _first_nuclei(rng: np.random.Generator, size: NDArray[Any], count: int) -> list[_Nucleus]:
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
) -> _Nucleus:
    amplitude = rng.uniform(0, 1, 4) * (0.17, 0.05, 0.03, 0.02) + (0.05, 0, 0, 0)
    outline = np.stack([amplitude, rng.uniform(0, 2 * np.pi, 4)], axis=1)
    outline[0, 1] = 0  # the long axis lies along the angle
    spots = int(rng.integers(1, 4))
    nucleoli = np.column_stack([rng.uniform(-0.5, 0.5, (spots, 2)), rng.uniform(0.1, 0.2, spots)])
    return _Nucleus(
        id=ident,
        parent=parent,
        position=position,
        age=age,
        cycle=cycle,
        angle=rng.uniform(0, np.pi),
        brightness=brightness,
        outline=outline,
        nucleoli=nucleoli,
        texture=rng.integers(0, _TEXTURE_SIZE, 2),
    )


def _live(
    rng: np.random.Generator, nuclei: list[_Nucleus], next_id: int
) -> tuple[list[_Nucleus], int]:
    """One frame later: everybody moves, turns, ages; who is old enough divides."""
    alive: list[_Nucleus] = []
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


def _push_apart(nuclei: list[_Nucleus]) -> None:
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


def _drift(world: SampleWorld, t: int) -> NDArray[np.float64]:
    """Slow movement of the stage, in px (y, x)."""
    phase = np.random.default_rng([world.seed, 2]).uniform(0, 2 * np.pi, 2)
    return 5 * (np.sin(phase + t / np.array([17.0, 23.0])) - np.sin(phase)) + 0.05 * t


# --- light: what the camera sees ----------------------------------------------------------------


def _draw(
    nuclei: list[_Nucleus], drift: NDArray[np.float64], shape: tuple[int, int]
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


def _draw_one(n: _Nucleus, y: Floats, x: Floats) -> tuple[Floats, Floats]:
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
    texture = _texture()[rows % _TEXTURE_SIZE, columns % _TEXTURE_SIZE]
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
    noise = np.random.default_rng(7).standard_normal((_TEXTURE_SIZE, _TEXTURE_SIZE))
    fine = ndimage.gaussian_filter(noise, 4, mode="wrap")
    coarse = ndimage.gaussian_filter(noise, 9, mode="wrap")
    bands = fine / fine.std() + 0.7 * coarse / coarse.std()
    return np.asarray(bands / bands.std(), np.float32)


def _expose(light: Floats, world: SampleWorld, t: int) -> NDArray[np.uint16]:
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
    spread = np.sqrt(_GAIN**2 * electrons + _READ_NOISE**2) * np.float32(world.noise)
    counts = _OFFSET + _GAIN * electrons
    counts += spread * rng.standard_normal(world.shape, dtype=np.float32)
    return np.asarray(np.clip(np.rint(counts), 0, 65535), np.uint16)
