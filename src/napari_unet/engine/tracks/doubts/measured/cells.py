"""The cells of one frame in numbers: all that doubts are found from, a few bytes a cell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.labels.codes import decode, threshold_code
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.labels.objects import numbered
from napari_unet.engine.labels.space.neighbours import ends
from napari_unet.engine.tracks.doubts.measured.faint import Faint, faint_pieces
from napari_unet.engine.tracks.doubts.measured.seams import (
    Seams,
    form_of,
    hidden_seams,
    moments_of,
    seams_of,
)
from napari_unet.engine.tracks.doubts.measured.waist import waist_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float32]
    Steps = tuple[float, ...]

_LOW, _HIGH = threshold_code(0.2), threshold_code(0.8)
_SURE, _UNSURE = 0.9, 0.3  # as they are in most cells
_ROUND = 0.94  # of an ellipse with the same moments: below, two discs side by side may be meant
_SMALL, _LARGE = 0.9, 1.4  # times the frame's median
_PART = 0.3  # of it: less is no nucleus
_MOST_WAISTS = 40  # cells of a frame that are looked at closely


@dataclass(frozen=True)
class FrameCells:
    """Cells of one frame or volume, an entry each, in the order of their ids.

    Voxels of a volume are ``steps`` apart along z, y and x; what is said of areas is then said of
    volumes. Places and ways are in px, of volumes in the width of a voxel.
    ``unsure`` is the share of a cell's area that has a probability between 0.2 and 0.8 in it or
    beside it, ``sure`` the mean probability in it (NaN without codes), ``form`` the area over that
    of the ellipse with the same moments, ``waist`` how deep a neck it has: 0 none, 1 as if cut.
    ``parted`` is the border probability above which it comes apart, ``part`` the area of the
    smaller part then. ``seams`` are where cells touch, ``faint`` what is no cell, but nearly.
    """

    shape: tuple[int, ...]
    steps: Steps  # (1, 1) of an image
    ids: Ints
    areas: Ints
    centres: Floats  # (n, 2) or (n, 3)
    cut: NDArray[np.bool_]  # by the frame's edge, or a volume's first or last section
    unsure: Floats
    sure: Floats
    form: Floats
    waist: Floats
    parted: Floats
    part: Floats
    seams: Seams
    faint: Faint

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def diameters(self) -> Floats:
        """Of discs or balls as large, px."""
        if len(self.shape) == 2:
            return np.asarray(np.sqrt(self.areas * (4 / np.pi)), np.float32)
        voxel = float(np.prod(self.steps))
        return np.asarray(np.cbrt(self.areas * (6 / np.pi * voxel)), np.float32)

    @cached_property
    def shaded(self) -> bool:
        """Whether there are probabilities, with shades between yes and no."""
        return bool((self.unsure > 0).any())

    def by_model(self, which: Sequence[int]) -> dict[str, float]:
        """Return what the probabilities in cells and along their outlines say, beside usual ones.

        All 0 where nothing is predicted, or a mask stands in for probabilities.
        """
        cells = list(which)
        sure = float(self.sure[cells].min())
        if not self.shaded:
            return {"predicted": 0.0, "sure": 0.0, "unsure": 0.0}
        unsure = min(float(self.unsure[cells].max()), 2.0)
        return {"predicted": 1.0, "sure": sure - _SURE, "unsure": unsure - _UNSURE}

    def leaves(self, index: int, margin: float = 0.0) -> bool:
        """Whether a cell is so near to the frame's edge that it may come or go there."""
        place, reach = self.centres[index].tolist(), float(self.diameters[index])
        return bool(self.cut[index]) or self.at_edge(place, reach, margin)

    def at_edge(self, place: Sequence[float], reach: float, margin: float = 0.0) -> bool:
        """Whether a place is less than ``reach`` px from the frame's edge or margin, or outside.

        From a volume's first and last section half of it counts: the field is shallow.
        """
        sides = zip(place, self.shape, self.steps, strict=True)
        *depth, y, x = (min(at, (n - 1) * step - at) for at, n, step in sides)
        return min(y, x) < margin + reach or min(depth, default=np.inf) < reach / 2

    def of_sizes(self, times: float) -> float:
        """Return a ratio of areas as that of the cells' sizes here, which may be volumes."""
        return float(times ** (len(self.shape) / 2))

    def as_areas(self, times: float) -> float:
        """Return a ratio of the cells' sizes as that of areas, of which evidence is weighed."""
        return float(times ** (2 / len(self.shape)))

    def doublings(self, times: float) -> float:
        """Return the binary logarithm of such a ratio, 0 where both are as large."""
        return float(np.log2(times)) * 2 / len(self.shape)

    def in_part(self, which: Sequence[int]) -> bool:
        """Whether one of some cells of a volume is cut: then sizes and shapes say little of it.

        In a shallow volume that is true of many; of an image it is never asked.
        """
        return len(self.shape) > 2 and bool(self.cut[list(which)].any())

    @property
    def typical(self) -> Ints:
        """Sizes that say what is usual: in volumes, which are shallow, those of whole cells."""
        whole = self.areas[~self.cut] if len(self.shape) > 2 else self.areas
        return whole if len(whole) else self.areas


