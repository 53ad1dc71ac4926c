"""What a training yields, and what may be sent to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from napari_unet.engine.training.ranks.ranks import ALONE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_unet.engine.annotations.annotations import Annotations
    from napari_unet.engine.labels.scores import Scores
    from napari_unet.engine.training.ranks.ranks import Ranks


@dataclass(frozen=True)
class RunOptions:
    """What a run does beside learning: its name, where and how often (s) it is kept, its clock.

    ``ranks`` are the processes that do it together.
    """

    name: str
    checkpoint: Path | None
    checkpoint_every: float
    clock: Callable[[], float] | None = None  # gives the seconds that minutes are counted by
    ranks: Ranks = ALONE


@dataclass(frozen=True)
class TrainStep:
    """What one step did; ``steps`` is unknown until the speed of the first steps is measured."""

    title: ClassVar[str] = "Train"

    step: int
    steps: int | None
    seconds: float
    seconds_left: float | None
    loss: float
    validation: Scores | None = None
    preview: tuple[int, NDArray[np.uint8]] | None = None
    note: str | None = None
    movie: int = 0  # that the preview is of


@dataclass(frozen=True)
class TrainInput:
    """What may be sent to a running training: new strokes, the frame on screen, stop and keep.

    Strokes and frame are of the ``movie`` with that number, from 0 in the order they were given.
    """

    annotations: Annotations | None = None
    preview: int | None = None
    stop: bool = False
    movie: int = 0
