"""Labels of a movie against a truth, frame by frame, and what flickers from one to the next."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_unet.engine.labels.objects import numbered, overlaps, whole_labels
from napari_unet.engine.labels.scores import FrameScores, frame_scores

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.labels.label_stack import LabelStack
    from napari_unet.engine.labels.objects import Ints
    from napari_unet.engine.stack.stack import Stack


def evaluate(
    predicted: Stack | LabelStack,
    truth: Stack | LabelStack,
    pairs: Sequence[tuple[int, int]],
    border: int = 0,
) -> Iterator[FrameScores]:
    """Score matched frames of two label stacks one by one.

    ``pairs`` holds (position in ``predicted``, position in ``truth``), as `match_frames` gives;
    each result carries the truth's frame number.
    """
    flicker = Flicker()
    for p, t in pairs:
        mine, right = np.asarray(predicted[p]), np.asarray(truth[t])
        scores = frame_scores(mine, right, border)
        flickered, followed = flicker.add(t, whole_labels(right, truth.name), scores.cells)
        number = int(truth.numbers[t])
        yield replace(scores, number=number, flickered=flickered, followed=followed)


class _Seen(NamedTuple):
    frame: int
    cells: NDArray[np.int32]  # numbered
    areas: Ints
    right: NDArray[np.bool_]  # by cell


class Flicker:
    """Counts cells that are right before and after a frame, and missing or cut in it.

    No score of single frames shows them, and they break tracks. Frames come in their order; cells
    of the truth are followed by overlap.
    """

    def __init__(self) -> None:
        self._seen: deque[_Seen] = deque(maxlen=3)

    def add(self, frame: int, truth: NDArray[Any], right: str) -> tuple[int, int]:
        """Take the truth (Y, X) of a frame: cells that flickered in the one before it.

        And of how many: those that are right on both sides of it. Both 0 where the two frames
        before are not there. ``right`` is what `FrameScores` say of the cells.
        """
        _, areas, cells = numbered(truth)
        if self._seen and frame != self._seen[-1].frame + 1:
            self._seen.clear()
        self._seen.append(_Seen(frame, cells, areas, np.array([c == "1" for c in right], bool)))
        if len(self._seen) < 3:
            return 0, 0
        before, between, after = self._seen
        back, forth = _same(between, before), _same(between, after)
        both = np.flatnonzero((back >= 0) & (forth >= 0))
        steady = both[before.right[back[both]] & after.right[forth[both]]]
        return int(np.count_nonzero(~between.right[steady])), len(steady)


def _same(here: _Seen, there: _Seen) -> Ints:
    """Return for each cell the one of another frame that most of both of them share, or -1."""
    rows, columns, shared = overlaps(here.cells, there.cells)
    most = (2 * shared > here.areas[rows]) & (2 * shared > there.areas[columns])
    found = np.full(len(here.areas), -1, np.int64)
    found[rows[most]] = columns[most]
    return found
