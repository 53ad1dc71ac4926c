"""What linking needs of the objects of a frame: ids, sizes, places."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.labels.objects import numbered
from napari_unet.engine.labels.space.neighbours import steps_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Spacing = tuple[float, ...] | None
    Place = tuple[int, ...]


@dataclass(frozen=True)
class Objects:
    """Objects of one frame: sorted ids, areas, centroids, and the frame of dense indices.

    Centroids are (n, 2) in px, or (n, 3) of a volume in voxels.
    """

    ids: Ints
    areas: Ints
    centroids: Floats
    dense: NDArray[np.int32]
    track: Ints  # filled in by the linker
    kept: Mapping[Place, int] = field(
        default_factory=dict
    )  # objects by place, once pixels are gone

    def without_pixels(self, places: Iterable[Place] = ()) -> Objects:
        """Let the frame go: sizes and places of all frames are held together.

        What lies at some ``places`` is still told.
        """
        kept = {place: self.index_at(place) for place in places}
        return replace(self, dense=np.zeros((0,) * self.dense.ndim, np.int32), kept=kept)

    def index_at(self, place: Place) -> int:
        """Return the index of the object at a place of the frame; -1 for none."""
        if not self.dense.size:
            return self.kept.get(place, -1)
        size = self.dense.shape
        inside = len(place) == len(size) and all(
            0 <= p < n for p, n in zip(place, size, strict=True)
        )
        return int(self.dense[place]) - 1 if inside else -1


def measure_objects(labels: NDArray[Any]) -> Objects:
    """Measure what linking needs of labels (Y, X) or (Z, Y, X)."""
    ids, areas, dense = numbered(labels)
    where = np.flatnonzero(dense)
    objects = dense.reshape(-1)[where] - 1
    places = np.unravel_index(where, labels.shape)
    sums = np.stack([np.bincount(objects, w, minlength=len(ids)) for w in places], axis=1)
    centroids = sums / np.maximum(areas, 1)[:, None]
    track = np.zeros(len(ids), np.int64)
    return Objects(ids, areas, centroids, dense, track)


def places_of(objects: Objects, spacing: Spacing) -> Floats:
    """Return where objects are; of volumes along z, y and x in the width of a voxel."""
    ndim = objects.centroids.shape[1]
    return objects.centroids if ndim == 2 else objects.centroids * steps_of(spacing, ndim)


def diameters_of(areas: NDArray[Any], ndim: int, spacing: Spacing) -> Floats:
    """Return the diameters of discs of such areas, (n,); of balls of volumes, of 3 ``ndim``."""
    if ndim == 2:
        return np.asarray(np.sqrt(np.asarray(areas) * 4 / np.pi))
    return np.asarray(np.cbrt(np.asarray(areas) * (6 / np.pi * np.prod(steps_of(spacing, ndim)))))
