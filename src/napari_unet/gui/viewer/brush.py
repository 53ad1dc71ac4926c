"""Pixels of a frame that napari's brush has passed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Labels
    from numpy.typing import NDArray

    Places = NDArray[np.float64]


def brushed(
    layer: Labels, start: Places, end: Places, shape: tuple[int, ...]
) -> tuple[NDArray[np.intp], ...]:
    """Return the pixels of a frame of ``shape`` that the brush was on from start to end.

    Indices along each axis. In a volume it is a disc in one section, or a ball where the layer is
    edited in three dimensions.
    """
    n = layer.n_edit_dimensions
    scale = np.abs(np.asarray(layer.scale[-n:], float))
    radius = np.floor(layer.brush_size / 2) + 0.5
    inside = _near(start[-n:], end[-n:], radius, shape[-n:], scale / scale.min())
    sections = (np.full(inside[0].shape, round(float(v)), np.intp) for v in end[:-n])
    return (*sections, *inside)


def _near(
    start: Places, end: Places, radius: float, shape: tuple[int, ...], steps: Places
) -> tuple[NDArray[np.intp], ...]:
    """Return the pixels within ``radius`` of a straight way; they are ``steps`` apart."""
    reach = radius / steps
    low = np.maximum(np.floor(np.minimum(start, end) - reach), 0).astype(int)
    high = np.minimum(np.ceil(np.maximum(start, end) + reach) + 1, shape).astype(int)
    grid = np.mgrid[tuple(slice(a, max(a, b)) for a, b in zip(low, high, strict=True))]
    way = (end - start) * steps
    length = float(way @ way)
    off = [(on - at) * by for on, at, by in zip(grid, start, steps, strict=True)]
    part = sum(o * w for o, w in zip(off, way, strict=True)) / length if length else 0.0
    along = np.clip(part, 0.0, 1.0)
    away = sum((o - along * w) ** 2 for o, w in zip(off, way, strict=True))
    inside = away <= radius**2
    return tuple(on[inside] for on in grid)
