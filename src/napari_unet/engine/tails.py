"""The tails of tracks: where each cell of a frame was some frames before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Tails:
    """Where each cell of a frame was before, from rows (id, t, y, x)."""

    def __init__(self, tracks: NDArray[np.float64] | None, length: int) -> None:
        self.length = length if tracks is not None else 0
        self.paths: dict[int, NDArray[np.float64]] = {}
        if tracks is not None and self.length:
            rows = tracks[np.lexsort((tracks[:, 1], tracks[:, 0]))]
            ids, starts = np.unique(rows[:, 0], return_index=True)
            self.paths = {
                int(i): part[:, 1:] for i, part in zip(ids, np.split(rows, starts[1:]), strict=True)
            }

    def at(self, t: int) -> dict[int, list[tuple[float, float]]] | None:
        """Give the paths that end in frame ``t``, by id."""
        if not self.length:
            return None
        found = {}
        for label, path in self.paths.items():
            if path[0, 0] <= t <= path[-1, 0]:
                end = int(np.searchsorted(path[:, 0], t, side="right"))
                start = int(np.searchsorted(path[:, 0], t - self.length))
                found[label] = [(float(y), float(x)) for _, y, x in path[start:end]]
        return found
