"""What is said on stderr, and Ctrl-C that stops between two steps."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any, Self, TypeVar

from rich.console import Console

from napari_unet.engine.jobs.progress import progress_bar

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from types import FrameType

    from napari_unet.engine.errors import Notice

T = TypeVar("T")
R = TypeVar("R")


class Stopped(Exception):
    """A user pressed Ctrl-C; the text says what is kept."""


class Interrupt:
    """While it is entered, the first Ctrl-C only sets ``asked``; the second one stops at once."""

    def __init__(self) -> None:
        self.asked = False
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _ask(self, _signal: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


def follow(
    steps: Generator[T, None, R],
    what: str,
    total: int,
    *,
    done: int = 0,
    kept: str = "Nothing was written.",
) -> R:
    """Run a generator to its end with a progress bar and give its value.

    Raises
    ------
    Stopped
        After Ctrl-C, between two steps; ``kept`` is what it says.

    """
    with Interrupt() as interrupt, progress_bar(what, total, done=done) as advance:
        while True:
            try:
                next(steps)
            except StopIteration as end:
                result: R = end.value
                return result
            advance()
            if interrupt.asked:
                steps.close()
                raise Stopped(f"Stopped. {kept}")


def say(line: str) -> None:
    """Say something that is not a result: on stderr."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(line, markup=False)


def say_notices(notices: Iterable[Notice]) -> None:
    """Say what was guessed or left out, what asks for a look first; each line once."""
    for notice in sorted(dict.fromkeys(notices), key=lambda notice: notice.level != "check"):
        say(f"{notice}.")
