"""Measure the objects of one frame: shape, and raw intensity inside, beside and around them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import regionprops_table

from napari_unet.engine.labels.objects import numbered
from napari_unet.engine.settings import TableSettings

Columns = dict[str, NDArray[Any]]


def measure_frame(
    labels: NDArray[Any],
    frame: NDArray[Any],
    channels: Sequence[str],
    *,
    pixel_size: float | tuple[float, float] | None = None,
    settings: TableSettings | None = None,
) -> Columns:
    """Return one entry for each object of ``labels`` (Y, X), by column name.

    ``frame`` is raw (Y, X) or (C, Y, X); ``channels`` names each. Lengths in px, and in µm where
    ``pixel_size`` (µm, or height and width of oblong pixels) is known (else NaN); the outline of
    oblong pixels has no length (NaN). Pixels that are NaN or infinite are left out of all
    intensities. An object without free pixels around it has no local background (NaN).
    """
    settings = settings or TableSettings()
    planes = frame[None] if frame.ndim == 2 else frame
    ids, _, dense = numbered(labels)
    sizes = pixel_size if isinstance(pixel_size, tuple) else (pixel_size, pixel_size)
    known = (sizes[0], sizes[1]) if sizes[0] and sizes[1] else None
    columns = _shapes(ids, dense, known or (np.nan, np.nan))
    inside = _Groups(dense.ravel(), len(ids))
    beside, around = _surroundings(dense, len(ids), settings, known)
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
    """Pixels sorted by object once, then mean, median and sum of any image from the runs."""

    def __init__(self, groups: NDArray[Any], n: int) -> None:
        self._where = np.flatnonzero(groups)
        self._of = groups[self._where] - 1
        self._n = n

    def statistics(
        self, values: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[np.int64]]:
        """Return mean, median, sum and number of the finite pixels of each group, each (n,).

        NaN for a group without such pixels.
        """
        chosen, of = values[self._where].astype(np.float64), self._of
        finite = np.isfinite(chosen)
        if not finite.all():  # pixels of a ratio or a registered movie that were never measured
            chosen, of = chosen[finite], of[finite]
        counts = np.bincount(of, minlength=self._n)
        total = np.bincount(of, chosen, minlength=self._n)
        median = np.full(self._n, np.nan)
        some = counts > 0
        ordered = chosen[np.lexsort((chosen, of))]
        start = (np.cumsum(counts) - counts)[some]
        low, high = start + (counts[some] - 1) // 2, start + counts[some] // 2
        median[some] = (ordered[low] + ordered[high]) / 2
        empty = np.where(some, 0.0, np.nan)
        return total / np.maximum(counts, 1) + empty, median, total + empty, counts


def _shapes(ids: NDArray[Any], dense: NDArray[np.int32], sizes: tuple[float, float]) -> Columns:
    height, width = sizes
    oblong = bool(np.isfinite(height)) and height != width
    n = len(ids)
    if n == 0:
        found = dict.fromkeys(
            ("centroid-0", "centroid-1", "area", "perimeter", "eccentricity", "solidity"),
            np.zeros(0),
        )
    else:
        names = ("centroid", "area", "perimeter", "eccentricity", "solidity")
        with warnings.catch_warnings():
            # An object of a few pixels in a row has no convex hull; its solidity is then 1.
            warnings.simplefilter("ignore")
            found = regionprops_table(dense, properties=names)  # type: ignore[no-untyped-call]
            if oblong:
                found |= regionprops_table(  # type: ignore[no-untyped-call]
                    dense, properties=("eccentricity",), spacing=sizes
                )
    y, x = found["centroid-0"], found["centroid-1"]
    edge = np.unique(np.concatenate([dense[0], dense[-1], dense[:, 0], dense[:, -1]]))
    touches = np.zeros(n + 1, dtype=np.int64)
    touches[edge] = 1
    area = found["area"].astype(np.int64)
    return {
        "label": ids.astype(np.int64),
        "centroid_y_um": y * height,
        "centroid_x_um": x * width,
        "centroid_y_px": y,
        "centroid_x_px": x,
        "area_um2": area * (height * width),
        "area_px": area,
        "perimeter_um": found["perimeter"] * (np.nan if oblong else width),
        "perimeter_px": found["perimeter"],
        "eccentricity": found["eccentricity"],
        "solidity": np.where(np.isfinite(found["solidity"]), found["solidity"], 1.0),
        "touches_border": touches[1:],
    }


def _surroundings(
    dense: NDArray[np.int32],
    n: int,
    settings: TableSettings,
    sizes: tuple[float, float] | None,
) -> tuple[_Groups, _Groups | None]:
    """Return local background and ring: free pixels, each belonging to its nearest object."""
    if n == 0:
        return _Groups(dense.ravel(), 0), None if settings.ring is None else _Groups(
            dense.ravel(), 0
        )
    distance, nearest = ndimage.distance_transform_edt(dense == 0, return_indices=True)
    owner = dense[tuple(nearest)]
    near, far = settings.background_gap, settings.background_reach
    beside = np.where((distance > near) & (distance <= far), owner, 0)
    around = None
    if settings.ring is not None and sizes:
        far_off = distance * sizes[1]
        if sizes[0] != sizes[1]:
            far_off, nearest = ndimage.distance_transform_edt(
                dense == 0, sampling=sizes, return_indices=True
            )
            owner = dense[tuple(nearest)]
        ring = np.where((distance > 0) & (far_off <= settings.ring), owner, 0)
        around = _Groups(ring.ravel(), n)
    return _Groups(beside.ravel(), n), around
