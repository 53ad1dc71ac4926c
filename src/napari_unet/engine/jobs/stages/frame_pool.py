"""Labels and measurements of frames on all cores, while the network runs and files are written.

Threads do it at first. Where Python's lock would hold several of them up for long enough, each
hands its frames to a process of its own; that costs a second or two to start.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from napari_unet.engine.jobs.stages.frame_work import FrameMaker
from napari_unet.engine.jobs.stages.frame_worker import Packed, Setup

if TYPE_CHECKING:
    from concurrent.futures import Future

    import numpy as np
    from numpy.typing import NDArray

    from napari_unet.engine.jobs.stages.frame_work import FrameDone, FrameWork
    from napari_unet.engine.prediction.probabilities import Probabilities
    from napari_unet.engine.stack.stack import Stack

logger = logging.getLogger(__name__)

_WORTH_IT = 10.0  # s of work that is left: processes are started
_PROGRAM = "from napari_unet.engine.jobs.stages.frame_worker import main; main()"
_NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # of Windows


class FramePool:
    """Does the work of frames on ``cores`` cores; `close` ends it, whatever runs."""

    def __init__(
        self, stack: Stack, probabilities: Probabilities, work: FrameWork, cores: int, frames: int
    ) -> None:
        self.cores, self._left = cores, frames
        self._make = FrameMaker(work, stack)
        self._setup = (
            Setup(work, probabilities.path, stack.path, stack.selection)
            if cores > 1 and probabilities.path is not None and stack.path is not None
            else None
        )
        self._threads = ThreadPoolExecutor(cores, "napari-unet label")
        self._mine = threading.local()
        self._lock = threading.Lock()
        self._workers: list[_Worker] = []
        self._seconds: float | None = None  # of processor time, that the first frame took
        self._closed = False

    def submit(self, frame: int, codes: NDArray[np.uint8]) -> Future[FrameDone]:
        """Begin with a frame of codes ``(C, …)`` that are stored."""
        return self._threads.submit(self._do, frame, codes)

    def close(self) -> None:
        """Drop what has not begun, and end the processes."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            workers = list(self._workers)
        for worker in workers:
            worker.end()
        self._threads.shutdown(wait=True)

    def _do(self, frame: int, codes: NDArray[np.uint8]) -> FrameDone:
        self._left -= 1
        if self._setup is not None and self._is_worth_it:
            done = self._ask(frame, self._setup)
            if done is not None:
                return done
        began = time.thread_time()
        made = self._make(frame, codes)
        self._seconds = self._seconds or time.thread_time() - began
        return made

    @property
    def _is_worth_it(self) -> bool:
        if hasattr(self._mine, "worker"):
            return True
        return self._seconds is not None and self._seconds * self._left > _WORTH_IT

    def _ask(self, frame: int, setup: Setup) -> FrameDone | None:
        """Let this thread's process do a frame; a new one where it died; None where that fails."""
        for _ in range(2):
            if self._closed:
                return None
            try:
                if getattr(self._mine, "worker", None) is None:
                    self._mine.worker = self._start(setup)
                answer: Packed | None = self._mine.worker.ask(frame)
            except (OSError, EOFError, pickle.UnpicklingError):
                self._mine.worker = None
                if not self._closed:
                    logger.warning("a worker process ended; frame %d is done again", frame)
            else:
                return None if answer is None else answer.unpacked()
        return None

    def _start(self, setup: Setup) -> _Worker:
        worker = _Worker(setup)
        with self._lock:
            self._workers.append(worker)
        if self._closed:
            worker.end()
        return worker


class _Worker:
    """A process of `frame_worker`."""

    def __init__(self, setup: Setup) -> None:
        command = [sys.executable, "-P", "-c", _PROGRAM]
        ours = os.pathsep.join(path for path in sys.path if path)  # where this process finds us
        self._process = subprocess.Popen(  # noqa: S603 - this program itself
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": ours, "OMP_NUM_THREADS": "1"},
            creationflags=_NO_WINDOW,
            start_new_session=True,  # Ctrl-C is for this process: it ends the others
        )
        self._tell(setup)

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def ask(self, frame: int) -> Packed | None:
        """Return what was made of a frame; None where it could not be, `EOFError` after death."""
        self._tell(frame)
        assert self._process.stdout is not None
        answer: Packed | None = pickle.load(self._process.stdout)  # noqa: S301 - our own process
        return answer

    def end(self) -> None:
        """End the process, and let go of its pipes."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _tell(self, what: object) -> None:
        assert self._process.stdin is not None
        pickle.dump(what, self._process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
        self._process.stdin.flush()
