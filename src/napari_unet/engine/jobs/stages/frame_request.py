"""FrameRequest: frames of a movie that are wanted of a cluster, and where they go."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.engine.jobs.stages.frame_work import FrameWork
    from napari_unet.engine.network.model import Model
    from napari_unet.engine.prediction.probabilities import Probabilities
    from napari_unet.engine.stack.stack import Stack


class FrameRequest(NamedTuple):
    """These frames of a movie, by a model: codes into probabilities, then labels and columns."""

    stack: Stack
    model: Model
    work: FrameWork
    frames: Sequence[int]
    probabilities: Probabilities
