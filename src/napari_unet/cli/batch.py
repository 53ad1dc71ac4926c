"""Many movies, one after the other: a bad one does not stop the rest."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import typer

from napari_unet.cli.interrupt import Stopped
from napari_unet.cli.notices import Noticed
from napari_unet.cli.pipeline import drive, say_cost
from napari_unet.cli.progress import say
from napari_unet.cli.words import in_words
from napari_unet.engine.errors import BadInput
from napari_unet.engine.jobs.queue.do_movie import Manners
from napari_unet.engine.jobs.queue.results import Job, Results
from napari_unet.engine.jobs.queue.segment_movie import KeptPredictor
from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_unet.cli.on_cluster import OnCluster
    from napari_unet.cli.pipeline import Foresee
    from napari_unet.cli.report import SegmentReport
    from napari_unet.engine.errors import Notice
    from napari_unet.engine.jobs.queue.movies import Movie
    from napari_unet.engine.jobs.queue.segment_movie import Computes, Foreseen


@dataclass(frozen=True)
class Run:
    """How every movie of a command is done, and where its results go."""

    job: Job
    out: Path
    manners: Manners = field(default_factory=Manners)
    debug: bool = False
    noticed: Noticed = field(default_factory=Noticed)
    report: SegmentReport | None = None  # for programs, in place of the paths on stdout
    cluster: OnCluster | None = None

    def one(
        self,
        movie: Movie,
        results: Results,
        foresee: Foresee = say_cost,
        kept: Computes | None = None,
    ) -> bool:
        """Segment a movie as far as it is not done; gives whether there was something to do."""
        from napari_unet.cli.outputs import prepare_folder
        from napari_unet.engine.jobs.queue.do_movie import Opened, do_movie

        names: list[tuple[str, list[Notice]]] = []

        def opened(step: object) -> None:
            assert isinstance(step, Opened)
            names.append((step.stack.name, step.found))
            self.noticed.of(step.stack.name, step.found, at_once=True)
            prepare_folder(self.out, (), overwrite=True)

        try:
            done = drive(do_movie(movie, results, self.job, self.manners, kept), foresee, opened)
        finally:
            for name, found in names:  # also where it was stopped
                self.noticed.of(name, found)
        if self.report is not None:
            self.report.done(movie, results, done.frames, done.parts, done.found, done.spent)
        else:
            for part in self.job.parts:
                typer.echo(results.path(part))
        return done.worked

    def many(self, movies: Sequence[Movie]) -> dict[Path, str]:
        """Segment movies one after the other; gives what was wrong, by the movie's path."""
        failed: dict[Path, str] = {}
        done_before = 0
        forecast = _Forecast(self.job, self.out)
        with closing(self.cluster or KeptPredictor()) as kept, self.noticed:
            for number, movie in enumerate(movies):
                say(f"Movie {number + 1} of {len(movies)}: {movie.name}")
                forecast.left = movies[number:]
                if self.cluster is not None:
                    self.cluster.look_ahead(movies[number:], self.manners)
                try:
                    worked = self.one(movie, Results(self.out, movie.name), forecast, kept)
                except Stopped:
                    raise
                except Exception as error:
                    if self.debug:
                        raise
                    failed[movie.path] = in_words(error)
                    if self.report is not None:
                        self.report.failed(movie, in_words(error))
                    say(f"Error: {in_words(error)}")
                else:
                    done_before += not worked
        _summarise(len(movies), done_before, failed)
        return failed


class _Forecast:
    """Says what all movies that are left will cost, once, when the first one can be measured."""

    def __init__(self, job: Job, out: Path) -> None:
        self.left: Sequence[Movie] = ()
        self._out = out
        self._job, self._said = job, False

    def __call__(self, run: Foreseen) -> None:
        if self._said:
            return
        cost = run.cost()
        if not cost.frames:
            return
        self._said = True
        asked = [self._frames(movie) for movie in self.left]
        each = [movie.pixels / movie.frames if movie.frames else 0 for movie in self.left]
        pixels = round(sum(n * size for n, size in zip(asked, each, strict=True)))
        here = math.prod(run.stack.frame_shape)
        seconds_each = cost.seconds / (cost.frames * here)
        largest = max(each)
        total = replace(
            cost,
            frames=sum(asked),
            seconds=seconds_each * pixels,
            memory=round(cost.memory * max(largest / here, 1)),
            disk=len(self._job.model.config.outputs) * pixels,
            folder=self._out,
        )
        unknown = sum(not movie.frames for movie in self.left)
        but = f" ({unknown} that cannot be opened left out)" if unknown else ""
        say(f"Estimate by this movie, for {counted(len(self.left), 'movie')}{but}: {total}")
        if not total.fits:
            say("That is more than the disk has: make room, or choose another --out.")

    def _frames(self, movie: Movie) -> int:
        """How many frames of a movie are asked for; none where it cannot be had."""
        try:
            return len(self._job.chosen(movie.frames))
        except BadInput:  # a frame that it has not: said when it is its turn
            return 0


def _summarise(n: int, done_before: int, failed: dict[Path, str]) -> None:
    parts = [f"{n - done_before - len(failed)} segmented"]
    parts += [f"{done_before} done before"] if done_before else []
    parts += [f"{len(failed)} failed"] if failed else []
    say(f"{counted(n, 'movie')}: {', '.join(parts)}{':' if failed else '.'}")
    for path, line in failed.items():
        say(f"  {path}: {line}")
