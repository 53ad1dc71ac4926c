"""Ctrl-C at any moment is answered in one line, and so is SIGTERM.

Between the steps of a long operation the first Ctrl-C only asks (`Interrupt`). Everywhere else,
where modules are imported or a model is read, the program ends at once: an exception raised there
would be lost in some callback or come out as another error. What it was writing is as before.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, Never, Self

if TYPE_CHECKING:
    from types import FrameType

INTERRUPTED, TERMINATED = 130, 143
NOTHING, STAYS = "Nothing was written.", "What is written stays."


class Stopped(Exception):
    """A user pressed Ctrl-C; the text says what is kept."""


class _Kept:
    """What the line of a program that ends at once says of its files."""

    line = NOTHING


def keep(line: str) -> None:
    """Say from now on, where the program is stopped, that this is kept."""
    _Kept.line = line


def answer_signals() -> None:
    """End with one line from now on, unless signals are ignored, as behind ``nohup``."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda *_: _end_now(INTERRUPTED))
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda *_: _end_now(TERMINATED))


def end(line: str, code: int) -> Never:
    """Say a last line and end; a signal that comes now is late."""
    ignore_signals()
    import typer

    from napari_unet.engine.files.names import printable

    typer.echo(printable(line), err=True)
    sys.exit(code)


def ignore_signals() -> None:
    """Let the program end undisturbed: all is said."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if getattr(signal.getsignal(number), "__module__", None) == __name__:
                signal.signal(number, signal.SIG_IGN)


def _end_now(code: int) -> Never:
    """End from within a signal handler: nothing is imported and no lock is waited for."""
    ignore_signals()
    atomic: Any = sys.modules.get("napari_unet.engine.files.atomic")
    with contextlib.suppress(Exception):
        atomic.clear_own()
    with contextlib.suppress(OSError):
        os.write(2, f"Stopped. {_Kept.line}\n".encode(errors="backslashreplace"))
    os._exit(code)


class Interrupt:
    """While it is entered, Ctrl-C only sets ``asked``; the second one stops within the step.

    The third ends the program.
    """

    def __init__(self) -> None:
        self.asked = False
        self._times = 0
        self._before: Any = None

    @property
    def at_once(self) -> bool:
        """Whether it was pressed again."""
        return self._times > 1

    def __enter__(self) -> Self:
        mine = threading.current_thread() is threading.main_thread()
        if mine and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _ask(self, _signal: int, _frame: FrameType | None) -> None:
        self.asked = True
        self._times += 1
        if self._times == 2:
            raise KeyboardInterrupt
        if self._times > 2:
            _end_now(INTERRUPTED)
