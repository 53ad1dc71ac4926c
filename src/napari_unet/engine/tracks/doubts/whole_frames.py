"""Frames that are bad as a whole, as a look at quality finds them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_unet.engine.tracks.doubts.doubt import Doubt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from napari_unet.engine.stack.quality.findings import Finding
    from napari_unet.engine.tracks.doubts.doubt import Reason

_REASONS: dict[str, Reason] = {
    "out of focus": "out of focus",
    "stage jumped": "stage jumped",
    "brightness fell": "brightness fell",
    "empty": "empty",
    "cell count jumped": "cell count jumped",
    "cells of another size": "far from what the model learned",
}
_LEAST, _MOST, _WORST = 0.3, 0.7, 10.0  # scores; severity


def whole_frames(findings: Iterable[Finding], shape: tuple[int, ...]) -> Iterator[Doubt]:
    """Yield a doubt for each finding about a frame of ``shape`` (Y, X) or (Z, Y, X)."""
    y, x, *z = ((n - 1) / 2 for n in (*shape[-2:], *shape[-3:-2]))
    for one in findings:
        score = _LEAST + (_MOST - _LEAST) * min(one.severity, _WORST) / _WORST
        _, _, detail = one.words.rpartition(": ") if ": " in one.words else ("", "", one.words)
        found = Doubt(one.frame, y, x, (), _REASONS[one.reason], None, score, detail=detail)
        yield replace(found, z=z[0]) if z else found
