"""Predictor: raw frame in, uint8 probability codes out, on whatever this machine computes with.

The whole frame goes through the network at once. Only where memory runs out (or a tile is
asked for) it goes in tiles, with the same result.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import torch

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.codes import mean_codes
from napari_unet.engine.network.cell_size import scale_of
from napari_unet.engine.network.devices import available_memory, device_name
from napari_unet.engine.network.network import pad_to_multiple, resized, scaled_size
from napari_unet.engine.network.normalisation import Normaliser
from napari_unet.engine.network.parts.boxes import in_box
from napari_unet.engine.network.parts.tiles import dihedral, in_tiles, tiles
from napari_unet.engine.network.parts.windows import in_windows
from napari_unet.engine.prediction.backends import notice_for, open_backend
from napari_unet.engine.prediction.ensemble import Ensemble
from napari_unet.engine.prediction.memory import (
    SMALLEST_TILE,
    Plan,
    frames_at_once,
    is_out_of_memory,
    map_bytes,
)
from napari_unet.engine.prediction.precision import (
    CHECKED_EDGE,
    SAME_LABELS,
    Settled,
    precision_for,
    samples_of,
    worst_agreement,
)
from napari_unet.engine.prediction.transfer import encode_on_device, transfer_to
from napari_unet.engine.settings import PredictSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_unet.engine.network.model import Model
    from napari_unet.engine.network.parts.tiles import Part
    from napari_unet.engine.prediction.backends import Backend
    from napari_unet.engine.prediction.transfer import Staged
    from napari_unet.engine.stack.stack import Stack

logger = logging.getLogger(__name__)
T = TypeVar("T")

_LARGEST_BATCH = 16
_CHECKED_FRAMES, _CALIBRATION_FRAMES = 3, 12


def open_predictor(
    model: Model, settings: PredictSettings | None = None, stack: Stack | None = None
) -> Predictor:
    """Make a model ready to predict frames on the device that the settings choose.

    Raises
    ------
    BadInput
        Where the device, the backend or the precision is not to be had here.

    """
    settings = settings or PredictSettings()
    if isinstance(model, Ensemble):
        return EnsemblePredictor(model, settings, stack)
    return Predictor(model, settings, stack)


class Predictor:
    """``predictor(frame)`` gives the codes ``(len(outputs), Y, X)`` of a raw frame.

    From any thread. ``device`` says what computes, ``notice`` what a user should know about it.
    """

    def __init__(self, model: Model, settings: PredictSettings, stack: Stack | None = None) -> None:
        self.model, self.settings = model, settings
        self._scale = scale_of(model, settings) * model.config.scale
        self.outputs = model.config.outputs
        self._lock = threading.RLock()
        self._exact = open_backend(model.network, settings)
        self._faster: Backend | None = None
        self.renew()
        if stack is not None:
            self.prepare(stack)

    def renew(self) -> None:
        """Forget the movie, but not what was compiled: movies of one size wait for it once."""
        with self._lock:
            self._backend = self._exact
            self._transfer = transfer_to(self._backend.device)
            self._plan = self._first_plan()
            self._planned: tuple[int, ...] | None = None  # for volumes of which size
            self._normaliser = self._normaliser_of(None)
            self._measured: object | None = None
            self._checked = False
            self.notice = notice_for(self.settings, self._backend.device) or self._transfer.notice

    def __call__(self, frame: NDArray[Any]) -> NDArray[np.uint8]:
        """Predict one raw frame ``(Y, X)`` or ``(C, Y, X)``: codes ``(len(outputs), Y, X)``."""
        codes: NDArray[np.uint8] = self.start([self.stage(frame)])()[0]
        return codes

    @property
    def device(self) -> str:
        """What computes: ``"the CPU (openvino fp32)"``, ``"NVIDIA H100 (torch fp16)"``."""
        return f"{device_name(self._backend.device)} ({self._backend.name})"

    @property
    def on_cpu(self) -> bool:
        """Whether the network runs on the CPU."""
        return self._backend.device.type == "cpu"

    def frames_at_once(self, shape: tuple[int, ...]) -> int:
        """How many frames ``(Y, X)`` to give to `start` together: small ones share a launch."""
        return frames_at_once(self._plan, shape)

    def memory(self, shape: tuple[int, ...]) -> int:
        """Bytes that the network's feature maps of frames ``(Y, X)`` take at once, at least."""
        return self._needed(shape, self._plan)

    def _needed(self, shape: tuple[int, ...], plan: Plan) -> int:
        return map_bytes(shape, plan, self.model.config, self._scale, self._backend.precision)

    def prepare(self, movie: Stack | Sequence[NDArray[Any]]) -> None:
        """Measure a movie that is normalised as a whole, and check the precision on its frames."""
        with self._lock:
            if movie is not self._measured:
                self._measured = movie
                frames = cast("Sequence[NDArray[Any]]", movie)
                self._normaliser = self._normaliser_of(frames)
            if not self._checked:
                self._checked = True
                self._choose_precision(movie)

    def settled(self) -> Settled:
        """Return what was measured and checked on the movie, and what computes, for `adopt`."""
        with self._lock:
            one, scaling = self._backend, self._normaliser.fixed
            return Settled(one.device.type, one.name.split()[0], one.precision, scaling)

    def adopt(self, settled: Settled, movie: Stack) -> None:
        """Do as another predictor settled for a movie: nothing is measured or checked."""
        with self._lock:
            known = movie is self._measured and self._backend.precision == settled.precision
            self._measured, self._checked, self._normaliser.fixed = movie, True, settled.scaling
            if not known and (precision := settled.precision) != self._exact.precision:
                n = _CALIBRATION_FRAMES if precision == "int8" else 0  # the same ones everywhere
                self._backend = self._exact.at(precision, self._samples(movie, n))

    def stage(self, frame: NDArray[Any]) -> Staged:
        """Prepare a raw frame for `start`; slow parts of it run in the caller's thread."""
        frame = np.asarray(frame)
        frame = frame.view(np.uint8) if frame.dtype == bool else frame
        config = self.model.config
        channels = 1 if frame.ndim == config.dims else frame.shape[0]
        if frame.ndim not in (config.dims, config.dims + 1) or channels != config.in_channels:
            raise BadInput(
                f"the frame has shape {frame.shape}",
                f"{config.in_channels} channel(s) in {config.dims}D, "
                f"as {self.model.name} was trained on",
                "choose the channel, or another model",
            )
        if not self._checked:
            self.prepare([frame])
        return self._transfer.stage(frame, self._normaliser)

    def start(self, staged: Sequence[Staged]) -> Callable[[], NDArray[np.uint8]]:
        """Begin to predict frames of one size; the function given back waits for their codes.

        ``(N, len(outputs), Y, X)``. Where memory runs out it goes on with smaller batches, tiles
        and at last on the CPU, with the same labels.
        """
        with self._lock:
            size = staged[0].raw.shape[-self.model.config.dims :]
            return self._with_less_memory(lambda: self._launch(staged), size)

    def region(self, frame: NDArray[Any], box: Part) -> NDArray[np.uint8]:
        """Predict only a box (slices) of a raw frame: what the whole frame gives there."""
        size = np.shape(frame)[-self.model.config.dims :]
        part = tuple(slice(*s.indices(n)[:2]) for s, n in zip(box, size, strict=True))
        staged = self.stage(frame)
        with self._lock:
            wait = self._with_less_memory(lambda: self._launch([staged], part), size)
        codes: NDArray[np.uint8] = wait()[0]
        return codes

    def close(self) -> None:
        """Release the memory of the device."""
        with self._lock:
            for backend in (self._backend, self._exact, self._faster):
                if backend is not None:
                    backend.release()

    def _launch(
        self, staged: Sequence[Staged], box: Part | None = None
    ) -> Callable[[], NDArray[np.uint8]]:
        waits = []
        with torch.inference_mode():
            for first in range(0, len(staged), self._plan.batch):
                frames = self._upload(staged[first : first + self._plan.batch])
                waits.append(self._transfer.download(encode_on_device(self._logits(frames, box))))
        return lambda: np.concatenate([wait() for wait in waits]) if len(waits) > 1 else waits[0]()

    def _upload(self, staged: Sequence[Staged]) -> Tensor:
        mine = [
            s if s.owner is self._transfer else self._transfer.stage(s.raw, self._normaliser)
            for s in staged
        ]
        return self._transfer.upload(mine, self._normaliser)

    def _logits(self, frames: Tensor, box: Part | None) -> Tensor:
        """Logits of normalised ``frames`` (N, C, Y, X), of the whole of them or of a box."""
        size = frames.shape[2:]
        if (factor := self._scale) != 1:
            seen = resized(frames, scaled_size(size, factor))
            logits = resized(in_box(self._network, seen, self.model.config), size)
            return logits if box is None else logits[:, :, *box]
        return in_box(self._network, frames, self.model.config, box)

    def _network(self, frames: Tensor, box: Part | None = None) -> Tensor:
        config, size = self.model.config, frames.shape[2:]
        if not config.exact:
            return in_windows(self._turned, frames, config.windows, self._plan.batch, box)
        padded, crop = pad_to_multiple(frames, config.multiples)
        if box is None:
            return self._turned(padded)[:, :, *crop]
        whole = 2 * max(config.halos) + max(size) + 4 * max(config.multiples)
        plan = tiles(padded.shape[2:], whole, config.halos, config.multiples, box)
        return in_tiles(self._turned, padded, plan)

    def _turned(self, frames: Tensor) -> Tensor:
        """Logits of frames that are a multiple of the network's stride, or of its windows."""
        return dihedral(self._tiled, frames) if self.settings.accurate else self._tiled(frames)

    def _tiled(self, frames: Tensor) -> Tensor:
        config, shape = self.model.config, frames.shape[2:]
        if self._plan.tile is None or not config.exact or max(shape) <= self._plan.tile:
            return self._backend.logits(frames)
        plan = tiles(shape, self._plan.tile, config.halos, config.multiples)
        return in_tiles(self._backend.logits, frames, plan)

    def _with_less_memory(self, compute: Callable[[], T], shape: tuple[int, ...]) -> T:
        """Compute; after running out of memory, again with a smaller plan or on the CPU."""
        if len(shape) > 2 and self._planned != shape:  # a system without memory kills a program
            free = available_memory(self._backend.device)
            self._plan = self._plan.fitting(max(shape), partial(self._needed, shape), free)
            self._planned = shape
        while True:
            try:
                return compute()
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            self._shrink(max(shape))  # outside the except: it kept the failed tensors alive

    def _shrink(self, edge: int) -> None:
        self._backend.release()
        exact = self.model.config.exact
        if (plan := self._plan.smaller(edge, tiles=exact)) is not None:
            logger.warning("out of memory on %s: going on with %s", self.device, plan)
            self._plan = plan
        elif self._backend.device.type != "cpu":
            self.notice = f"{self.device} has too little free memory: going on with the CPU, slower"
            logger.warning("%s", self.notice)
            self._backend = open_backend(
                self.model.network, self.settings.replace(device="cpu", precision="fp32")
            )
            self._transfer = transfer_to(self._backend.device)
            self._plan = replace(self._first_plan(), batch=1)
            self._planned = None
        else:
            raise BadInput(
                "memory runs out even in the smallest tiles",
                f"memory for tiles of {self._plan.smallest} px",
                "close other programs",
            )

    def _choose_precision(self, movie: Stack | Sequence[NDArray[Any]]) -> None:
        """Take a faster precision where its labels on frames of the movie are those of fp32."""
        precision = precision_for(self.settings.precision, self._backend.device)
        if precision == "fp32":
            return
        n = _CALIBRATION_FRAMES if precision == "int8" else _CHECKED_FRAMES
        if not (samples := self._samples(movie, n)):
            return

        def compare() -> tuple[Backend, float]:
            frames = [sample.to(self._backend.device) for sample in samples]
            candidate = self._faster or self._backend.at(precision, frames)
            checked = frames[:: -(-len(frames) // _CHECKED_FRAMES)]
            exact, config = self._backend.logits, self.model.config
            return candidate, worst_agreement(candidate.logits, exact, checked, config)

        candidate, worst = self._with_less_memory(compare, (CHECKED_EDGE, CHECKED_EDGE))
        of_any_movie = precision != "int8"  # which learns from frames
        if of_any_movie and candidate.device == self._exact.device:
            self._faster = candidate
        if worst >= SAME_LABELS[precision]:
            self._backend = candidate
        else:
            said = f"{precision} changes labels (IoU {worst:.4f} with fp32): computing in fp32"
            logger.info("%s", said)
            if self.settings.precision != "auto":
                self.notice = said

    def _samples(self, movie: Stack | Sequence[NDArray[Any]], n: int) -> list[Tensor]:
        return samples_of(movie, n, self._normaliser, self._scale, self.model.config)

    def _normaliser_of(self, movie: Sequence[NDArray[Any]] | None) -> Normaliser:
        return Normaliser(self.model.normalisation, movie, self.model.config.dims)

    def _first_plan(self) -> Plan:
        batch = _LARGEST_BATCH if self._backend.device.type == "cuda" else 1
        return Plan(batch, self.settings.tile, SMALLEST_TILE[self.model.config.dims])


class EnsemblePredictor(Predictor):
    """The predictors of several models as one: codes of the mean of their probabilities."""

    def __init__(self, model: Ensemble, settings: PredictSettings, stack: Stack | None) -> None:
        self.model, self.settings, self.outputs = model, settings, model.config.outputs
        self._each = [Predictor(member, settings, stack) for member in model.members]

    @property
    def device(self) -> str:
        """What computes, each said once."""
        return ", ".join(dict.fromkeys(one.device for one in self._each))

    @property
    def on_cpu(self) -> bool:
        """Whether one of them runs on the CPU."""
        return any(one.on_cpu for one in self._each)

    @property
    def notice(self) -> str | None:  # type: ignore[override]
        """What a user should know about them."""
        said = dict.fromkeys(one.notice for one in self._each if one.notice)
        return "; ".join(said) or None

    def renew(self) -> None:
        """Forget the movie."""
        for one in self._each:
            one.renew()

    def frames_at_once(self, shape: tuple[int, ...]) -> int:
        """How many frames ``(Y, X)`` all of them take together."""
        return min(one.frames_at_once(shape) for one in self._each)

    def memory(self, shape: tuple[int, ...]) -> int:
        """Bytes of feature maps at once: they run one after the other, and keep what they took."""
        return sum(one.memory(shape) for one in self._each)

    def prepare(self, movie: Stack | Sequence[NDArray[Any]]) -> None:
        """Measure a movie and check the precision, for each."""
        for one in self._each:
            one.prepare(movie)

    def settled(self) -> Settled:
        """Return what each settled."""
        members = tuple(one.settled() for one in self._each)
        return members[0]._replace(scaling=None, members=members)

    def adopt(self, settled: Settled, movie: Stack) -> None:
        """Do as others settled, each its own."""
        for one, member in zip(self._each, settled.members, strict=True):
            one.adopt(member, movie)

    def stage(self, frame: NDArray[Any]) -> Any:
        """Prepare a raw frame for each."""
        return tuple(one.stage(frame) for one in self._each)

    def start(self, staged: Sequence[Any]) -> Callable[[], NDArray[np.uint8]]:
        """Begin to predict frames with each; the function given back waits for the mean."""
        waits = [
            one.start(mine) for one, mine in zip(self._each, zip(*staged, strict=True), strict=True)
        ]
        return lambda: mean_codes([wait() for wait in waits])

    def region(self, frame: NDArray[Any], box: Part) -> NDArray[np.uint8]:
        """Predict only a box (y and x slices) of a raw frame."""
        return mean_codes([one.region(frame, box) for one in self._each])

    def close(self) -> None:
        """Release the memory of the device."""
        for one in self._each:
            one.close()
