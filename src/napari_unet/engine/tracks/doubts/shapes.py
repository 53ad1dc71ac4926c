"""Cells of an odd shape or size by themselves: two nuclei in one, one in two, and specks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_unet.engine.tracks.doubts.doubt import Repair, joined
from napari_unet.engine.tracks.doubts.runs import doubt_of, is_listed, run_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_unet.engine.tracks.doubts.doubt import Doubt, Reason
    from napari_unet.engine.tracks.doubts.measured.cells import FrameCells
    from napari_unet.engine.tracks.doubts.runs import Cells
    from napari_unet.engine.tracks.doubts.seen import Seen

    Evidence = Callable[[int, Cells], dict[str, float]]

_WAIST, _PART, _LARGE = 0.25, 0.3, 0.8  # of 1; times the usual area
_WHOLE = 0.97  # of an ellipse with the same moments: so good only one cell is
_TOGETHER, _WEAK = 1.4, 0.3  # times the usual area; probability of a border
_SMALL = 0.25  # times the usual area


def two_in_one(seen: Seen, t: int) -> Iterator[Doubt]:
    """Yield doubts about cells from frame ``t`` on that have a neck, or a border inside."""
    cells = seen.of(t)
    if cells is None or not seen.usual_area:
        return

    def holds(frame: int, which: Cells) -> bool:
        there = seen.of(frame)
        return there is not None and bool(_may_be_two(seen, there)[which[0]])

    def evidence(frame: int, which: Cells) -> dict[str, float]:
        there, links = seen.of(frame), seen.link(frame)
        assert there is not None
        (index,) = which
        return there.by_model(which) | {
            "size": there.doublings(there.areas[index] / seen.usual_area),
            "waist": float(there.waist[index]),
            "form": float(there.form[index]) - 0.9,
            "parted": float(there.parted[index]) + 0.5 * (there.part[index] > 0),
            "part": min(there.as_areas(float(there.part[index]) / seen.usual_area), 1.0),
            "divides": float(links is not None and bool(links.parts_of(index))),
        }

    for index in np.flatnonzero(_may_be_two(seen, cells)).tolist():
        reason: Reason = "two nuclei in one outline"
        yield from _along(seen, t, (index,), holds, reason, "split", ("two in one", evidence))


def _may_be_two(seen: Seen, cells: FrameCells) -> np.ndarray:
    neck = (cells.waist > _WAIST) | (cells.part > cells.of_sizes(_PART) * seen.usual_area)
    return np.asarray(neck & (cells.areas > cells.of_sizes(_LARGE) * seen.usual_area))


def one_in_two(seen: Seen, t: int) -> Iterator[Doubt]:
    """Yield doubts about cells that touch from frame ``t`` on and look like one."""
    cells = seen.of(t)
    if cells is None or not seen.usual_area:
        return
    seams = cells.seams

    def pair_of(frame: int, which: Cells) -> int:
        there = seen.of(frame)
        return -1 if there is None else there.seams.between(which[0], which[1])

    def holds(frame: int, which: Cells) -> bool:
        there, pair = seen.of(frame), pair_of(frame, which)
        return there is not None and pair >= 0 and bool(_may_be_one(seen, there)[pair])

    def evidence(frame: int, which: Cells) -> dict[str, float]:
        there, pair = seen.of(frame), pair_of(frame, which)
        assert there is not None
        areas = there.areas[list(which)] / seen.usual_area
        border = float(there.seams.border[pair])
        return there.by_model(which) | {
            "size": there.doublings(areas.sum()),
            "part": min(there.as_areas(float(areas.min())), 1.0) - 0.5,
            "union": float(there.seams.form[pair]) - _WHOLE,
            "border": (border if np.isfinite(border) else _WEAK) - _WEAK,
        }

    for pair in np.flatnonzero(_may_be_one(seen, cells)).tolist():
        which = (int(seams.first[pair]), int(seams.second[pair]))
        reason: Reason = "one nucleus in two outlines"
        yield from _along(seen, t, which, holds, reason, "merge", ("one in two", evidence))


def _may_be_one(seen: Seen, cells: FrameCells) -> np.ndarray:
    seams = cells.seams
    area = cells.areas[seams.first] + cells.areas[seams.second]
    weak = ~(seams.border > _WEAK)
    usual = cells.of_sizes(_TOGETHER) * seen.usual_area
    whole = (area < usual) & (seams.form > _WHOLE)
    return np.asarray(weak & whole & ~cells.cut[seams.first] & ~cells.cut[seams.second])


def specks(seen: Seen, t: int) -> Iterator[Doubt]:
    """Yield doubts about cells from frame ``t`` on far smaller than those of the movie."""
    cells = seen.of(t)
    if cells is None or not seen.usual_area:
        return

    def holds(frame: int, which: Cells) -> bool:
        there = seen.of(frame)
        return there is not None and bool(_is_speck(seen, there)[which[0]])

    def evidence(frame: int, which: Cells) -> dict[str, float]:
        there = seen.of(frame)
        assert there is not None
        (index,) = which
        factor = float(there.areas[index]) / (there.of_sizes(_SMALL) * seen.usual_area)
        return there.by_model(which) | {"size": there.doublings(max(factor, 0.05))}

    for index in np.flatnonzero(_is_speck(seen, cells)).tolist():
        before, was = seen.came_from(t, index), seen.of(t - 1)
        if before >= 0 and was is not None and was.areas[before] > 2 * cells.areas[index]:
            continue  # a whole cell is behind it: its outline collapsed
        yield from _along(seen, t, (index,), holds, "speck", "delete", ("speck", evidence))


def _is_speck(seen: Seen, cells: FrameCells) -> np.ndarray:
    return np.asarray((cells.areas < cells.of_sizes(_SMALL) * seen.usual_area) & ~cells.cut)


def _along(
    seen: Seen,
    t: int,
    which: Cells,
    holds: Callable[[int, Cells], bool],
    reason: Reason,
    verb: Literal["split", "merge", "delete"],
    said: tuple[str, Evidence],
) -> Iterator[Doubt]:
    """Yield a doubt about cells on all frames of a run, by the mean of what is said on each."""
    run = run_of(seen, t, which, holds)
    if not run:
        return
    each = [said[1](frame, cells) for frame, cells in run]
    mean = {name: float(np.mean([one[name] for one in each])) for name in each[0]}
    mean["n"] = len(run) - 1.0
    parts = (
        doubt_of(seen, frame, cells, reason, Repair(verb), (said[0], mean)) for frame, cells in run
    )
    yield from (one for one in joined(parts) if is_listed(one))
