"""Bacteria in the channels of a mother machine, in phase contrast: dark rods, end to end.

They grow, divide in the middle and push the others out of the open end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_unet.sample.kind_world import Drawn, KindWorld

_PITCH, _WIDE = 24, 11.0  # px from channel to channel, and of one
_RADIUS = 3.9  # px, of a rod
_BIRTH, _DIVISION = 15.0, 31.0  # px, long
_GROWTH = 1.045  # a frame
_END = 14  # px of field left above and below the channels
_SUPPORT, _MEDIUM, _CELL, _WALL = 0.55, 0.85, 0.22, 0.3  # light that passes


@dataclass
class _Rod:
    id: int
    length: float
    growth: float
    lean: float  # px that its middle lies beside the channel's
    dark: float


def rods(world: KindWorld) -> Iterator[Drawn]:
    """Yield light (Y, X), about 0 to 1, and labels (Y, X) uint16, frame by frame."""
    random = np.random.default_rng([world.seed, 12])
    height, width = world.shape
    middles = [x + random.uniform(-1, 1) for x in np.arange(_PITCH, width - _PITCH / 2, _PITCH)]
    deep = height - 2 * _END
    channels: list[list[_Rod]] = []
    ids = iter(range(1, 1 << 16))
    for _ in middles:
        channel: list[_Rod] = []
        while sum(rod.length for rod in channel) < deep:
            channel.append(_new(random, next(ids), random.uniform(_BIRTH, _DIVISION)))
        channels.append(channel[: max(1, round(len(channel) * random.uniform(0.5, 1.0)))])
    for _ in range(world.frames):
        yield _draw(world.shape, middles, channels)
        for channel in channels:
            channel[:] = [one for rod in channel for one in _later(random, rod, ids)]
            while sum(rod.length for rod in channel[:-1]) > deep:
                channel.pop()  # out of the open end


def _new(random: np.random.Generator, number: int, length: float) -> _Rod:
    growth = _GROWTH * random.uniform(0.985, 1.015)
    return _Rod(number, length, growth, random.uniform(-0.8, 0.8), random.uniform(0.85, 1.15))


def _later(random: np.random.Generator, rod: _Rod, ids: Iterator[int]) -> list[_Rod]:
    rod.length *= rod.growth
    if rod.length < _DIVISION * (0.9 + 0.2 * rod.dark / 2):
        return [rod]
    half = rod.length * random.uniform(0.46, 0.54)
    return [_new(random, next(ids), half), _new(random, next(ids), rod.length - half)]


def _draw(shape: tuple[int, int], middles: list[float], channels: list[list[_Rod]]) -> Drawn:
    """Draw walls, medium and rods; a rod is a line with round ends."""
    y, x = (axis.astype(np.float32) for axis in np.indices(shape))
    light = np.full(shape, _SUPPORT, np.float32)
    labels = np.zeros(shape, np.uint16)
    for middle, channel in zip(middles, channels, strict=True):
        beside = np.abs(x - middle)
        within = (y > _END) & (beside < _WIDE / 2)
        light[within] = _MEDIUM
        light[(y > _END) & (np.abs(beside - _WIDE / 2) < 1)] = _WALL
        top = float(_END) + 1
        for rod in channel:
            low, high = top + _RADIUS, top + max(rod.length, 2 * _RADIUS + 1) - _RADIUS
            off = np.maximum(np.maximum(low - y, y - high), 0)
            distance = np.hypot(off, x - middle - rod.lean)
            inside = (distance < _RADIUS) & (labels == 0)
            light[inside] = _CELL * rod.dark
            labels[inside] = rod.id
            top += max(rod.length, 2 * _RADIUS + 1)
    # what phase contrast adds: a halo, bright beside what is dark
    return light + 0.5 * (
        ndimage.gaussian_filter(light, 1) - ndimage.gaussian_filter(light, 5)
    ), labels
