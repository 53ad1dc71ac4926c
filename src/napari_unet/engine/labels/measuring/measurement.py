"""Measure the objects of one frame: shape, and raw intensity inside, beside and around them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_unet.engine.labels.measuring.nearby import Nearby, nearby
from napari_unet.engine.labels.measuring.shapes import measure_shapes
from napari_unet.engine.labels.measuring.solids import measure_solids
from napari_unet.engine.labels.objects import numbered
from napari_unet.engine.labels.space.neighbours import ends
from napari_unet.engine.settings import TableSettings

Columns = dict[str, NDArray[Any]]


def measure_frame(
    labels: NDArray[Any],
    frame: NDArray[Any],
    channels: Sequence[str],
    *,
    pixel_size: float | tuple[float, ...] | None = None,
    settings: TableSettings | None = None,
) -> Columns:
    """Return one entry for each object of ``labels`` (Y, X) or (Z, Y, X), by column name.

    ``frame`` is raw, of the same shape or with C in front; ``channels`` names each. Lengths in px,
    and in µm where ``pixel_size`` (µm, or height and width of oblong pixels, with the distance of
    sections before them) is known (else NaN); the outline of oblong pixels has no length (NaN).
    Pixels that are NaN or infinite are left out of all intensities. An object without free pixels
    around it has no local background (NaN).
    """
    settings = settings or TableSettings()
    planes = frame[None] if frame.ndim == labels.ndim else frame
    ids, areas, dense = numbered(labels)
    sizes = pixel_size if isinstance(pixel_size, tuple) else (pixel_size,) * labels.ndim
    known = tuple(size for size in sizes if size)
    known = known if len(known) == labels.ndim else ()
    shapes = _shapes if labels.ndim == 2 else _solids
    columns = shapes(ids, areas, dense, known or (np.nan,) * labels.ndim)
    where = np.flatnonzero(dense)
    inside = _Groups(where, dense.reshape(-1)[where], len(ids))
    around_them = _surroundings if labels.ndim == 2 else _surroundings_in_volume
    beside, around = around_them(dense, len(ids), settings, known)
    for name, plane in zip(channels, planes, strict=True):
        values = plane.ravel()
        mean, median, total, n_measured = inside.statistics(values)
        background = beside.statistics(values)[1]
        columns |= {
            f"{name}_mean": mean,
            f"{name}_median": median,
            f"{name}_sum": total,
            f"{name}_background": background,
            f"{name}_mean_minus_background": mean - background,
            f"{name}_median_minus_background": median - background,
            f"{name}_sum_minus_background": total - background * n_measured,
        }
        if around is not None:
            ring = dict(zip(("mean", "median", "sum"), around.statistics(values)[:3], strict=True))
            columns |= {f"{name}_ring_{kind}": value for kind, value in ring.items()}
    return columns


class _Groups:
    """Pixels of a frame by object; then mean, median and sum of any image over each."""

    def __init__(self, where: NDArray[np.intp], owner: NDArray[np.int32], n: int) -> None:
        self._where, self._of, self._n = where, owner - 1, n

    def statistics(
        self, values: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[np.int64]]:
        """Return mean, median, sum and number of the finite pixels of each group, each (n,).

        NaN for a group without such pixels.
        """
        chosen, of = values[self._where], self._of
        if chosen.dtype.kind == "f":
            if chosen.dtype.itemsize > np.dtype(np.float64).itemsize:  # numpy counts no longdouble
                chosen = chosen.astype(np.float64)
            finite = np.isfinite(chosen)
            if not finite.all():  # pixels of a ratio or a registered movie, never measured
                chosen, of = chosen[finite], of[finite]
        counts = np.bincount(of, minlength=self._n)
        total = np.bincount(of, chosen, minlength=self._n)
        median = np.full(self._n, np.nan)
        some = counts > 0
        ordered = _sorted_within(chosen, of)
        start = (np.cumsum(counts) - counts)[some]
        low, high = start + (counts[some] - 1) // 2, start + counts[some] // 2
        median[some] = (ordered[low].astype(np.float64) + ordered[high]) / 2
        empty = np.where(some, 0.0, np.nan)
        return total / np.maximum(counts, 1) + empty, median, total + empty, counts


def _sorted_within(values: NDArray[Any], groups: NDArray[np.int32]) -> NDArray[Any]:
    """Return the values group after group, each group's from the least up.

    Group and value as one whole number: those are sorted several times as fast as by two keys.
    """
    if values.dtype == np.float16:
        values = values.astype(np.float32)
    if values.dtype.kind not in "iu" or values.dtype.itemsize > 4:
        if values.dtype != np.float32:
            return values[np.lexsort((values, groups))].astype(np.float64)
        bits = values.view(np.int32)
        order = np.where(bits < 0, bits ^ np.int32(0x7FFFFFFF), bits)  # as the numbers are ordered
        back = _sorted_within(order, groups).astype(np.int32)
        return np.where(back < 0, back ^ np.int32(0x7FFFFFFF), back).view(np.float32)
    lowest = int(values.min(initial=0))
    narrow = values.dtype.itemsize <= 2 and int(groups.max(initial=0)) < 1 << 15
    n_bits = 16 if narrow else 32
    key: NDArray[Any] = groups.astype(np.uint32 if narrow else np.uint64)
    key <<= n_bits
    key |= (values.astype(np.int64) - lowest).astype(key.dtype)
    key.sort()
    key &= (1 << n_bits) - 1
    found: NDArray[np.int64] = key.astype(np.int64) + lowest
    return found


def _shapes(
    ids: NDArray[Any],
    area: NDArray[np.int64],
    dense: NDArray[np.int32],
    sizes: tuple[float, ...],
) -> Columns:
    height, width = sizes
    oblong = bool(np.isfinite(height)) and height != width
    found = measure_shapes(dense, area, (height, width) if oblong else (1.0, 1.0))
    return {
        "label": ids.astype(np.int64),
        "centroid_y_um": found.y * height,
        "centroid_x_um": found.x * width,
        "centroid_y_px": found.y,
        "centroid_x_px": found.x,
        "area_um2": area * (height * width),
        "area_px": area,
        "perimeter_um": found.perimeter * (np.nan if oblong else width),
        "perimeter_px": found.perimeter,
        "eccentricity": found.eccentricity,
        "solidity": found.solidity,
        "touches_border": _touching_border(dense, len(ids)),
    }


def _solids(
    ids: NDArray[Any],
    volumes: NDArray[np.int64],
    dense: NDArray[np.int32],
    sizes: tuple[float, ...],
) -> Columns:
    found = measure_solids(dense, volumes, sizes)
    places = dict(zip("zyx", found.centroids.T, strict=True))
    return {
        "label": ids.astype(np.int64),
        **{
            f"centroid_{a}_um": at * size
            for (a, at), size in zip(places.items(), sizes, strict=True)
        },
        **{f"centroid_{a}_px": at for a, at in places.items()},
        "volume_um3": volumes * float(np.prod(sizes)),
        "volume_voxels": volumes,
        "surface_um2": found.surface,
        "sphericity": found.sphericity,
        "touches_border": _touching_border(dense, len(ids)),
    }


def _touching_border(dense: NDArray[np.int32], n: int) -> NDArray[np.int64]:
    """Return 1 for objects at the edge of the frame, of several sections the first and last too."""
    touches = np.zeros(n + 1, dtype=np.int64)
    for side in ends(dense.shape):
        touches[np.unique(dense[side])] = 1
    return touches[1:]


def _surroundings(
    dense: NDArray[np.int32],
    n: int,
    settings: TableSettings,
    sizes: tuple[float, ...],
) -> tuple[_Groups, _Groups | None]:
    """Return local background and ring: free pixels, each belonging to its nearest object."""
    ring = settings.ring if sizes else None
    square = not sizes or sizes[0] == sizes[1]
    reach = settings.background_reach
    if ring is not None and sizes and square:
        reach = max(reach, math.ceil(ring / sizes[1]))
    free = nearby(dense, reach)
    near, far = settings.background_gap, settings.background_reach
    beside = _chosen(free, (free.squared > near**2) & (free.squared <= far**2), n)
    if ring is None or not sizes:
        return beside, None
    if square:
        return beside, _chosen(free, np.sqrt(free.squared) * sizes[1] <= ring, n)
    if n == 0:
        return beside, beside
    return beside, _around(dense, n, sizes)(0, ring)


def _surroundings_in_volume(
    dense: NDArray[np.int32],
    n: int,
    settings: TableSettings,
    sizes: tuple[float, ...],
) -> tuple[_Groups, _Groups | None]:
    """Return the same of a volume; its background is as far off, in widths of a voxel."""
    ring = settings.ring if sizes else None
    if n == 0:
        nothing = _Groups(np.zeros(0, np.intp), np.zeros(0, np.int32), 0)
        return nothing, None if ring is None else nothing
    spacing = sizes or (1.0,) * dense.ndim
    unit = min(spacing[-2:])
    between = _around(dense, n, spacing)
    beside = between(settings.background_gap * unit, settings.background_reach * unit)
    return beside, None if ring is None else between(0, ring)


def _around(
    dense: NDArray[np.int32], n: int, spacing: tuple[float, ...]
) -> Callable[[float, float], _Groups]:
    """Return what gives the free pixels that lie between two distances of their nearest object."""
    off, nearest = ndimage.distance_transform_edt(dense == 0, sampling=spacing, return_indices=True)

    def between(near: float, far: float) -> _Groups:
        where = np.flatnonzero((off > near) & (off <= far))
        owner = dense[tuple(index.reshape(-1)[where] for index in nearest)]
        return _Groups(where, owner, n)

    return between


def _chosen(free: Nearby, mask: NDArray[np.bool_], n: int) -> _Groups:
    return _Groups(free.where[mask], free.owner[mask], n)
