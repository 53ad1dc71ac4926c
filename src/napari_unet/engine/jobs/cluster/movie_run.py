"""A movie on a cluster: settled once, then done block by block, and handed out in order."""

from __future__ import annotations

import itertools
import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.errors import BadInput
from napari_unet.engine.jobs.cluster.block import Block, BlockDone, blocks_of, frames_of_a_block
from napari_unet.engine.jobs.cluster.dispatch import Task
from napari_unet.engine.jobs.cluster.sent_movie import SentMovie
from napari_unet.engine.jobs.cluster.worker import (
    MovieJob,
    SettledMovie,
    do_block,
    get_ready,
    settle,
    shaping_versions,
)
from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.jobs.cluster.block_folder import BlockFolder
    from napari_unet.engine.jobs.cluster.dispatch import Dispatch
    from napari_unet.engine.jobs.stages.frame_work import FrameDone, FrameWork
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.prediction.probabilities import Probabilities
    from napari_unet.engine.settings import PredictSettings
    from napari_unet.engine.stack.stack import Stack

    Made = tuple[int, NDArray[np.uint8], FrameDone | None]
    Here = Callable[[Sequence[int]], Iterator[Made]]

logger = logging.getLogger(__name__)

_SAMPLES = (3, 12, 16)  # frames that a predictor looks at: precision, int8, the movie's range


class MovieRun:
    """One movie on its way through the cluster; `frames` hands it out, `close` drops the rest."""

    def __init__(
        self,
        dispatch: Dispatch,
        stack: Stack,
        model: Model,
        settings: PredictSettings,
        work: FrameWork,
        folder: BlockFolder,
    ) -> None:
        self._dispatch, self.stack, self._folder = dispatch, stack, folder
        self._settings = settings
        self.job = MovieJob(
            model.sha256,
            None if stack.path is None else stack.path.absolute(),
            stack.selection,
            stack.fingerprint,
            settings,
            work,
            folder.path.absolute(),
            folder.token,
            shaping_versions(),
        )
        self.sends = stack.path is None
        self.settled: SettledMovie | None = None
        self._tasks: list[Task] = []

    def begin(
        self, wanted: Sequence[int], probabilities: Probabilities, settled: SettledMovie | None
    ) -> None:
        """Send what is missing of the ``wanted`` frames on its way."""
        self._index = self._folder.index()
        computed = probabilities.computed
        missing = [t for t in wanted if not computed[t] and not self._index.get(t, (0, False))[1]]
        n = frames_of_a_block(self.stack.frame_shape)
        self._blocks = {b.frames: _BlockTask(self, b) for b in blocks_of(missing, n)}
        self._of = {t: task for frames, task in self._blocks.items() for t in frames}
        frames, blocks = counted(len(missing), "frame"), counted(len(self._blocks), "block")
        logger.info("%s: %s to do on the cluster, in %s", self.stack.name, frames, blocks)
        self.settled = settled
        if missing and settled is None:
            self._tasks.append(_SettleTask(self))
            self._dispatch.add(self._tasks, first=True)
            self._dispatch.meanwhile(get_ready, self.job)
        else:
            self.go_on()

    def go_on(self) -> None:
        """Send the blocks: it is settled how they are computed."""
        self._tasks += self._blocks.values()
        self._dispatch.add(self._blocks.values())

    def frames(
        self, wanted: Sequence[int], probabilities: Probabilities, here: Here
    ) -> Generator[Made, None, None]:
        """Yield each frame with its codes and labels, in order; those to be labelled ``here``."""
        for kind, part in itertools.groupby(wanted, partial(self._where, probabilities)):
            frames = list(part)
            if kind is None:
                yield from here(frames)
            elif isinstance(kind, _BlockTask):
                self._dispatch.finish(kind)
                yield from self._of_file(kind.path, frames, probabilities)
            else:
                yield from self._of_file(kind, frames, probabilities)

    def close(self, *, done: bool = False) -> None:
        """Drop what has not begun, and the blocks where all of them were handed on."""
        self._dispatch.forget(self._tasks)
        if done:
            self._folder.clear()

    def _where(self, probabilities: Probabilities, t: int) -> Any:
        """Say where a frame is: in a block to come, in a file, or in the probabilities alone."""
        if (task := self._of.get(t)) is not None:
            return task
        path, coded = self._index.get(t, (None, False))
        return path if coded or probabilities.computed[t] else None

    def _of_file(
        self, path: Path, frames: Sequence[int], probabilities: Probabilities
    ) -> Iterator[Made]:
        """Yield frames of a block; its codes go to the movie's probabilities."""
        try:
            block, wanted = BlockDone.read(path), set(frames)
        except ValueError as error:
            raise BadInput(
                f"{path} is damaged", "", "delete it: the same command makes it again"
            ) from error
        for t, codes, done in block.each():
            if t not in wanted:
                continue
            if codes is None:
                yield t, probabilities[t], done
                continue
            if not probabilities.computed[t]:
                probabilities.write(t, codes)
            yield t, codes, done
        if block.codes is not None and len(wanted) == len(block.frames):
            probabilities.flush()
            self._folder.without_codes(path, block)

    def samples(self) -> SentMovie | None:
        """Return the frames by which it is settled how to compute, where they have to be sent."""
        if not self.sends:
            return None
        n = len(self.stack)
        picks = {int(t) for most in _SAMPLES for t in np.linspace(0, n - 1, min(n, most))}
        return SentMovie(self.stack, sorted(picks), samples=True)

    def send_from_now_on(self) -> None:
        """Send frames with the blocks: a worker does not see the movie's file."""
        if self._settings.precision == "int8":
            raise BadInput(
                f"the workers do not see {self.stack.path or self.stack.name}",
                "its path on all of them for int8, which learns from its frames",
                "put it on a disk that they share, or choose another precision",
            )
        self.sends = True

    def keep(self, block: Block, content: bytes | None) -> Path:
        """Return the file of a block, written here where it was sent."""
        if content is not None:
            return self._folder.keep(block.name, content)
        return self._folder.path / block.name


class _SettleTask(Task):
    """Finds out how a movie is computed, for all of its blocks."""

    def __init__(self, run: MovieRun) -> None:
        self._run = run

    def call(self) -> tuple[Any, ...]:
        return (settle, self._run.job, self._run.samples())

    def take(self, result: SettledMovie) -> None:
        self._run.settled = result
        self._run.go_on()

    def unseen(self) -> None:
        self._run.send_from_now_on()


class _BlockTask(Task):
    """Does a block of a movie."""

    path: Path

    def __init__(self, run: MovieRun, block: Block) -> None:
        self._run, self.block = run, block

    def call(self) -> tuple[Any, ...]:
        run = self._run
        assert run.settled is not None
        sent = SentMovie(run.stack, self.block.frames) if run.sends else None
        return (do_block, run.job, self.block, run.settled.settled, sent)

    def take(self, result: bytes | None) -> None:
        self.path = self._run.keep(self.block, result)

    def unseen(self) -> None:
        self._run.send_from_now_on()
