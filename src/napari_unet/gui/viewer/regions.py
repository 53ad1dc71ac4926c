"""Regions of a frame: on screen, under the brush, in the rectangles inside which it may teach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Shapes

from napari_unet.engine.errors import BadInput
from napari_unet.gui.viewer.layers import raw

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.layers import Image, Labels
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_unet.engine.annotations.annotations import Annotations
    from napari_unet.engine.stack.lazy_array import Box

    Point = NDArray[np.float64]


_BEYOND = 32  # px on each side, so that a cell at the edge of the window is whole


def region_on_screen(viewer: Viewer, image: Image) -> Box:
    """Return the y and x slices of a movie's frame that the window shows, and a little around them.

    Raises
    ------
    BadInput
        Where the window shows none of it, or shows it in 3D.

    """
    corners = image.corner_pixels
    if image.multiscale:  # of the resolution that is drawn
        corners = corners * image.downsample_factors[image.data_level]
    low, high = (np.round(corner[-2:]).astype(int).tolist() for corner in corners)
    if viewer.dims.ndisplay == 3 or any(b <= a for a, b in zip(low, high, strict=True)):
        raise BadInput(
            "no part of a frame is on screen", "a part of it, in 2D", "press napari's Home button"
        )
    y, x = (
        slice(max(0, a - _BEYOND), min(n, b + 1 + _BEYOND))
        for a, b, n in zip(low, high, image.data.shape[-2:], strict=True)
    )
    return y, x


@dataclass(frozen=True)
class Rectangle:
    """A part of one frame, or of all where ``frame`` is None, in pixels; ends are excluded."""

    frame: int | None
    top: int
    bottom: int
    left: int
    right: int


def shapes_layers(viewer: Viewer) -> list[Shapes]:
    """Shapes layers in sight."""
    return [x for x in map(raw, viewer.layers) if isinstance(x, Shapes) and x.visible]


def rectangles(viewer: Viewer, image: Image) -> tuple[Rectangle, ...]:
    """Return the rectangles drawn over a movie's layer ``(T, Y, X)`` or ``(Y, X)``."""
    found = []
    for layer in shapes_layers(viewer):
        for corners, kind in zip(layer.data, layer.shape_type, strict=True):
            if kind == "rectangle":
                world = np.array([layer.data_to_world(corner) for corner in corners])
                found.append(_on_movie(world, image, of_frame=layer.ndim > 2 and image.ndim > 2))
    return tuple(found)


def limit(annotations: Annotations, areas: Iterable[Rectangle]) -> Annotations:
    """Supervise only what lies in the rectangles, on the frames that have one."""
    areas = tuple(areas)
    frames = dict(annotations.frames)
    for t, annotation in frames.items():
        mine = [area for area in areas if area.frame in (None, t)]
        if mine:
            inside = np.zeros(annotation.labels.shape, bool)
            for area in mine:
                inside[..., max(0, area.top) : area.bottom, max(0, area.left) : area.right] = True
            frames[t] = annotation.within(inside)
    return annotations.with_frames(frames)


def _on_movie(world: NDArray[np.float64], image: Image, *, of_frame: bool) -> Rectangle:
    """Bounding box of corners (4, D) in world coordinates, in pixels of the movie."""
    padded = np.pad(world, ((0, 0), (max(0, image.ndim - world.shape[1]), 0)))
    corners = np.array([image.world_to_data(corner) for corner in padded[:, -image.ndim :]])
    low, high = np.round(corners.min(axis=0)).astype(int), np.round(corners.max(axis=0)).astype(int)
    frame = int(low[0]) if of_frame else None
    top, left = (max(0, int(v)) for v in low[-2:])
    bottom, right = (max(0, int(v) + 1) for v in high[-2:])
    return Rectangle(frame, top, bottom, left, right)


def brushed(
    layer: Labels, start: Point, end: Point, shape: tuple[int, ...]
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
    start: Point, end: Point, radius: float, shape: tuple[int, ...], steps: Point
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
