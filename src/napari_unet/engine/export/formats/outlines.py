"""Outlines of cells as polygons, half-way between their pixels and others.

The pixels whose centres lie in a polygon are the piece it was made of, with its holes filled.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import find_contours

from napari_unet.engine.labels.objects import numbered


def object_outlines(labels: NDArray[Any]) -> list[tuple[int, NDArray[np.float64]]]:
    """Return (id, polygon (n, 2) as x, y) of each piece of each object, in pixel corners from 0."""
    found = []
    ids, _, dense = numbered(labels)
    for index, place in enumerate(ndimage.find_objects(dense)):
        if place is None:
            continue
        pieces, n_pieces = ndimage.label(dense[place] == index + 1)
        for piece in range(1, n_pieces + 1):
            mask = np.pad(ndimage.binary_fill_holes(pieces == piece), 1)
            contours = find_contours(mask.astype(float), 0.5)  # type: ignore[no-untyped-call]
            outline = max(contours, key=len)
            corner = np.array([place[1].start, place[0].start]) - 0.5  # the padding and the centre
            found.append((int(ids[index]), outline[:-1, ::-1] + corner))
    return found
