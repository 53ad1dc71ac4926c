"""Tuning: thresholds and smallest sizes that suit frames which the model never learned from.

Those frames are predicted once; the grid is looked up in their probabilities.
"""

from __future__ import annotations

import itertools
import math
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from napari_unet.engine.annotations.annotated_movie import (
    AnnotatedMovie,
    annotated_movies,
    movie_names,
    together,
)
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
    and IoU. ``movies`` are the names of those that were looked at, each with its frames;
    ``frames`` are all of these.
    """

    model: Model
    frames: tuple[int, ...]
    rows: tuple[Row, ...]
    score: tuple[float, float]
    movies: tuple[tuple[str, tuple[int, ...]], ...] = ()

    @property
    def changed(self) -> bool:
        """Whether other settings were clearly better than those the model had."""
        return any(row.threshold[0] != row.threshold[1] or row.size[0] != row.size[1]
                   for row in self.rows)  # fmt: skip


def tune(
    stack: Stack | Sequence[tuple[Stack, Annotations]],
    truth: Annotations | None = None,
    model: Model | str | Path | None = None,
    settings: PredictSettings | None = None,
) -> Generator[TuneStep, None, Tuned]:
    """Choose thresholds and smallest sizes on annotated frames that the model never learned from.

    Parameters
    ----------
    stack, truth
        The movie, and what is right on some of its frames. Or a list of pairs of both: then movies
        that the model never saw are taken, where there are some.
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
    if model is None:
        raise TypeError("a model is to be tuned")
    model = model if isinstance(model, Model) else Model.load(model)
    regions = regions_of(model.config.outputs)
    movies = [
        AnnotatedMovie(stack, known.in_regions(regions, known=True).without_missing(stack))
        for stack, known in annotated_movies(stack, truth)
    ]
    right = together([movie.annotations for movie in movies])
    right.check()
    _check_kind(model, right)
    looked_at = _looked_at(model, movies)
    pixels = sum(len(m.annotations.frames) * math.prod(m.stack.frame_shape) for m in looked_at)
    every = max(1, math.ceil(pixels / _MOST_PIXELS))
    movies = [
        AnnotatedMovie(stack, known.only(known.frame_indices[::every]))
        for stack, known in looked_at
    ]
    settings = settings or PredictSettings()
    return _tune(movies, model, settings, _predicting(movies[0], model, settings))


def _predicting(
    movie: AnnotatedMovie, model: Model, settings: PredictSettings
) -> Generator[SegmentedFrame, None, object]:
    frames = movie.annotations.frame_indices
    return segment(movie.stack, model, settings, frames=frames, ahead=False)


def _looked_at(model: Model, movies: Sequence[AnnotatedMovie]) -> list[AnnotatedMovie]:
    """Return movies with the frames that choose: of those never learned from, where some are."""
    if len(movies) > 1:
        record, prints = model.record, [movie.stack.fingerprint for movie in movies]
        seen = [learned_frames(record, one) | tested_frames(record, one) for one in prints]
        pairs = list(zip(movies, seen, strict=True))
        unseen = [movie for movie, frames in pairs if not frames]
        partly = [movie for movie, frames in pairs if movie.annotations.frames.keys() - frames]
        movies = unseen or partly or movies
    return [
        AnnotatedMovie(stack, known.only(free_frames(model, stack, known.frame_indices)))
        for stack, known in movies
    ]


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
    movies: Sequence[AnnotatedMovie],
    model: Model,
    settings: PredictSettings,
    first: Generator[SegmentedFrame, None, object],
) -> Generator[TuneStep, None, Tuned]:
    outputs = model.config.outputs
    n = sum(len(movie.annotations.frames) for movie in movies)
    coded, steps = [], n + search_steps([()] * n, outputs)  # type: ignore[list-item]
    for movie in movies:
        predicting = first if movie is movies[0] else _predicting(movie, model, settings)
        with closing(predicting):
            for done in predicting:
                coded.append((done.codes, movie.annotations.frames[done.frame]))
                yield TuneStep("Predict", len(coded), steps)
    number = itertools.count(n + 1)
    searching = search(coded, outputs, model.label_settings)
    found = yield from told(searching, lambda _: TuneStep("Try", next(number), steps))
    names = movie_names([movie.stack for movie in movies])
    each = tuple((name, m.annotations.frame_indices) for name, m in zip(names, movies, strict=True))
    frames_ = tuple(t for _, some in each for t in some)
    tuned = _with(model, movies, each, found)
    return Tuned(tuned, frames_, found.rows, found.score, each)


def _with(
    model: Model,
    movies: Sequence[AnnotatedMovie],
    each: Sequence[tuple[str, tuple[int, ...]]],
    found: Found,
) -> Model:
    """Return the model with what was found, a note of it, and a self-check of the new labels."""
    rows = [
        {"movie": name, "movie_fingerprint": movie.stack.fingerprint, "frames": list(frames)}
        for (name, frames), movie in zip(each, movies, strict=True)
    ]
    note = {
        **rows[0],
        **({"movies": rows} if len(rows) > 1 else {}),
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
