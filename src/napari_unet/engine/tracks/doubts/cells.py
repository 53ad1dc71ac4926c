"""The cells of one frame in numbers: all that doubts are found from, a few bytes a cell."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.labels.codes import decode, threshold_code
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.labels.objects import numbered
from napari_unet.engine.tracks.doubts.faint import Faint, faint_pieces
from napari_unet.engine.tracks.doubts.seams import (
    Seams,
    form_of,
    hidden_seams,
    moments_of,
    seams_of,
)
from napari_unet.engine.tracks.doubts.waist import waist_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float32]

_LOW, _HIGH = threshold_code(0.2), threshold_code(0.8)
_SURE, _UNSURE = 0.9, 0.3  # as they are in most cells
_ROUND = 0.94  # of an ellipse with the same moments: below, two discs side by side may be meant
_LARGE = 1.4  # times the frame's median
_MOST_WAISTS = 40  # cells of a frame that are looked at closely


@dataclass(frozen=True)
class FrameCells:
    """Cells of one frame, an entry each, in the order of their ids.

    ``unsure`` is the share of a cell's area that has a probability between 0.2 and 0.8 in it or
    beside it, ``sure`` the mean probability in it (NaN without codes), ``form`` the area over that
    of the ellipse with the same moments, ``waist`` how deep a neck it has: 0 none, 1 as if cut.
    ``parted`` is the border probability above which it comes apart, ``part`` the area of the
    smaller part then. ``seams`` are where cells touch, ``faint`` what is no cell, but nearly.
    """

    shape: tuple[int, int]
    ids: Ints
    areas: Ints
    centres: Floats  # (n, 2)
    cut: NDArray[np.bool_]  # by the frame's edge
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
        """Of discs as large, px."""
        return np.asarray(np.sqrt(self.areas * (4 / np.pi)), np.float32)

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
        y, x = self.centres[index].tolist()
        return bool(self.cut[index]) or self.at_edge(y, x, margin + float(self.diameters[index]))

    def at_edge(self, y: float, x: float, reach: float) -> bool:
        """Whether a place is less than ``reach`` px from the frame's edge, or outside."""
        return min(y, x, self.shape[0] - 1 - y, self.shape[1] - 1 - x) < reach


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
    labels: NDArray[Any], codes: NDArray[np.uint8] | None = None
) -> tuple[FrameCells, Picture]:
    """Measure labels (Y, X), with codes of probability where there are some.

    Codes are (Y, X), or (C, Y, X) of object and border.
    """
    labels = np.asarray(labels)
    if labels.dtype == np.uint16 and labels.size and labels.max() == BACKGROUND_ID:
        labels = np.where(labels == BACKGROUND_ID, np.uint16(0), labels)
    ids, areas, dense = numbered(labels)
    n, (height, width) = len(ids), labels.shape
    where = np.flatnonzero(dense)
    owner = dense.reshape(-1)[where] - 1
    moments = moments_of(owner, *np.divmod(where, width), n)
    centres = (moments[:, 1:3] / np.maximum(areas, 1)[:, None]).astype(np.float32)
    cut = np.zeros(n + 1, bool)
    for side in (dense[0], dense[-1], dense[:, 0], dense[:, -1]):
        cut[side] = True
    plane, border = _planes(codes)
    unsure, sure = _probability(plane, dense, where, owner, areas)
    found = FrameCells(
        (height, width), ids, areas, centres, cut[1:], unsure, sure, form_of(moments),
        np.zeros(n, np.float32),
        *hidden_seams(dense, plane, border, n),
        seams_of(dense, moments, border),
        faint_pieces(plane, dense, float(np.median(areas)) if n else 0.0),
    )  # fmt: skip
    _look_for_waists(found, dense, plane)
    return found, Picture(dense, where)


def _planes(
    codes: NDArray[np.uint8] | None,
) -> tuple[NDArray[np.uint8] | None, NDArray[np.uint8] | None]:
    """Return the object and the border of codes (Y, X) or (C, Y, X), each None without."""
    if codes is None or codes.ndim == 2:
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
    size, width = np.maximum(areas, 1), dense.shape[1]
    flat, numbers = plane.reshape(-1), dense.reshape(-1)
    inside = flat[where]
    sure = np.bincount(owner, decode(inside), minlength=n) / size
    unsure = np.bincount(owner[inside < _HIGH], minlength=n)
    beside = np.flatnonzero((flat >= _LOW) & (numbers == 0))
    nearest = np.zeros(len(beside), np.int32)
    for step in (1, -1, width, -width, 2, -2, 2 * width, -2 * width):
        there = numbers[np.clip(beside + step, 0, len(numbers) - 1)]
        nearest = np.where(nearest > 0, nearest, there)
    unsure = unsure + np.bincount(nearest, minlength=n + 1)[1:]
    return (unsure / size).astype(np.float32), sure.astype(np.float32)


def _look_for_waists(
    cells: FrameCells, dense: NDArray[np.int32], plane: NDArray[np.uint8] | None
) -> None:
    """Fill in the waists of cells that are no ellipse and not small."""
    if len(cells) < 2:
        return
    usual = float(np.median(cells.areas))
    odd = (cells.form < _ROUND) & (cells.areas > 0.9 * usual)
    odd |= cells.areas > _LARGE * usual
    some = np.flatnonzero(odd & ~cells.cut)
    some = some[np.argsort(cells.form[some], kind="stable")][:_MOST_WAISTS]
    for index in some.tolist():
        y, x = cells.centres[index]
        reach = int(2 * cells.diameters[index]) + 3
        box = (
            slice(max(0, int(y) - reach), int(y) + reach + 1),
            slice(max(0, int(x) - reach), int(x) + reach + 1),
        )
        mask = dense[box] == index + 1
        cells.waist[index] = waist_of(mask, None if plane is None else plane[box], usual)
