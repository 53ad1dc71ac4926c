"""Probabilities of discs, as a model might give them, for tests of live labels."""

from __future__ import annotations

import numpy as np

from napari_unet.engine.labels.codes import encode_logits

SHAPE = (4, 60, 80)
CENTRES = ((14, 14), (14, 31), (42, 20), (40, 60), (14, 62))  # the first two touch
RADIUS = 8


class Discs:
    """Probabilities (T, 1, Y, X): sure within discs, which move right; the last one is faint."""

    outputs = ("object",)
    parts = ()

    def __init__(self, faint: float = -2.0, reach: float = RADIUS) -> None:
        self.shape = (SHAPE[0], 1, *SHAPE[1:])
        self.computed = np.ones(SHAPE[0], bool)
        self.faint, self.reach = faint, reach

    def __getitem__(self, frame: int) -> np.ndarray:
        y, x = np.mgrid[: SHAPE[1], : SHAPE[2]]
        depths = [self.reach - np.hypot(y - cy, x - cx - frame) for cy, cx in CENTRES]
        tops = (6, 6, 6, 6, self.faint)
        logits = [
            np.minimum(2 * d, top) - (0 if top > 0 else 1)
            for d, top in zip(depths, tops, strict=True)
        ]
        return encode_logits(np.max(logits, axis=0))[None]
