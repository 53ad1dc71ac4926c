"""What is said on stderr, and generators run to their end with a bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from rich.console import Console

from napari_unet.cli.interrupt import NOTHING, STAYS, Interrupt, Stopped, keep
from napari_unet.engine.files.names import printable
from napari_unet.engine.jobs.progress import progress_bar

if TYPE_CHECKING:
    from collections.abc import Generator


T = TypeVar("T")
R = TypeVar("R")


def follow(
    steps: Generator[T, None, R],
    what: str,
    total: int | None,
    *,
    done: int = 0,
    kept: str = NOTHING,
) -> R:
    """Run a generator to its end with a progress bar and give its value.

    Without a ``total`` its steps say how many there are.

    Raises
    ------
    Stopped
        After Ctrl-C, between two steps; ``kept`` is what it says.

    """
    keep(kept)
    with Interrupt() as interrupt:
        try:
            result = _run(steps, what, total, done, interrupt)
        except (Exception, KeyboardInterrupt) as error:
            if not interrupt.asked:
                raise
            steps.close()
            raise Stopped(f"Stopped. {kept}") from error  # whatever the signal made of a step
    keep(STAYS)
    return result


def _run(
    steps: Generator[T, None, R], what: str, total: int | None, done: int, interrupt: Interrupt
) -> R:
    with progress_bar(what, total, done=done) as advance:
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                result: R = end.value
                return result
            advance(total=getattr(step, "steps", None) if total is None else None)
            if interrupt.asked:
                raise KeyboardInterrupt


def say(line: str) -> None:
    """Say something that is not a result: on stderr."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(printable(line), markup=False)
