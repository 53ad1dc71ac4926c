"""One way for every long operation: start, progress with time left, cancel, send, errors.

A job takes one of the engine's generators, runs it in a worker thread, and tells the docks on
the main thread what it yields. Only one runs per viewer. The generator is closed in the thread
it ran in, whatever ended it, so that its ``finally`` blocks run: napari's own worker leaves an
aborted generator open and loses a ``RuntimeError``, which is what torch raises.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, QTimer, Signal
from superqt.utils import GeneratorWorker

from napari_unet.engine.errors import BadInput
from napari_unet.engine.text import say_duration
from napari_unet.gui.widgets.parts import WARNING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from pathlib import Path

    from napari_unet.engine.errors import Notice

logger = logging.getLogger(__name__)
_SHOW_EVERY_MS = 50
_REMEDY = "Check that the place is there and may be used, then try again"
_REMEDIES = {
    errno.ENOSPC: "Free some space on this disk, then try again",
    errno.EDQUOT: "Free some of your space on this disk, then try again",
    errno.EACCES: "Ask for the right to use this place, or take another one",
    errno.EPERM: "Ask for the right to use this place, or take another one",
    errno.EROFS: "Take another place: this one cannot be written to",
    errno.ENOENT: "It may have been moved or removed: check the path",
}
_NICE = 5  # of 19: how far a job stands back from the window


@dataclass(frozen=True)
class JobState:
    """What a dock shows of a job: who started it, how far it is, and its last line."""

    owner: str = ""
    title: str = ""
    running: bool = False
    cancelling: bool = False
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    line: str = ""
    note: str = ""  # stays below the line while it runs
    failed: bool = False


@dataclass(frozen=True)
class Progress:
    """How far a job is, where counting its yields would not tell."""

    done: int
    total: int
    seconds_left: float | None = None
    line: str = ""
    note: str = ""


UNCHANGED = Progress(-1, -1)
"""What an item gives that only lets the job be cancelled."""


@dataclass(frozen=True)
class Ended:
    """What is said of a job that is done: its line, and what was guessed or left out in it."""

    line: str
    notices: Iterable[Notice] = ()

    def __str__(self) -> str:
        """Return the line, and below it the notices: what asks for a look first."""
        found = dict.fromkeys(self.notices)
        odd = [f"{WARNING} {notice}." for notice in found if notice.level == "check"]
        noted = [f"{notice}." for notice in found if notice.level == "noted"]
        return "\n".join((self.line, *odd, *noted))


@dataclass(frozen=True)
class Task:
    """A long operation: its generator and what the main thread does with what comes out.

    ``on_item`` gets each yield and may return a `Progress`; ``on_done`` gets the return value
    and may return what to say, `Ended` with notices; ``on_end`` is called last, however the task
    ended. ``cancelled_line`` says what is kept: it is asked when that is known.
    """

    owner: str
    title: str
    work: Callable[[], Generator[Any, Any, Any]]
    total: int = 0
    on_item: Callable[[Any], Progress | None] = lambda _: None
    on_done: Callable[[Any], str | Ended | None] = lambda _: None
    on_end: Callable[[], None] = lambda: None
    cancelled_line: str | Callable[[], str] = "Stopped."


@dataclass(frozen=True)
class _Outcome:
    """How a generator ended: finished with a value, cancelled, or failed."""

    value: Any = None
    cancelled: bool = False
    error: Exception | None = None


class _Control:
    """What the main thread tells the worker: stop, and the newest message."""

    def __init__(self) -> None:
        self.cancelled = threading.Event()
        self._lock = threading.Lock()
        self._message: Any = None

    def put(self, message: Any, merge: Callable[[Any, Any], Any] | None = None) -> None:
        with self._lock:
            pending = self._message
            both = merge is not None and pending is not None
            self._message = merge(pending, message) if merge and both else message

    def take(self) -> Any:
        with self._lock:
            message, self._message = self._message, None
            return message


def _drive(
    generator: Generator[Any, Any, Any], control: _Control
) -> Generator[Any, None, _Outcome]:
    """Run ``generator`` to its end or to a cancel, and close it in the same thread."""
    _stand_back()
    with closing(generator):
        if control.cancelled.is_set():  # the window was closed before it could begin
            return _Outcome(cancelled=True)
        try:
            item = next(generator)
            while not control.cancelled.is_set():
                yield item
                item = generator.send(control.take())
        except StopIteration as stop:
            return _Outcome(stop.value)
        except Exception as error:  # noqa: BLE001 - the thread's boundary: told in the dock
            return _Outcome(error=error)
        return _Outcome(cancelled=True)


class _Worker(GeneratorWorker[Any, Any, Any]):
    """Closes its generator in its own thread, also where napari asks all workers to quit.

    superqt only lets go of it: files half written would lie there until the memory is cleared.
    """

    def work(self) -> Any:
        """Run to the end, or until asked to quit."""
        try:
            return super().work()
        finally:
            self._gen.close()


def _stand_back() -> None:
    """Let the window's thread go first, where both want the processor.

    On Linux niceness is each thread's own, and threads started from here inherit it.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        if os.getpriority(os.PRIO_PROCESS, thread) < _NICE:  # never forward: that is root's
            os.setpriority(os.PRIO_PROCESS, thread, _NICE)


