"""Linking by laptrack (Fukai and Kawaguchi 2023): all frames together, gaps closed.

Needs the extra ``[track]``. Frames are passed twice: once for the centroids, once to be renumbered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.errors import not_installed
from napari_unet.engine.labels.objects import median_diameter
from napari_unet.engine.labels.space.neighbours import steps_of
from napari_unet.engine.tracks.track_objects import Objects, measure_objects, places_of
from napari_unet.engine.tracks.tracking import Ints, Linker

if TYPE_CHECKING:
    from napari_unet.engine.tracks.by_hand import ByHand
    from napari_unet.engine.tracks.given_links import Given

try:
    import laptrack
except ImportError as error:
    raise not_installed("linking with laptrack", "laptrack", "track") from error

_MAX_GAP = 2  # frames a cell may be lost


class LaptrackLinker(Linker):
    """A `Linker` whose links were found before: make it with ``from_frames``."""

    @classmethod
    def from_frames(
        cls,
        frames: Iterable[NDArray[Any]],
        positions: Iterable[int],
        *,
        by_hand: ByHand | None = None,
        reach: float | None = None,
        spacing: tuple[float, ...] | None = None,
    ) -> Self:
        """Find all links; ``reach`` is the longest way from frame to frame in px.

        Without ``reach`` it is the median diameter of the objects; ``spacing`` as of a `Linker`.
        """
        measured = [measure_objects(frame).without_pixels() for frame in frames]
        return cls.from_objects(measured, positions, by_hand=by_hand, reach=reach, spacing=spacing)

    @classmethod
    def from_objects(
        cls,
        frames: Sequence[Objects],
        positions: Iterable[int],
        *,
        by_hand: ByHand | None = None,
        reach: float | None = None,
        spacing: tuple[float, ...] | None = None,
    ) -> Self:
        """Find all links of objects that were measured before."""
        linker = cls(by_hand=by_hand, spacing=spacing)
        linker._positions = tuple(positions)
        if not any(len(objects.areas) for objects in frames):
            return linker
        farthest = reach or _median_diameter(frames, spacing)
        tree = laptrack.LapTrack(
            cutoff=farthest**2,
            gap_closing_cutoff=farthest**2,
            gap_closing_max_frame_count=_MAX_GAP,
            splitting_cutoff=farthest**2,
        ).predict([places_of(objects, spacing) for objects in frames])
        for child in tree.nodes:
            for parent in tree.predecessors(child):
                linker._origin[child] = parent, tree.out_degree(parent) > 1
        return linker

    def __init__(
        self,
        by_hand: ByHand | None = None,
        spacing: tuple[float, ...] | None = None,
    ) -> None:
        super().__init__(by_hand=by_hand, spacing=spacing)
        self._positions: tuple[int, ...] = ()
        self._origin: dict[tuple[int, int], tuple[tuple[int, int], bool]] = {}
        self._tracks_at: list[Ints] = []

    def _origins(self, now: Objects, position: int, given: Given | None) -> tuple[Ints, Ints]:
        frame = len(self._tracks_at)
        if frame >= len(self._positions) or self._positions[frame] != position:
            raise ValueError(f"frame {position} was not among those linked")
        previous, mothers = (np.zeros(len(now.ids), np.int64) for _ in range(2))
        for index in range(len(now.ids)):
            found = self._origin.get((frame, index))
            if found is not None:
                (t, i), divides = found
                (mothers if divides else previous)[index] = self._tracks_at[t][i]
        self._tracks_at.append(now.track)  # filled in by the caller
        return previous, mothers


def _median_diameter(frames: Sequence[Objects], spacing: tuple[float, ...] | None) -> float:
    sizes = np.concatenate([objects.areas for objects in frames])
    ndim = frames[0].centroids.shape[1]
    if ndim == 2:
        return median_diameter(sizes)
    return median_diameter(sizes * np.prod(steps_of(spacing, ndim)), ndim)
