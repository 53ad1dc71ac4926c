"""Tuning: thresholds and smallest sizes that suit frames which the model never learned from.

Those frames are predicted once; the grid is looked up in their probabilities.
"""

from __future__ import annotations

import itertools
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from math import ceil
from typing import TYPE_CHECKING

from napari_unet.engine.errors import BadInput
from napari_unet.engine.jobs.segment import segment
from napari_unet.engine.jobs.steps import told
from napari_unet.engine.jobs.tuning_grid import Found, Row, search, search_steps
from napari_unet.engine.labels.regions import regions_of
from napari_unet.engine.network.model import Model
from napari_unet.engine.network.self_check import remade_check
from napari_unet.engine.settings import PredictSettings
from napari_unet.engine.text import say_ranges
from napari_unet.engine.training.training_record import learned_frames, tested_frames

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from napari_unet.engine.annotations.annotations import Annotations
    from napari_unet.engine.jobs.segment import SegmentedFrame
    from napari_unet.engine.stack.stack import Stack

_MOST_PIXELS = 8e6  # looked at: the grid takes seconds a megapixel, and frames are alike


@dataclass(frozen=True)
class TuneStep:
    """A frame that was predicted, or a part of the grid: the ``step``-th of ``steps``, from 1."""

    title: str
    step: int
    steps: int


@dataclass(frozen=True, eq=False)
class Tuned:
    """The model with its new label settings, the frames that chose them, and what changed.

    ``score`` before and after is the mean IoU of classes or regions; of cells the mean of SEG, F1
    and IoU.
    """

    model: Model
    frames: tuple[int, ...]
    rows: tuple[Row, ...]
    score: tuple[float, float]

    @property
    def changed(self) -> bool:
        """Whether other settings were clearly better than those the model had."""
        return any(row.threshold[0] != row.threshold[1] or row.size[0] != row.size[1]
                   for row in self.rows)  # fmt: skip


def tune(
    stack: Stack,
    truth: Annotations,
    model: Model | str | Path,
    settings: PredictSettings | None = None,
) -> Generator[TuneStep, None, Tuned]:
    """Choose thresholds and smallest sizes on annotated frames that the model never learned from.

    Parameters
    ----------
    stack, truth
        The movie, and what is right on some of its frames.
    model
        A model, its file, or its name. It is not changed: save the one that comes back.
    settings
        How the network runs.

    Of many such frames some are taken, evenly spread.

    Raises
    ------
    BadInput
        At the call: where the model learned from all of these frames, or tells other things apart.

    """
    model = model if isinstance(model, Model) else Model.load(model)
    regions = regions_of(model.config.outputs)
    truth = truth.in_regions(regions, known=True).without_missing(stack)
    truth.check()
    _check_kind(model, truth)
    frames = free_frames(model, stack, truth.frame_indices)
    height, width = stack.frame_shape
    frames = frames[:: max(1, ceil(len(frames) * height * width / _MOST_PIXELS))]
    predicting = segment(stack, model, settings or PredictSettings(), frames=frames, ahead=False)
    return _tune(stack, truth, model, frames, predicting)


def free_frames(model: Model, stack: Stack, annotated: Sequence[int]) -> tuple[int, ...]:
    """Return those of ``annotated`` frames that the model, or what it began from, never learned.

    Raises
    ------
    BadInput
        Where there is none.

    """
    learned = learned_frames(model.record, stack.fingerprint)
    tested = tested_frames(model.record, stack.fingerprint)  # they choose nothing
    free = tuple(t for t in annotated if t not in learned | tested)
    if not free:
        raise BadInput(
            f"the model {model.name} {'was tested on or ' if tested else ''}learned from all "
            f"frames of {stack.name} that have labels "
            f"({say_ranges(annotated)})",
            "labels of frames that it never learned from",
            "give labels of other frames or of another movie, or train with some kept aside "
            "(--validation)",
        )
    return free


def _check_kind(model: Model, truth: Annotations) -> None:
    if bool(truth.classes) == bool(model.config.classes):
        return
    finds, hold = ("classes", "objects") if model.config.classes else ("objects", "classes")
    raise BadInput(
        f"the model {model.name} finds {finds}, the labels hold {hold}",
        f"labels of {finds}",
        "give other labels, or say what they are (--labels-are)",
    )


def _tune(
    stack: Stack,
    truth: Annotations,
    model: Model,
    frames: tuple[int, ...],
    predicting: Generator[SegmentedFrame, None, object],
) -> Generator[TuneStep, None, Tuned]:
    outputs = model.config.outputs
    coded, steps = [], len(frames) + search_steps([()] * len(frames), outputs)  # type: ignore[list-item]
    with closing(predicting):
        for done in predicting:
            coded.append((done.codes, truth.frames[done.frame]))
            yield TuneStep("Predict", done.step, steps)
    number = itertools.count(len(frames) + 1)
    searching = search(coded, outputs, model.label_settings)
    found = yield from told(searching, lambda _: TuneStep("Try", next(number), steps))
    return Tuned(_with(model, stack, frames, found), frames, found.rows, found.score)


def _with(model: Model, stack: Stack, frames: tuple[int, ...], found: Found) -> Model:
    """Return the model with what was found, a note of it, and a self-check of the new labels."""
    note = {
        "movie": stack.name,
        "movie_fingerprint": stack.fingerprint,
        "frames": list(frames),
        "score": list(found.score),
        "rows": [asdict(row) for row in found.rows],
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    check = remade_check(model.network, model.normalisation, found.settings, model.arrays)
    return replace(
        model,
        label_settings=found.settings,
        record={**model.record, "tuned": note},
        arrays={**model.arrays, **check},
    )
