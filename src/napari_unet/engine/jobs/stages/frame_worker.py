"""A process that makes labels of frames: of ours alone, it never runs a user's script.

It is told once where the probabilities and the movie lie, then a frame at a time, through its
standard input; each answer goes back through its standard output. It reads codes and frames by
itself, and sends labels as runs of equal pixels. It ends with whoever started it.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.jobs.stages.frame_work import FrameDone, FrameMaker, FrameWork
from napari_unet.engine.prediction.probability_file import ProbabilityFile
from napari_unet.engine.stack.stack import Stack

if TYPE_CHECKING:
    from napari_unet.engine.export.formats.measuring import Measured
    from napari_unet.engine.settings import Selection


@dataclass(frozen=True)
class Setup:
    """What a worker is told when it starts."""

    work: FrameWork
    probabilities: Path
    movie: Path
    selection: Selection


class Packed(NamedTuple):
    """An answer: labels as runs of equal pixels, and what the table says of them."""

    shape: tuple[int, ...]
    lengths: NDArray[np.int32]
    values: NDArray[np.uint16]
    measured: Measured | None

    @classmethod
    def of(cls, done: FrameDone) -> Packed:
        """Pack what was made of a frame."""
        flat = done.labels.reshape(-1)
        starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
        lengths = np.diff(starts, append=flat.size).astype(np.int32)
        return cls(done.labels.shape, lengths, flat[starts], done.measured)

    def unpacked(self) -> FrameDone:
        """Return what was packed."""
        labels = np.repeat(self.values, self.lengths).reshape(self.shape)
        return FrameDone(labels, self.measured)


def main() -> None:
    """Answer until there is nobody who asks."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    asked = sys.stdin.buffer
    setup: Setup = pickle.load(asked)  # noqa: S301 - from the process that started this one
    codes = ProbabilityFile.open(setup.probabilities)
    make = FrameMaker(setup.work, Stack.open(setup.movie, setup.selection))
    with contextlib.suppress(EOFError, BrokenPipeError):  # nobody asks any more
        while True:
            frame: int = pickle.load(asked)  # noqa: S301
            try:
                answer = Packed.of(make(frame, codes.read(frame)))
            except Exception:  # noqa: BLE001 - who asked does it, and says what is wrong
                answer = None
            pickle.dump(answer, answers, protocol=pickle.HIGHEST_PROTOCOL)
            answers.flush()
