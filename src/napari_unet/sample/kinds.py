"""Generated movies of other kinds of cells, with exact truth: what nuclei do not show.

Cells without ground between them, rods end to end, and sizes from one to ten. Everything follows
from the seed, and a shorter movie is the beginning of a longer one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_unet.sample.epithelium import epithelium
from napari_unet.sample.kind_world import Drawn, KindWorld
from napari_unet.sample.organoids import organoids
from napari_unet.sample.rods import rods

KindName = Literal["epithelium", "rods", "organoids"]

_BLACK, _FULL, _READ_NOISE = 200.0, 2400.0, 8.0  # counts; electrons of full light; counts


KINDS: dict[KindName, Callable[[KindWorld], Iterator[Drawn]]] = {
    "epithelium": epithelium,
    "rods": rods,
    "organoids": organoids,
}
"""What draws each kind: light (Y, X), about 0 to 1, and labels (Y, X) uint16, frame by frame."""

_PIXEL_SIZES: dict[KindName, float] = {"epithelium": 0.4, "rods": 0.11, "organoids": 2.0}  # µm
_INTERVAL = 300.0  # s


def sample_kind(
    kind: KindName, world: KindWorld | None = None, **changes: Any
) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Return movie and labels, both (T, Y, X) uint16; ids are constant through time.

    ``changes`` are fields of ``KindWorld``: ``sample_kind("rods", seed=3, frames=2)``.
    """
    world = replace(world or KindWorld(), **changes)
    frames = [
        (_expose(light, world, t), labels) for t, (light, labels) in enumerate(KINDS[kind](world))
    ]
    return np.stack([frame for frame, _ in frames]), np.stack([labels for _, labels in frames])


def _expose(light: NDArray[np.float32], world: KindWorld, t: int) -> NDArray[np.uint16]:
    """Return counts (Y, X): a camera's blur, shot noise and read noise."""
    random = np.random.default_rng([world.seed, 14, t])
    electrons = _FULL * np.clip(ndimage.gaussian_filter(light, 0.7), 0, 4)
    spread = world.noise * np.sqrt(electrons + _READ_NOISE**2)
    counts = _BLACK + electrons + spread * random.standard_normal(light.shape)
    return np.asarray(np.clip(np.rint(counts), 0, 65535), np.uint16)


def _open(kind: KindName) -> list[tuple[NDArray[np.uint16], dict[str, Any], str]]:
    movie, _ = sample_kind(kind)
    low, high = np.percentile(movie[0], (0.5, 99.9))
    size = _PIXEL_SIZES[kind]
    options = {
        "name": kind,
        "scale": (_INTERVAL, size, size),
        "units": ("second", "micrometer", "micrometer"),
        "axis_labels": ("t", "y", "x"),
        "contrast_limits": (float(low), float(high)),
        "metadata": {"frame_interval": _INTERVAL, "pixel_size": size},
    }
    return [(movie, options, "image")]


def open_epithelium() -> list[tuple[NDArray[np.uint16], dict[str, Any], str]]:
    """Return a sheet of epithelium for napari's *File > Open Sample*."""
    return _open("epithelium")


def open_rods() -> list[tuple[NDArray[np.uint16], dict[str, Any], str]]:
    """Return bacteria in a mother machine for napari's *File > Open Sample*."""
    return _open("rods")


def open_organoids() -> list[tuple[NDArray[np.uint16], dict[str, Any], str]]:
    """Return organoids for napari's *File > Open Sample*."""
    return _open("organoids")
