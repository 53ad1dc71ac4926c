"""What movies of other kinds of cells are made from, and what draws them gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Drawn = tuple[NDArray[np.float32], NDArray[np.uint16]]
"""Light (Y, X), about 0 to 1, and labels (Y, X)."""


@dataclass(frozen=True)
class KindWorld:
    """What is made: the same values give the same movie. ``noise`` scales all noise."""

    seed: int = 0
    frames: int = 8
    shape: tuple[int, int] = (256, 320)
    noise: float = 1.0
