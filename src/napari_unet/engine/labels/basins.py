"""Basins: each pixel's object, found once a frame, so that a threshold is only a comparison.

One watershed at a low reference level (p > 0.1) gives every object its ground; holes and loose
pieces are settled as grey levels for all thresholds together. After that the objects at
threshold ``t`` are ``ids * (levels >= threshold_code(t))``, with ids that stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_unet.engine.labels.canvas.pieces import Pieces
from napari_unet.engine.labels.canvas.reconstruction import erosion, fill_holes, keep_pieces
from napari_unet.engine.labels.canvas.splitting import (
    Parts,
    adjacent,
    depth_of,
    flood,
    interior_of,
    split,
    summits_of,
)
from napari_unet.engine.labels.codes import threshold_code
from napari_unet.engine.labels.ids import LAST_ID
from napari_unet.engine.labels.space.neighbours import along, around, ends, outer, steps_of

if TYPE_CHECKING:
    from napari_unet.engine.settings import LabelSettings

REFERENCE = threshold_code(0.1)


@dataclass(frozen=True)
class Basins:
    """The objects of a frame (Y, X) or a volume (Z, Y, X) at every threshold.

    Parameters
    ----------
    ids : (Y, X) or (Z, Y, X) int32
        Basin of each pixel, dense from 1; 0 is ground below the reference level.
    levels : as ids, uint8
        A pixel belongs to its object where ``levels >= threshold_code(t)``.
    joins : (J, 3) int64
        Basins a, b that are one object up to a level; empty where touching cells are split.

    """

    ids: NDArray[np.int32]
    levels: NDArray[np.uint8]
    joins: NDArray[np.int64]

    @cached_property
    def n(self) -> int:
        """Number of basins."""
        return int(self.ids.max(initial=0))

    @cached_property
    def sizes(self) -> NDArray[np.int32]:
        """``sizes[i, c]``: pixels of basin i at level c or above, (n + 1, 257)."""
        inside = np.flatnonzero(self.ids)
        key = self.ids.reshape(-1)[inside].astype(np.intp) * 256 + self.levels.reshape(-1)[inside]
        histogram = np.bincount(key, minlength=(self.n + 1) * 256).reshape(-1, 256)
        sizes = np.zeros((self.n + 1, 257), dtype=np.int32)
        sizes[:, :256] = np.cumsum(histogram[:, ::-1], axis=1)[:, ::-1]
        return sizes

    @cached_property
    def edge(self) -> NDArray[np.uint8]:
        """Highest level each basin has on the image edge, (n + 1,).

        The first and last of several sections are an edge, too: a cell is cut there.
        """
        highest = np.zeros(self.n + 1, dtype=np.uint8)
        for side in ends(self.ids.shape):
            np.maximum.at(highest, self.ids[side], self.levels[side])
        highest[0] = 0
        return highest

    def within(self, width: int) -> NDArray[np.uint8]:
        """Return the highest level each basin has further than ``width`` px in, (n + 1,).

        In Y and X; sections are of another size.
        """
        known: dict[int, NDArray[np.uint8]] = self._within
        if width not in known:
            inner = (..., *(slice(width, -width or None),) * 2)
            highest = np.zeros(self.n + 1, dtype=np.uint8)
            np.maximum.at(highest, self.ids[inner].ravel(), self.levels[inner].ravel())
            known[width] = highest
        return known[width]

    @cached_property
    def _within(self) -> dict[int, NDArray[np.uint8]]:
        return {}

    @cached_property
    def boxes(self) -> list[tuple[slice, ...] | None]:
        """Bounding box of each basin, that of basin i at i - 1."""
        return list(ndi.find_objects(self.ids, max_label=self.n))

    @cached_property
    def weight(self) -> NDArray[np.float64]:
        """Sum of the levels of each basin, (n + 1,)."""
        return np.asarray(self.sizes[:, 1:256].sum(axis=1, dtype=np.int64), np.float64)

    def weights(self, box: tuple[slice, ...], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Sum of the levels of each basin over the ``mask`` of a box, (n + 1,)."""
        inside = np.flatnonzero(mask & (self.ids[box] > 0))
        ids, levels = self.ids[box].reshape(-1)[inside], self.levels[box].reshape(-1)[inside]
        sums = np.bincount(ids, weights=levels, minlength=self.n + 1)
        return sums.astype(np.float64)

    def objects(self, code: int, alive: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
        """Object of each basin at level ``code``, (n + 1,): the first basin it is joined to.

        Basins that are not ``alive`` (n + 1,) join nothing.
        """
        if not len(self.joins):
            return np.arange(self.n + 1)
        a, b, _ = self.joins[self.joins[:, 2] >= code].T
        if alive is not None:
            both = alive[a] & alive[b]
            a, b = a[both], b[both]
        graph = coo_array((np.ones(len(a), dtype=bool), (a, b)), shape=(self.n + 1,) * 2)
        component = connected_components(graph, directed=False)[1]
        first = np.full(component.max() + 1, self.n + 1)
        np.minimum.at(first, component, np.arange(self.n + 1))
        return np.asarray(first[component])


def basins_key(settings: LabelSettings) -> tuple[object, ...]:
    """Return the part of the settings that basins depend on; the rest is settled per tick."""
    how = (settings.split_strength, settings.holes_part) if settings.split else None
    return settings.split, how, settings.fill_holes


def frame_basins(
    codes: NDArray[np.uint8], settings: LabelSettings, spacing: tuple[float, ...] | None = None
) -> Basins:
    """Find the basins of one frame of codes: object, and border where there is one.

    ``codes`` are (C, Y, X), or (C, Z, Y, X) of a volume, whose voxels are ``spacing`` apart
    (z, y, x; any unit): cubes where that is None. A volume of one section is a frame.
    """
    if codes.ndim == 4 and codes.shape[1] == 1:
        flat = frame_basins(codes[:, 0], settings)
        return Basins(flat.ids[None], flat.levels[None], flat.joins)
    levels = np.ascontiguousarray(codes[0], dtype=np.uint8)
    ground = levels >= REFERENCE
    regions, n = ndi.label(ground, structure=around(ground.ndim))
    if n == 0:
        return Basins(np.zeros(levels.shape, np.int32), np.zeros_like(levels), _no_joins())
    if not settings.split:
        return _joined_basins(levels, regions.astype(np.int32, copy=False), settings.fill_holes)
    border = codes[1] if len(codes) > 1 else None
    steps = None if levels.ndim == 2 else steps_of(spacing, levels.ndim)
    return _split_basins(levels, border, regions, settings, steps)


def _split_basins(
    levels: NDArray[np.uint8],
    border: NDArray[np.uint8] | None,
    regions: NDArray[np.int32],
    settings: LabelSettings,
    steps: tuple[float, ...] | None,
) -> Basins:
    """Basins of regions whose touching cells are divided, found canvas by canvas."""
    interior = interior_of(levels, border)
    closed = border is not None and not settings.holes_part
    canvases = list(Pieces.of(regions))
    depths = depth_of(interior, canvases, steps, closed=closed)
    laid = [_Laid.of(pieces, regions, levels) for pieces in canvases]
    parts = [
        split(
            one.pieces, one.regions, one.levels,
            None if border is None else one.pieces.lay(border),
            np.where(one.regions > 0, depth, np.float32(0)),
            settings.split_strength, closed=closed,
        )
        for one, depth in zip(laid, depths, strict=True)
    ]  # fmt: skip
    ids, kept = np.zeros(levels.shape, np.int32), np.zeros_like(levels)
    for one, found, number in zip(laid, parts, _numbers(parts), strict=True):
        one.finish(number[found.ids], settings.fill_holes, ids, kept)
    return Basins(ids, kept, _no_joins())


@dataclass(frozen=True)
class _Laid:
    """Regions on a canvas with their levels; ``foreign`` is what lies in the box of another."""

    pieces: Pieces
    regions: NDArray[np.int32]
    levels: NDArray[np.uint8]
    foreign: NDArray[np.bool_] | None

    @classmethod
    def of(cls, pieces: Pieces, regions: NDArray[np.int32], levels: NDArray[np.uint8]) -> _Laid:
        all_of_them, around = pieces.lay(regions), pieces.lay_around(levels)
        if not any(pieces.meeting):
            return cls(pieces, all_of_them, around, None)
        marks = pieces.marks()
        own = np.where(all_of_them == marks, marks, 0)
        return cls(pieces, own, around, all_of_them != own)

    def finish(
        self,
        ids: NDArray[np.int32],
        fill: bool,
        all_ids: NDArray[np.int32],
        all_levels: NDArray[np.uint8],
    ) -> None:
        """Close holes, leave out loose pieces, and put ids and levels into the frame."""
        levels = self.levels
        if fill:
            ids, levels = _filled(ids, levels, self.foreign)
        levels = keep_pieces(levels, ids, _highest_pixels(ids, levels))
        self.pieces.lift(ids, all_ids)
        self.pieces.lift(levels, all_levels)


def _numbers(parts: Sequence[Parts]) -> list[NDArray[np.int32]]:
    """Return a number for the parts of each canvas, from the highest down, as far as ids go.

    Parts as high are numbered as they come in the frame.
    """
    heights = np.concatenate([one.heights for one in parts]).astype(np.int16)
    order = np.lexsort((np.concatenate([one.order for one in parts]), -heights))
    order = order[heights[order] > 0][:LAST_ID]
    number = np.zeros(len(heights), np.int32)
    number[order] = np.arange(1, len(order) + 1)
    return np.split(number, np.cumsum([len(one.heights) for one in parts])[:-1])


def _joined_basins(levels: NDArray[np.uint8], regions: NDArray[np.int32], fill: bool) -> Basins:
    """Basins of connected components: one a summit, joined up to the pass between them.

    A component at a threshold has the id of its highest summit (ids go down in height), so that
    it keeps its id until it merges with a higher one.
    """
    if fill:
        regions, levels = _filled(regions, levels)
    summits = _at_most(summits_of(levels, regions > 0), levels)
    ids = flood(255 - levels, summits, regions > 0)
    a, b, passes = adjacent(ids, levels)
    levels = np.where(ids > 0, levels, np.uint8(0))
    return Basins(ids, levels, np.stack([a, b, passes.astype(np.int64)], axis=1))


def _filled(
    ids: NDArray[np.int32], levels: NDArray[np.uint8], foreign: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Close the holes of each basin, in its ground and in its levels.

    A gap with something ``foreign`` in it is no hole.
    """
    gaps, n = ndi.label(ids == 0)
    if n > 1:
        ids = _closed(ids, gaps, n, foreign)
    return ids, fill_holes(levels, ids)


def _closed(
    ids: NDArray[np.int32],
    gaps: NDArray[np.int32],
    n: int,
    foreign: NDArray[np.bool_] | None,
) -> NDArray[np.int32]:
    """Return each gap that one basin alone encloses, away from the image edge, to that basin."""
    least = np.full(n + 1, np.iinfo(np.int32).max, np.int32)
    most = np.zeros(n + 1, dtype=np.int32)
    for b, a in map(along, range(ids.ndim)):
        for gap, owner in ((gaps[a], ids[b]), (gaps[b], ids[a])):
            beside = np.flatnonzero((gap > 0) & (owner > 0))
            of, by = gap.reshape(-1)[beside], owner.reshape(-1)[beside]
            np.minimum.at(least, of, by)
            np.maximum.at(most, of, by)
    owner = np.where(least == most, most, 0)
    for side in outer(ids.ndim):
        owner[gaps[side]] = 0
    if foreign is not None:
        owner[gaps[foreign]] = 0
    owner[0] = 0
    return np.where(ids > 0, ids, owner[gaps]).astype(np.int32, copy=False)


def _highest_pixels(ids: NDArray[np.int32], levels: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Flat index of one pixel a basin: where its levels are highest around, not a lone speck."""
    solid = erosion(levels)
    inside = np.flatnonzero(ids)
    owner = ids.reshape(-1)[inside]
    key = np.zeros(len(inside), dtype=np.int32)
    for plane in (erosion(solid), solid, levels):
        key = (key << 8) | plane.reshape(-1)[inside]
    best = np.zeros(int(ids.max(initial=0)) + 1, dtype=np.int32)
    np.maximum.at(best, owner, key)
    highest = key == best[owner]
    pixel = np.zeros(len(best), dtype=np.intp)
    pixel[owner[highest][::-1]] = inside[highest][::-1]  # the first of several
    return pixel[1:]


def _at_most(seeds: NDArray[np.int32], levels: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Renumber the seeds from the highest down, and keep as many as ids can name."""
    n = int(seeds.max(initial=0))
    inside = np.flatnonzero(seeds)
    height = np.zeros(n + 1, dtype=np.uint8)
    np.maximum.at(height, seeds.reshape(-1)[inside], levels.reshape(-1)[inside])
    order = np.argsort(-height[1:].astype(np.int16), kind="stable")[:LAST_ID]
    number = np.zeros(n + 1, dtype=np.int32)
    number[order + 1] = np.arange(1, len(order) + 1)
    return number[seeds]


def _no_joins() -> NDArray[np.int64]:
    return np.empty((0, 3), dtype=np.int64)
