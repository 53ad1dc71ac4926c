"""How raw intensities become the network's input: measured per frame or per movie.

The same for crops and whole frames: training normalises the whole frame, then crops.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.stack.missing_pixels import measured_values

if TYPE_CHECKING:
    from napari_unet.engine.settings import Normalisation
    from napari_unet.engine.stack.source import Frames

PEAK = 99.9  # percentile that `Normalisation.peak` speaks of
QUARTILES = (25.0, 50.0, 75.0)
CUT = ("zscore_foreground", "robust", "robust_zscore")  # kinds that `clip` cuts at percentiles
_SAMPLED_FRAMES = 16
_MOST = 1e38  # a difference of two such values is still a float32


class Scaling(NamedTuple):
    """Of each channel ``(C,)``: ``(value - shift) * scale``, of values cut at ``low``, ``high``."""

    shift: NDArray[np.float32]
    scale: NDArray[np.float32]
    low: NDArray[np.float32] | None = None
    high: NDArray[np.float32] | None = None


class Normaliser:
    """Maps a raw frame ``(Y, X)`` or ``(C, Y, X)`` of any dtype to float32 ``(C, Y, X)``.

    With ``dims`` 3 frames are volumes, which have Z before Y, and are measured whole.
    With ``scope="movie"`` up to 16 frames of ``movie`` are measured once, evenly spread; ``fixed``
    is the scaling that they give, None where each frame has its own. NaN and infinite pixels become
    the darkest value; a constant frame becomes 0.
    """

    def __init__(self, settings: Normalisation, movie: Frames | None = None, dims: int = 2) -> None:
        self.settings, self._dims = settings, dims
        self.fixed: Scaling | None = None
        if settings.scope == "movie" and settings.kind != "none" and movie is not None:
            picks = np.unique(
                np.linspace(0, len(movie) - 1, min(len(movie), _SAMPLED_FRAMES)).astype(int)
            )
            frames = [self.channels(movie[int(t)]) for t in picks]
            self.fixed = self.measure(np.concatenate(frames, axis=1))

    def __call__(self, frame: NDArray[Any]) -> NDArray[np.float32]:
        """Normalise one frame."""
        raw = self.channels(frame)
        shape = (-1, *(1,) * self._dims)
        shift, scale, *ends = (
            part.reshape(shape) for part in self.fixed or self.measure(raw) if part is not None
        )
        out = raw.astype(np.float32)
        ground = out == 0 if self.settings.kind == "zscore_foreground" else None
        bad = ~np.isfinite(out) if out.size and raw.dtype.kind == "f" else None
        if bad is not None and bad.any():
            out = np.where(bad, shift, out)
        if ends:
            np.clip(out, *ends, out=out)
        out -= shift
        out *= scale
        if ground is not None:
            out[ground] = 0
        clipped = self.settings.clip and self.settings.kind not in CUT
        return np.clip(out, 0, 1, out=out) if clipped else out

    def channels(self, frame: NDArray[Any]) -> NDArray[Any]:
        """Return a raw frame with its channels in front, of values that can be measured."""
        frame = _measurable(np.asarray(frame))
        return frame[None] if frame.ndim == self._dims else frame

    def measure(self, raw: NDArray[Any]) -> Scaling:
        """Return the scaling of each channel of ``(C, Y, X)``."""
        shift = np.zeros(len(raw), np.float32)
        scale = np.ones(len(raw), np.float32)
        if self.settings.kind == "none":
            return Scaling(shift, scale)
        ends = np.zeros((2, len(raw)), np.float32)
        for channel, plane in enumerate(raw):
            values = measured_values(plane)
            if self.settings.kind == "zscore_foreground":
                values = values[values != 0]
            if not values.size:
                scale[channel] = 0.0
                continue
            if self.settings.kind in CUT:
                low, span, ends[:, channel] = self._cut_range(values)
            else:
                low, span = self._range(values)
            shift[channel] = low
            scale[channel] = 1.0 / span if span > 0 else 0.0
        cut = self.settings.clip and self.settings.kind in CUT
        return Scaling(shift, scale, *ends) if cut else Scaling(shift, scale)

    def _cut_range(self, values: NDArray[Any]) -> tuple[float, float, tuple[float, float]]:
        """Return shift, span and the ends at which values are cut before, where it is asked for."""
        low, high = float(values.min()), float(values.max())
        if self.settings.clip:
            low, high = percentiles(values, self.settings.low, self.settings.high)
        if self.settings.kind == "robust":
            below, middle, above = np.clip(percentiles(values, *QUARTILES), low, high)
            return float(middle), float(above - below) or high - low, (low, high)
        # a z-score of what was scaled robustly is that of the values: neither shift nor scale stays
        cut = np.clip(values.astype(np.float64), low, high) if self.settings.clip else values
        return float(cut.mean()), float(cut.std()), (low, high)

    def _range(self, values: NDArray[Any]) -> tuple[float, float]:
        if self.settings.kind == "zscore":
            return float(values.mean()), float(values.std())
        if self.settings.kind == "minmax":
            low, high = float(values.min()), float(values.max())
        else:
            low, high, top = percentiles(values, self.settings.low, self.settings.high, PEAK)
            if self.settings.peak is not None:
                high = max(high, low + (top - low) / self.settings.peak)
            if high == low:  # a ground of one value, and few pixels above it
                high = float(values.max())
        return low, high - low


def is_boxed(settings: Normalisation) -> bool:
    """Whether 0 is what is not measured, so that of volumes only the box of the rest is seen."""
    return settings.kind == "zscore_foreground"


def percentiles(values: NDArray[Any], *wanted: float) -> tuple[float, ...]:
    """Percentiles of a flat array; integers up to 16 bits go through a histogram (exact)."""
    if values.dtype in (np.dtype(np.uint8), np.dtype(np.uint16)):
        first = int(values.min())  # microscope offsets make short histograms
        cumulative = np.cumsum(np.bincount(values - values.dtype.type(first)))
        ranks = [q / 100 * (values.size - 1) for q in wanted]
        return tuple(_at_rank(cumulative, rank, first) for rank in ranks)
    return tuple(float(value) for value in np.percentile(values, wanted))


def _at_rank(cumulative: NDArray[Any], rank: float, first: int) -> float:
    """Value at a fractional rank, interpolated to the bit as ``numpy.percentile`` does."""
    ends = np.searchsorted(cumulative, [np.floor(rank), np.ceil(rank)], side="right")
    below, above = (first + int(end) for end in ends)
    along = rank - float(np.floor(rank))
    if along < 0.5:
        return below + (above - below) * along
    return above - (above - below) * (1 - along)


def _measurable(frame: NDArray[Any]) -> NDArray[Any]:
    if frame.dtype.kind == "b" or frame.dtype == np.float16:  # numpy cannot add these up
        frame = frame.astype(np.float32)
    if frame.dtype.kind == "f" and frame.dtype.itemsize > 4:  # float32 holds less
        huge = np.abs(frame) > _MOST
        if huge.any():
            frame = np.where(huge & np.isfinite(frame), np.clip(frame, -_MOST, _MOST), frame)
    return frame
