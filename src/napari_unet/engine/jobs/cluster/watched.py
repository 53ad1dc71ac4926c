"""A generator in a thread of its own: who takes from it may look up, or stop, at any moment.

Work on a cluster waits: for a scheduler that answers, a job in a queue, a block. Whoever runs it in
a window has to say so meanwhile, and to stop where the user does not want to wait.
"""

from __future__ import annotations

import queue
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

T = TypeVar("T")
R = TypeVar("R")

_AHEAD = 4  # items that are made before they are asked for
_LOOK = 0.25  # s


class Waiting(NamedTuple):
    """Nothing came for a moment; the line says what is waited for, if not for the next item."""

    line: str


class Joined(NamedTuple):
    """The cluster is there; what computes, in words."""

    device: str


class GivenUp(Exception):
    """Nobody waits any more."""


class _End(NamedTuple):
    value: Any
    error: BaseException | None


def watched(
    work: Callable[[Callable[[str], None]], Generator[T, None, R]],
) -> Generator[T | Waiting, None, R]:
    """Yield what ``work(waiting)`` yields, and `Waiting` now and then; return what it returns.

    The work calls ``waiting(line)`` while it waits, at least every few seconds: there it ends, by
    `GivenUp`, where this generator was closed.
    """
    return _taken(_Thread(work))


def _taken(thread: _Thread) -> Generator[Any, None, Any]:
    thread.start()
    try:
        while True:
            try:
                item = thread.items.get(timeout=_LOOK)
            except queue.Empty:
                item = Waiting(thread.line)
            if not isinstance(item, _End):
                yield item
            elif item.error is not None:
                raise item.error
            else:
                return item.value
    finally:
        thread.end()


class _Thread(threading.Thread):
    """Runs the work; what comes of it is in ``items``, at last an `_End`."""

    def __init__(self, work: Callable[[Callable[[str], None]], Generator[Any, None, Any]]) -> None:
        super().__init__(name="napari-unet cluster", daemon=True)
        self.items: queue.Queue[Any] = queue.Queue(_AHEAD)
        self.line = ""
        self._work = work
        self._stop_asked = threading.Event()

    def run(self) -> None:
        """Do the work until it ends, fails or is not wanted any more."""
        try:
            with closing(self._work(self._waiting)) as steps:
                while True:
                    try:
                        item = next(steps)
                    except StopIteration as end:
                        self._put(_End(end.value, None))
                        return
                    if not self._put(item):
                        return
        except GivenUp:
            return
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            self._put(_End(None, error))

    def end(self) -> None:
        """Stop the work, and return once it has ended."""
        self._stop_asked.set()
        self.join()

    def _waiting(self, line: str = "") -> None:
        self.line = line
        if self._stop_asked.is_set():
            raise GivenUp

    def _put(self, item: Any) -> bool:
        """Hand an item on once there is room; False where it is not wanted any more."""
        while not self._stop_asked.is_set():
            try:
                self.items.put(item, timeout=_LOOK)
            except queue.Full:
                continue
            return True
        return False
