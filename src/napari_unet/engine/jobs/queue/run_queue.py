"""Many movies one after the other as one generator: a bad one stops nothing.

It can be closed between any two steps; run again it goes on where it was.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_unet.engine.jobs.queue.do_movie import Done, do_movie
from napari_unet.engine.jobs.queue.queue_file import QueueState
from napari_unet.engine.jobs.queue.results import Results
from napari_unet.engine.jobs.queue.segment_movie import Begins, KeptPredictor, Made
from napari_unet.engine.labels.objects import areas_of

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from napari_unet.engine.errors import Notice
    from napari_unet.engine.jobs.queue.do_movie import Manners
    from napari_unet.engine.jobs.queue.movies import Movie
    from napari_unet.engine.jobs.queue.results import Job


@dataclass(frozen=True)
class MovieFrame:
    """Frame ``step`` of ``steps`` of a movie is done; 0 where it is being opened."""

    movie: Movie
    step: int
    steps: int


@dataclass(frozen=True)
class MovieDone:
    """A movie is done, now or before; ``cells`` by frame where they were counted."""

    movie: Movie
    done: Done
    cells: dict[int, int]


@dataclass(frozen=True)
class MovieFailed:
    """Something was wrong with a movie; the next one is begun."""

    movie: Movie
    error: Exception
    notices: tuple[Notice, ...] = ()


QueueStep = MovieFrame | MovieDone | MovieFailed


@dataclass(frozen=True)
class Summary:
    """How many movies were done now, and before; how many could not be, and the state at last."""

    now: int
    before: int
    failed: int
    state: QueueState


def run_queue(
    movies: Sequence[Movie],
    job: Job,
    out: Path,
    manners: Manners,
    state: QueueState | None = None,
) -> Generator[QueueStep, None, Summary]:
    """Do all movies; what is done already is not done again.

    The ``state``, where one is given, is written into ``out`` as movies are done: what was cut
    off is known by it.
    """
    now = before = failed = 0
    keeper = _Keeper(state or QueueState(), out if state is not None else None)
    with closing(KeptPredictor()) as kept:
        for movie in movies:
            yield MovieFrame(movie, 0, movie.frames)
            step: MovieDone | MovieFailed
            try:
                step = yield from _one(movie, Results(out, movie.name), job, manners, kept)
            except Exception as error:  # noqa: BLE001 - said in the movie's row
                failed += 1
                step = MovieFailed(movie, error)
            else:
                now, before = now + step.done.worked, before + (not step.done.worked)
            keeper.take(step)
            yield step
    return Summary(now, before, failed, keeper.end())


class _Keeper:
    """Writes the state of a queue as its movies are done."""

    def __init__(self, state: QueueState, out: Path | None) -> None:
        self._state, self._out = state, out
        self._save()

    def take(self, step: MovieDone | MovieFailed) -> None:
        name = step.movie.name
        if isinstance(step, MovieFailed):
            self._state = self._state.with_row(name, error=str(step.error))
        else:
            self._state = self._state.with_row(name, error="", **_known(step))
        self._save()

    def end(self) -> QueueState:
        self._state = self._state.replace(doing="")
        self._save()
        return self._state

    def _save(self) -> None:
        if self._out is not None:
            self._state.save(self._out)


def _known(step: MovieDone) -> dict[str, tuple[object, ...]]:
    """Return what is noted of a movie that was done now."""
    if not step.done.worked:
        return {}
    found = tuple(dict.fromkeys(step.done.found))
    return {
        "cells": tuple(step.cells[t] for t in sorted(step.cells)),
        "please_check": tuple(notice.line for notice in found if notice.level == "check"),
        "noted": tuple(notice.line for notice in found if notice.level == "noted"),
    }


def _one(
    movie: Movie, results: Results, job: Job, manners: Manners, kept: KeptPredictor
) -> Generator[QueueStep, None, MovieDone]:
    """Tell of a movie only its frames."""
    cells: dict[int, int] = {}
    steps = 0
    with closing(do_movie(movie, results, job, manners, kept)) as doing:
        while True:
            try:
                step = next(doing)
            except StopIteration as end:
                return MovieDone(movie, end.value, cells)
            if isinstance(step, Begins):
                steps = step.steps
            elif isinstance(step, Made):
                cells[step.frame] = len(areas_of(step.labels))
                yield MovieFrame(movie, len(cells), steps)
