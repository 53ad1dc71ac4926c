"""What workers do: settle how a movie is computed, and do blocks of it.

A process keeps models, predictors and open movies from one block to the next.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections import OrderedDict
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.versions import PROGRAM, versions
from napari_unet.engine.jobs.cluster.block import BlockDone, frames_in
from napari_unet.engine.jobs.cluster.block_folder import is_seen, write_block
from napari_unet.engine.jobs.cluster.sent_movie import SentMovie, source_of
from napari_unet.engine.jobs.stages.frame_work import FrameMaker, FrameWork
from napari_unet.engine.jobs.stages.frame_worker import Packed
from napari_unet.engine.prediction.ensemble import load_models
from napari_unet.engine.prediction.prediction import predict, probabilities_shape
from napari_unet.engine.prediction.predictor import Predictor, open_predictor
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.stack.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari_unet.engine.jobs.cluster.block import Block
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.prediction.precision import Settled
    from napari_unet.engine.settings import PredictSettings, Selection

K = TypeVar("K")
V = TypeVar("V")

_MOST = 4  # models, predictors and movies that a process keeps
_SHAPING = (PROGRAM, "torch", "numpy", "scipy", "scikit-image", "openvino")


class Unseen(Exception):
    """The movie's file is not seen here, or is another one: its frames have to be sent."""


class Unable(Exception):
    """A worker cannot compute as the others do; the text says why."""

    def __init__(self, reason: str, worker: str | None = None) -> None:
        if worker is None:
            from distributed import get_worker

            worker = get_worker().address
        super().__init__(reason, worker)
        self.worker = worker

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class MovieJob:
    """What workers are told of a movie once and for all."""

    model: str
    path: Path | None
    selection: Selection
    fingerprint: str
    predict: PredictSettings
    work: FrameWork
    folder: Path
    token: str
    versions: Mapping[str, str]


@dataclass(frozen=True)
class SettledMovie:
    """What one worker found for all: how it is computed, on what, and what a user should know."""

    settled: Settled
    device: str
    notice: str | None


@dataclass(frozen=True)
class Ability:
    """What a worker computes with."""

    device: str
    name: str
    processor: str
    versions: Mapping[str, str]


@cache
def shaping_versions() -> Mapping[str, str]:
    """Return the versions of all that shapes a result: looked up once, each takes milliseconds."""
    found = {name: v for name, v in versions().items() if name in _SHAPING}
    with contextlib.suppress(PackageNotFoundError):
        found["openvino"] = version("openvino")
    return found


def examine() -> Ability:
    """Say what this worker computes with."""
    import torch

    from napari_unet.engine.network.devices import choose_device, device_name

    device = choose_device("auto")
    kind = str(torch.backends.cpu.get_cpu_capability())
    return Ability(device.type, device_name(device), kind, shaping_versions())


def differs(here: Mapping[str, str], there: Mapping[str, str]) -> str | None:
    """Say the first version that a worker has another of; None where all are the same."""
    for name in _SHAPING:
        mine, other = here.get(name), there.get(name)
        if mine != other:
            return f"{name} {other or 'is not installed'} there, {mine or 'none'} here"
    return None


def get_ready(job: MovieJob) -> None:
    """Open the model, while another worker settles how the first movie is computed."""
    _DESK.predictor(job, job.predict.device, None)


def settle(job: MovieJob, samples: SentMovie | None = None) -> SettledMovie:
    """Settle on behalf of all workers how a movie is computed.

    Raises
    ------
    Unable, Unseen
        Where it is for another worker, or the movie is not seen and ``samples`` were not sent.

    """
    stack = _DESK.movie(job, None) if samples is None else Stack(samples, job.selection)
    predictor = _DESK.predictor(job, job.predict.device, None)
    predictor.renew()
    predictor.prepare(stack.seen_by(predictor.model.config.in_channels))
    return SettledMovie(predictor.settled(), predictor.device, predictor.notice)


def do_block(
    job: MovieJob, block: Block, settled: Settled, sent: SentMovie | None = None
) -> bytes | None:
    """Predict, label and measure the frames of a block, as was settled.

    None where it was written into the folder of blocks, else its content.
    """
    place = job.folder / block.name if is_seen(job.folder, job.token) else None
    if place is not None and frames_in(place) == (block.frames, True):
        return None  # by a worker that was lost after it had written
    stack = _DESK.movie(job, sent)
    predictor = _DESK.predictor(job, "auto", settled)
    movie = stack.seen_by(predictor.model.config.in_channels)
    predictor.adopt(settled, movie)
    if not _alike(found := predictor.settled(), settled):
        wanted = f"{settled.backend} {settled.precision}"
        raise Unable(f"{found.backend} {found.precision} there, {wanted} for all")
    content = _done(job, block, stack, predictor).packed()
    if sent is not None:
        _DESK.drop(stack, block)
    if place is None:
        return content
    write_block(place, content)
    return None


