"""predict(): read, compute and write a movie at the same time, in constant memory."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.atomic import require_space
from napari_unet.engine.network.cell_size import scale_of
from napari_unet.engine.network.devices import available_memory
from napari_unet.engine.prediction.ensemble import Ensemble
from napari_unet.engine.text import say_bytes

if TYPE_CHECKING:
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.network.parts.tiles import Part
    from napari_unet.engine.prediction.predictor import Predictor
    from napari_unet.engine.prediction.probabilities import Probabilities
    from napari_unet.engine.settings import PredictSettings
    from napari_unet.engine.stack.stack import Stack

_MOST_READERS = 16  # decoding a compressed frame takes about 10 ms: up to 1,600 frames a second
_AHEAD_BYTES = 256 << 20  # of raw frames in flight, at most


@dataclass(frozen=True)
class FramePrediction:
    """One frame is done: its codes ``(C, Y, X)`` are stored. ``seconds`` since the run began.

    Of volumes, here as in all that follows, Y and X have Z before them.
    """

    position: int
    codes: NDArray[np.uint8]
    seconds: float


def prediction_key(stack: Stack, model: Model, settings: PredictSettings) -> dict[str, Any]:
    """Say what the probabilities of a movie depend on; equal keys mean the same probabilities.

    Device, tiles and threads are not in it: they give the same labels.
    """
    shown: dict[str, Any] = {"inverted": True} if stack.inverted else {}  # read as stored before
    if isinstance(model, Ensemble):
        shown["models"] = [_said_of(member, settings) for member in model.members]
    return {
        **shown,
        "fingerprint": stack.fingerprint,
        "model": model.sha256,
        "outputs": list(model.config.outputs),
        "normalisation": model.normalisation.model_dump(mode="json"),
        "accurate": settings.accurate,
        "scale": scale_of(model, settings),
        "int8": settings.precision == "int8",
    }


def _said_of(member: Model, settings: PredictSettings) -> dict[str, Any]:
    """Say what the part of an ensemble depends on."""
    return {
        "model": member.sha256,
        "normalisation": member.normalisation.model_dump(mode="json"),
        "scale": scale_of(member, settings),
    }


def probabilities_shape(stack: Stack, model: Model) -> tuple[int, ...]:
    """Shape ``(T, C, Y, X)`` of the probabilities that a model gives for a movie."""
    return (len(stack), len(model.config.outputs), *stack.frame_shape)


def predict(
    stack: Stack,
    predictor: Predictor,
    probabilities: Probabilities,
    frames: Iterable[int] | None = None,
) -> Generator[FramePrediction, None, None]:
    """Predict the frames (all where left out) that are not computed yet, and store them.

    Yields each frame once it is stored. Closing the generator stops it within a frame; what is
    done stays, and the next run goes on from there.

    Raises
    ------
    BadInput
        At the call: where movie, model and probabilities do not fit, or the disk is too small.

    """
    stack = stack.seen_by(predictor.model.config.in_channels)
    positions = missing_frames(stack, probabilities, frames)
    _check(stack, predictor, probabilities, len(positions))
    return _predict(stack, predictor, probabilities, positions)


def predict_region(
    stack: Stack, predictor: Predictor, probabilities: Probabilities, frame: int, box: Part
) -> None:
    """Predict a box (slices) of one frame to look at: as the whole frame would be there.

    Raises
    ------
    BadInput
        Where movie, model and probabilities do not fit.

    """
    stack = stack.seen_by(predictor.model.config.in_channels)
    _check(stack, predictor, probabilities, 0)
    predictor.prepare(stack)
    probabilities.write_part(frame, box, predictor.region(stack[frame], box))


def missing_frames(
    stack: Stack, probabilities: Probabilities, frames: Iterable[int] | None = None
) -> list[int]:
    """Positions still to be predicted, in the order asked for, each once."""
    computed = probabilities.computed
    return [t for t in wanted_frames(stack, frames) if t >= len(computed) or not computed[t]]


def wanted_frames(stack: Stack, frames: Iterable[int] | None = None) -> list[int]:
    """Return the frames asked for, each once, all where None; `BadInput` where one is not there."""
    wanted = range(len(stack)) if frames is None else dict.fromkeys(int(t) for t in frames)
    beyond = [t for t in wanted if not 0 <= t < len(stack)]
    if beyond:
        raise BadInput(
            f"there is no frame {beyond[0]} in {stack.name}",
            f"frames 0 to {len(stack) - 1}",
            "choose frames of the movie",
        )
    return list(wanted)


def _check(stack: Stack, predictor: Predictor, probabilities: Probabilities, n: int) -> None:
    expected = probabilities_shape(stack, predictor.model)
    if probabilities.shape != expected:
        raise BadInput(
            f"the probabilities have shape {probabilities.shape}",
            f"{expected} for {stack.name} and {predictor.model.name}",
            "make them for this movie and model",
        )
    check_channels(stack, predictor.model)
    if n:
        _check_memory(stack, predictor.model)
    if n and probabilities.path is not None:
        require_space(probabilities.path.parent, n * probabilities.frame_bytes)


def check_channels(stack: Stack, model: Model) -> None:
    """Refuse a movie of other channels, or of volumes or images, than the model was trained on."""
    wanted = model.config.in_channels
    check_dims(stack, model)
    channels = stack.seen_by(wanted).channels
    if channels != wanted:
        raise BadInput(
            f"{stack.name} gives {channels} channel(s)",
            f"{wanted}, as {model.name} was trained on",
            f"choose {wanted} channel(s) of the movie, or another model",
        )


def check_dims(stack: Stack, model: Model) -> None:
    """Refuse volumes for a model of images, and images for a model of volumes."""
    if stack.dims == model.config.dims:
        return
    if stack.dims == 3:
        raise BadInput(
            f"{stack.name} is taken as a volume, and {model.name} is a model of images",
            "a model that learned from volumes",
            "choose another, or take each section as a frame (--z frames), or their maximum",
        )
    raise BadInput(
        f"{model.name} is a model of volumes, and {stack.name} gives images",
        "sections that are taken as a volume (--z volume)",
        "choose another model, or another z",
    )


def _check_memory(stack: Stack, model: Model) -> None:
    """Refuse volumes of which not even one can be held, with what is computed of it."""
    if stack.dims == 2:
        return
    raw, outputs = int(np.prod(stack.shape[1:])), len(model.config.outputs)
    needed = raw * (stack.dtype.itemsize + 4) + 5 * outputs * int(np.prod(stack.frame_shape))
    free = available_memory(torch.device("cpu"))
    if needed > free:
        raise BadInput(
            f"one volume of {stack.name} needs {say_bytes(needed)} of memory, {say_bytes(free)} "
            "are free",
            "memory for a volume and what is computed of it",
            "close other programs, or take each section as a frame (--z frames)",
        )


def _predict(
    stack: Stack, predictor: Predictor, probabilities: Probabilities, positions: Sequence[int]
) -> Generator[FramePrediction, None, None]:
    if not positions:
        return
    began = time.monotonic()
    predictor.prepare(stack)
    size = predictor.frames_at_once(stack.frame_shape)
    readers = min(len(positions), _readers(predictor))
    depth = _depth(stack, size, readers)
    line = _Line(stack, predictor, probabilities, readers)
    groups = _grouped(positions, size)
    flying: deque[Future[list[tuple[int, NDArray[np.uint8]]]]] = deque()
    try:
        flying.extend(line.enter(group) for group in islice(groups, depth))
        while flying:
            done = flying.popleft().result()
            flying.extend(line.enter(group) for group in islice(groups, 1))
            for position, codes in done:
                yield FramePrediction(position, codes, time.monotonic() - began)
    finally:
        line.stop()
        probabilities.flush()


class _Line:
    """Readers, one that computes, one that writes: each group of frames passes all three."""

    def __init__(
        self, stack: Stack, predictor: Predictor, probabilities: Probabilities, readers: int
    ) -> None:
        self._stack, self._predictor, self._probabilities = stack, predictor, probabilities
        self._readers = ThreadPoolExecutor(readers, "napari-unet read")
        self._computer = ThreadPoolExecutor(1, "napari-unet compute")
        self._writer = ThreadPoolExecutor(1, "napari-unet write")

    def enter(self, group: Sequence[int]) -> Future[list[tuple[int, NDArray[np.uint8]]]]:
        """Send frames on their way; the result is them, stored."""
        staged = [self._readers.submit(self._read, t) for t in group]
        started = self._computer.submit(lambda: self._predictor.start([s.result() for s in staged]))
        return self._writer.submit(lambda: self._write(group, started.result()()))

    def stop(self) -> None:
        """Drop what has not begun and wait for what has."""
        executors = (self._readers, self._computer, self._writer)
        for wait in (False, True):
            for executor in executors:
                executor.shutdown(wait=wait, cancel_futures=True)

    def _read(self, t: int) -> Any:
        return self._predictor.stage(self._stack[t])

    def _write(
        self, group: Sequence[int], codes: NDArray[np.uint8]
    ) -> list[tuple[int, NDArray[np.uint8]]]:
        for t, frame in zip(group, codes, strict=True):
            self._probabilities.write(t, frame)
        return list(zip(group, codes, strict=True))


def _readers(predictor: Predictor) -> int:
    """Reader threads: two beside a network on the CPU, the spare cores beside a GPU."""
    return 2 if predictor.on_cpu else max(2, min(_MOST_READERS, (os.cpu_count() or 2) - 2))


def _depth(stack: Stack, size: int, readers: int) -> int:
    """How many groups of ``size`` frames are on their way at once."""
    group_bytes = size * int(np.prod(stack.shape[1:])) * stack.dtype.itemsize
    return max(2, min(readers + 2, _AHEAD_BYTES // max(group_bytes, 1)))


def raw_bytes_in_flight(stack: Stack, predictor: Predictor) -> int:
    """Memory of the frames that are read, normalised and waiting to be written."""
    size = predictor.frames_at_once(stack.frame_shape)
    values = size * int(np.prod(stack.shape[1:]))
    return _depth(stack, size, _readers(predictor)) * values * (stack.dtype.itemsize + 4)


def _grouped(positions: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for first in range(0, len(positions), size):
        yield positions[first : first + size]
