"""Labels of sections, each found by itself, as labels of one volume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.labels.objects import numbered, overlaps

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

_LEAST = 0.25  # IoU: as Cellpose joins sections (Stringer and others 2021)


def join_sections(sections: Iterable[NDArray[Any]], least: float = _LEAST) -> NDArray[np.int32]:
    """Return labels (Z, Y, X) of sections (Y, X): what overlaps from one to the next is one object.

    Two objects are joined where their IoU is ``least`` or more, and neither overlaps more with
    another one. There must be a section.
    """
    joined: list[NDArray[np.int32]] = []
    before, sizes, last = np.zeros((0, 0), np.int32), np.zeros(0, np.int64), 0
    names = np.zeros(1, np.int32)
    for section in sections:
        _, areas, now = numbered(section)
        new = np.zeros(len(areas) + 1, np.int32)
        if joined:
            a, b, shared = overlaps(before, now)
            iou = shared / (sizes[a] + areas[b] - shared)
            best_a, best_b = np.zeros(len(sizes)), np.zeros(len(areas))
            np.maximum.at(best_a, a, iou)
            np.maximum.at(best_b, b, iou)
            same = (iou >= least) & (iou == best_a[a]) & (iou == best_b[b])
            of, first = np.unique(a[same], return_index=True)  # of two as good, the first
            new[b[same][first] + 1] = names[of + 1]
        begun = np.flatnonzero(new[1:] == 0) + 1
        new[begun] = last + 1 + np.arange(len(begun))
        last += len(begun)
        joined.append(new[now])
        before, sizes, names = now, areas, new
    return np.stack(joined)
