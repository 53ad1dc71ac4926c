"""Frames of a Labels layer's data as the exporters read them: one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.ids import BACKGROUND_ID

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.engine.annotations.corrections import Corrections
    from napari_unet.engine.stack.stack import Stack


class LabelFrames:
    """Frames ``(Y, X)`` of labels by position, without the background brush."""

    def __init__(self, data: Any, stack: Stack, name: str) -> None:
        shape = tuple(int(n) for n in data.shape)
        wanted = (len(stack), *stack.frame_shape)
        if shape not in (wanted, wanted[1:] if wanted[0] == 1 else wanted):
            raise BadInput(
                f"the layer {name} has shape {shape}",
                f"{wanted}, as in the movie {stack.name}",
                "choose the labels of this movie",
            )
        self._data, self._flat, self.name = data, len(shape) == 2, name
        self.shape = wanted

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, position: int) -> NDArray[Any]:
        frame = np.array(self._data if self._flat else self._data[position])
        if frame.dtype == np.uint16:  # in wider types it is an id like others
            frame[frame == BACKGROUND_ID] = 0
        return frame


def frozen_by_hand(corrections: Corrections | None) -> dict[int, frozenset[int]]:
    """Return for each frame the ids that a user gave or confirmed; for a worker, it reads all."""
    from napari_unet.engine.tracks.tracking import frozen_ids

    return frozen_ids(corrections)
