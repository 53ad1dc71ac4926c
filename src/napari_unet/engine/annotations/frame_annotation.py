"""What a user vouches for of one frame: its labels, and which of its pixels count.

The one place that says what a painted cell teaches, whether it was painted in the dock or read
from a label file: itself, and a ring of background around it, except where another cell is seen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_unet.engine.labels.ids import BACKGROUND_ID

if TYPE_CHECKING:
    from numpy.typing import NDArray

# px, as the crow flies. Without a ring nothing would say where a cell ends; a wide one lies on the
# neighbours that nobody has painted yet. Measured: docs/training.md.
RING = 4
_PAINTED = 0.1  # share of an object that is painted: then it is that cell, not another


@dataclass(frozen=True, eq=False)
class FrameAnnotation:
    """One frame: ``labels (Y, X)`` int32 with 0 as background, ``supervised (Y, X)`` bool.

    Of volumes, here as in all that follows, Y and X have Z before them.
    ``ring (Y, X)`` is what of the supervised background nobody painted: it was taken for
    background for being beside a painted cell. None where there is no such ground.
    """

    labels: NDArray[np.int32]
    supervised: NDArray[np.bool_]
    complete: bool
    ring: NDArray[np.bool_] | None = None

    def within(self, region: NDArray[np.bool_]) -> FrameAnnotation:
        """Return the annotation restricted to ``region (Y, X)``."""
        return replace(self, supervised=self.supervised & region)


def annotate(ids: NDArray[np.integer], *, complete: bool, ring: float = RING) -> FrameAnnotation:
    """Return what painted ``ids (Y, X)`` teach: everything, or objects with a ``ring`` in px.

    The ring leaves out what is painted otherwise; pixels of id 65535 are supervised background.
    In volumes each section has its own: what lies above a painted cell may be more of it.
    """
    ground = ids == BACKGROUND_ID
    labels = np.where(ground, 0, ids).astype(np.int32)
    if complete:
        return FrameAnnotation(labels, np.ones(labels.shape, bool), complete=True)
    objects = labels > 0
    around = _near(objects, ring) & ~objects & ~ground
    return FrameAnnotation(labels, objects | ground | around, complete=False, ring=around)


def annotate_classes(labels: NDArray[np.integer], *, complete: bool) -> FrameAnnotation:
    """Return what painted classes ``(Y, X)`` teach: everything, or what is painted alone.

    No ring: beside a stroke of one class there is as a rule more of it. 65535 is background.
    """
    ground = labels == BACKGROUND_ID
    classes = np.where(ground, 0, labels).astype(np.int32)
    counts = np.ones(classes.shape, bool) if complete else (classes > 0) | ground
    return FrameAnnotation(classes, counts, complete)


def spare_neighbours(frame: FrameAnnotation, seen: NDArray[np.integer]) -> FrameAnnotation:
    """Return the annotation without the ring where a model has ``seen (Y, X)`` another cell.

    Beside a painted cell there may be one that nobody painted yet: its pixels must not be taught
    as background. Background strokes stay, whatever a model sees there: a user said so.
    """
    if frame.ring is None or not frame.ring.any():
        return frame
    another = unpainted(seen, frame.labels > 0)
    return frame.within(~(frame.ring & another[seen]))


def unpainted(seen: NDArray[np.integer], painted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return for each id of ``seen (Y, X)`` whether it is an object that nobody ``painted``.

    A model's outline is never quite the user's: an object of which a tenth is painted is that
    cell, seen too large or in the wrong place; less is a cell that touches a painted one.
    """
    area = np.bincount(seen.ravel())
    covered = np.bincount(seen.ravel(), weights=painted.ravel(), minlength=len(area))
    another = covered < _PAINTED * area
    another[0] = False
    return np.asarray(another)


def _near(objects: NDArray[np.bool_], reach: float) -> NDArray[np.bool_]:
    """Return the pixels within ``reach`` px of an object of their section; few where none is."""
    if objects.ndim > 2:
        return np.stack([_near(section, reach) for section in objects])
    if not objects.any():  # then every distance would be measured to nothing
        return objects
    return np.asarray(ndimage.distance_transform_edt(~objects) <= reach)
