"""A generated movie of HeLa-like nuclei with exact instance truth: demo, tutorial and test world.

Nuclei move, touch, grow, round up, divide, and leave or enter the field. The camera adds uneven
illumination, haze, drift, bleaching, shot noise and read noise. Everything follows from the seed,
and a shorter movie is the beginning of a longer one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.sample.camera import draw, expose
from napari_unet.sample.world import FRAME_INTERVAL, PIXEL_SIZE, SampleWorld, drift, simulate


def sample_movie(
    world: SampleWorld | None = None, **changes: Any
) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Movie and labels, both (T, Y, X) uint16; ids are constant through time.

    ``changes`` are fields of ``SampleWorld``: ``sample_movie(frames=6, shape=(96, 128))``.
    """
    world = replace(world or SampleWorld(), **changes)
    movie = np.empty((world.frames, *world.shape), np.uint16)
    labels = np.empty_like(movie)
    for t, nuclei in enumerate(simulate(world)):
        light, labels[t] = draw(nuclei, drift(world, t), world.shape)
        movie[t] = expose(light, world, t)
    return movie, labels


def sample_parents(world: SampleWorld | None = None, **changes: Any) -> dict[int, int]:
    """Return the mother's id for each id that is born by a division."""
    world = replace(world or SampleWorld(), **changes)
    return {n.id: n.parent for nuclei in simulate(world) for n in nuclei if n.parent}


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
