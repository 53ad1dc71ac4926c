"""Places a user points at, as pixels: lines, outlines and boxes around them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
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


def line_mask(path: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the pixels (Y, X) that a line passes: 8-connected, so it cuts 4-connected ones."""
    mask = np.zeros(shape, bool)
    dots = np.rint(path).astype(int)
    ends = pairwise(dots) if len(dots) > 1 else [(dots[0], dots[0])]
    for (y0, x0), (y1, x1) in ends:
        ys, xs = line(int(y0), int(x0), int(y1), int(x1))  # type: ignore[no-untyped-call]
        inside = (ys >= 0) & (ys < shape[0]) & (xs >= 0) & (xs < shape[1])
        mask[ys[inside], xs[inside]] = True
    return mask


def outline_mask(path: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the pixels (Y, X) inside an outline that is closed from its end to its start."""
    mask = line_mask(np.vstack([path, path[:1]]), shape)
    ys, xs = polygon(path[:, 0], path[:, 1], shape)  # type: ignore[no-untyped-call]
    mask[ys, xs] = True
    return mask


def around(box: Box, margin: int, shape: tuple[int, int]) -> Box:
    """Return a box with a margin of some pixels, as far as the frame goes."""
    rows, columns = (
        slice(max(0, side.start - margin), min(n, side.stop + margin))
        for side, n in zip(box, shape, strict=True)
    )
    return rows, columns


def box_of(path: NDArray[np.float64], margin: int, shape: tuple[int, int]) -> Box | None:
    """Return the box around a path with a margin; None where it is beside the frame."""
    low, high = np.floor(path.min(0)).astype(int), np.ceil(path.max(0)).astype(int) + 1
    rows, columns = around((slice(low[0], high[0]), slice(low[1], high[1])), margin, shape)
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return None
    return slice(int(rows.start), int(rows.stop)), slice(int(columns.start), int(columns.stop))


def is_cut_off(cell: NDArray[np.bool_], box: Box, shape: tuple[int, ...]) -> bool:
    """Whether a cell goes on outside of a box: then it is no cell, but haze."""
    sides = ((cell[0], box[0].start > 0), (cell[-1], box[0].stop < shape[0]))
    ends = ((cell[:, 0], box[1].start > 0), (cell[:, -1], box[1].stop < shape[1]))
    return any(bool(side.any()) and inner for side, inner in (*sides, *ends))