class Job(QObject):
    """The long operation of one viewer, or none. Lives on the main thread."""

    changed = Signal(object)  # JobState

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.state = JobState()
        self._task: Task | None = None
        self._control = _Control()
        self._worker: GeneratorWorker[Any, Any, Any] | None = None
        self._ended = False
        self._started = self._first = 0.0
        self._quiet = QTimer(self, interval=_SHOW_EVERY_MS, singleShot=True)
        self._quiet.timeout.connect(lambda: self.changed.emit(self.state))

    @property
    def running(self) -> bool:
        """Whether a job runs now."""
        return self.state.running

    def runs(self, task: Task | None) -> bool:
        """Whether it is this task that runs now."""
        return task is not None and self._task is task

    @contextmanager
    def refusing(self, owner: str) -> Iterator[None]:
        """Say in the owner's dock what is refused in the block (`BadInput`), or by the disk.

        Nothing of it is raised: a folder that is gone or a full disk is a line, too.
        """
        try:
            yield
        except (BadInput, OSError) as error:
            self.say(owner, describe_error(error), failed=True)

    def save(self, owner: str, path: Path, write: Callable[[], object]) -> bool:
        """Start writing a file that is small; the dock says where it is then."""

        def work() -> Generator[None, None, None]:
            yield
            write()

        return self.start(Task(owner, "Saving", work, on_done=lambda _: f"Saved {path}"))

    def start(self, task: Task) -> bool:
        """Start ``task``; give False, with a line saying why, where it cannot start."""
        if self._ended:
            return False
        if self.running:
            self.say(
                task.owner, f"{self.state.title} is still running. Wait for it, or cancel it.", True
            )
            return False
        generator = None
        with self.refusing(task.owner):
            generator = task.work()
        if generator is None:
            return False
        self._task, self._control = task, _Control()
        self._started, self._first = time.monotonic(), 0.0
        self._show(JobState(task.owner, task.title, True, total=task.total, line=f"{task.title}…"))
        self._worker = create_worker(
            _drive, generator, self._control, _worker_class=_Worker, _ignore_errors=True
        )
        self._worker.yielded.connect(self._on_item)
        self._worker.returned.connect(self._on_outcome)
        self._worker.start()
        return True

    def say(self, owner: str, line: str, failed: bool = False) -> None:
        """Show a line in the owner's dock without a job."""
        if self.running:
            self.changed.emit(
                replace(self.state, owner=owner, line=line, failed=failed, running=False)
            )
        else:
            self._show(JobState(owner, line=line, failed=failed))

    def cancel(self) -> None:
        """Ask the job to stop and throw away what it has not yet given."""
        if self.running and not self.state.cancelling:
            self._control.cancelled.set()
            self._show(replace(self.state, cancelling=True, line="Stopping…"))

    def end(self) -> None:
        """Cancel what runs and hear no more of it: the viewer is closed, for good."""
        self._ended, self._task = True, None
        self._control.cancelled.set()
        self._quiet.stop()
        self.state = replace(self.state, running=False, cancelling=False)

    def send(self, message: Any, merge: Callable[[Any, Any], Any] | None = None) -> None:
        """Hand ``message`` to the generator at its next yield; the newest wins.

        ``merge(pending, message)`` joins it with one that has not been taken yet.
        """
        self._control.put(message, merge)

    def _on_item(self, item: Any) -> None:
        if self._task is None:
            return
        progress = self._task.on_item(item)
        if progress is UNCHANGED:
            return
        now, done = time.monotonic(), self.state.done + 1
        self._first = self._first or now
        if progress is not None and not progress.done:  # still preparing: says nothing of the pace
            self._first = 0.0
        if progress is None:
            left = _seconds_left(done, self.state.total, self._started, self._first, now)
            progress = Progress(done, self.state.total, left)
        line = progress.line or progress_line(self.state.title, progress)
        self.state = replace(
            self.state,
            done=progress.done,
            total=progress.total,
            seconds_left=progress.seconds_left,
            line=self.state.line if self.state.cancelling else line,
            note=progress.note or self.state.note,
        )
        if not self._quiet.isActive():
            self._quiet.start()

    def _on_outcome(self, outcome: _Outcome) -> None:
        task, self._task, self._worker = self._task, None, None
        if task is None:
            return
        ended = replace(self.state, running=False, cancelling=False, seconds_left=None, note="")
        self.state = ended  # before on_done: it may start the next job
        error = outcome.error
        line = "" if not outcome.cancelled else _said(task.cancelled_line)
        if error is None and not outcome.cancelled:
            try:
                line = str(task.on_done(outcome.value) or f"{task.title}: done.")
            except Exception as found:  # noqa: BLE001 - or the dock would show it as running
                error = found
        try:
            task.on_end()
        except OSError as found:  # a checkpoint that cannot be removed, say
            error = error or found
        if self.state is ended:
            line = line if error is None else describe_error(error)
            self._show(replace(ended, line=line, failed=error is not None))

    def _show(self, state: JobState) -> None:
        self._quiet.stop()
        self.state = state
        self.changed.emit(state)


