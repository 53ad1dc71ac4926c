"""How well labels of classes agree with a truth: overlap of each class, and its pieces."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_unet.engine.labels.objects import (
    overlap_of_classes,
    overlap_of_regions,
    whole_labels,
)
from napari_unet.engine.labels.read_labels import class_numbers
from napari_unet.engine.labels.scores import FrameScores, Scores, frame_scores

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.labels.label_stack import LabelStack
    from napari_unet.engine.labels.regions import Regions
    from napari_unet.engine.stack.stack import Stack


def class_scores(
    predicted: NDArray[Any],
    truth: NDArray[Any],
    classes: Iterable[int],
    supervised: NDArray[np.bool_] | None = None,
) -> FrameScores:
    """Compare two label images of classes, where ``supervised``; 0 is no class.

    Objects are the connected pieces of each class.
    """
    classes = tuple(classes)
    if supervised is not None and not supervised.all():
        predicted, truth = (np.where(supervised, image, 0) for image in (predicted, truth))
    objects = frame_scores(class_pieces(predicted, classes), class_pieces(truth, classes))
    return replace(objects, classes=overlap_of_classes(predicted, truth, classes))


def evaluate_classes(
    predicted: Stack | LabelStack,
    truth: Stack | LabelStack,
    pairs: Sequence[tuple[int, int]],
    regions: Regions = (),
) -> Iterator[FrameScores]:
    """Score matched frames one by one, as `metrics.evaluate` does for objects.

    Classes are the numbers that either of them holds, 0 and 65535 aside; or ``regions`` of them,
    by their names, whose objects are still the pieces of each class.
    """
    for p, t in pairs:
        mine = whole_labels(np.asarray(predicted[p]), predicted.name)
        right = whole_labels(np.asarray(truth[t]), truth.name)
        if mine.shape == right.shape:
            classes = class_numbers([mine, right])
            scores = class_scores(mine, right, classes)
            if regions:
                scores = replace(scores, classes=overlap_of_regions(mine, right, regions))
        else:
            scores = frame_scores(mine, right)  # refuses them
        yield replace(scores, number=int(truth.numbers[t]))


def classes_in_words(scores: Scores) -> str:
    """Say how well classes agree: ``mean IoU of classes 0.71 (1: 0.93, 2: 0.49)``."""
    each = ", ".join(f"{number}: {iou:.2f}" for number, iou in scores.classes.items())
    what = "classes" if all(name.isdigit() for name in scores.classes) else "regions"
    return f"mean IoU of {what} {scores.class_iou:.3f} ({each})"


def class_pieces(labels: NDArray[Any], classes: Iterable[int]) -> NDArray[np.int32]:
    """Return each connected piece of each class an id of its own, of the shape of ``labels``."""
    ids = np.zeros(labels.shape, np.int32)
    last = 0
    for number in classes:
        mask = labels == number
        pieces, n = ndimage.label(mask, np.ones((3,) * mask.ndim))
        ids[mask] = pieces[mask] + last
        last += n
    return ids
