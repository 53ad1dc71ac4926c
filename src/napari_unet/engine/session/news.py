"""A lock under which things change, and the news of what changed, told once it is free again."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from psygnal import EmitLoopError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psygnal import SignalInstance


class News:
    """Signals of an object that several threads change.

    Listeners run in the thread that made the change, without the lock: one that waits for
    another thread, which reads the object, would otherwise stop both.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._depth = 0
        self._waiting: list[tuple[SignalInstance, object]] = []

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the lock; what was told meanwhile is emitted when it is free again."""
        waiting: list[tuple[SignalInstance, object]] = []
        try:
            with self.lock:
                self._depth += 1
                try:
                    yield
                finally:
                    self._depth -= 1
                    if not self._depth:
                        waiting, self._waiting = self._waiting, []
        finally:
            for signal, news in waiting:
                emit(signal, news)

    def tell(self, signal: SignalInstance, news: object) -> None:
        """Tell news once; inside `changing`."""
        if not any(to is signal and told == news for to, told in self._waiting):
            self._waiting.append((signal, news))


def emit(signal: SignalInstance, *news: object) -> None:
    """Emit a signal; what a listener raises comes as it is, not as psygnal's `EmitLoopError`."""
    try:
        signal.emit(*news)
    except EmitLoopError as error:
        cause: BaseException | None = error
        while isinstance(cause, EmitLoopError):
            cause = cause.__cause__
        raise (cause or error) from None
