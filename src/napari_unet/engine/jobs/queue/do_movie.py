"""One movie of many, from its file to its results: what is done already is not done again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_unet.engine.errors import Notice
from napari_unet.engine.files.atomic import make_folder
from napari_unet.engine.jobs.queue.results import LABELS
from napari_unet.engine.jobs.queue.segment_movie import Said, segment_movie
from napari_unet.engine.jobs.stages.spent import OPENING, Spent
from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari_unet.engine.jobs.queue.movies import Movie
    from napari_unet.engine.jobs.queue.places import ResultsPlace
    from napari_unet.engine.jobs.queue.results import Job, Results
    from napari_unet.engine.jobs.queue.segment_movie import Computes, Step
    from napari_unet.engine.stack.stack import Stack


@dataclass(frozen=True)
class Opened:
    """A movie is open; its notices ``found`` grow as it is done."""

    stack: Stack
    found: list[Notice]


@dataclass(frozen=True)
class Done:
    """A movie is done: ``parts`` were written now, of so many ``frames``."""

    parts: tuple[str, ...]
    frames: int
    found: list[Notice]
    spent: Spent
    worked: bool = True


@dataclass(frozen=True)
class Manners:
    """How all movies are done: over earlier files, and what stays of the probabilities.

    Of those, what was written ``since`` counts as done where it was made in the same way.
    In ``sessions`` they lie beside each movie, where napari finds them with the ``model`` by that
    name, and what a user corrected there wins.
    """

    overwrite: bool = False
    keep_probabilities: bool = True
    sessions: bool = False
    model: str | None = None
    since: str = ""


def do_movie(
    movie: Movie,
    results: Results,
    job: Job,
    manners: Manners | None = None,
    kept: Computes | None = None,
) -> Generator[Step | Opened, None, Done]:
    """Segment a movie and write what is missing of its results; returns what was done.

    Raises
    ------
    BadInput
        Where the movie cannot be opened, or its results were made otherwise and may not be
        replaced.

    """
    from napari_unet.engine.stack.stack import Stack

    manners, spent = manners or Manners(), Spent()
    with Stack.open(movie.path, movie.selection) as stack:
        taken = stack.seen_by(job.model.config.in_channels).taken
        found = list(dict.fromkeys((*stack.notices, *taken)))
        yield Opened(stack, found)
        place = _place(stack, results, manners)
        found += place.notices
        job = replace(job, corrections=place.digest)
        shown = job.shown(stack)
        frames = len(job.written(shown))
        parts = results.missing(shown, job, overwrite=manners.overwrite, since=manners.since)
        if not parts and (job.parts or place.is_done(stack, job)):
            spent.add(OPENING)
            yield Said(f"{movie.name} is done: nothing to do.")
            return Done((), frames, found, spent, worked=False)
        yield from _grown(movie, shown, results, job, place, found)
        place.begin(stack, job)
        if parts:
            make_folder(results.folder)
        yield from segment_movie(
            stack, results, job, parts, found,
            place=place, corrections=place.corrections, kept=kept, spent=spent,
        )  # fmt: skip
        if LABELS in parts and not manners.keep_probabilities and place.corrections is None:
            place.delete(stack, job)
    return Done(parts, frames, found, spent)


def _place(stack: Stack, results: Results, manners: Manners) -> ResultsPlace:
    from napari_unet.engine.jobs.queue.places import ResultsPlace, SessionPlace

    if manners.sessions:
        return SessionPlace(stack, manners.model)
    return ResultsPlace(results, stack)


def _grown(
    movie: Movie,
    stack: Stack,
    results: Results,
    job: Job,
    place: ResultsPlace,
    found: list[Notice],
) -> Generator[Said, None, None]:
    """Say of a movie that grew which of its frames are done."""
    before = results.before(stack, job)
    if before is None:
        return
    more = counted(len(stack) - len(before), "more frame")
    line = f"{movie.name} has {more} than when it was segmented"
    there = place.path(job.read(before), job).is_file() or job.model.normalisation.scope != "frame"
    yield Said(f"{line}: {'those are' if there else 'all are'} done.")
    found.append(Notice("noted", line))