def _said(line: str | Callable[[], str]) -> str:
    return line if isinstance(line, str) else line()


def describe_error(error: Exception) -> str:
    """One plain line for any error; what is not a `BadInput` is a bug and is logged whole."""
    if isinstance(error, BadInput):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        what = f"{error.filename}: " if error.filename else ""
        return f"{what}{error.strerror}. {_REMEDIES.get(error.errno or 0, _REMEDY)}."
    logger.error("a job failed", exc_info=error)
    text = " ".join(str(error).split()) or type(error).__name__
    return f"This should not happen: {text[:200]}. Please report it; the log has the details."


def progress_line(title: str, progress: Progress) -> str:
    """Say how far it is: ``Segmenting the movie: 12 of 48, about 2 min left``."""
    count = f": {progress.done} of {progress.total}" if progress.total else ""
    left = (
        f", {say_duration(progress.seconds_left)} left" if progress.seconds_left is not None else ""
    )
    return f"{title}{count}{left}"


def _seconds_left(done: int, total: int, started: float, first: float, now: float) -> float | None:
    """Time left by the speed since the first item, which alone paid for the warm-up."""
    if not total or done < 1:
        return None
    pace = (now - first) / (done - 1) if done > 1 else now - started
    return max(0.0, pace * (total - done))
