"""Whether one model is better than another on the same cells: counts, and a paired test on them.

A few cells more that are right may be chance. Of the cells that only one of the two models gets
right, as many should fall to either if both are equally good: how likely a split as uneven as this
one is then, is McNemar's exact test.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.labels.class_labels import labels_of
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.settings import PredictSettings
from napari_unet.engine.training.checking import score_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from napari_unet.engine.annotations.annotations import Annotations
    from napari_unet.engine.annotations.frame_annotation import FrameAnnotation
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.stack.stack import Stack

LEVEL = 0.05  # of the test


@dataclass(frozen=True)
class Compared:
    """Two models on the same ``n`` cells: how many each gets right, and how many only one does."""

    n: int
    before: int
    after: int
    gained: int
    lost: int

    @classmethod
    def of(cls, before: str, after: str) -> Compared | None:
        """Compare `Scores.cells` of both; None where they are not of the same cells."""
        if not after or len(before) != len(after):
            return None
        pairs = list(zip(before, after, strict=True))
        gained, lost = pairs.count(("0", "1")), pairs.count(("1", "0"))
        return cls(len(after), before.count("1"), after.count("1"), gained, lost)

    @property
    def p(self) -> float:
        """How likely a difference as large as this one is, if both are equally good."""
        n, few = self.gained + self.lost, min(self.gained, self.lost)
        return min(1.0, 2 * sum(comb(n, k) for k in range(few + 1)) / (1 << n))

    @property
    def word(self) -> str:
        """``better`` or ``worse``; empty where it may as well be chance."""
        if self.p >= LEVEL:
            return ""
        return "better" if self.gained > self.lost else "worse"


def right_cells(model: Model, stack: Stack, truth: Mapping[int, FrameAnnotation]) -> dict[int, str]:
    """Return which cells of each frame of ``truth`` a model gets right by itself.

    They are said as `FrameScores.cells` does; the model's own label settings are used. Raises
    `BadInput` where the model does not take the movie.
    """
    from napari_unet.engine.prediction.predictor import open_predictor

    found, stack = {}, stack.seen_by(model.config.in_channels)
    with closing(open_predictor(model, PredictSettings(backend="torch"))) as predictor:
        for t, annotation in sorted(truth.items()):
            labels = labels_of(
                predictor(stack[t]), predictor.outputs, model.label_settings, stack.spacing
            )
            found[t] = score_labels(labels, annotation).cells
    return found


def corrected_cells(
    annotations: Annotations, ids: Callable[[int], NDArray[np.integer]]
) -> dict[int, FrameAnnotation]:
    """Return of each frame the cells with ``ids(frame)`` alone: those that a user corrected."""
    found = {}
    for t, frame in annotations.frames.items():
        wanted = np.setdiff1d(ids(t), (0, BACKGROUND_ID))
        labels = np.where(np.isin(frame.labels, wanted), frame.labels, 0)
        if labels.any():
            found[t] = replace(frame, labels=labels)
    return found
