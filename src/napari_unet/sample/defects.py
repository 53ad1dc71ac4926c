"""The sample movie with something wrong in it: what a look at quality is to find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_unet.sample.camera import OFFSET, READ_NOISE, draw, expose
from napari_unet.sample.world import SampleWorld, drift, simulate

Defect = Literal[
    "out of focus for a frame",
    "out of focus for some frames",
    "focus drifts away",
    "stage jumps",
    "stage jumps for a frame",
    "lamp dips",
    "lamp drops for good",
    "bleaches fast",
    "no cells",
    "dark",
    "cells missed",
]
DEFECTS: dict[Defect, str] = {
    "out of focus for a frame": "out of focus",
    "out of focus for some frames": "out of focus",
    "focus drifts away": "out of focus",
    "stage jumps": "stage jumped",
    "stage jumps for a frame": "stage jumped",
    "lamp dips": "brightness fell",
    "lamp drops for good": "brightness fell",
    "bleaches fast": "brightness fell",
    "no cells": "empty",
    "dark": "empty",
    "cells missed": "cell count jumped",
}
"""What is said of each."""


@dataclass(frozen=True)
class Damaged:
    """Movie and labels (T, Y, X), and the frames in which something is wrong."""

    movie: NDArray[np.uint16]
    labels: NDArray[np.uint16]
    frames: tuple[int, ...]


def damaged_sample(defect: Defect, world: SampleWorld | None = None, **changes: Any) -> Damaged:
    """Return the sample movie with a defect, whose frames and strength follow from the seed.

    ``changes`` are fields of ``SampleWorld``; there are at least 24 frames.
    """
    world = replace(world or SampleWorld(), **changes)
    random = np.random.default_rng([world.seed, 21, list(DEFECTS).index(defect)])
    start = int(random.integers(6, world.frames - 6))
    last = {"out of focus for some frames": start + int(random.integers(2, 6))}.get(defect, start)
    if defect in ("focus drifts away", "lamp drops for good", "bleaches fast"):
        start = int(random.integers(6, world.frames // 2))
        last = world.frames - 1
    if defect.startswith("stage jumps"):  # seen where the stage moves, to and fro
        last = start + ("frame" in defect)
    frames = range(start, min(last, world.frames - 1) + 1)
    strength = float(random.uniform())
    turn = random.uniform(0, 2 * np.pi)
    jump = (10 + 50 * strength) * np.array([np.sin(turn), np.cos(turn)])
    movie = np.empty((world.frames, *world.shape), np.uint16)
    labels = np.empty_like(movie)
    for t, nuclei in enumerate(simulate(world)):
        since = (t - start + 1) if t in frames else 0
        moved = t == start if defect == "stage jumps for a frame" else t >= start
        shift = jump if defect.startswith("stage jumps") and moved else 0.0
        gone = defect == "no cells" and since
        light, labels[t] = draw([] if gone else nuclei, drift(world, t) + shift, world.shape)
        if since and defect in _WRONG:
            movie[t] = _WRONG[defect](light, world, t, strength, since)
        else:
            movie[t] = expose(light, world, t)
    if defect == "cells missed":
        ids = np.unique(labels[start])[1:]
        labels[start][np.isin(labels[start], ids[random.uniform(size=len(ids)) < 0.5])] = 0
    return Damaged(movie, labels, tuple(frames))


Wrong = Callable[[NDArray[np.float32], SampleWorld, int, float, int], NDArray[np.uint16]]


def _blurred(
    light: NDArray[np.float32], world: SampleWorld, t: int, strength: float, _since: int
) -> NDArray[np.uint16]:
    """Make a disc of each point, 3 to 6 px in radius."""
    return expose(_out_of_focus(light, 3 + 3 * strength), world, t)


def _drifting(
    light: NDArray[np.float32], world: SampleWorld, t: int, strength: float, since: int
) -> NDArray[np.uint16]:
    return expose(_out_of_focus(light, (0.25 + 0.25 * strength) * since), world, t)


def _dim(
    light: NDArray[np.float32], world: SampleWorld, t: int, strength: float, _since: int
) -> NDArray[np.uint16]:
    """Leave 40 to 70 % of the light."""
    counts = expose(light, world, t).astype(np.float32) - OFFSET
    left = np.rint(OFFSET + (0.4 + 0.3 * strength) * counts)
    return np.asarray(left, np.uint16)


def _bleached(
    light: NDArray[np.float32], world: SampleWorld, t: int, strength: float, since: int
) -> NDArray[np.uint16]:
    return expose(light * np.float32((0.93 + 0.02 * strength) ** since), world, t)


def _dark(
    _light: NDArray[np.float32], world: SampleWorld, t: int, _strength: float, _since: int
) -> NDArray[np.uint16]:
    noise = np.random.default_rng([world.seed, 22, t]).normal(0, READ_NOISE, world.shape)
    return np.rint(OFFSET + noise).astype(np.uint16)


_WRONG: dict[Defect, Wrong] = {
    "out of focus for a frame": _blurred,
    "out of focus for some frames": _blurred,
    "focus drifts away": _drifting,
    "lamp dips": _dim,
    "lamp drops for good": _dim,
    "bleaches fast": _bleached,
    "dark": _dark,
}


def _out_of_focus(light: NDArray[np.float32], radius: float) -> NDArray[np.float32]:
    """Make a disc of each point."""
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(radius + 0.5 - np.hypot(y, x), 0, 1).astype(np.float32)
    found = ndimage.convolve(light, disc / disc.sum(), mode="nearest")
    return np.asarray(found, np.float32)
