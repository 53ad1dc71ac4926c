"""Frames to the device and codes back: normalised on the way in, coded as uint8 on the way out."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from napari_unet.engine.probability import LOGIT_RANGE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.normalisation import Normaliser
    from napari_unet.engine.settings import Normalisation

Codes = NDArray[np.uint8] if TYPE_CHECKING else Any


class Staged(NamedTuple):
    """A frame ready to be uploaded: ``raw`` as it was read, ``host`` as it will travel."""

    raw: NDArray[Any]
    host: Tensor
    owner: Transfer


class Transfer(Protocol):
    """The way between host and device."""

    def stage(self, raw: NDArray[Any], normaliser: Normaliser) -> Staged:
        """Prepare a frame ``(Y, X)`` or ``(C, Y, X)``; runs in the reader threads."""
        ...

    def upload(self, staged: Sequence[Staged], normaliser: Normaliser) -> Tensor:
        """Give the normalised frames (N, C, Y, X), float32 on the device."""
        ...

    def download(self, codes: Tensor) -> Callable[[], Codes]:
        """Start to fetch ``codes``; the function given back waits for them."""
        ...


class PlainTransfer:
    """CPU and MPS: normalised by numpy in the reader threads."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def stage(self, raw: NDArray[Any], normaliser: Normaliser) -> Staged:
        """Normalise."""
        return Staged(raw, torch.from_numpy(normaliser(raw)), self)

    def upload(self, staged: Sequence[Staged], normaliser: Normaliser) -> Tensor:
        """Stack and move."""
        return torch.stack([s.host for s in staged]).to(self.device)

    def download(self, codes: Tensor) -> Callable[[], Codes]:
        """Fetch at once."""
        array = codes.cpu().numpy()
        return lambda: array


class CudaTransfer:
    """CUDA: raw pixels through pinned memory, normalised on the device, copies overlapped."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._up, self._down = torch.cuda.Stream(device), torch.cuda.Stream(device)

    def stage(self, raw: NDArray[Any], normaliser: Normaliser) -> Staged:
        """Pin the raw pixels, or normalised ones of a kind that the device does not measure."""
        if can_normalise(raw.dtype, normaliser.settings):
            planes = raw if raw.ndim == 3 else raw[None]
            bits = planes.view(np.int16) if raw.dtype.itemsize == 2 else planes
            host = torch.from_numpy(np.ascontiguousarray(bits))
        else:
            host = torch.from_numpy(normaliser(raw))
        return Staged(raw, host.pin_memory(), self)

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
        fixed = normaliser._fixed
        return torch.stack([normalise_raw(part, normaliser.settings, fixed) for part in parts])

    def download(self, codes: Tensor) -> Callable[[], Codes]:
        """Copy to pinned memory on a stream of its own."""
        compute = torch.cuda.current_stream(self.device)
        self._down.wait_stream(compute)
        host = torch.empty(codes.shape, dtype=codes.dtype, pin_memory=True)
        arrived = torch.cuda.Event()
        with torch.cuda.stream(self._down):
            host.copy_(codes, non_blocking=True)
            arrived.record(self._down)
        codes.record_stream(self._down)

        def wait() -> Codes:
            arrived.synchronize()
            return host.numpy().copy()

        return wait


def encode_on_device(logits: Tensor) -> Tensor:
    """Code float32 logits as `probability.encode_logits` does, bit for bit, on any device."""
    code = logits.mul(float(np.float32(127.5 / LOGIT_RANGE))).add_(127.5)
    return code.nan_to_num_(nan=0.0).round_().clamp_(0, 255).to(torch.uint8)


def can_normalise(dtype: np.dtype[Any], settings: Normalisation) -> bool:
    """Whether `normalise_raw` does the same as the Normaliser for such frames."""
    return dtype in (np.dtype(np.uint8), np.dtype(np.uint16)) and settings.kind != "zscore"


def normalise_raw(
    raw: Tensor, settings: Normalisation, fixed: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
) -> Tensor:
    """Do what the Normaliser does, on the device and without waiting for it.

    ``raw`` (C, Y, X) is uint8, or uint16 seen as int16; ``fixed`` the shift and scale of the movie.
    """
    values = raw.to(torch.int32)
    values = values.bitwise_and(0xFFFF) if raw.dtype == torch.int16 else values
    out = values.to(torch.float32)
    if settings.kind != "none":
        if fixed is not None:
            shift, scale = (torch.from_numpy(part).to(raw.device) for part in fixed)
        else:
            measured = [_shift_and_scale(plane, settings) for plane in values]
            shift, scale = (torch.stack(part) for part in zip(*measured, strict=True))
        out = out.sub_(shift[:, None, None]).mul_(scale[:, None, None])
    return out.clamp_(0, 1) if settings.clip else out


def _shift_and_scale(plane: Tensor, settings: Normalisation) -> tuple[Tensor, Tensor]:
    if settings.kind == "minmax":
        low, high = (value.double() for value in torch.aminmax(plane))
    else:
        low, high = _percentiles(plane, settings.low, settings.high)
    span = high - low
    scale = torch.where(span > 0, 1.0 / span, torch.zeros_like(span))
    return low.float(), scale.float()


def _percentiles(plane: Tensor, low: float, high: float) -> tuple[Tensor, Tensor]:
    """Two exact percentiles by a histogram, interpolated as ``numpy.percentile`` does."""
    flat = plane.reshape(-1).long()
    histogram = torch.zeros(1 << 16, dtype=torch.int32, device=plane.device)
    histogram.scatter_add_(0, flat, torch.ones_like(flat, dtype=torch.int32))
    ranks, fraction = _ranks(flat.numel(), low, high, plane.device)
    found = torch.searchsorted(histogram.cumsum(0), ranks, right=True).double()
    values = found[0] + (found[1] - found[0]) * fraction
    return values[0], values[1]


@cache
def _ranks(n: int, low: float, high: float, device: torch.device) -> tuple[Tensor, Tensor]:
    """Ranks below and above two percentiles of ``n`` values (2, 2), and where between them (2,)."""
    exact = np.array([low, high]) / 100 * (n - 1)
    whole = np.stack([np.floor(exact), np.ceil(exact)]).astype(np.int64)
    return torch.from_numpy(whole).to(device), torch.from_numpy(exact - np.floor(exact)).to(device)
