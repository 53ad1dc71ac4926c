"""Comparison: was a model better before or after its training? In numbers and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_unet.engine.annotations import annotate
from napari_unet.engine.checking import check, object_score
from napari_unet.engine.class_scores import classes_in_words
from napari_unet.engine.metrics import Scores
from napari_unet.engine.normalisation import Normaliser

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_unet.engine.model import Model
    from napari_unet.engine.unet import UNet

_NOISE = 0.01  # a smaller loss than this is within the noise of a few frames
_SHOWN = (("IoU", "iou"), ("SEG", "seg"), ("F1", "f1"))


def replay_scores(network: UNet, model: Model) -> Scores | None:
    """Score a network on the samples of its training data that travel with ``model``."""
    frames, labels = model.arrays.get("replay/frames"), model.arrays.get("replay/labels")
    if frames is None or labels is None:
        return None
    normaliser = Normaliser(model.normalisation)
    pairs = [
        (normaliser(frame), annotate(ids, complete=True))
        for frame, ids in zip(frames, labels, strict=True)
    ]
    return check(network, pairs, model.label_settings)


def got_worse(record: Mapping[str, Any]) -> bool:
    """Whether objects on the frames kept aside were clearly better before."""
    before, after = record.get("before"), record.get("after")
    if not before or not after:
        return False
    return object_score(Scores(**after)) < object_score(Scores(**before)) - _NOISE


def in_words(record: Mapping[str, Any]) -> list[str]:
    """Lines for a person: what it was checked on, before and after, and what to do."""
    before, after = record.get("before"), record.get("after")
    if not after:
        return ["Not checked: everything annotated was learned from."]
    lines = [f"Checked on {record['checked_on']}:"]
    if before:
        lines.append(f"before  {_scores(before)}  {_objects(before)}")
    lines.append(f"after   {_scores(after)}  {_objects(after)}")
    if record.get("replay_before") and record.get("replay_after"):
        lines.append(f"On samples of what {record['parent_name']} was trained on:")
        lines.append(f"before  {_scores(record['replay_before'])}")
        lines.append(f"after   {_scores(record['replay_after'])}")
    if got_worse(record):
        lines.append(f"It got worse: better go back to {record['parent_name']}.")
    return lines


def _scores(values: Mapping[str, Any]) -> str:
    return "  ".join(f"{title} {values[key]:.3f}" for title, key in _SHOWN)


def _objects(values: Mapping[str, Any]) -> str:
    scores = Scores(**values)
    return classes_in_words(scores) if scores.classes else str(scores)
