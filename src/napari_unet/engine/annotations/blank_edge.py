"""A band along the image edge in which no cell is outlined, though cells reach into it.

Truth of cell tracking leaves out what lies wholly beside the edge, as many people do. Taken as it
stands it teaches that cells there are background, while just such cells further in are cells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_unet.engine.annotations.frame_annotation import RING
from napari_unet.engine.labels.objects import median_diameter, numbered

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_unet.engine.annotations.frame_annotation import FrameAnnotation

_WIDEST, _NARROWEST = 2.0, 1 / 3  # of a cell's diameter
_EXPECTED = 6.0  # cells: where so many should lie in a band, none there is no accident
_SLIPS = 0.02  # of what is expected: cells that were outlined all the same


def blank_edge(frames: Iterable[FrameAnnotation]) -> int:
    """Return the width in px of the band without whole cells, 0 where there is none.

    Only frames that count whole tell. How many cells should lie in a band follows from those that
    reach into it: a colony in the middle of a frame tells nothing of its edge.
    """
    spans = [_spans(frame.labels) for frame in frames if frame.complete]
    if not spans or not sum(len(areas) for _, _, areas in spans):
        return 0
    near, far, areas = (np.concatenate(values) for values in zip(*spans, strict=True))
    diameter = median_diameter(areas)
    width, most = 0.0, 0.0
    for band in range(1, int(_WIDEST * diameter) + 1):
        expected = np.count_nonzero((near < band) & (far >= band)) * band / diameter
        if expected >= most and np.count_nonzero(far < band) <= _SLIPS * expected:
            # the first whole cell lies further in than the band is wide, by a cell's share of it
            width, most = band * (1 - 1 / max(expected, 1)), expected
    return round(width) if most >= _EXPECTED and width >= _NARROWEST * diameter else 0


def without_ground(frame: FrameAnnotation, width: int) -> FrameAnnotation:
    """Return an annotation whose outer ``width`` px count as half painted do.

    Cells that reach into them teach, with a ring of background; what is beside them does not.
    """
    inner = np.zeros(frame.labels.shape, bool)
    inner[width:-width, width:-width] = True
    cells = frame.labels > 0
    return frame.within(inner | (ndimage.distance_transform_edt(~cells) <= RING))


def _spans(labels: NDArray[np.int32]) -> tuple[NDArray[np.int64], ...]:
    """Return how near to the image edge each object comes, how far from it, and its area."""
    height, width = labels.shape
    rows, columns = (np.minimum(np.arange(n), np.arange(n)[::-1]) for n in (height, width))
    depth = np.minimum(rows[:, None], columns[None])
    _, areas, numbers = numbered(labels)
    near = np.full(len(areas) + 1, max(height, width))
    far = np.zeros(len(areas) + 1, np.int64)
    np.minimum.at(near, numbers.ravel(), depth.ravel())
    np.maximum.at(far, numbers.ravel(), depth.ravel())
    return near[1:], far[1:], areas
