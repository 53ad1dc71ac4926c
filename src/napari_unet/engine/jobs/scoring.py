"""How well labels agree with a truth, whatever holds either of them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from napari_unet.engine.errors import BadInput, Notice
from napari_unet.engine.jobs.segmentation import Segmentation, chosen_frames
from napari_unet.engine.labels.class_scores import evaluate_classes
from napari_unet.engine.labels.evaluation import evaluate
from napari_unet.engine.labels.label_frames import left_out
from napari_unet.engine.labels.label_stack import LabelStack, both_as_volumes
from napari_unet.engine.labels.objects import whole_labels
from napari_unet.engine.labels.read_labels import guess_kind
from napari_unet.engine.labels.regions import parse_regions
from napari_unet.engine.labels.scores import Scores, pool
from napari_unet.engine.stack.frame_matching import match_frames
from napari_unet.engine.stack.stack import Stack
from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_unet.engine.labels.read_labels import Kind
    from napari_unet.engine.labels.regions import Regions
    from napari_unet.engine.labels.scores import FrameScores
    from napari_unet.engine.stack.source import Frames

Labelled: TypeAlias = "Stack | LabelStack"
Pairs = list[tuple[int, int]]
_LOOKED_AT = 8  # frames


@dataclass(frozen=True, slots=True)
class LabelScores(Scores):
    """Scores, and in ``notices`` what was guessed of labels and truth, and what is odd of them."""

    notices: tuple[Notice, ...] = ()

    def __str__(self) -> str:
        return "\n".join((Scores.__str__(self), *map(str, self.notices)))


def score(
    labels: Frames,
    truth: Frames,
    *,
    frames: Sequence[int] | None = None,
    border: int = 0,
    classes: bool | None = None,
    regions: str = "",
) -> LabelScores:
    """Return how well labels agree with a truth; frames are matched by number, or by place.

    Both are read as `evaluate` on the command line reads files: a mask is parted in its connected
    pieces, unless ``classes`` are given, and what is odd stands in the ``notices`` of the scores.

    Parameters
    ----------
    labels, truth
        What `segment` gave, a Stack, or an array ``(T, Y, X)`` or ``(T, Z, Y, X)``.
    frames
        Those of ``labels`` that count; all that are segmented and have a truth where left out.
    border
        Drops objects wholly in the outer pixels.
    classes
        Whether they are kinds of pixels instead of ids; guessed where left out.
    regions
        Sets of classes whose IoU is given by name, such as ``whole=1,2,4; core=1,4``.

    Raises
    ------
    BadInput
        Where no frame of one is in the other.

    """
    of_regions = parse_regions(regions)
    classes = True if of_regions else classes
    if classes is None and isinstance(labels, Segmentation):
        classes = bool(labels.classes)
    wanted = chosen_frames(labels, frames)
    mine, right = _read(labels, truth, part=classes is None)
    matched = match_frames(mine, right)
    pairs = _chosen(matched, wanted, right)
    kind: Kind = "auto" if classes is None else "classes" if classes else "instances"
    if classes is None:
        classes = holds_classes(right, pairs)
    found = pool(score_frames(mine, right, pairs, border, classes=classes, regions=of_regions))
    said = odd_labels(None if isinstance(labels, Segmentation) else mine, right, matched, kind)
    values = {field.name: getattr(found, field.name) for field in fields(found)}
    return LabelScores(**values, notices=(*mine.notices, *right.notices, *said))


def _chosen(pairs: Pairs, wanted: Sequence[int] | None, truth: LabelStack) -> Pairs:
    chosen = [pair for pair in pairs if wanted is None or pair[0] in set(wanted)]
    if not chosen:
        raise BadInput(
            "none of the chosen frames has a truth",
            f"frames of {truth.name}",
            "choose other frames, or give a truth for them",
        )
    return chosen


def _read(labels: Frames, truth: Frames, *, part: bool) -> tuple[LabelStack, LabelStack]:
    """Read both as label files are; ``part`` masks, of which a `Segmentation` is none."""
    stack, wanted = both_as_volumes(as_stack(labels, "labels"), as_stack(truth, "truth"))
    mine, right = LabelStack.of(stack), LabelStack.of(wanted, stack)
    if part:
        right.part_mask()
        if not isinstance(labels, Segmentation):
            mine.part_mask()
    return mine, right


def odd_labels(
    labels: LabelStack | None, truth: LabelStack, pairs: Pairs, kind: Kind = "auto"
) -> list[Notice]:
    """Return what is odd about labels and their truth, and what of the truth is left out.

    Labels that need no doubt are None.
    """
    found = [*(labels.doubts(kind) if labels else ()), *truth.doubts(kind)]
    if line := left_out(truth, {t for _, t in pairs}, labels.name if labels else "the movie"):
        found.append(Notice("check", line))
    empty = [p for p, t in pairs if not truth[t].any()]
    if 0 < len(empty) < len(pairs):
        frames = f"{len(empty)} of {counted(len(pairs), 'frame')}"
        line = f"{frames} of the truth {truth.name} are empty: what is found there is invented"
        found.append(Notice("check", line))
    elif pairs and len(empty) == len(pairs):
        line = f"the truth {truth.name} holds no cells at all: the scores say nothing"
        found.append(Notice("check", line))
    return found


def score_frames(
    labels: Labelled,
    truth: Labelled,
    pairs: Pairs,
    border: int = 0,
    *,
    classes: bool = False,
    regions: Regions = (),
) -> Iterator[FrameScores]:
    """Score matched frames one by one, of classes or ``regions`` of them, or of objects."""
    if classes or regions:
        return evaluate_classes(labels, truth, pairs, regions)
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
    axes = "TZYX" if len(array.shape) > 3 else "TYX"[-len(array.shape) :]
    return Stack.from_array(array, axes=axes, name=name, numbers=numbers)