def same_cells(one: FrameCells | None, other: FrameCells | None) -> bool:
    """Whether two measurements are of the same cells, as far as links go."""
    if one is None or other is None:
        return one is other
    return np.array_equal(one.ids, other.ids) and np.array_equal(one.areas, other.areas)


@dataclass(frozen=True)
class Picture:
    """A frame's cells by pixel, while its neighbour is linked: numbers from 1, and where any is."""

    dense: NDArray[np.int32]
    where: NDArray[np.intp]


def measure(
    labels: NDArray[Any], codes: NDArray[np.uint8] | None = None, steps: Steps = (1.0, 1.0)
) -> tuple[FrameCells, Picture]:
    """Measure labels (Y, X) or (Z, Y, X), with codes of probability where there are some.

    Codes are as large, or with an axis before them of object and border; voxels are ``steps``
    apart, in the width of one.
    """
    labels = np.asarray(labels)
    if labels.dtype == np.uint16 and labels.size and labels.max() == BACKGROUND_ID:
        labels = np.where(labels == BACKGROUND_ID, np.uint16(0), labels)
    ids, areas, dense = numbered(labels)
    n = len(ids)
    where = np.flatnonzero(dense)
    owner = dense.reshape(-1)[where] - 1
    moments = moments_of(owner, np.unravel_index(where, labels.shape), n)
    middle = moments[:, 1 : 1 + labels.ndim] / np.maximum(areas, 1)[:, None]
    centres = (middle * steps).astype(np.float32)
    cut = np.zeros(n + 1, bool)
    for side in ends(dense.shape):
        cut[dense[side]] = True
    plane, border = _planes(codes, labels.ndim)
    unsure, sure = _probability(plane, dense, where, owner, areas)
    found = FrameCells(
        labels.shape, steps, ids, areas, centres, cut[1:], unsure, sure, form_of(moments),
        np.zeros(n, np.float32),
        *hidden_seams(dense, plane, border, n),
        seams_of(dense, moments, border),
        Faint.none(labels.ndim),
    )  # fmt: skip
    if n:
        usual = float(np.median(found.typical))
        found = replace(found, faint=faint_pieces(plane, dense, usual, steps))
        _look_for_waists(found, dense, plane, usual)
    return found, Picture(dense, where)


def _planes(
    codes: NDArray[np.uint8] | None, ndim: int
) -> tuple[NDArray[np.uint8] | None, NDArray[np.uint8] | None]:
    """Return the object and the border of codes of labels of ``ndim`` axes, each None without."""
    if codes is None or codes.ndim == ndim:
        return codes, None
    return codes[0], codes[1] if len(codes) > 1 else None


def _probability(
    plane: NDArray[np.uint8] | None,
    dense: NDArray[np.int32],
    where: NDArray[np.intp],
    owner: NDArray[np.int32],
    areas: Ints,
) -> tuple[Floats, Floats]:
    n = len(areas)
    if plane is None:
        return np.zeros(n, np.float32), np.full(n, np.nan, np.float32)
    size, width = np.maximum(areas, 1), dense.shape[-1]
    flat, numbers = plane.reshape(-1), dense.reshape(-1)
    inside = flat[where]
    sure = np.bincount(owner, decode(inside), minlength=n) / size
    unsure = np.bincount(owner[inside < _HIGH], minlength=n)
    beside = np.flatnonzero((flat >= _LOW) & (numbers == 0))
    nearest = np.zeros(len(beside), np.int32)  # in its section: light spreads along z anyway
    for step in (1, -1, width, -width, 2, -2, 2 * width, -2 * width):
        there = numbers[np.clip(beside + step, 0, len(numbers) - 1)]
        nearest = np.where(nearest > 0, nearest, there)
    unsure = unsure + np.bincount(nearest, minlength=n + 1)[1:]
    return (unsure / size).astype(np.float32), sure.astype(np.float32)


def _look_for_waists(
    cells: FrameCells, dense: NDArray[np.int32], plane: NDArray[np.uint8] | None, usual: float
) -> None:
    """Fill in the waists of cells that are no ellipse and not small."""
    if len(cells) < 2:
        return
    odd = (cells.form < _ROUND) & (cells.areas > cells.of_sizes(_SMALL) * usual)
    odd |= cells.areas > cells.of_sizes(_LARGE) * usual
    least = cells.of_sizes(_PART) * usual
    some = np.flatnonzero(odd & ~cells.cut)
    some = some[np.argsort(cells.form[some], kind="stable")][:_MOST_WAISTS]
    for index in some.tolist():
        box = _around(cells.centres[index] / cells.steps, cells.diameters[index] / cells.steps)
        mask, part = dense[box] == index + 1, None if plane is None else plane[box]
        cells.waist[index] = waist_of(mask, part, least, cells.steps)


def _around(centre: NDArray[Any], diameter: NDArray[Any]) -> tuple[slice, ...]:
    """Return the box that a cell lies in, with room, by how wide it is along each axis."""
    middles = [(int(at), int(2 * wide) + 3) for at, wide in zip(centre, diameter, strict=True)]
    return tuple(slice(max(0, at - reach), at + reach + 1) for at, reach in middles)
