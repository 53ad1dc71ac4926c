"""On which frames a user drew a cell: those that interpolation goes between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.objects import diameter_in_plane

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.engine.annotations.corrections import Corrections

_NEAR = 2.0  # diameters: a cell that was drawn farther off is another one


@dataclass(frozen=True)
class Drawn:
    """A cell on a frame, by the number it was drawn with there."""

    frame: int
    cell: int


def drawn_around(
    corrections: Corrections, frame: int, cell: int, steps: Sequence[float]
) -> tuple[Drawn, Drawn]:
    """Return a cell on the two nearest frames on which a user drew it, one before and one after.

    One of them may be the frame itself. Where it is drawn once with that number, the other is
    the nearest frame on which a user drew a cell close to its place, whatever the number. Voxels
    of volumes are ``steps`` apart.

    Raises
    ------
    BadInput
        Where there are no two such frames with others between them.

    """
    on = [t for t in corrections.frames() if cell in corrections.ids(t)]
    before = [t for t in on if t < frame] or [t for t in on if t == frame]
    after = [t for t in on if t > frame] or [t for t in on if t == frame]
    if before and after and after[0] > before[-1] + 1:
        return Drawn(before[-1], cell), Drawn(after[0], cell)
    if len(on) == 1 and (other := _partner(corrections, Drawn(on[0], cell), steps)) is not None:
        first, last = sorted((Drawn(on[0], cell), other), key=lambda drawn: drawn.frame)
        return first, last
    raise BadInput(
        f"cell {cell} is not drawn on two frames with others between them",
        "one before and one after this frame, or this frame and another",
        "draw it on both",
    )


def _partner(corrections: Corrections, drawn: Drawn, steps: Sequence[float]) -> Drawn | None:
    """Return the cell that a user drew near the place of another, on the nearest frame."""
    place, area = _place(corrections, drawn)
    frames = [t for t in corrections.frames() if abs(t - drawn.frame) > 1]
    for t in sorted(frames, key=lambda t: (abs(t - drawn.frame), t)):
        here = corrections.ids(drawn.frame)
        cells = [Drawn(t, int(i)) for i in corrections.ids(t) if i not in here]
        ways = [(_place(corrections, one)[0] - place) * steps for one in cells]
        apart = [float(np.linalg.norm(way)) for way in ways]
        if cells and min(apart) <= _NEAR * diameter_in_plane(area, steps):
            return cells[int(np.argmin(apart))]
    return None


def _place(corrections: Corrections, drawn: Drawn) -> tuple[np.ndarray, int]:
    """Return the middle of a user's cell, along the axes of the frame, and its pixels."""
    mask = corrections.edits(drawn.frame)
    assert mask is not None
    where = np.argwhere(mask.ids == drawn.cell)
    return where.mean(0), len(where)
