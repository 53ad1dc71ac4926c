"""Places a user points at, as pixels: lines, outlines and boxes around them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from skimage.draw import line, polygon

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.stack.lazy_array import Box


def path_of(points: Sequence[Sequence[float]] | NDArray[np.floating]) -> NDArray[np.float64]:
    """Return points (n, 2) as floats; ValueError where they are no places in a plane."""
    path = np.asarray(points, dtype=np.float64)
    if path.ndim != 2 or path.shape[1] != 2 or not np.isfinite(path).all():
        raise ValueError(f"points of shape {path.shape}, not (n, 2)")
    return path


def on_section(
    points: Sequence[Sequence[float]] | NDArray[np.floating], ndim: int
) -> tuple[NDArray[np.float64], tuple[int, ...]]:
    """Return points of a frame as a path (n, 2), and the section they lie in; () for an image.

    Points of volumes, of 3 ``ndim``, are (n, 3) on one section; ValueError for any others.
    """
    if ndim == 2:
        return path_of(points), ()
    path = np.asarray(points, dtype=np.float64)
    if path.ndim != 2 or path.shape[1] != 3 or not len(path) or np.ptp(np.rint(path[:, 0])) > 0:
        raise ValueError(f"points of shape {path.shape}, not (n, 3) on one section")
    return path_of(path[:, 1:]), (round(float(path[0, 0])),)


def line_mask(path: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the pixels (Y, X) that a line passes: 8-connected, so it cuts 4-connected ones."""
    mask = np.zeros(shape, bool)
    dots = np.rint(path).astype(int)
    ends = pairwise(dots) if len(dots) > 1 else [(dots[0], dots[0])]
    for (y0, x0), (y1, x1) in ends:
        ys, xs = line(int(y0), int(x0), int(y1), int(x1))  # type: ignore[no-untyped-call]
        inside = (ys >= 0) & (ys < shape[0]) & (xs >= 0) & (xs < shape[1])
        mask[ys[inside], xs[inside]] = True
    return mask


def outline_mask(path: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the pixels (Y, X) inside an outline that is closed from its end to its start."""
    mask = line_mask(np.vstack([path, path[:1]]), shape)
    ys, xs = polygon(path[:, 0], path[:, 1], shape)  # type: ignore[no-untyped-call]
    mask[ys, xs] = True
    return mask


def around(box: Box, margin: int, shape: tuple[int, ...]) -> Box:
    """Return a box with a margin of some pixels, as far as the frame goes."""
    return tuple(
        slice(max(0, side.start - margin), min(n, side.stop + margin))
        for side, n in zip(box, shape, strict=True)
    )


def box_of(path: NDArray[np.float64], margin: int, shape: tuple[int, ...]) -> Box | None:
    """Return the box around a path with a margin; None where it is beside the frame."""
    low = np.floor(path.min(0)).astype(int).tolist()
    high = (np.ceil(path.max(0)).astype(int) + 1).tolist()
    box = around(tuple(map(slice, low, high)), margin, shape)
    return box if all(side.start < side.stop for side in box) else None


def innermost(cell: NDArray[np.bool_], corner: tuple[int, ...]) -> tuple[int, ...]:
    """Return the pixel of a cell that is deepest in it; its mask's first lies at a corner."""
    depth = ndimage.distance_transform_edt(np.pad(cell, 1))
    inner = np.unravel_index(int(np.argmax(depth)), depth.shape)
    return tuple(int(i) - 1 + c for i, c in zip(inner, corner, strict=True))


def is_cut_off(cell: NDArray[np.bool_], box: Box, shape: tuple[int, ...]) -> bool:
    """Whether a cell goes on outside of a box: then it is no cell, but haze."""
    for axis, (side, n) in enumerate(zip(box, shape, strict=True)):
        first, last = np.take(cell, 0, axis), np.take(cell, -1, axis)
        if (side.start > 0 and first.any()) or (side.stop < n and last.any()):
            return True
    return False
