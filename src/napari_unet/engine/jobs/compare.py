"""Networks against each other, by cross-validation in blocks of time or in whole movies.

It goes on after a stop.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_unet.engine.annotations.annotated_movie import (
    AnnotatedMovie,
    annotated_movies,
    movie_names,
    together,
)
from napari_unet.engine.annotations.folds import movie_folds
from napari_unet.engine.annotations.holdout import without_tested
from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.atomic import make_folder
from napari_unet.engine.files.names import user_path
from napari_unet.engine.jobs.comparison import Comparison, FoldResult
from napari_unet.engine.jobs.steps import told
from napari_unet.engine.labels.class_labels import labels_of
from napari_unet.engine.labels.scores import pool
from napari_unet.engine.network.devices import choose_device, physical_cores
from napari_unet.engine.network.model_files import SUFFIX
from napari_unet.engine.network.networks import CONFIGS
from napari_unet.engine.prediction.predictor import open_predictor
from napari_unet.engine.settings import CompareSettings, PredictSettings
from napari_unet.engine.training.checking import score_labels
from napari_unet.engine.training.history import save_trained
from napari_unet.engine.training.initial_network import check_base, initial_network
from napari_unet.engine.training.movies.compatibility import check_labels, check_together
from napari_unet.engine.training.training import train

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_unet.engine.annotations.annotations import Annotations
    from napari_unet.engine.annotations.folds import MovieFold
    from napari_unet.engine.annotations.frame_annotation import FrameAnnotation
    from napari_unet.engine.labels.scores import FrameScores
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.settings import TrainSettings
    from napari_unet.engine.stack.stack import Stack

_LEAST = 4  # channels of a level that is made narrower


@dataclass(frozen=True)
class CompareStep:
    """Where a comparison is: in which of its trainings, and there as a `TrainStep` says it.

    ``done`` is the result of a training that ended with this step.
    """

    network: str
    fold: int
    seed: int
    training: int  # from 1
    trainings: int
    step: int = 0
    steps: int | None = None
    seconds_left: float | None = None
    loss: float | None = None
    note: str | None = None
    done: FoldResult | None = None

    @property
    def title(self) -> str:
        """What is at work, in words."""
        return f"{self.network}, fold {self.fold} ({self.training} of {self.trainings})"


@dataclass(frozen=True, eq=False)
class _Training:
    """One of the trainings of a comparison: all that its result depends on."""

    network: str
    fold: MovieFold
    seed: int
    settings: TrainSettings
    key: str

    @property
    def place(self) -> tuple[str, int, int]:
        return self.network, self.fold.number, self.seed

    @property
    def name(self) -> str:
        return f"{self.network.replace('/', '-')}_fold-{self.fold.number}_seed-{self.seed}"


def compare(
    stack: Stack | Sequence[tuple[Stack, Annotations]],
    annotations: Annotations | None = None,
    settings: CompareSettings | None = None,
    *,
    folder: Path | str,
    overwrite: bool = False,
) -> Generator[CompareStep, None, Comparison]:
    """Train networks on all blocks of time but one and score them on that, for each block.

    Yields each step of each training; returns the results, which are also in ``folder`` with the
    models, as a table and as a plot. What is there already is not done again.

    Parameters
    ----------
    stack, annotations
        The movie, or single images; what is known of some of its frames. Or a list of pairs of
        both: then whole movies are scored by what learned from the others.
    settings
        Networks, folds, seeds, and how each is trained.
    folder
        Where results and models are kept.
    overwrite
        Whether results of another comparison in ``folder`` are dropped.

    Raises
    ------
    BadInput
        At the call: where a network cannot be made, the frames or movies are too few for the folds,
        or the folder holds results of something else.

    """
    settings, folder = settings or CompareSettings(), user_path(folder)
    movies = _learnable(annotated_movies(stack, annotations), settings.train)
    settings = settings.replace(train=settings.train.replace(test=()))
    _check_clock(settings)
    folds = movie_folds(movies, _n_folds(settings, len(movies)), settings.gap)
    work = _work(settings, folds)
    for network in settings.networks:
        _check_network(movies, _training_of(settings, network, 0))
    known = Comparison.load(folder)
    kept = _still_right(known, work, overwrite=overwrite)
    make_folder(folder)
    return _compare(settings, work, Comparison(folder, kept))


def _learnable(movies: Sequence[AnnotatedMovie], train: TrainSettings) -> list[AnnotatedMovie]:
    """Return movies with what of their annotations is learned from and scored."""
    found = []
    for stack, given in movies:
        known = without_tested(given, train.test).without_edge(train.edge)
        found.append(AnnotatedMovie(stack, known.without_missing(stack)))
    parts = [movie.annotations for movie in found]
    check_labels(parts, movie_names([movie.stack for movie in found]))
    together(parts).check()
    return found


def _n_folds(settings: CompareSettings, movies: int) -> int:
    """Return how many folds: of few movies as many, where nobody asked for another number."""
    asked = "folds" in settings.model_fields_set or movies == 1
    return settings.folds if asked else min(settings.folds, movies)


def _work(settings: CompareSettings, folds: tuple[MovieFold, ...]) -> list[_Training]:
    """Return the trainings, fold by fold: all networks are scored once before the next fold."""
    work = []
    for fold in folds:
        what = _digest_of(fold, settings)
        for seed in range(settings.seeds):
            for network in settings.networks:
                training = _training_of(settings, network, seed)
                said = training.model_dump_json(exclude_defaults=True)
                key = hashlib.sha256(f"{what} {said}".encode()).hexdigest()
                work.append(_Training(network, fold, seed, training, key))
    return work


def _training_of(settings: CompareSettings, network: str, seed: int) -> TrainSettings:
    """Return how a network learns, narrowed where its name says so."""
    training = settings.training(network, seed)
    name, _, share = network.partition("/")
    return training.replace(**narrowed(name, int(share))) if share else training


def narrowed(name: str, share: int) -> dict[str, Any]:
    """Return the settings that give a network one ``share``-th of the channels it has by itself."""
    fields = CONFIGS[name].model_fields
    if "filters" in fields:
        return {"filters": tuple(max(_LEAST, n // share) for n in fields["filters"].default)}
    whole = fields["hidden" if "hidden" in fields else "features"].default
    return {"width": max(8, whole // share // 8 * 8)}


def _digest_of(fold: MovieFold, settings: CompareSettings) -> str:
    """Return a digest of the movies and of what is known of them in a fold."""
    digest = hashlib.sha256()
    said = json.dumps([settings.clock, settings.recipes]).encode()
    before = None
    for stack, part in (*fold.train, *fold.test):
        if stack is not before:
            digest.update(stack.fingerprint.encode())
            digest.update(said)
        before, said = stack, b""
        for t in part.frame_indices:
            one = part.frames[t]
            digest.update(f"{t} {one.labels.shape}".encode())
            digest.update(np.ascontiguousarray(one.labels, np.int32).tobytes())
            digest.update(np.packbits(one.supervised).tobytes())
    return digest.hexdigest()


def _check_clock(settings: CompareSettings) -> None:
    if settings.clock == "cpu" and choose_device(settings.train.device).type != "cpu":
        raise BadInput(
            "the time of the processor is to be counted, and a GPU computes",
            "clock wall with a GPU",
            "leave the clock out, or choose device cpu",
        )


def _check_network(movies: Sequence[AnnotatedMovie], settings: TrainSettings) -> None:
    """Refuse a network that cannot be made, before hours are spent on the others."""
    check_together(movies, movie_names([movie.stack for movie in movies]), settings)
    stack, classes = movies[0].stack, together([movie.annotations for movie in movies]).classes
    check_base(stack, settings, None, classes)
    with torch.device("meta"):
        initial_network(stack, settings, None, classes, settings.crop or 128)


def _still_right(
    known: Comparison, work: list[_Training], *, overwrite: bool
) -> tuple[FoldResult, ...]:
    """Return the results that are there already; those of networks not asked for stay, too."""
    keys = {training.place: training.key for training in work}
    others = [r for r in known.results if r.place in keys and r.key != keys[r.place]]
    if others and not overwrite:
        raise BadInput(
            f"{known.folder} already holds a comparison of other data or by other settings "
            f"({others[0].network}, fold {others[0].fold})",
            "a new folder, or results of this movie, these labels and these settings",
            "choose another folder, or let it be overwritten",
        )
    if others:
        return ()
    return tuple(
        r for r in known.results if r.place not in keys or (known.folder / r.model).is_file()
    )


def _compare(
    settings: CompareSettings, work: list[_Training], known: Comparison
) -> Generator[CompareStep, None, Comparison]:
    found = known
    there = {result.place for result in known.results}
    for number, training in enumerate(work, 1):
        if training.place in there:
            continue
        where = (*training.place, number, len(work))
        result = yield from _fold(settings, training, found.folder, where)
        found = Comparison(found.folder, (*found.results, result))
        found.write()
        yield CompareStep(*where, done=result)
    found.write()  # also where nothing was left to do: it may come from another version
    return found


def _fold(
    settings: CompareSettings,
    training: _Training,
    folder: Path,
    where: tuple[str, int, int, int, int],
) -> Generator[CompareStep, None, FoldResult]:
    """Train a network and score it on the block that it has not seen."""
    checkpoint = folder / f"{training.name}.{training.key[:8]}.checkpoint"
    now = _clock(settings)
    steps = train(
        training.fold.train, settings=training.settings, name=training.name,
        checkpoint=checkpoint, resume=checkpoint.is_file(), clock=now,
    )  # fmt: skip
    model = yield from told(
        steps,
        lambda s: CompareStep(*where, s.step, s.steps, s.seconds_left, s.loss, s.note),
    )
    scored = _Scored()
    tested = training.fold.test
    for truth, labels, seconds in _predicted(model, training, now):
        scored.add(labels, truth, model.config.classes, seconds)
        yield CompareStep(*where, note=None)
    path, *_ = save_trained(model, folder / f"{training.name}{SUFFIX}")
    checkpoint.unlink(missing_ok=True)
    return FoldResult(
        network=training.network,
        fold=training.fold.number,
        seed=training.seed,
        key=training.key,
        model=path.name,
        frames=tuple(t for _, known in tested for t in known.frame_indices),
        movies=training.fold.names,
        parameters=sum(p.numel() for p in model.network.parameters()),
        steps=model.record["steps"],
        training_seconds=model.record["seconds"],
        threshold=model.label_settings.threshold,
        **scored.figures(),
    )


def _clock(settings: CompareSettings) -> Callable[[], float]:
    if settings.clock == "wall":
        return time.monotonic
    threads = settings.train.threads or physical_cores()
    return lambda: time.process_time() / threads


def _predicted(
    model: Model, training: _Training, now: Callable[[], float]
) -> Generator[tuple[FrameAnnotation, NDArray[np.uint16], float], None, None]:
    """Yield what is right of each frame of the fold, its labels ``(Y, X)``, and their seconds."""
    settings = PredictSettings(device=training.settings.device, threads=training.settings.threads)
    for given, known in training.fold.test:
        stack = given.seen_by(model.config.in_channels)
        predictor = open_predictor(model, settings, stack)
        try:
            for t in known.frame_indices:
                frame, began = stack[t], now()
                codes = predictor(frame)
                spent = now() - began
                labels = labels_of(codes, predictor.outputs, model.label_settings, stack.spacing)
                yield known.frames[t], labels, spent
        finally:
            predictor.close()


class _Scored:
    """Scores of a block, frame by frame."""

    def __init__(self) -> None:
        self._frames: list[FrameScores] = []
        self._right = self._pixels = 0
        self._seconds: list[float] = []

    def add(
        self,
        labels: NDArray[np.uint16],
        truth: FrameAnnotation,
        classes: tuple[int, ...],
        seconds: float,
    ) -> None:
        """Take in a frame: what was found, what is right, and how long it took."""
        self._frames.append(score_labels(labels, truth, classes))
        found, right = (labels, truth.labels) if classes else (labels > 0, truth.labels > 0)
        self._right += int(np.count_nonzero((found == right) & truth.supervised))
        self._pixels += int(np.count_nonzero(truth.supervised))
        self._seconds.append(seconds)

    def figures(self) -> dict[str, float]:
        """Return the scores of all; the first frame waits for what is compiled and has no time."""
        scores = pool(self._frames)
        iou = list(scores.classes.values()) or [scores.iou]
        dice = _mean(2 * i / (1 + i) for i in iou) if scores.classes else scores.dice
        return {
            "dice": dice,
            "iou": _mean(iou),
            "accuracy": self._right / max(1, self._pixels),
            "seg": scores.seg,
            "f1": scores.f1,
            "seconds": float(np.median(self._seconds[1:] or self._seconds)),
        }


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
