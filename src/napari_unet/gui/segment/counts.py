"""Cells of each frame at every threshold, so that a moved threshold is a look-up.

A frame costs a watershed once and 256 numbers of memory; long movies are sampled evenly.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.labels.codes import threshold_code

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_unet.engine.session.live_labels import LiveLabels
    from napari_unet.engine.settings import LabelSettings

_MOST_FRAMES = 400
_AT_ONCE = 0.3  # s of work before the curve is drawn again


class Counts:
    """Counts ``(256,)`` by frame, for one model and one way of making cells."""

    def __init__(self, live: LiveLabels) -> None:
        self._live, self._probabilities = live, live.probabilities
        self._settings = _without_threshold(live.settings)
        self._of: dict[int, NDArray[np.int64]] = {}
        self._changes: Counter[int] = Counter()
        self.step = 1

    def fits(self, live: LiveLabels) -> bool:
        """Whether these are the counts of such labels, whatever their threshold."""
        same = _without_threshold(live.settings) == self._settings
        return live is self._live and live.probabilities is self._probabilities and same

    def forget(self, frames: Iterable[int]) -> None:
        """Count frames again: a user or the model changed them."""
        for t in frames:
            self._changes[t] += 1
            self._of.pop(t, None)

    def missing(self, first: int) -> list[int]:
        """Frames to count, ``first`` before the others; every ``step``-th of a long movie."""
        there = self._probabilities.computed
        there[list(self._live.corrections.frames())] = True
        known = np.flatnonzero(there)
        self.step = max(1, -(-len(known) // _MOST_FRAMES))
        wanted = [int(t) for t in known[:: self.step]]
        if there[first]:
            wanted.insert(0, first)
        return [t for t in dict.fromkeys(wanted) if t not in self._of]

    def count(self, frames: list[int]) -> None:
        """Count frames, in a worker, until the next drawing is due."""
        from napari_unet.engine.session.reviewing.aside import count_curve as curve

        end = time.monotonic() + _AT_ONCE
        for t in frames:
            change = self._changes[t]
            found = curve(self._live, t)
            if change == self._changes[t]:
                self._of[t] = found
            if time.monotonic() > end:
                return

    def against_time(self, threshold: float) -> tuple[list[int], list[int]]:
        """(frames, cells in them) at a threshold."""
        place = max(0, threshold_code(threshold) - 1)
        counted = dict(self._of)  # at once: the worker adds to it
        frames = sorted(counted)
        return frames, [int(counted[t][place]) for t in frames]

    def against_threshold(self, frame: int) -> NDArray[np.int64] | None:
        """Cells of a frame at each of the 256 thresholds; None where it is not counted."""
        return self._of.get(frame)


def _without_threshold(settings: LabelSettings) -> LabelSettings:
    return settings.replace(threshold=0.5)
