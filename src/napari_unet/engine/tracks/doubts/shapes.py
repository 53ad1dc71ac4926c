"""Cells of an odd shape or size by themselves: two nuclei in one outline, and specks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.tracks.doubts.doubt import Repair
from napari_unet.engine.tracks.doubts.parted import doubt_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_unet.engine.tracks.doubts.doubt import Doubt
    from napari_unet.engine.tracks.doubts.seen import Seen

_WAIST = 0.25
_LARGE, _SMALL = 1.3, 0.25  # times the usual area
_DIVIDES = 0.25  # less where the next frame has the two apart
_NECK, _SPECK = 0.35, 0.6  # scores


def two_in_one(seen: Seen, t: int) -> Iterator[Doubt]:
    """Yield doubts about cells of frame ``t`` that have a neck, or far more than the usual area."""
    cells, links = seen.of(t), seen.link(t)
    if cells is None or not seen.usual_area:
        return
    size = cells.areas / seen.usual_area
    for index in np.flatnonzero((cells.waist > _WAIST) & (size > 0.8)).tolist():
        score = _NECK + 0.5 * (float(cells.waist[index]) - _WAIST)
        score += 0.15 * float(np.clip(size[index] - _LARGE, -1, 1))
        score += 0.5 * max(0.0, 0.9 - float(cells.form[index]))
        if links is not None and links.parts_of(index):
            score -= _DIVIDES
        if score > 0.15:
            yield doubt_of(
                seen, t, (index,), "two nuclei in one outline", Repair("split"), min(score, 0.85)
            )


def specks(seen: Seen, t: int) -> Iterator[Doubt]:
    """Yield doubts about cells of frame ``t`` far smaller than those of the movie."""
    cells = seen.of(t)
    if cells is None or not seen.usual_area:
        return
    small = (cells.areas < _SMALL * seen.usual_area) & ~cells.cut
    for index in np.flatnonzero(small).tolist():
        before = seen.came_from(t, index)
        was = seen.of(t - 1)
        if before >= 0 and was is not None and was.areas[before] > 2 * cells.areas[index]:
            continue  # a whole cell is behind it: its outline collapsed
        sure = float(cells.sure[index]) if np.isfinite(cells.sure[index]) else 0.8
        factor = float(cells.areas[index]) / (_SMALL * seen.usual_area)
        score = _SPECK + 0.25 * (1 - factor) + 0.3 * (0.8 - sure)
        yield doubt_of(seen, t, (index,), "speck", Repair("delete"), min(score, 0.9))
