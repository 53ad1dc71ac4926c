"""How well labels agree with a truth, whatever holds either of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from napari_unet.engine.errors import BadInput
from napari_unet.engine.jobs.segmentation import Segmentation, chosen_frames
from napari_unet.engine.labels.class_scores import evaluate_classes
from napari_unet.engine.labels.objects import whole_labels
from napari_unet.engine.labels.read_labels import guess_kind
from napari_unet.engine.labels.scores import Scores, evaluate, pool
from napari_unet.engine.stack.frame_matching import match_frames
from napari_unet.engine.stack.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_unet.engine.labels.label_stack import LabelStack
    from napari_unet.engine.labels.scores import FrameScores
    from napari_unet.engine.stack.source import Frames

Labelled: TypeAlias = "Stack | LabelStack"
Pairs = list[tuple[int, int]]
_LOOKED_AT = 8  # frames


def score(
    labels: Frames,
    truth: Frames,
    *,
    frames: Sequence[int] | None = None,
    border: int = 0,
    classes: bool | None = None,
) -> Scores:
    """Score labels against a truth; frames are matched by number, or by their place.

    Parameters
    ----------
    labels, truth
        What `segment` gave, a Stack, or an array ``(T, Y, X)``.
    frames
        Those of ``labels`` that count; all that are segmented and have a truth where left out.
    border
        Drops objects wholly in the outer pixels.
    classes
        Whether they are kinds of pixels instead of ids; guessed where left out.

    Raises
    ------
    BadInput
        Where no frame of one is in the other.

    """
    if classes is None and isinstance(labels, Segmentation):
        classes = bool(labels.classes)
    wanted = chosen_frames(labels, frames)
    mine, right = as_stack(labels, "labels"), as_stack(truth, "truth")
    pairs = match_frames(mine, right)
    if wanted is not None:
        pairs = [pair for pair in pairs if pair[0] in set(wanted)]
    if not pairs:
        raise BadInput(
            "none of the chosen frames has a truth",
            f"frames of {right.name}",
            "choose other frames, or give a truth for them",
        )
    if classes is None:
        classes = holds_classes(right, pairs)
    return pool(score_frames(mine, right, pairs, border, classes=classes))


def score_frames(
    labels: Labelled, truth: Labelled, pairs: Pairs, border: int = 0, *, classes: bool = False
) -> Iterator[FrameScores]:
    """Score matched frames one by one, of classes or of objects."""
    if classes:
        return evaluate_classes(labels, truth, pairs)
    return evaluate(labels, truth, pairs, border)


def holds_classes(truth: Labelled, pairs: Pairs) -> bool:
    """Tell whether a truth looks like classes, from some of its frames."""
    some = pairs[:: -(-len(pairs) // _LOOKED_AT)]
    frames = [np.asarray(truth[t]) for _, t in some]
    return guess_kind([whole_labels(frame, truth.name) for frame in frames]) == "classes"


def as_stack(labels: Any, name: str) -> Stack:
    """Return labels as a Stack: themselves, or one that reads them frame by frame."""
    if isinstance(labels, Stack):
        return labels
    numbers = labels.numbers if isinstance(labels, Segmentation) and labels.numbered else None
    array = labels if hasattr(labels, "shape") else np.asarray(labels)
    return Stack.from_array(array, axes="TYX"[-len(array.shape) :], name=name, numbers=numbers)
