"""A cell followed through frames as far as something holds of it: one error, told once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.tracks.doubts.doubt import Doubt
from napari_unet.engine.tracks.doubts.scores import is_offered, likely, likely_enough

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.tracks.doubts.doubt import Reason, Repair
    from napari_unet.engine.tracks.doubts.seen import Seen

    Cells = tuple[int, ...]

REACH = 8  # frames on which an error is followed; a longer one is told again

Run = list[tuple[int, "Cells"]]  # frames, with the indices of the cells on them


def run_of(seen: Seen, t: int, cells: Cells, holds: Callable[[int, Cells], bool]) -> Run:
    """Return the frames from t on, on which something holds of cells; none where it did before.

    It is cut at every ``REACH``-th frame of the movie, so that a change is felt no further.
    """
    if not holds(t, cells):
        return []
    if t % REACH:
        before = tuple(seen.came_from(t, cell) for cell in cells)
        if min(before) >= 0 and holds(t - 1, before):
            return []
    run: Run = [(t, cells)]
    while (t + 1) % REACH:
        cells = tuple(seen.goes_on(t, cell) for cell in cells)
        t += 1
        if min(cells) < 0 or not holds(t, cells):
            break
        run.append((t, cells))
    return run


def doubt_of(
    seen: Seen,
    frame: int,
    indices: Sequence[int],
    reason: Reason,
    repair: Repair | None,
    evidence: tuple[str, Mapping[str, float]],
) -> Doubt:
    """Return a doubt about cells of a frame, by their indices; it lies in their middle.

    The ``evidence`` of a kind makes its score; a repair is offered where that is high.
    """
    cells = seen.of(frame)
    assert cells is not None
    which = list(indices)
    middle = cells.centres[which].mean(axis=0)
    size = float(np.sqrt(np.square(cells.diameters[which]).sum()))
    found = placed(seen, frame, middle, size, ids_of(seen, frame, which), reason, repair)
    return scored(found, evidence)


def placed(
    seen: Seen,
    frame: int,
    place: NDArray[Any],
    size: float,
    cells: tuple[int, ...],
    reason: Reason,
    repair: Repair | None,
) -> Doubt:
    """Return a doubt at a place, given as those of cells are; it has no score yet."""
    *z, y, x = in_pixels(seen, place)
    found = Doubt(frame, y, x, cells, reason, repair, 0, size)
    return replace(found, z=z[0], z_step=seen.steps[0]) if z else found


def in_pixels(seen: Seen, place: NDArray[Any]) -> tuple[float, ...]:
    """Return a place or a way in pixels, of volumes in voxels: what was in the width of one."""
    return tuple(float(at) / step for at, step in zip(place, seen.steps, strict=True))


def scored(doubt: Doubt, evidence: tuple[str, Mapping[str, float]]) -> Doubt:
    """Return a doubt with the score that evidence of a kind makes."""
    return doubt.with_score(likely(*evidence), is_offered(*evidence), evidence)


def is_listed(doubt: Doubt) -> bool:
    """Whether a doubt is likely enough to be one."""
    return likely_enough(doubt.score, dict(doubt.evidence))


def ids_of(seen: Seen, frame: int, indices: Sequence[int]) -> tuple[int, ...]:
    """Return the ids of cells of a frame."""
    cells = seen.of(frame)
    assert cells is not None
    return tuple(int(cells.ids[index]) for index in indices)
