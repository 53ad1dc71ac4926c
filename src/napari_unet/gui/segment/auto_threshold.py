"""*Auto*: the threshold with the best objects on frames kept for checking, or Otsu's.

Frames that a model was trained on never choose it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.text import say_ranges

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_unet.engine.session.live_labels import LiveLabels

_TRIED = np.round(np.arange(0.1, 0.95, 0.025), 3)
_OTSU_FRAMES = 5


@dataclass(frozen=True)
class Auto:
    """A threshold, and in words where it comes from."""

    threshold: float
    words: str


def never_learned(record: Mapping[str, Any], fingerprint: str) -> tuple[int, ...]:
    """Return the frames of this movie that the model was checked on and never learned from.

    A single frame, or a region of one, joins the training in the end and does not count.
    """
    from napari_unet.engine.training.training_record import held_out

    return held_out(record, fingerprint).never_learned


def auto_threshold(live: LiveLabels, frames: tuple[int, ...], frame: int) -> Auto:
    """Choose a threshold on those of ``frames`` that have truth; else on the probabilities.

    Computed in a worker. ``frame`` is the one on screen, for Otsu's method; it must be segmented.
    """
    true = [t for t in frames if t in live.corrections.frames() and live.computed(t)]
    if true:
        return _best(live, true)
    return _otsu(live, frame)


def _best(live: LiveLabels, frames: list[int]) -> Auto:
    from napari_unet.engine.training.checking import coded_scores_at, object_score

    probabilities = live.probabilities
    assert probabilities is not None  # frames that are computed are asked for
    coded = ((probabilities[t], live.annotation(t, classes=bool(live.classes))) for t in frames)
    found = coded_scores_at(_TRIED.tolist(), coded, probabilities.outputs, live.settings)
    scores = np.array([object_score(each) for each in found.values()])
    best = _TRIED[scores >= scores.max() - 1e-3]
    chosen = float(best[len(best) // 2])
    one = len(frames) == 1
    words = f"best cells on frame{'' if one else 's'} {say_ranges(frames)}, kept for checking"
    return Auto(chosen, f"{words} ({scores.max():.2f} of 1)")


def _otsu(live: LiveLabels, frame: int) -> Auto:
    from skimage.filters import threshold_otsu

    from napari_unet.engine.labels.codes import decode

    computed = np.flatnonzero(live.probabilities.computed)
    near = computed[np.argsort(np.abs(computed - frame), kind="stable")][:_OTSU_FRAMES]
    counts = sum(np.bincount(live.probabilities[int(t)][0].ravel(), minlength=256) for t in near)
    threshold = float(threshold_otsu(hist=(np.asarray(counts), decode(np.arange(256)))))
    words = "by Otsu's method on the probabilities; there are no frames kept for checking"
    return Auto(round(float(np.clip(threshold, 0.02, 0.98)), 3), words)
