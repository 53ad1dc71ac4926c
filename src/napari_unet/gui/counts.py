"""Cells the model sees in each frame at every threshold, so that a moved threshold is a look-up.

A frame costs a watershed once and 256 numbers of memory; long movies are sampled evenly.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.probability import threshold_code

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.engine.probabilities import Probabilities
    from napari_unet.engine.settings import LabelSettings

_MOST_FRAMES = 400
_AT_ONCE = 0.3  # s of work before the curve is drawn again


class Counts:
    """Counts ``(256,)`` by frame, for one model and one way of making cells."""

    def __init__(self, probabilities: Probabilities, settings: LabelSettings) -> None:
        self.probabilities = probabilities
        self._settings = settings.replace(threshold=0.5)
        self._of: dict[int, NDArray[np.int64]] = {}

    def fits(self, probabilities: Any, settings: LabelSettings) -> bool:
        """Whether these are the counts for such labels, whatever their threshold."""
        same = settings.replace(threshold=0.5) == self._settings
        return probabilities is self.probabilities and same

    def missing(self, first: int) -> list[int]:
        """Frames to count, ``first`` before the others."""
        computed = np.flatnonzero(self.probabilities.computed)
        step = max(1, -(-len(computed) // _MOST_FRAMES))
        wanted = [int(t) for t in computed[::step]]
        if self.probabilities.computed[first]:
            wanted.insert(0, first)
        return [t for t in dict.fromkeys(wanted) if t not in self._of]

    def count(self, frames: list[int]) -> None:
        """Count frames, in a worker, until the next drawing is due."""
        from napari_unet.engine.labels import count_curve, object_codes

        end = time.monotonic() + _AT_ONCE
        for t in frames:
            codes = object_codes(self.probabilities[t], self.probabilities.outputs)
            self._of[t] = count_curve(codes, self._settings)[1]
            if time.monotonic() > end:
                return

    def against_time(self, threshold: float) -> tuple[list[int], list[int]]:
        """(frames, cells in them) at a threshold."""
        place = max(0, threshold_code(threshold) - 1)
        counted = list(self._of)  # at once: the worker adds to it
        frames = sorted(counted)
        return frames, [int(self._of[t][place]) for t in frames]

    def against_threshold(self, frame: int) -> NDArray[np.int64] | None:
        """Cells of a frame at each of the 256 thresholds; None where it is not counted."""
        return self._of.get(frame)
