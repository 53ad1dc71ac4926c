"""What the Normaliser does, on the device: raw pixels are 2 to 4 times less to upload."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_unet.engine.network.normalisation import CUT, PEAK, QUARTILES

if TYPE_CHECKING:
    from torch import Tensor

    from napari_unet.engine.network.normalisation import Scaling
    from napari_unet.engine.settings import Normalisation

_VALUES = 1 << 16


def can_normalise(dtype: np.dtype[Any], settings: Normalisation) -> bool:
    """Whether `normalise_raw` does the same as the Normaliser for such frames."""
    return dtype in (np.dtype(np.uint8), np.dtype(np.uint16)) and "zscore" not in settings.kind


def normalise_raw(
    raw: Tensor,
    settings: Normalisation,
    fixed: Scaling | None = None,
) -> Tensor:
    """Normalise frames (N, C, Y, X), or volumes (N, C, Z, Y, X), without waiting for the device.

    ``raw`` is uint8, or uint16 seen as int16; ``fixed`` the scaling of the movie.
    """
    values = raw.to(torch.int32)
    values = values.bitwise_and(_VALUES - 1) if raw.dtype == torch.int16 else values
    out = values.to(torch.float32)
    if settings.kind == "none":
        return out.clamp_(0, 1) if settings.clip else out
    if fixed is not None:
        parts = [torch.from_numpy(part).to(raw.device) for part in fixed if part is not None]
    else:
        parts = [part.reshape(raw.shape[:2]) for part in _measure(values, settings)]
    shift, scale, *ends = (part[..., *(None,) * (raw.ndim - 2)] for part in parts)
    if ends:
        out = torch.clamp(out, *ends)
    out = out.sub_(shift).mul_(scale)
    return out.clamp_(0, 1) if settings.clip and settings.kind not in CUT else out


def _measure(values: Tensor, settings: Normalisation) -> list[Tensor]:
    """Shift and scale (N * C,) of each plane; where values are cut, their ends too."""
    planes = values.flatten(0, 1).flatten(1)
    ends: list[Tensor] = []
    if settings.kind == "minmax":
        low, high = (value.double() for value in torch.aminmax(planes, dim=1))
        span = high - low
    elif settings.kind == "robust":
        low, span, ends = _robust(planes, settings)
    else:
        low, high, top = _percentiles(planes, settings.low, settings.high, PEAK)
        if settings.peak is not None:
            high = torch.maximum(high, low + (top - low) / settings.peak)
        high = torch.where(high > low, high, planes.amax(1).double())
        span = high - low
    scale = torch.where(span > 0, 1.0 / span, torch.zeros_like(span))
    return [part.float() for part in (low, scale, *ends)]


def _robust(planes: Tensor, settings: Normalisation) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Median, range of the quartiles and the ends of each row, those only where they are cut."""
    low, high = (value.double() for value in torch.aminmax(planes, dim=1))
    if settings.clip:
        low, high = _percentiles(planes, settings.low, settings.high)
    found = _percentiles(planes, *QUARTILES)
    below, middle, above = (torch.minimum(torch.maximum(q, low), high) for q in found)
    span = torch.where(above > below, above - below, high - low)
    return middle, span, [low, high] if settings.clip else []


def _percentiles(planes: Tensor, *wanted: float) -> tuple[Tensor, ...]:
    """Exact percentiles of each row by histograms, interpolated as numpy does."""
    n, size = planes.shape
    rows = torch.arange(0, n * _VALUES, _VALUES, device=planes.device)[:, None]
    places = (planes + rows).reshape(-1)
    histogram = torch.zeros(n * _VALUES, dtype=torch.int32, device=planes.device)
    histogram.scatter_add_(0, places, torch.ones_like(places, dtype=torch.int32))
    ranks, fraction = _ranks(size, wanted, planes.device)
    cumulative = histogram.reshape(n, _VALUES).cumsum(1)
    found = torch.searchsorted(cumulative, ranks.expand(n, -1).contiguous(), right=True).double()
    below, above = found.chunk(2, dim=1)
    return (below + (above - below) * fraction).unbind(1)


@cache
def _ranks(n: int, wanted: tuple[float, ...], device: torch.device) -> tuple[Tensor, Tensor]:
    """Ranks below and above k percentiles of ``n`` values (2 k,), and how far between (k,)."""
    exact = np.array(wanted) / 100 * (n - 1)
    whole = np.concatenate([np.floor(exact), np.ceil(exact)]).astype(np.int64)
    return torch.from_numpy(whole).to(device), torch.from_numpy(exact - np.floor(exact)).to(device)
