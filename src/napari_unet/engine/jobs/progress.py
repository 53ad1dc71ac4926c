"""Progress with time left on stderr, for whoever runs a generator to its end."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from napari_unet.engine.text import say_clock

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

R = TypeVar("R")


def run(steps: Generator[Any, Any, R], *, quiet: bool = False) -> R:
    """Run a generator to its end with a progress bar on stderr, and return its value.

    Of `train`, `segment`, `write_labels` and the like; ``quiet`` shows no bar. Ctrl-C stops it
    where it is: what it was writing is as before.
    """
    if quiet:
        return _last(steps, lambda _: None)
    with progress_bar("", None) as advance:
        return _last(steps, lambda step: _show(step, advance))


def _last(steps: Generator[Any, Any, R], see: Callable[[Any], None]) -> R:
    try:
        while True:
            see(next(steps))
    except StopIteration as end:
        value: R = end.value
        return value
    finally:
        steps.close()


def _show(step: Any, advance: Callable[..., None]) -> None:
    """Move the bar to a step of any of the engine's generators, as far as it says where it is."""
    if line := getattr(step, "note", None):
        Console(stderr=True, highlight=False).print(line, markup=False)
    loss = getattr(step, "loss", None)
    advance(
        getattr(step, "step", None),
        what=getattr(step, "title", None),
        total=getattr(step, "steps", None),
        note="" if loss is None else f"loss {loss:.3f}",
        left=getattr(step, "seconds_left", None),
    )


@contextmanager
def progress_bar(what: str, total: int | None, *, done: int = 0) -> Iterator[Callable[..., None]]:
    """Show a bar; ``advance(to=None, total=None, note="", left=None)`` moves it."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _TimeLeft(),
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
    ) as progress:
        task = progress.add_task(what, total=total, completed=done, note="", left=None)

        def advance(
            to: int | None = None,
            *,
            what: str | None = None,
            total: int | None = None,
            note: str = "",
            left: float | None = None,
        ) -> None:
            step = {"advance": 1} if to is None else {"completed": to}
            progress.update(task, description=what, total=total, note=note, left=left, **step)  # type: ignore[arg-type]

        yield advance


class _TimeLeft(ProgressColumn):
    """Time left as the operation itself knows it, else from the speed so far."""

    def __init__(self) -> None:
        super().__init__()
        self._by_speed = TimeRemainingColumn()

    def render(self, task: Any) -> Any:
        left = task.fields.get("left")
        if left is None:
            return self._by_speed.render(task)
        return f"{say_clock(max(left, 0))} left"
