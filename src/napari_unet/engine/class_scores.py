"""How well labels of classes agree with a truth: overlap of each class, and its pieces."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_unet.engine.class_overlap import overlap_of_classes
from napari_unet.engine.metrics import FrameScores, frame_scores

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.stack import Stack


def class_scores(
    predicted: NDArray[Any],
    truth: NDArray[Any],
    classes: Iterable[int],
    supervised: NDArray[np.bool_] | None = None,
) -> FrameScores:
    """Compare two label images of classes ``(Y, X)``, where ``supervised``; 0 is no class.

    Objects are the connected pieces of each class.
    """
    classes = tuple(classes)
    if supervised is not None and not supervised.all():
        predicted, truth = (np.where(supervised, image, 0) for image in (predicted, truth))
    objects = frame_scores(class_pieces(predicted, classes), class_pieces(truth, classes))
    return replace(objects, classes=overlap_of_classes(predicted, truth, classes))


def evaluate_classes(
    predicted: Stack, truth: Stack, pairs: Sequence[tuple[int, int]], classes: Iterable[int]
) -> Iterator[FrameScores]:
    """Score matched frames one by one, as `metrics.evaluate` does for objects."""
    classes = tuple(classes)
    for p, t in pairs:
        scores = class_scores(np.asarray(predicted[p]), np.asarray(truth[t]), classes)
        yield replace(scores, number=int(truth.numbers[t]))


def class_pieces(labels: NDArray[Any], classes: Iterable[int]) -> NDArray[np.int32]:
    """Give each connected piece of each class an id of its own, ``(Y, X)``."""
    ids = np.zeros(labels.shape, np.int32)
    last = 0
    for number in classes:
        mask = labels == number
        pieces, n = ndimage.label(mask, np.ones((3, 3)))
        ids[mask] = pieces[mask] + last
        last += n
    return ids
