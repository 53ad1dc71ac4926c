"""Random windows of a movie: each place of each frame is as likely as any other."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.labels.objects import median_diameter, numbered

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.stack.source import Frames

_DIAMETERS = 6  # of cells, along a side
_LEAST = 32  # px
_LOOKED_AT = 5  # frames


@dataclass(frozen=True)
class Window:
    """A part of a frame, in px."""

    frame: int
    y: int
    x: int
    height: int
    width: int

    def cells(self, labels: NDArray[Any]) -> int:
        """Count the cells of labels (Y, X) whose centre lies inside."""
        _, areas, dense = numbered(labels)
        y, x = np.nonzero(dense)
        objects = dense[y, x] - 1
        middle_y, middle_x = (
            np.bincount(objects, places, minlength=len(areas)) / np.maximum(areas, 1)
            for places in (y, x)
        )
        inside = (middle_y >= self.y) & (middle_y < self.y + self.height)
        return int((inside & (middle_x >= self.x) & (middle_x < self.x + self.width)).sum())


def draw_windows(
    shape: tuple[int, int], frames: Sequence[int], n: int, size: int, seed: int = 0
) -> tuple[Window, ...]:
    """Draw ``n`` windows of frames (Y, X) at random, in the order in which they were drawn.

    Frames are parted into windows of about ``size`` px, of which none is drawn twice; fewer come
    where there are no more.
    """
    rows, columns = (np.linspace(0, side, -(-side // size) + 1).astype(int) for side in shape)
    per_frame = (len(rows) - 1) * (len(columns) - 1)
    total = per_frame * len(frames)
    drawn = np.random.default_rng(seed).choice(total, min(n, total), replace=False)
    found = []
    for number in drawn.tolist():
        t, place = divmod(number, per_frame)
        i, j = divmod(place, len(columns) - 1)
        y, x = int(rows[i]), int(columns[j])
        found.append(Window(frames[t], y, x, int(rows[i + 1]) - y, int(columns[j + 1]) - x))
    return tuple(found)


def usual_size(labels: Frames, frames: Sequence[int]) -> int:
    """Return how large windows are best: some cells wide and high, of the labels of some frames."""
    some = frames[:: -(-len(frames) // _LOOKED_AT)]
    areas = np.concatenate([numbered(np.asarray(labels[t]))[1] for t in some])
    return max(_LEAST, round(_DIAMETERS * median_diameter(areas))) if len(areas) else 4 * _LEAST


def labels_mark(labels: Iterable[NDArray[Any]]) -> str:
    """Return what tells labels of all frames from any others, whatever their type."""
    marks = sha256()
    for frame in labels:
        marks.update(b"%08x" % zlib.crc32(np.asarray(frame, np.uint32).tobytes()))
    return marks.hexdigest()[:32]
