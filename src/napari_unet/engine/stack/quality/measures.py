"""A few numbers of a frame, by its spectrum: how sharp, how strong, how far from the one before."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

_SMALLEST = 8  # px; smaller frames have no spectrum to speak of
_HUGE = 1e12  # counts
_LARGEST = 1280  # px; frames longer than that are binned
# Bands of spatial frequency, in cycles a pixel. Light through a lens has nothing in the last.
_COARSE, _FINE, _NOISE = (0.02, 0.06), (0.08, 0.22), (0.36, 0.5)
_MATCHED = (0.015, 0.15)  # by which two frames are laid over each other
_UNMOVED = 3  # px
_NOTHING = 1.3  # times the power of noise that white noise may have by chance

Spectrum = NDArray[np.complex64]


@dataclass(frozen=True)
class FrameMeasures:
    """Numbers of one frame.

    ``detail`` is the logarithm of the power of fine detail, ``sharpness`` that of its ratio to the
    power of coarse structure,
    ``strength`` the standard deviation of the structure and ``mean`` the mean, both in counts.
    ``shift`` (y, x) px is how far all moved since the frame before, ``match`` how much better the
    two agree then than by chance, and ``unmoved`` how much where nothing moved; None of the first
    frame, and where a frame is ``blank``.
    """

    mean: float
    strength: float
    detail: float
    sharpness: float
    blank: bool
    shift: tuple[float, float] | None = None
    match: float = 0.0
    unmoved: float = 0.0


def measure_frame(
    frame: NDArray[Any], before: Spectrum | None = None
) -> tuple[FrameMeasures, Spectrum | None]:
    """Return the numbers of a frame (…, Y, X), and its spectrum for the next one.

    ``before`` is the spectrum of the frame before. A blank frame gives that one back. Of several
    channels, and of a volume's sections, the mean is looked at.
    """
    image, binned, scale = _prepared(frame)
    mean = scale * float(image.mean())
    if min(image.shape) < _SMALLEST:
        return FrameMeasures(mean, 0.0, -math.inf, -math.inf, True), before
    grid = _grid(*image.shape)
    spectrum = fft.rfft2((image - mean / scale) * grid.window)
    power = np.square(np.abs(spectrum))
    noise = max(_mean(power, grid.noise), 1e-12)
    coarse = _mean(power, grid.coarse)
    if not power.any() or coarse < _NOTHING * noise:
        return FrameMeasures(mean, 0.0, -math.inf, -math.inf, True), before
    fine = max(_mean(power, grid.fine) - noise, 0.02 * noise)
    total = float((np.maximum(power - noise, 0) * grid.twice).sum())
    seen = fft.rfft2(_evened(image) * grid.window)
    found = FrameMeasures(
        mean,
        scale * math.sqrt(total / image.size / grid.energy),
        math.log(fine) + 2 * math.log(scale),
        math.log(fine / (coarse - noise)),
        False,
        *(_shift(seen, before, grid, binned) if before is not None else ()),
    )
    return found, seen


def _prepared(frame: NDArray[Any]) -> tuple[NDArray[np.float32], int, float]:
    """Return one plane in float32, binned where it is large, the bin's edge, and what 1 stands for.

    That is 1 but for numbers whose squares float32 does not hold.
    """
    scale, dtype = 1.0, np.asarray(frame).dtype
    if dtype.kind == "f" or dtype.itemsize == 8:
        largest = float(np.max(np.abs(frame), where=np.isfinite(frame), initial=0.0))
        scale = largest if largest > _HUGE else 1.0
    image = np.asarray(frame if scale == 1 else np.asarray(frame, np.float64) / scale, np.float32)
    while image.ndim > 2:
        image = image.mean(axis=0)
    if not np.isfinite(image).all():
        known = image[np.isfinite(image)]
        image = np.where(np.isfinite(image), image, np.median(known) if known.size else 0)
    n = math.ceil(max(image.shape) / _LARGEST)
    if n > 1:
        height, width = (length // n for length in image.shape)
        image = image[: height * n, : width * n].reshape(height, n, width, n).mean(axis=(1, 3))
    return image, n, scale


def _evened(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the image in which a few bright cells do not outweigh all others."""
    low, middle, high = np.percentile(image[::3, ::3], (10, 50, 90))
    spread = (high - low) or image.std() or 1.0
    found = np.arcsinh((image - np.float32(middle)) / np.float32(spread))
    return np.asarray(found - found.mean(), np.float32)


class _Grid(NamedTuple):
    """What is the same for all frames of a size."""

    window: NDArray[np.float32]  # fades to the edges, which would look like sharp lines
    energy: float  # the mean of its square
    coarse: NDArray[np.bool_]
    fine: NDArray[np.bool_]
    noise: NDArray[np.bool_]
    weight: NDArray[np.float32]  # of frequencies when two frames are matched
    chance: float  # the best match of two frames that have nothing in common
    twice: NDArray[np.float32]  # most of a real spectrum stands for two frequencies


@lru_cache(maxsize=4)
def _grid(height: int, width: int) -> _Grid:
    window = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])
    y, x = fft.fftfreq(height)[:, None], fft.rfftfreq(width)[None]
    radius = np.hypot(y, x)
    coarse, fine, noise = (
        (radius >= low) & (radius < high) for low, high in (_COARSE, _FINE, _NOISE)
    )
    low, high = _MATCHED
    weight = np.exp(-np.square(radius / high)) * (1 - np.exp(-np.square(radius / low)))
    twice = np.full(radius.shape, 2.0) / (height * width)
    twice[:, 0] /= 2
    if width % 2 == 0:
        twice[:, -1] /= 2
    spread = math.sqrt(float((np.square(weight) * twice).sum()) / (height * width))
    apart = (weight * twice).sum() ** 2 / np.square(weight * twice).sum()  # places, independent
    return _Grid(
        window.astype(np.float32),
        float(np.square(window).mean()),
        coarse,
        fine,
        noise,
        weight.astype(np.float32),
        spread * math.sqrt(2 * math.log(max(float(apart), 2.0))),
        twice.astype(np.float32),
    )


def _mean(power: NDArray[np.float32], band: NDArray[np.bool_]) -> float:
    return float(power[band].mean()) if band.any() else 0.0


def _shift(
    spectrum: Spectrum, before: Spectrum, grid: _Grid, binned: int
) -> tuple[tuple[float, float], float, float]:
    """Return how far all moved in px of the frame (y, x), by phase correlation, and the matches."""
    crossed = spectrum * before.conj()
    crossed *= grid.weight / np.maximum(np.abs(crossed), 1e-12)
    found = fft.irfft2(crossed, s=grid.window.shape) / np.float32(grid.chance)
    y, x = np.unravel_index(int(found.argmax()), found.shape)
    shift = tuple(
        float(binned * (at - length if at > length // 2 else at))
        for at, length in zip((y, x), found.shape, strict=True)
    )
    near = np.arange(-_UNMOVED, _UNMOVED + 1)
    unmoved = found.take(near, axis=0, mode="wrap").take(near, axis=1, mode="wrap").max()
    return (shift[0], shift[1]), float(found[y, x]), float(unmoved)
