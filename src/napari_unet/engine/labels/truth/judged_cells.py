"""What became of each cell of a truth, and which cells are invented, pixel by pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.objects import numbered, overlaps, whole_labels
from napari_unet.engine.labels.scores import judge
from napari_unet.engine.stack.lazy_array import LazyArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from napari_unet.engine.labels.scores import Judged
    from napari_unet.engine.stack.source import Frames

JUDGEMENTS = {1: "right", 2: "missed", 3: "invented", 4: "merged", 5: "split"}
"""What the numbers of `judged_cells` mean; 0 is ground."""
_NUMBERS = {word: number for number, word in JUDGEMENTS.items()}


def judged_cells(predicted: ArrayLike, truth: ArrayLike) -> NDArray[np.uint8]:
    """Return (Y, X) uint8: each cell of the truth, and each invented one, by its `JUDGEMENTS`.

    They are the cells that `frame_scores` counts. Where an invented one overlaps with the truth,
    the truth's pixels show what became of that.
    """
    found, cells, judged = compare_cells(predicted, truth)
    of_cell = np.full(len(judged.right) + 1, _NUMBERS["missed"], np.uint8)
    for word in ("right", "merged", "split"):
        of_cell[1:][getattr(judged, word)] = _NUMBERS[word]
    of_cell[0] = 0
    invented = np.concatenate([[False], ~judged.involved])[found]
    picture: NDArray[Any] = of_cell[cells]
    picture[invented & (cells == 0)] = _NUMBERS["invented"]
    return picture


def compare_cells(
    predicted: ArrayLike, truth: ArrayLike
) -> tuple[NDArray[np.int32], NDArray[np.int32], Judged]:
    """Return both images with their objects numbered, and what became of each object."""
    mine = whole_labels(np.asarray(predicted), "the prediction")
    right = whole_labels(np.asarray(truth), "the truth")
    if mine.shape != right.shape:
        raise BadInput(
            f"the prediction is {mine.shape} and the truth {right.shape}",
            "labels of the same movie",
            "give the truth of these labels",
        )
    _, found_areas, found = numbered(mine)
    _, true_areas, cells = numbered(right)
    rows, columns, overlap = overlaps(cells, found)
    return found, cells, judge(rows, columns, overlap, true_areas, found_areas)


class JudgedCells(LazyArray):
    """Array-like ``(T, Y, X)`` uint8 of `judged_cells`, made when read; 0 where no truth is.

    ``pairs`` are the frames of the labels and of the truth that belong together.
    """

    dtype = np.dtype(np.uint8)

    def __init__(
        self,
        labels: Frames,
        truth: Frames,
        pairs: Sequence[tuple[int, int]],
        shape: tuple[int, int, int],
    ) -> None:
        self.shape = shape
        self._labels, self._truth, self._pairs = labels, truth, dict(pairs)

    def _read(self, frame: int, key: Any = ...) -> Any:
        if frame not in self._pairs:
            return np.zeros(self.shape[1:], np.uint8)[key]
        judged = judged_cells(self._labels[frame], self._truth[self._pairs[frame]])
        return judged[key]

    def _too_many(self, frames: int) -> None:
        pass  # nothing is lost by not drawing them
