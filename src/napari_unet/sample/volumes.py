"""A generated movie of nuclei in 3D, with exact truth: touching, dividing, dimmer and blurred deep.

Sections lie further apart than pixels, light is lost and scattered on its way up, and along z
everything is blurred more than across it. Everything follows from the seed, and a shorter movie is
the beginning of a longer one.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_unet.sample.tissue import Ellipsoid, VolumeWorld, simulate

Floats = NDArray[np.float32]

_OFFSET, _FULL, _READ_NOISE = 200.0, 900.0, 8.0  # counts; electrons of full light; counts
_AXIAL, _LATERAL, _SCATTERED = 1.0, 0.3, 0.03  # µm of blur; the last for each µm of depth
_ABSORBED = 30.0  # µm of depth after which a third of the light is left
_TEXTURE = 48  # voxels, of the chromatin that all nuclei are cut from
_GRAIN = 0.6  # µm


def sample_volumes(
    world: VolumeWorld | None = None, **changes: Any
) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Return movie and labels, both (T, Z, Y, X) uint16; ids are constant through time.

    ``changes`` are fields of ``VolumeWorld``: ``sample_volumes(frames=2, shape=(8, 64, 80))``.
    """
    world = replace(world or VolumeWorld(), **changes)
    movie = np.empty((world.frames, *world.shape), np.uint16)
    labels = np.empty_like(movie)
    for t, nuclei in enumerate(simulate(world)):
        light, labels[t] = _draw(nuclei, world)
        movie[t] = _expose(light, world, t)
    return movie, labels


def volume_parents(world: VolumeWorld | None = None, **changes: Any) -> dict[int, int]:
    """Return the mother's id for each id that is born by a division."""
    world = replace(world or VolumeWorld(), **changes)
    return {n.id: n.parent for nuclei in simulate(world) for n in nuclei if n.parent}


def open_volumes() -> list[tuple[NDArray[np.uint16], dict[str, Any], str]]:
    """Return nuclei in 3D for napari's *File > Open Sample*."""
    world = VolumeWorld()
    movie, _ = sample_volumes(world)
    low, high = np.percentile(movie[0], (0.5, 99.9))
    options = {
        "name": "nuclei in 3D",
        "scale": (world.frame_interval, *world.spacing),
        "units": ("second", *("micrometer",) * 3),
        "axis_labels": ("t", "z", "y", "x"),
        "contrast_limits": (float(low), float(high)),
        "metadata": {"frame_interval": world.frame_interval, "pixel_size": world.spacing[-1]},
    }
    return [(movie, options, "image")]


def _draw(nuclei: list[Ellipsoid], world: VolumeWorld) -> tuple[Floats, NDArray[np.uint16]]:
    """Return the light of nuclei and whose voxel it is; the inner one owns an overlap."""
    light = np.zeros(world.shape, np.float32)
    labels = np.zeros(world.shape, np.uint16)
    level = np.ones(world.shape, np.float32)  # squared distance from the middle, 1 on the outline
    spacing = np.array(world.spacing)
    for n in nuclei:
        reach = 1.5 * n.radius
        low = np.maximum(np.floor((n.position - reach) / spacing), 0).astype(int)
        high = np.minimum(np.ceil((n.position + reach) / spacing) + 1, world.shape).astype(int)
        if (low >= high).any():
            continue
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        places = np.stack(
            np.meshgrid(*(np.arange(s.start, s.stop) for s in box), indexing="ij"), -1
        )
        within = ((places + 0.5) * spacing - n.position) @ (n.axes / n.radius).T
        own = np.square(within).sum(-1).astype(np.float32)
        mine = own < level[box]
        level[box][mine], labels[box][mine] = own[mine], n.id
        light[box][mine] = _shine(n, within[mine], own[mine])
    return light, labels


def _shine(n: Ellipsoid, within: NDArray[np.float64], level: Floats) -> Floats:
    """Return the light of voxels of a nucleus, by where they lie in units of its radius."""
    corner = (within * (n.radius / _GRAIN)).astype(int) + n.texture
    grain = _texture()[tuple(np.moveaxis(corner % _TEXTURE, -1, 0))]
    bright = n.brightness * (1 + 0.3 * grain) * (1.05 - 0.25 * level)
    return np.asarray(np.maximum(bright, 0.2 * n.brightness), np.float32)


@lru_cache(maxsize=1)
def _texture() -> Floats:
    """Chromatin: noise that repeats at its edges, standard deviation 1."""
    noise = np.random.default_rng(33).standard_normal((_TEXTURE,) * 3)
    smooth = ndimage.gaussian_filter(noise, 2.0, mode="wrap")
    return np.asarray(smooth / smooth.std(), np.float32)


def _expose(light: Floats, world: VolumeWorld, t: int) -> NDArray[np.uint16]:
    """Return counts (Z, Y, X): blur and loss by depth, haze, shot noise and read noise."""
    step, height, width = world.spacing
    random = np.random.default_rng([world.seed, 32, t])
    along = ndimage.gaussian_filter1d(light, _AXIAL / step, axis=0, mode="nearest")
    counts = np.empty(world.shape, np.uint16)
    for z, section in enumerate(along):
        depth = z * step
        blur = _LATERAL + _SCATTERED * depth
        sharp = ndimage.gaussian_filter(section, (blur / height, blur / width))
        haze = ndimage.gaussian_filter(section, (5 / height, 5 / width), truncate=2)
        left = np.exp(-depth / _ABSORBED)
        electrons = _FULL * left * (sharp + 0.12 * haze) + 30
        spread = world.noise * np.sqrt(electrons + _READ_NOISE**2)
        noisy = _OFFSET + electrons + spread * random.standard_normal(section.shape)
        counts[z] = np.clip(np.rint(noisy), 0, 65535)
    return counts
