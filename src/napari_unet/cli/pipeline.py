"""One movie from its frames to labels, table and overlay movie: what segment and demo run."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from napari_unet.cli.progress import follow, say
from napari_unet.engine.jobs.queue.segment_movie import Begins, Foreseen, Said, segment_movie

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from napari_unet.engine.errors import Notice
    from napari_unet.engine.jobs.queue.results import Job, Results
    from napari_unet.engine.jobs.queue.segment_movie import Computes
    from napari_unet.engine.jobs.stages.spent import Spent
    from napari_unet.engine.stack.stack import Stack

    Foresee = Callable[[Foreseen], None]

R = TypeVar("R")


def say_cost(run: Foreseen) -> None:
    """Say what the run will cost: frames, time, memory, disk and the folder."""
    cost = run.cost()
    if cost.frames:
        say(str(cost))


def drive(
    steps: Generator[object, None, R],
    foresee: Foresee = say_cost,
    opened: Callable[[object], None] = lambda _: None,
) -> R:
    """Run a movie to its end: say what it says, show a bar while there are frames.

    Anything else that it yields is given to ``opened``.
    """
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            result: R = end.value
            return result
        if isinstance(step, Begins):
            return follow(steps, step.title, step.steps, kept=step.kept)
        if isinstance(step, Said):
            say(step.line)
        elif isinstance(step, Foreseen):
            foresee(step)
        else:
            opened(step)


def segment_stack(
    stack: Stack,
    results: Results,
    job: Job,
    parts: Sequence[str] | None = None,
    found: list[Notice] | None = None,
    *,
    foresee: Foresee = say_cost,
    kept: Computes | None = None,
    spent: Spent | None = None,
) -> list[Path]:
    """Predict, label and export the job's frames of a stack: ``parts`` of its results, or all.

    What is odd about the cells joins the notices ``found``, and where the time went what was
    ``spent``. A predictor that is ``kept`` is left open.
    """
    steps = segment_movie(stack, results, job, parts, found, kept=kept, spent=spent)
    return drive(steps, foresee)
