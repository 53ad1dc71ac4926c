"""Volumes: how far apart their sections are, and what follows from it for a network and its cells.

Lengths are in px of a section; sections of microscopes are as a rule farther apart than pixels.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    Spacing = Sequence[float] | None

NEAR = 1.5
"""Times as far apart as pixels, up to which sections make voxels that count as cubes."""

_LEAST_SECTIONS = 4  # that are halved: two are left


def thickness(spacing: Spacing) -> float:
    """Return how many times as far apart sections are as pixels; 1 of images, or where unknown."""
    if spacing is None or len(spacing) < 3:
        return 1.0
    return spacing[0] / math.sqrt(spacing[1] * spacing[2])


def are_cubes(spacing: Spacing) -> bool:
    """Return whether voxels are known to be near to cubes: what looks alike whichever way is up."""
    return spacing is not None and thickness(spacing) <= NEAR


def sampling(spacing: Spacing, dims: int) -> tuple[float, ...]:
    """Return the distance from pixel to pixel along each axis, in px."""
    return (1.0, 1.0) if dims == 2 else (thickness(spacing), 1.0, 1.0)


def strides_for(levels: int, spacing: Spacing, sections: int) -> tuple[tuple[int, int, int], ...]:
    """Return by how much each level of a network is smaller than the one above, along z, y, x.

    Sections are pooled only where voxels are near to cubes at that level, and some are left.
    """
    z, plane, strides = thickness(spacing), 1.0, []
    for _ in range(levels - 1):
        halved = z <= NEAR * plane and sections >= _LEAST_SECTIONS
        strides.append((2 if halved else 1, 2, 2))
        z, plane = (2 * z if halved else z), 2 * plane
        sections = sections // 2 if halved else sections
    return tuple(strides)


def size_of(diameter: float, dims: int, spacing: Spacing = None) -> float:
    """Return the pixels of a disc, or the voxels of a ball, of ``diameter`` px."""
    if dims == 2:
        return math.pi / 4 * diameter**2
    return math.pi / 6 * diameter**3 / thickness(spacing)


def diameter_of(size: float, dims: int, spacing: Spacing = None) -> float:
    """Return the diameter in px of a disc of so many pixels, or of a ball of so many voxels."""
    if dims == 2:
        return math.sqrt(4 / math.pi * size)
    return math.cbrt(6 / math.pi * size * thickness(spacing))
