"""What a user vouches for of one frame: its labels, and which of its pixels count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_unet.engine.labels.ids import BACKGROUND_ID

if TYPE_CHECKING:
    from numpy.typing import NDArray

RING = 4  # px: wide enough to hold the outline, narrow enough to miss the unpainted neighbour


@dataclass(frozen=True, eq=False)
class FrameAnnotation:
    """One frame: ``labels (Y, X)`` int32 with 0 as background, ``supervised (Y, X)`` bool."""

    labels: NDArray[np.int32]
    supervised: NDArray[np.bool_]
    complete: bool

    def within(self, region: NDArray[np.bool_]) -> FrameAnnotation:
        """Return the annotation restricted to ``region (Y, X)``."""
        return FrameAnnotation(self.labels, self.supervised & region, self.complete)


def annotate(ids: NDArray[np.integer], *, complete: bool) -> FrameAnnotation:
    """Supervision that painted ``ids (Y, X)`` give: everything, or objects with a thin ring.

    The ring leaves out what is painted otherwise; pixels of id 65535 are supervised background.
    """
    background = ids == BACKGROUND_ID
    labels = np.where(background, 0, ids).astype(np.int32)
    if complete:
        return FrameAnnotation(labels, np.ones(labels.shape, bool), complete=True)
    near = ndimage.distance_transform_edt(labels == 0) <= RING if labels.any() else labels > 0
    return FrameAnnotation(labels, near | background, complete=False)


def annotate_classes(labels: NDArray[np.integer], *, complete: bool) -> FrameAnnotation:
    """Supervision that painted classes ``(Y, X)`` give: everything, or what is painted alone.

    No ring: beside a stroke of one class there is as a rule more of it. 65535 is background.
    """
    ground = labels == BACKGROUND_ID
    classes = np.where(ground, 0, labels).astype(np.int32)
    counts = np.ones(classes.shape, bool) if complete else (classes > 0) | ground
    return FrameAnnotation(classes, counts, complete)


def spare_neighbours(frame: FrameAnnotation, seen: NDArray[np.integer]) -> FrameAnnotation:
    """Take back the ring of background where a model has ``seen (Y, X)`` another cell.

    Beside a painted cell there may be one that nobody painted yet: its pixels must not be taught
    as background. Objects that a painted cell covers by a tenth or more are that cell.
    """
    painted = frame.labels > 0
    if frame.complete or not painted.any():
        return frame
    area = np.bincount(seen.ravel())
    covered = np.bincount(seen.ravel(), weights=painted.ravel(), minlength=len(area))
    another = 10 * covered < area
    another[0] = False
    ring = ~painted & (ndimage.distance_transform_edt(~painted) <= RING)
    return frame.within(~(ring & another[seen]))
