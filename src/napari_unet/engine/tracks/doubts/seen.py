"""What was seen of a movie so far: its cells and links by frame, and what is usual in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.engine.tracks.doubts.cells import FrameCells
    from napari_unet.engine.tracks.doubts.links import FrameLinks

_RECENT = 64  # frames that say what is usual; of a long movie evenly spread


class Seen:
    """Cells of each frame, and the links from it to the next; None where there are none.

    ``margin`` px along the frame's edge have no labels of cells that lie wholly there.
    """

    def __init__(self, n: int, margin: float = 0.0) -> None:
        self.cells: list[FrameCells | None] = [None] * n
        self.links: list[FrameLinks | None] = [None] * n  # the last one stays None
        self.margin = margin
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

    def settle(self) -> None:
        """Find out what is usual in the movie, from what was seen of it.

        Roughly, so that a cell that is corrected changes nothing far from it.
        """
        known = [cells for cells in self.cells if cells is not None and len(cells)]
        some = known[:: max(1, len(known) // _RECENT)]
        if some:
            self.usual_area = _about(np.concatenate([one.areas for one in some]))
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

    def way(self, first: int, last: int) -> NDArray[np.float64]:
        """Return how far the stage jumped from one frame to a later or an earlier one, px."""
        low, high = min(first, last), max(first, last)
        total = np.zeros(2)
        for t in range(low, high):
            links = self.link(t)
            if links is not None:
                total += links.shift
        return total if last >= first else -total


def _about(values: NDArray[Any]) -> float:
    """Return the median, to a tenth of its size."""
    middle = float(np.median(values))
    return float(np.exp(np.round(np.log(middle) * 10) / 10)) if middle > 0 else 0.0
