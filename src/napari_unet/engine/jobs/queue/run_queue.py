"""Many movies one after the other as one generator: a bad one stops nothing.

It can be closed between any two steps; run again it goes on where it was.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_unet.engine.jobs.queue.do_movie import Done, do_movie
from napari_unet.engine.jobs.queue.results import Results
from napari_unet.engine.jobs.queue.segment_movie import Begins, KeptPredictor, Made
from napari_unet.engine.labels.objects import areas_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
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


def run_queue(
    movies: Sequence[Movie], job: Callable[[], Job], out: Path, manners: Manners
) -> Generator[QueueStep, None, tuple[int, int, int]]:
    """Do all movies; returns how many were done now, before, and could not be.

    The ``job`` is made once it is needed: its model is opened in the thread that runs this.
    """
    now = before = failed = 0
    todo = job()
    with closing(KeptPredictor()) as kept:
        for movie in movies:
            yield MovieFrame(movie, 0, movie.frames)
            try:
                step = yield from _one(movie, Results(out, movie.name), todo, manners, kept)
            except Exception as error:  # noqa: BLE001 - said in the movie's row
                failed += 1
                yield MovieFailed(movie, error)
            else:
                now, before = now + step.done.worked, before + (not step.done.worked)
                yield step
    return now, before, failed


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