def _alike(one: Settled, other: Settled) -> bool:
    """Whether two compute in the same way; their scaling is arrays, and was handed over."""
    members = zip(one.members, other.members, strict=True)
    return one[:3] == other[:3] and all(_alike(a, b) for a, b in members)


def _done(job: MovieJob, block: Block, stack: Stack, predictor: Predictor) -> BlockDone:
    shape = probabilities_shape(stack, predictor.model)
    codes = np.empty((len(block.frames), *shape[1:]), np.uint8)
    make = FrameMaker(job.work, stack)
    made = []
    probabilities = Probabilities.in_memory(shape)
    with closing(predict(stack, predictor, probabilities, block.frames)) as run:
        for i, step in enumerate(run):
            codes[i] = step.codes
            made.append(Packed.of(make(step.position, step.codes)))
    return BlockDone(block.frames, codes, tuple(made))


def take_model(sha256: str, files: Sequence[bytes]) -> None:
    """Keep a model of one or several files, until a block asks for it."""
    _DESK.sent_models[sha256] = files


def drop_model(sha256: str) -> None:
    """Forget a model."""
    _DESK.sent_models.pop(sha256, None)


class _Desk:
    """What a process keeps."""

    def __init__(self) -> None:
        self.sent_models: dict[str, Sequence[bytes]] = {}
        self._models: OrderedDict[str, Model] = OrderedDict()
        self._predictors: OrderedDict[Any, Predictor] = OrderedDict()
        self._movies: OrderedDict[Any, Stack] = OrderedDict()
        self._lock = threading.RLock()

    def movie(self, job: MovieJob, sent: SentMovie | None) -> Stack:
        """Open a movie where it is seen here, or add the frames that were sent to others of it."""
        with self._lock:
            if sent is None:
                return _kept(self._movies, job.fingerprint, lambda: _open(job))
            key = f"sent {job.fingerprint}"
            stack = _kept(self._movies, key, lambda: Stack(sent.empty(), job.selection))
            source = source_of(stack)
            assert isinstance(source, SentMovie)
            source.take(sent)
            return stack

    def drop(self, stack: Stack, block: Block) -> None:
        """Forget the frames of a block that were sent."""
        source = source_of(stack)
        assert isinstance(source, SentMovie)
        source.drop(block.frames)

    def predictor(self, job: MovieJob, device: Any, settled: Settled | None) -> Predictor:
        """Return what predicts the movie: one of its own, where anything was settled for it."""
        own = settled is None or not settled.of_any_movie
        if settled is not None:
            device = settled.device
        settings = job.predict.replace(device=device)
        key = (job.model, settings.model_dump_json(), job.fingerprint if own else "", own)
        with self._lock:
            if reason := differs(job.versions, shaping_versions()):
                raise Unable(reason)
            try:
                return _kept(
                    self._predictors, key, lambda: open_predictor(self._model(job), settings)
                )
            except BadInput as error:
                raise Unable(str(error)) from error

    def _model(self, job: MovieJob) -> Model:
        def load() -> Model:
            if job.model not in self.sent_models:
                raise Unable("it was not given the model")
            with tempfile.TemporaryDirectory() as folder:
                paths = [Path(folder, f"{i}.safetensors") for i in range(99)]
                parts = self.sent_models[job.model]
                for path, content in zip(paths, parts, strict=False):
                    path.write_bytes(content)
                return load_models(paths[: len(parts)])

        return _kept(self._models, job.model, load)


def _open(job: MovieJob) -> Stack:
    if job.path is None:
        raise Unseen
    try:
        stack = Stack.open(job.path, job.selection)
    except (BadInput, OSError) as error:
        raise Unseen from error
    if stack.fingerprint != job.fingerprint:
        stack.close()
        raise Unseen
    return stack


def _kept(kept: OrderedDict[K, V], key: K, make: Callable[[], V]) -> V:
    """Return what is kept, made where it is not; what was used least goes."""
    if key not in kept:
        kept[key] = make()
        while len(kept) > _MOST:
            kept.popitem(last=False)
    kept.move_to_end(key)
    return kept[key]


_DESK = _Desk()
