"""What is done with a frame beside the network, done once to say what a run will cost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from napari_unet.engine.export.overlay.flat import Flat
from napari_unet.engine.jobs.stages.frame_work import FrameMaker

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_unet.engine.jobs.stages.frame_work import FrameWork
    from napari_unet.engine.settings import OverlaySettings
    from napari_unet.engine.stack.stack import Stack

_ENCODED = 5.0  # times what composing a picture takes, docs/benchmarks.md


class RestOfFrame:
    """Labels, table and picture of a frame: gives the processor seconds that they take."""

    def __init__(self, stack: Stack, work: FrameWork, overlay: OverlaySettings | None) -> None:
        self._overlay, self._flat = overlay, None
        if overlay is not None:
            self._flat = Flat(stack, overlay.section)
        self._make = FrameMaker(work, stack)

    def __call__(self, frame: int, codes: NDArray[np.uint8]) -> float:
        """Do it twice: the first time brings in what is needed."""
        self._once(frame, codes)
        return self._once(frame, codes)

    def _once(self, frame: int, codes: NDArray[np.uint8]) -> float:
        began = time.thread_time()
        labels = self._make(frame, codes).labels
        made = time.thread_time()
        if self._overlay is None or self._flat is None:
            return made - began
        from napari_unet.engine.export.overlay.overlay import compose_overlay

        labels = self._flat.labels(frame, labels)
        compose_overlay(self._flat.stack[frame], labels, self._overlay)
        return made - began + (1 + _ENCODED) * (time.thread_time() - made)
