"""What a long prediction will cost, from one frame of the movie: time, memory, disk."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from napari_unet.engine.network.devices import physical_cores
from napari_unet.engine.prediction.prediction import (
    missing_frames,
    raw_bytes_in_flight,
    wanted_frames,
)
from napari_unet.engine.text import say_bytes, say_duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from napari_unet.engine.prediction.predictor import Predictor
    from napari_unet.engine.prediction.probabilities import Probabilities
    from napari_unet.engine.stack.stack import Stack

_LONG_ENOUGH = 2.0  # s: a warm-up that took longer is not measured a second time
_MEASURED_GROUPS = 4


class Rest(Protocol):
    """What follows on the prediction of a frame."""

    def __call__(self, frame: int, codes: NDArray[np.uint8], /) -> float:
        """Do it with codes ``(C, Y, X)``; gives the processor seconds that it takes."""


@dataclass(frozen=True)
class Cost:
    """Expected cost of predicting ``frames`` frames; sizes in bytes.

    ``memory`` is what the run adds on the device and the host together, ``free`` the space left
    on the disk of ``folder``; both are None where the probabilities stay in memory.
    """

    frames: int
    seconds: float
    memory: int
    disk: int
    free: int | None
    folder: Path | None

    @property
    def fits(self) -> bool:
        """Whether the disk has room."""
        return self.free is None or self.free >= self.disk

    def __str__(self) -> str:
        noun = "frame" if self.frames == 1 else "frames"
        parts = [f"{self.frames} {noun}", say_duration(self.seconds)]
        parts.append(f"{say_bytes(self.memory)} of memory")
        if self.folder is not None and self.free is not None:
            parts.append(
                f"{say_bytes(self.disk)} on disk in {self.folder} ({say_bytes(self.free)} free)"
            )
        return ", ".join(parts)


def estimate(
    stack: Stack,
    predictor: Predictor,
    probabilities: Probabilities,
    frames: Iterable[int] | None = None,
    rest: Rest | None = None,
) -> Cost:
    """Predict one missing frame, after warming up, and multiply by how many are missing.

    The ``rest`` that is done with each frame runs beside the network: on the cores that a GPU
    leaves free, or with it on all of them.
    """
    stack = stack.seen_by(predictor.model.config.in_channels)
    wanted = wanted_frames(stack, frames)
    missing = missing_frames(stack, probabilities, wanted)
    path, free, seconds = probabilities.path, None, 0.0
    if path is not None:
        free = shutil.disk_usage(path.parent).free
    if missing:
        each, codes = _seconds_per_frame(stack, predictor, missing[0])
        after = len(wanted) * rest(missing[0], codes) if rest else 0.0
        cores = predictor.settings.threads or physical_cores()
        seconds = len(missing) * each
        if predictor.on_cpu:
            seconds += after / cores
        else:
            seconds = max(seconds, after / max(1, cores - 2))
    return Cost(
        frames=len(missing),
        seconds=seconds,
        memory=predictor.memory(stack.frame_shape) + raw_bytes_in_flight(stack, predictor),
        disk=len(missing) * probabilities.frame_bytes,
        free=free,
        folder=path.parent if path is not None else None,
    )


def _seconds_per_frame(
    stack: Stack, predictor: Predictor, position: int
) -> tuple[float, NDArray[np.uint8]]:
    """Seconds a frame takes, the slower of reading and computing: they overlap. And its codes."""
    began = time.perf_counter()
    frame = stack[position]
    read = time.perf_counter() - began
    predictor.prepare(stack)
    staged = predictor.stage(frame)
    n = predictor.frames_at_once(stack.frame_shape)
    began = time.perf_counter()
    codes = predictor.start([staged] * n)()[0]
    warm_up = (time.perf_counter() - began) / n
    if warm_up > _LONG_ENOUGH:
        return max(read, warm_up), codes
    began = time.perf_counter()
    waits = [
        predictor.start([staged] * n) for _ in range(1 if predictor.on_cpu else _MEASURED_GROUPS)
    ]
    for wait in waits:
        wait()
    return max(read, (time.perf_counter() - began) / (n * len(waits))), codes
