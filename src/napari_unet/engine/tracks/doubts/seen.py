"""What was seen of a movie so far: its cells and links by frame, and what is usual in it."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.engine.tracks.doubts.measured.cells import FrameCells
    from napari_unet.engine.tracks.doubts.measured.links import FrameLinks

Record = TypeVar("Record")
_RECENT = 64  # frames that say what is usual; of a long movie evenly spread
_SLIVER = 0.5  # times the usual area
_OPEN = 64  # frames whose records are at hand as such


class Seen:
    """Cells of each frame, and the links from it to the next; None where there are none.

    ``margin`` px along the frame's edge have no labels of cells that lie wholly there; voxels of a
    volume are ``steps`` apart along z, y and x, in the width of one.
    """

    def __init__(self, n: int, margin: float = 0.0, steps: tuple[float, ...] = (1.0, 1.0)) -> None:
        self.cells: Packed[FrameCells] = Packed(n)
        self.links: Packed[FrameLinks] = Packed(n)  # the last one stays None
        self._jumps: dict[int, tuple[float, ...]] = {}  # of the stage after a frame, px
        self.margin, self.steps = margin, steps
        self.usual_area = 0.0
        self.usual_unsure = 0.0

    def __len__(self) -> int:
        return len(self.cells)

    def of(self, frame: int) -> FrameCells | None:
        """Return the cells of a frame; None beyond the movie and where there are none."""
        return self.cells[frame] if 0 <= frame < len(self.cells) else None

    def link(self, frame: int) -> FrameLinks | None:
        """Return the links from a frame to the next; None where there are none."""
        return self.links[frame] if 0 <= frame < len(self.links) else None

    def connect(self, frame: int, links: FrameLinks | None) -> None:
        """Take in the links from a frame to the next."""
        self.links[frame] = links
        if links is not None and any(links.shift):
            self._jumps[frame] = links.shift
        else:
            self._jumps.pop(frame, None)

    def settle(self) -> None:
        """Find out what is usual in the movie, from what was seen of it.

        Roughly, so that a cell that is corrected changes nothing far from it.
        """
        known = [t for t in range(len(self)) if (cells := self.cells[t]) is not None and len(cells)]
        few = known[:: max(1, len(known) // _RECENT)]
        some = [cells for t in few if (cells := self.cells[t]) is not None]
        if some:
            self.usual_area = _about(np.concatenate([one.typical for one in some]))
            self.usual_unsure = _about(np.concatenate([one.unsure for one in some]))

    def goes_on(self, frame: int, index: int) -> int:
        """Return the cell of the next frame that a cell goes on in, alone; -1 for none."""
        links = self.link(frame)
        now = int(links.on[index]) if links is not None else -1
        if links is None or now < 0 or int(links.origin[now]) != index or links.fused_into(now):
            return -1
        return now

    def came_from(self, frame: int, index: int) -> int:
        """Return the cell of the frame before that a cell alone comes from; -1 for none."""
        links = self.link(frame - 1)
        before = int(links.origin[index]) if links is not None else -1
        if links is None or before < 0 or int(links.on[before]) != index:
            return -1
        return -1 if links.parts_of(before) else before

    def is_sliver(self, frame: int, index: int) -> bool:
        """Whether so little of a cell reaches into a volume that it is in sight by chance."""
        cells = self.of(frame)
        if cells is None or not cells.in_part([index]):
            return False
        return bool(cells.areas[index] < cells.of_sizes(_SLIVER) * self.usual_area)

    def way(self, first: int, last: int) -> NDArray[np.float64]:
        """Return how far the stage jumped from one frame to a later or an earlier one, px.

        May be asked in any thread, while another one looks.
        """
        low, high = min(first, last), max(first, last)
        total = np.zeros(len(self.steps))
        for t in range(low, high):
            total += self._jumps.get(t, 0.0)
        return total if last >= first else -total


class Packed(Generic[Record]):
    """Records of frames (frozen dataclasses, which may hold others), or None, kept as plain tuples.

    Python's garbage collector stops looking at a tuple of arrays and numbers. It holds all threads
    while it looks at the rest, so that ten thousand frames of objects would be felt in the GUI.
    """

    def __init__(self, n: int) -> None:
        self._rows: list[tuple[Any, ...] | None] = [None] * n
        self._open: dict[int, Record] = {}
        self._like: Record | None = None  # any of them: says of what kind they are

    def __len__(self) -> int:
        return len(self._rows)

    def __setitem__(self, frame: int, record: Record | None) -> None:
        self._open.pop(frame, None)
        self._rows[frame] = None if record is None else _values(record)
        self._like = record if self._like is None else self._like

    def __getitem__(self, frame: int) -> Record | None:
        row = self._rows[frame]
        if row is None:
            return None
        found = self._open.get(frame)
        if found is None:
            if len(self._open) >= _OPEN:
                del self._open[next(iter(self._open))]
            found = self._open[frame] = _record(self._like, row)
        return found


def _values(record: Any) -> tuple[Any, ...]:
    values = (getattr(record, one.name) for one in fields(record))
    row = [_values(value) if is_dataclass(value) else value for value in values]
    return tuple(row)  # made after those in it: the collector meets them in that order


def _record(like: Any, values: tuple[Any, ...]) -> Any:
    """Return values as a record of the same kind as another, and so are those in it."""
    known = (getattr(like, one.name) for one in fields(like))
    pairs = zip(known, values, strict=True)
    return type(like)(*(_record(one, row) if is_dataclass(one) else row for one, row in pairs))


def _about(values: NDArray[Any]) -> float:
    """Return the median, to a tenth of its size."""
    middle = float(np.median(values))
    return float(np.exp(np.round(np.log(middle) * 10) / 10)) if middle > 0 else 0.0
