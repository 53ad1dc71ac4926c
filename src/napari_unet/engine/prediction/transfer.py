"""Frames to the device and codes back: normalised on the way in, coded as uint8 on the way out."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from napari_unet.engine.labels.codes import LOGIT_RANGE
from napari_unet.engine.network.device_normalisation import can_normalise, normalise_raw

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.network.normalisation import Normaliser


logger = logging.getLogger(__name__)


class Staged(NamedTuple):
    """A frame ready to be uploaded: ``raw`` as it was read, ``host`` as it will travel."""

    raw: NDArray[Any]
    host: Tensor
    owner: Transfer


class Transfer(Protocol):
    """The way between host and device; ``notice`` is what a user should know about it."""

    notice: str | None

    def stage(self, raw: NDArray[Any], normaliser: Normaliser) -> Staged:
        """Prepare a frame ``(Y, X)`` or ``(C, Y, X)``, or a volume; runs in the reader threads."""
        ...

    def upload(self, staged: Sequence[Staged], normaliser: Normaliser) -> Tensor:
        """Return the normalised frames (N, C, Y, X), float32 on the device."""
        ...

    def download(self, codes: Tensor) -> Callable[[], NDArray[np.uint8]]:
        """Start to fetch ``codes``; the function given back waits for them."""
        ...


class PlainTransfer:
    """CPU and MPS: normalised by numpy in the reader threads."""

    def __init__(self, device: torch.device, notice: str | None = None) -> None:
        self.device, self.notice = device, notice

    def stage(self, raw: NDArray[Any], normaliser: Normaliser) -> Staged:
        """Normalise."""
        return Staged(raw, torch.from_numpy(normaliser(raw)), self)

    def upload(self, staged: Sequence[Staged], normaliser: Normaliser) -> Tensor:
        """Stack and move."""
        return torch.stack([s.host for s in staged]).to(self.device)

    def download(self, codes: Tensor) -> Callable[[], NDArray[np.uint8]]:
        """Fetch at once."""
        array = codes.cpu().numpy()
        return lambda: array


class CudaTransfer:
    """CUDA: raw pixels through pinned memory, normalised on the device, copies overlapped."""

    notice: str | None = None

    def __init__(self, device: torch.device) -> None:
        self.device = device
        torch.empty(1, pin_memory=True)  # fails here and not at the first frame
        self._up = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._down = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def stage(self, raw: NDArray[Any], normaliser: Normaliser) -> Staged:
        """Pin the raw pixels, or normalised ones of a kind that the device does not measure."""
        if can_normalise(raw.dtype, normaliser.settings):
            planes = np.ascontiguousarray(normaliser.channels(raw))
            values = planes.view(np.int16) if planes.dtype.itemsize == 2 else planes
        else:
            values = normaliser(raw)
        kind = {"i": torch.int16, "u": torch.uint8, "f": torch.float32}[values.dtype.kind]
        host = torch.empty(values.shape, dtype=kind, pin_memory=True)
        host.numpy()[...] = values
        return Staged(raw, host, self)

    def upload(self, staged: Sequence[Staged], normaliser: Normaliser) -> Tensor:
        """Copy on a stream of its own while the device computes the frames before."""
        with torch.cuda.stream(self._up):
            parts = [s.host.to(self.device, non_blocking=True) for s in staged]
        compute = torch.cuda.current_stream(self.device)
        compute.wait_stream(self._up)
        for part in parts:
            part.record_stream(compute)
        if parts[0].dtype == torch.float32:
            return torch.stack(parts)
        return normalise_raw(torch.stack(parts), normaliser.settings, normaliser.fixed)

    def download(self, codes: Tensor) -> Callable[[], NDArray[np.uint8]]:
        """Copy to pinned memory on a stream of its own."""
        compute = torch.cuda.current_stream(self.device)
        self._down.wait_stream(compute)
        host = torch.empty(codes.shape, dtype=codes.dtype, pin_memory=True)
        arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
        with torch.cuda.stream(self._down):
            host.copy_(codes, non_blocking=True)
            arrived.record(self._down)
        codes.record_stream(self._down)

        def wait() -> NDArray[np.uint8]:
            arrived.synchronize()
            array: NDArray[np.uint8] = host.numpy().copy()
            return array

        return wait


def transfer_to(device: torch.device) -> Transfer:
    """Return the way to a device: the plain one, with a notice, where CUDA's is not to be had."""
    if device.type != "cuda":
        return PlainTransfer(device)
    try:
        return CudaTransfer(device)
    except (RuntimeError, AssertionError) as error:  # of a torch without CUDA it is the latter
        first = str(error).partition("\n")[0]
        notice = f"frames go to the graphics card one by one, which is slower ({first})"
        logger.warning("%s", notice)
        return PlainTransfer(device, notice)


def encode_on_device(logits: Tensor) -> Tensor:
    """Code float32 logits as `probability.encode_logits` does, bit for bit, on any device."""
    code = logits.mul(float(np.float32(127.5 / LOGIT_RANGE))).add_(127.5)
    return code.nan_to_num_(nan=0.0).round_().clamp_(0, 255).to(torch.uint8)
