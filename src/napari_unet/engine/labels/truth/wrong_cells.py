"""Cells that labels got wrong beside a truth: what became of each, where it lies, its outline."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage
from skimage.measure import find_contours

from napari_unet.engine.labels.scores import FrameScores, frame_scores
from napari_unet.engine.labels.truth.judged_cells import compare_cells

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    Labelled = Callable[[int], NDArray[Any] | None]

WRONG = ("missed", "merged", "split", "invented")


@dataclass(frozen=True, slots=True, eq=False)
class WrongCell:
    """A cell of the truth that is missed, merged or split, or one of the labels that is invented.

    ``outlines`` are closed lines (n, 2) as y, x in px, of all its pieces and holes.
    """

    kind: str
    y: float
    x: float
    outlines: tuple[NDArray[np.float32], ...]


@dataclass(frozen=True, slots=True, eq=False)
class ScoredFrame:
    """A frame of labels beside its truth; of volumes no cell is drawn."""

    frame: int
    scores: FrameScores
    wrong: tuple[WrongCell, ...] = ()


def wrong_cells(predicted: ArrayLike, truth: ArrayLike) -> tuple[WrongCell, ...]:
    """Return the cells of two label images (Y, X) that `frame_scores` counts as errors."""
    found, cells, judged = compare_cells(predicted, truth)
    missed = ~(judged.right | judged.merged | judged.split)
    of_truth = {"missed": missed, "merged": judged.merged, "split": judged.split}
    wrong = [*_drawn(cells, of_truth), *_drawn(found, {"invented": ~judged.involved})]
    return tuple(sorted(wrong, key=lambda cell: WRONG.index(cell.kind)))


def score_frame(
    frame: int, predicted: NDArray[Any], truth: NDArray[Any], number: int | None = None
) -> ScoredFrame:
    """Score a frame and find what is wrong in it."""
    scores = frame_scores(predicted, truth)
    scores = replace(scores, number=number, cells="", area_errors=())  # by cell: of no use here
    return ScoredFrame(frame, scores, wrong_cells(predicted, truth) if truth.ndim == 2 else ())


def score_each(
    labels: Labelled, truth: Labelled, frames: Iterable[int], numbers: Sequence[int] | None = None
) -> Generator[ScoredFrame | None, None, None]:
    """Score frames one by one; None where there are no labels, or there is no truth."""
    for frame in frames:
        right = truth(frame)
        mine = labels(frame) if right is not None else None
        if mine is None or right is None:
            yield None
            continue
        number = int(numbers[frame]) if numbers is not None else None
        yield score_frame(frame, mine, right, number)


def _drawn(dense: NDArray[np.int32], kinds: dict[str, NDArray[np.bool_]]) -> Iterator[WrongCell]:
    places = ndimage.find_objects(dense)
    for kind, which in kinds.items():
        for index in np.flatnonzero(which).tolist():
            place = places[index]
            mask = np.pad(dense[place] == index + 1, 1)
            corner = np.array([axis.start - 1 for axis in place], np.float32)
            lines = find_contours(mask.astype(np.float32), 0.5)  # type: ignore[no-untyped-call]
            y, x = (float(mean) for mean in np.argwhere(mask).mean(axis=0) + corner)
            outlines = tuple((line + corner).astype(np.float32) for line in lines)
            yield WrongCell(kind, y, x, outlines)
