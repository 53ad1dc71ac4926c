"""What is odd of some frames beside their neighbours in time, in words and worst first.

All limits are shares or factors, none is learned from a movie; what a movie does all the time, its
usual change from frame to frame, is measured robustly and must be exceeded, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.settings import QualitySettings

if TYPE_CHECKING:
    from napari_unet.engine.stack.quality.measures import FrameMeasures

Reason = Literal[
    "out of focus",
    "stage jumped",
    "brightness fell",
    "empty",
    "cell count jumped",
    "cells of another size",
]
Floats = NDArray[np.float64]

_WORST = 10.0
# Match of two frames, in times what chance gives: a movement is believed, frames that lie in a row
# are alike, they have nothing in common.
_SURE, _ALIKE, _BY_CHANCE = 5.0, 6.0, 1.5
_BETTER = 2.0  # times the match without a movement
_FAINT = 0.15  # of the brightness around it: nothing is seen in such a frame
_LIGHT = 0.06  # of what the structure lost, which the mean loses, too, where it is the light
_BEFORE = 5  # frames that the number of cells is compared with
_FEW = 3  # cells


@dataclass(frozen=True)
class CellMeasures:
    """Cells of one frame: how many, and their median diameter in px, NaN of too few."""

    count: int
    diameter: float = float("nan")


@dataclass(frozen=True)
class Finding:
    """What is odd of a frame; ``severity`` is how many limits it is beyond, from 1 to 10."""

    frame: int
    reason: Reason
    words: str
    severity: float


def judge(
    measures: Sequence[FrameMeasures],
    settings: QualitySettings | None = None,
    cells: Sequence[CellMeasures | None] = (),
    known_diameter: float | None = None,
) -> tuple[Finding, ...]:
    """Return what is odd of frames in a row, worst first.

    ``cells`` of each frame, where there are labels; ``known_diameter`` px is the model's.
    """
    settings = settings or QualitySettings()
    empty = _empty(measures, settings)
    blank = np.array([t in empty for t in range(len(measures))], bool)
    found = [Finding(t, "empty", words, _WORST) for t, words in empty.items()]
    blurred = list(_focus(measures, blank, settings))
    found += blurred
    odd = blank.copy()
    odd[[finding.frame for finding in blurred]] = True
    jumps = list(_jumps(measures, odd, settings))
    found += jumps
    found += _brightness(measures, blank, [finding.frame for finding in jumps], settings)
    found += _counts(cells, settings)
    found += _sizes(cells, known_diameter, settings)
    return tuple(sorted(found, key=lambda finding: (-finding.severity, finding.frame)))


def _column(measures: Sequence[FrameMeasures], name: str, blank: NDArray[Any]) -> Floats:
    values = np.array([getattr(one, name) for one in measures], float)
    values[blank] = np.nan
    return values


def around(values: Floats, reach: int, share: float) -> Floats:
    """Return for each value the quantile of those up to ``reach`` beside it, without itself."""
    if not len(values):
        return values
    padded = np.pad(values, reach, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    others = np.delete(windows, reach, axis=1)
    known = np.isfinite(others).any(axis=1)
    result = np.full(len(values), np.nan)
    if known.any():
        result[known] = np.nanquantile(others[known], share, axis=1)
    return result


def usual_change(values: Floats) -> float:
    """Return how much values vary from one to the next: a robust standard deviation."""
    steps = np.abs(np.diff(values[np.isfinite(values)]))
    return float(np.median(steps) / 0.6745 / np.sqrt(2)) if len(steps) else 0.0


def _empty(measures: Sequence[FrameMeasures], settings: QualitySettings) -> dict[int, str]:
    """Return frames in which nothing is seen, with the words for them."""
    blank = np.array([one.blank for one in measures], bool)
    strength = _column(measures, "strength", blank)
    usual = around(strength, settings.reach, 0.75)
    faint = strength < _FAINT * usual
    return {
        int(t): "empty: nothing but noise"
        if blank[t]
        else f"empty: structure is {100 * strength[t] / usual[t]:.0f} % of that around it"
        for t in np.flatnonzero(blank | faint)
    }


def _focus(
    measures: Sequence[FrameMeasures], blank: NDArray[Any], settings: QualitySettings
) -> Iterator[Finding]:
    """Return frames that lost fine detail, and more of it than of coarse structure.

    Bright cells that round up change the one without the other; so does a lamp.
    """
    lost, usual = [], 0.0
    for name in ("sharpness", "detail"):
        sharp = _column(measures, name, blank)
        known = sharp[np.isfinite(sharp)]
        best = np.quantile(known, 0.75) if len(known) else np.nan
        lost.append((around(sharp, settings.reach, 0.5) - sharp, best - sharp))
        usual = max(usual, usual_change(sharp))
    near, far = (np.minimum(one, other) for one, other in zip(*lost, strict=True))
    least = max(settings.blur, settings.noise * usual)
    for t in range(len(near)):
        beyond = max(near[t] / least, far[t] / (2 * least))
        if beyond > 1:
            there = 100 * np.exp(-max(near[t], far[t]))
            words = f"out of focus: fine detail is {there:.0f} % of that of other frames"
            yield Finding(t, "out of focus", words, _severity(beyond))


def _brightness(
    measures: Sequence[FrameMeasures],
    blank: NDArray[Any],
    starts: Sequence[int],
    settings: QualitySettings,
) -> Iterator[Finding]:
    """Return frames with less light: the structure is weaker, and the mean fell with it.

    From each of the frames ``starts`` on other cells are seen, which are compared with themselves.
    """
    for first, end in zip((0, *starts), (*starts, len(measures)), strict=True):
        part = slice(first, end)
        for finding in _dimmed(measures[part], blank[part], settings):
            yield replace(finding, frame=first + finding.frame)


def _dimmed(
    measures: Sequence[FrameMeasures], blank: NDArray[Any], settings: QualitySettings
) -> Iterator[Finding]:
    strength = _column(measures, "strength", blank)
    mean = _column(measures, "mean", blank)
    usual, usual_mean = (around(v, settings.reach, 0.5) for v in (strength, mean))
    share = strength / usual
    least = max(settings.fall, settings.noise * usual_change(strength / usual))
    dimmer = usual_mean - mean > _LIGHT * (usual - strength)
    smooth, smooth_mean = (_middle(v) for v in (strength, mean))
    best = np.fmax.accumulate(smooth) if len(smooth) else smooth
    best_mean = _at_best(smooth, smooth_mean)
    kept = smooth / best
    gone = best_mean - smooth_mean > _LIGHT * (best - smooth)
    for t in range(len(strength)):
        dip = (1 - share[t]) / least if dimmer[t] else 0.0
        loss = (1 - kept[t]) / settings.bleached if gone[t] and strength[t] < best[t] else 0.0
        if dip > max(1, loss):
            words = f"brightness fell to {100 * share[t]:.0f} % of that around it"
            yield Finding(t, "brightness fell", words, _severity(dip))
        elif loss > 1:
            words = f"brightness fell to {100 * kept[t]:.0f} % of what it was"
            yield Finding(t, "brightness fell", words, _severity(loss))


def _middle(values: Floats) -> Floats:
    """Return the median of five neighbours."""
    if not len(values):
        return values
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(values, 2, constant_values=np.nan), 5)
    known = np.isfinite(windows).any(axis=1)
    result = np.full(len(values), np.nan)
    result[known] = np.nanmedian(windows[known], axis=1)
    return result


def _at_best(values: Floats, others: Floats) -> Floats:
    """Return for each place the other value where the largest value up to it is."""
    result, best, there = np.full(len(values), np.nan), -np.inf, np.nan
    for t, value in enumerate(values):
        if value > best:
            best, there = value, others[t]
        result[t] = there
    return result


def _jumps(
    measures: Sequence[FrameMeasures], odd: NDArray[Any], settings: QualitySettings
) -> Iterator[Finding]:
    """Return frames from whose predecessor the whole picture moved unlike it does otherwise."""
    match = np.array([one.match if one.shift else np.nan for one in measures], float)
    shift = np.array([one.shift or (np.nan, np.nan) for one in measures], float).reshape(-1, 2)
    unmoved = np.array([one.unmoved for one in measures], float)
    sure = match > _SURE
    shift[~sure] = np.nan
    usual = np.stack([around(shift[:, k], settings.reach, 0.5) for k in (0, 1)], 1)
    moved = np.hypot(*(shift - np.nan_to_num(usual)).T)
    known = moved[np.isfinite(moved)]
    usually = 1.4826 * float(np.median(known)) if len(known) else 0.0
    least = max(settings.jump, settings.noise * usually)
    agree = around(match, settings.reach, 0.5)
    for t in range(1, len(match)):
        if moved[t] > least and match[t] > _BETTER * unmoved[t]:
            words = f"stage jumped {moved[t]:.0f} px"
            yield Finding(t, "stage jumped", words, _severity(moved[t] / least))
        elif match[t] < _BY_CHANCE and agree[t] > _ALIKE and not odd[t - 1 : t + 1].any():
            words = "stage jumped: nothing of the frame before is seen again"
            yield Finding(t, "stage jumped", words, _WORST)


def _counts(cells: Sequence[CellMeasures | None], settings: QualitySettings) -> Iterator[Finding]:
    counts = np.array([np.nan if one is None else one.count for one in cells], float)
    spread = usual_change(counts)
    for t, n in enumerate(counts):
        before = counts[max(0, t - _BEFORE) : t]
        lacking = max(0, _BEFORE // 2 + 1 - len(before))  # at the beginning
        others = np.concatenate([before, counts[t + 1 : t + 1 + lacking]])
        if not np.isfinite(n) or not np.isfinite(others).any():
            continue
        usual = float(np.nanmedian(others))
        least = max(settings.count * usual, settings.noise * spread, _FEW)
        if abs(n - usual) > least:
            words = f"cell count jumped from {usual:.0f} to {n:.0f}"
            yield Finding(t, "cell count jumped", words, _severity(abs(n - usual) / least))


def _sizes(
    cells: Sequence[CellMeasures | None], known: float | None, settings: QualitySettings
) -> Iterator[Finding]:
    for t, one in enumerate(cells):
        if not known or one is None or not np.isfinite(one.diameter):
            continue
        factor = max(one.diameter / known, known / one.diameter)
        if factor > settings.size:
            words = (
                f"cells of another size: {one.diameter:.0f} px across, the model knows {known:.0f}"
            )
            yield Finding(t, "cells of another size", words, _severity(factor / settings.size))


def _severity(beyond: float) -> float:
    return round(float(min(beyond, _WORST)), 2)
