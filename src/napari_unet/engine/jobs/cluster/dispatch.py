"""Tasks on their way to workers: a bounded number, begun again where they or workers are lost."""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Any

from napari_unet.engine.errors import BadInput, Notice
from napari_unet.engine.jobs.cluster.lost import Lost
from napari_unet.engine.jobs.cluster.worker import Unable, Unseen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from distributed import Client, Future

logger = logging.getLogger(__name__)

_AHEAD = 2  # tasks for each slot of a worker: one that runs, one that waits for it
_LOOK = 2.0  # s between two looks at who is there
_ANSWERS = 60.0  # s, that a scheduler has to answer
PATIENCE = 60.0  # s without any worker


class Task(ABC):
    """Something to be done by a worker; ``error`` where it could not be."""

    done = False
    error: BaseException | None = None

    @abstractmethod
    def call(self) -> tuple[Any, ...]:
        """Return a function and its arguments: asked for only when it is its turn."""

    @abstractmethod
    def take(self, result: Any) -> None:
        """Take what came of it."""

    @abstractmethod
    def unseen(self) -> None:
        """Send the movie's frames with it the next time: a worker does not see them."""


class Dispatch:
    """Sends tasks in their order, as many as the workers of ``client`` can have at hand."""

    def __init__(
        self,
        client: Client,
        name: str,
        resources: dict[str, float] | None,
        patience: float = PATIENCE,
        waiting: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._client, self._name, self._resources = client, name, resources
        self._patience = patience  # s, until workers that are gone are given up
        self._waiting = waiting  # called while it waits, with what for where that is odd
        self._queue: deque[Task] = deque()
        self._flying: dict[Future, Task] = {}
        self._meanwhile: list[Future] = []  # held: what nobody holds is not done
        self._given: dict[Future, frozenset[str]] = {}  # those that may do it, where not all may
        self._workers: dict[str, int] = {}
        self._looked = -_LOOK
        self._ended = threading.Event()  # one of them, or it is lost
        self._number = 0
        self.refused: dict[str, str] = {}
        self.notices: list[Notice] = []

    @property
    def waiting(self) -> int:
        """How many have not begun."""
        return len(self._queue)

    @property
    def room(self) -> int:
        """How many tasks may be on their way at once."""
        return max(1, _AHEAD * sum(self._workers.values()))

    def add(self, tasks: Iterable[Task], *, first: bool = False) -> None:
        """Add tasks behind all others, or before them."""
        if first:
            self._queue.extendleft(reversed(list(tasks)))
        else:
            self._queue.extend(tasks)
        self._send()

    def meanwhile(self, *called: Any) -> None:
        """Let each worker do something before its first task; nobody asks what comes of it.

        Of a first task alone: while there are others no worker is idle.
        """
        if self._meanwhile:
            return
        options = {"pure": False, "priority": -self._number, "resources": self._resources}
        submit = self._client.submit
        self._meanwhile = [submit(*called, workers=[one], **options) for one in self._workers]

    def finish(self, task: Task) -> None:
        """Return once a task is done, and whatever else was done meanwhile is taken.

        Raises
        ------
        BadInput
            Where no worker can do it, or the scheduler is lost.

        """
        while not task.done:
            self._waiting("")
            self._send()
            self._collect()
        if task.error is not None:
            raise task.error

    def refuse(self, worker: str, reason: str) -> None:
        """Give a worker nothing more."""
        if worker not in self.refused:
            self.refused[worker] = reason
            line = f"the worker {worker} is refused: {reason.rstrip('.')}"
            logger.warning("%s", line)
            self.notices.append(Notice("noted", line))

    def forget(self, tasks: Iterable[Task]) -> None:
        """Drop tasks, also those on their way."""
        gone = set(map(id, tasks))
        self._queue = deque(task for task in self._queue if id(task) not in gone)
        lost = [future for future, task in self._flying.items() if id(task) in gone]
        for future in lost:
            self._landed(future)
        self._cancel(lost)

    def _send(self) -> None:
        self._look()
        while self._queue and self._workers and len(self._flying) < self.room:
            task = self._queue.popleft()
            if task.done:
                continue
            try:
                called = task.call()
            except BadInput as error:  # a frame that cannot be read: of this movie alone
                task.error, task.done = error, True
                continue
            self._number += 1
            chosen = {"workers": list(self._workers)} if self.refused else {}
            options = {"pure": False, "priority": -self._number, "resources": self._resources}
            future = self._client.submit(*called, **options, **chosen)
            self._flying[future] = task
            if chosen:
                self._given[future] = frozenset(self._workers)
            future.add_done_callback(lambda _: self._ended.set())

    def _look(self) -> None:
        """See which workers are there; more may come, and others go."""
        now = time.monotonic()
        if now - self._looked < _LOOK and self._workers:
            return
        began = now
        while True:
            self._look_once()
            if self._workers:
                break
            if self.refused and not self._others:
                reasons = "; ".join(dict.fromkeys(self.refused.values()))
                raise BadInput(
                    f"no worker of {self._name} can compute this ({reasons.rstrip('.')})",
                    "the same versions everywhere, and the device that is asked for",
                    "install the same on all of them, or choose other settings",
                )
            if time.monotonic() - began > self._patience:
                raise self._lost("has no workers left")
            self._waiting(f"{self._name} has no workers left: waiting for one…")
            time.sleep(0.2)
        self._call_back()
        self._looked = time.monotonic()

    def _look_once(self) -> None:
        self._require_connection()
        try:
            told = self._client.scheduler.ncores
            found = dict(self._client.sync(told, callback_timeout=_ANSWERS))
        except (OSError, TimeoutError, RuntimeError, ValueError) as error:
            raise self._lost("does not answer any more") from error
        self._others = [w for w in found if w not in self.refused]
        self._workers = {w: found[w] for w in self._others}

    def _collect(self) -> None:
        """Wait a moment for any task, and take those that are done."""
        self._require_connection()
        self._ended.wait(1.0)
        self._ended.clear()
        for future in [f for f in self._flying if f.status != "pending"]:
            self._take(future, self._landed(future))

    def _landed(self, future: Future) -> Task:
        self._given.pop(future, None)
        return self._flying.pop(future)

    def _call_back(self) -> None:
        """Send anew what was for workers that are all gone: others are not given it by dask."""
        there = self._workers.keys()
        waiting = (f for f in self._given if f.status == "pending")
        lost = [future for future in waiting if not self._given[future] & there]
        self._queue.extendleft(self._landed(future) for future in reversed(lost))
        self._cancel(lost)

    def _cancel(self, lost: list[Future]) -> None:
        if lost and self._client.status == "running":
            self._client.cancel(lost, force=True)

    def _take(self, future: Future, task: Task) -> None:
        if future.status == "finished":
            try:
                result = future.result(timeout=60)
            except (OSError, TimeoutError) as error:
                logger.info("a result was lost: %s", error)
                self._queue.appendleft(task)
                return
            task.take(result)
            task.done = True
            return
        if future.status != "error":  # cancelled or lost, with a scheduler that began anew
            self._queue.appendleft(task)
            return
        self._failed(future.exception(timeout=60), task)

    def _failed(self, error: BaseException, task: Task) -> None:
        """Do a task again, or give it up, as what went wrong asks for."""
        if isinstance(error, Unseen):
            try:
                task.unseen()
            except BadInput as cannot:
                task.error, task.done = cannot, True
                return
        elif isinstance(error, Unable):
            self.refuse(error.worker, str(error))
            self._looked = -_LOOK
        else:
            task.error, task.done = self._in_words(error), True
            return
        self._queue.appendleft(task)

    def _in_words(self, error: BaseException) -> BaseException:
        """Say what ended a task, where it was its workers' end."""
        if type(error).__name__ != "KilledWorker":
            return error
        return BadInput(
            f"workers of {self._name} were ended again and again by the same frames",
            "workers with memory for a frame",
            "give them more memory, or fewer threads",
        )

    def _require_connection(self) -> None:
        if self._client.status not in ("running", "connecting"):
            raise self._lost("is gone")

    def _lost(self, what: str) -> Lost:
        return Lost(
            f"the cluster {self._name} {what}",
            "a scheduler with workers",
            "what is done stays: start it, and the same command goes on there",
        )
