"""Many movies, one after the other: a bad one does not stop the rest."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import typer

from napari_unet.cli.interrupt import Stopped
from napari_unet.cli.notices import Noticed
from napari_unet.cli.pipeline import OPENING, KeptPredictor, say_cost, segment_stack
from napari_unet.cli.progress import say
from napari_unet.cli.results import Job, Results
from napari_unet.cli.words import in_words
from napari_unet.engine.errors import BadInput, Notice
from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_unet.cli.movies import Movie
    from napari_unet.cli.pipeline import Foresee
    from napari_unet.cli.report import SegmentReport
    from napari_unet.engine.prediction.cost import Rest
    from napari_unet.engine.prediction.predictor import Predictor
    from napari_unet.engine.prediction.probabilities import Probabilities
    from napari_unet.engine.stack.stack import Stack


@dataclass(frozen=True)
class Run:
    """How every movie of a command is done, and where its results go."""

    job: Job
    out: Path
    overwrite: bool = False
    debug: bool = False
    noticed: Noticed = field(default_factory=Noticed)
    report: SegmentReport | None = None  # for programs, in place of the paths on stdout

    def one(
        self,
        movie: Movie,
        results: Results,
        foresee: Foresee = say_cost,
        kept: KeptPredictor | None = None,
    ) -> bool:
        """Segment a movie as far as it is not done; gives whether there was something to do."""
        from napari_unet.cli.outputs import prepare_folder
        from napari_unet.engine.jobs.stages.spent import Spent
        from napari_unet.engine.stack.stack import Stack

        spent = Spent()
        with Stack.open(movie.path, movie.selection) as stack:
            taken = stack.seen_by(self.job.model.config.in_channels).taken
            found = self.noticed.of(stack.name, (*stack.notices, *taken), at_once=True)
            parts = results.missing(stack, self.job, overwrite=self.overwrite)
            if parts and (before := results.before(stack, self.job)) is not None:
                more = counted(len(stack) - len(before), "more frame")
                line = f"{movie.name} has {more} than when it was segmented"
                say(f"{line}: those are done.")
                found.append(Notice("noted", line))
            prepare_folder(self.out, (), overwrite=True)
            if parts:
                segment_stack(
                    stack, results, self.job, parts, found, foresee=foresee, kept=kept, spent=spent
                )
            else:
                spent.add(OPENING)
                say(f"{movie.name} is done: nothing to do.")
            frames = len(self.job.chosen(len(stack)))
        if self.report is not None:
            self.report.done(movie, results, frames, parts, found, spent)
        else:
            for part in self.job.parts:
                typer.echo(results.path(part))
        return bool(parts)

    def many(self, movies: Sequence[Movie]) -> dict[Path, str]:
        """Segment movies one after the other; gives what was wrong, by the movie's path."""
        failed: dict[Path, str] = {}
        done_before = 0
        forecast = _Forecast(self.job, self.out)
        with closing(KeptPredictor()) as kept, self.noticed:
            for number, movie in enumerate(movies):
                say(f"Movie {number + 1} of {len(movies)}: {movie.name}")
                forecast.left = movies[number:]
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

    def __call__(
        self,
        stack: Stack,
        predictor: Predictor,
        probabilities: Probabilities,
        frames: Sequence[int],
        rest: Rest,
    ) -> None:
        from napari_unet.engine.prediction.cost import estimate

        if self._said:
            return
        cost = estimate(stack, predictor, probabilities, frames, rest)
        if not cost.frames:
            return
        self._said = True
        asked = [self._frames(movie) for movie in self.left]
        each = [movie.pixels / movie.frames if movie.frames else 0 for movie in self.left]
        pixels = round(sum(n * size for n, size in zip(asked, each, strict=True)))
        here = math.prod(stack.frame_shape)
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
