"""One cell through time: from a frame on and back, as long as it is one cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.tracks.by_hand import ByHand
from napari_unet.engine.tracks.track_objects import measure_objects
from napari_unet.engine.tracks.tracking import Linker

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from napari_unet.engine.annotations.hand_links import HandLink
    from napari_unet.engine.stack.source import Frames


def follow(
    labels: Frames,
    frame: int,
    label: int,
    *,
    back: bool = True,
    spacing: tuple[float, ...] | None = None,
    links: Iterable[HandLink] = (),
) -> Generator[int, None, dict[int, int]]:
    """Return the ids of a cell by frame: of the frame it is given on, and those around it.

    Linked by overlap, as exports are. Its track ends where it divides, came from a division, or
    is not found; ``links`` made by hand stand. Without ``back`` only later frames count. Voxels of
    volumes are ``spacing`` apart. Yields each frame that was looked at.

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
    found, by_hand = {frame: label}, ByHand(links=tuple(links))
    for step in (1, -1) if back else (1,):
        now, at = label, frame
        while 0 <= at + step < len(labels):
            linker = Linker(by_hand=by_hand, spacing=spacing)
            now = _next(linker, labels, at, step, now)
            yield at + step
            if not now:
                break
            at += step
            found[at] = now
    return dict(sorted(found.items()))


def _next(linker: Linker, labels: Frames, at: int, step: int, label: int) -> int:
    """Return the id on a neighbouring frame of the cell that has ``label`` here; 0 for none."""
    frames = {t: measure_objects(np.asarray(labels[t])) for t in (at, at + step)}
    for position, objects in sorted(frames.items()):
        linker.link(objects, position)
    mine, others = frames[at], frames[at + step]
    track = int(mine.track[mine.ids == label][0])
    same = others.ids[others.track == track]
    return int(same[0]) if len(same) else 0
