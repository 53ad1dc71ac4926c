"""Outlines that are unsure: the model's by probability, and those that swell or shrink at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.tracks.doubts.doubt import Repair
from napari_unet.engine.tracks.doubts.runs import doubt_of, ids_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_unet.engine.tracks.doubts.doubt import Doubt
    from napari_unet.engine.tracks.doubts.seen import Seen

_STEADY = 1.35  # times: what differs more before and after says nothing of now
_JUMP = 1.6  # times the area before and after
_UNSURE, _BEYOND = 0.55, 3.0  # share of the area, and times what is usual


def unsure_outlines(seen: Seen, t: int) -> Iterator[Doubt]:
    """Yield doubts about cells of frame ``t`` whose outline is unsure."""
    cells = seen.of(t)
    if cells is None:
        return
    least = max(_UNSURE, _BEYOND * seen.usual_unsure)
    for index in np.flatnonzero(_jumped(seen, t) | (cells.unsure > least)).tolist():
        wanted = _usual(seen, t, index)
        factor = cells.as_areas(float(cells.areas[index]) / wanted) if wanted else 1.0
        jump = max(factor, 1 / factor)
        usual = seen.usual_area or float(cells.areas[index])
        said = cells.by_model([index]) | {"size": cells.doublings(cells.areas[index] / usual)}
        if jump > _JUMP:
            repair = Repair("outline", t - 1, ids_of(seen, t - 1, [seen.came_from(t, index)]))
            swells = 1.0 if factor > 1 else -1.0
            evidence = ("outline", said | {"jump": min(jump - _JUMP, 2.0), "swells": swells})
            yield doubt_of(seen, t, (index,), "outline unsure", repair, evidence)
        elif cells.unsure[index] > least and not cells.cut[index]:
            yield doubt_of(seen, t, (index,), "outline unsure", None, ("unsure", said))


def _jumped(seen: Seen, t: int) -> np.ndarray:
    """Tell which cells have another size than before and after, roughly: (n,)."""
    cells, links, further = seen.of(t), seen.link(t - 1), seen.link(t)
    before, after = seen.of(t - 1), seen.of(t + 1)
    assert cells is not None
    if None in (links, further, before, after) or not len(cells):
        return np.zeros(len(cells), bool)
    assert links is not None and further is not None
    assert before is not None and after is not None
    was = np.where(links.origin >= 0, np.append(before.areas, 0)[links.origin], 0)
    will = np.where(further.on >= 0, np.append(after.areas, 0)[further.on], 0)
    known = (was > 0) & (will > 0)
    usual = np.where(known, (was + will) / 2, cells.areas)
    factor = cells.areas / np.maximum(usual, 1)
    most = cells.of_sizes(_JUMP)
    return np.asarray(known & (np.maximum(factor, 1 / np.maximum(factor, 1e-6)) > most))


def _usual(seen: Seen, t: int, index: int) -> float:
    """Return the area of a cell before and after, where that is steady; else 0."""
    before, after = seen.came_from(t, index), seen.goes_on(t, index)
    was, will = seen.of(t - 1), seen.of(t + 1)
    if before < 0 or after < 0 or was is None or will is None:
        return 0.0
    one, other = float(was.areas[before]), float(will.areas[after])
    steady = was.of_sizes(_STEADY)
    return (one + other) / 2 if max(one, other) < steady * min(one, other) else 0.0
