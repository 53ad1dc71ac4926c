"""One cell through time: from a frame on and back, as long as it is one cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.tracks.track_objects import measure_objects
from napari_unet.engine.tracks.tracking import Linker

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray

    from napari_unet.engine.stack.source import Frames


def follow(
    labels: Frames,
    frame: int,
    label: int,
    *,
    back: bool = True,
    spacing: tuple[float, ...] | None = None,
) -> Generator[int, None, dict[int, int]]:
    """Return the ids of a cell by frame: of the frame it is given on, and those around it.

    Linked by overlap, as exports are. Its track ends where it divides, came from a division, or
    is not found. Without ``back`` only later frames count. Voxels of volumes are ``spacing`` apart.
    Yields each frame that was looked at.

    Raises
    ------
    BadInput
        Where the frame has no such cell.

    """
    if label in (0, BACKGROUND_ID) or not (np.asarray(labels[frame]) == label).any():
        raise BadInput(
            f"there is no cell {label} on frame {frame}" if label else "no cell is there",
            "a cell of this frame",
            "point at one, or click it first",
        )
    found = {frame: label}
    for step in (1, -1) if back else (1,):
        now, at = label, frame
        while 0 <= at + step < len(labels):
            linker = Linker(spacing=spacing)
            now = _next(linker, labels[at], labels[at + step], now, forward=step > 0)
            yield at + step
            if not now:
                break
            at += step
            found[at] = now
    return dict(sorted(found.items()))


def _next(
    linker: Linker, here: NDArray[Any], there: NDArray[Any], label: int, *, forward: bool
) -> int:
    """Return the id on a neighbouring frame of the cell that has ``label`` here; 0 for none."""
    mine, others = measure_objects(np.asarray(here)), measure_objects(np.asarray(there))
    for position, objects in enumerate((mine, others) if forward else (others, mine)):
        linker.link(objects, position)
    track = int(mine.track[mine.ids == label][0])
    same = others.ids[others.track == track]
    return int(same[0]) if len(same) else 0
