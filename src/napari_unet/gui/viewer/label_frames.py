"""Frames of a Labels layer's data as the exporters read them, one at a time; and one alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.labels.label_frames import LabelFrames
from napari_unet.engine.labels.label_stack import LabelStack
from napari_unet.engine.stack.lazy_array import LazyArray
from napari_unet.gui.viewer import layers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_unet.engine.annotations.corrections import Corrections
    from napari_unet.engine.errors import Notice
    from napari_unet.engine.settings import Selection
    from napari_unet.engine.stack.stack import Stack
    from napari_unet.engine.tracks.by_hand import ByHand

NOT_ALL = "choose labels of all frames of this movie"


class LayerFrames(LabelFrames):
    """Labels of all frames of a movie, from a layer, without the background brush."""

    def __init__(self, data: Any, stack: Stack, name: str) -> None:
        super().__init__(LabelStack.of_array(data, name, stack.dims), stack, remedy=NOT_ALL)
        self._data = data

    def odd(self) -> tuple[Notice, ...]:
        """Say what is odd about the labels, from some frames; ours are never doubted."""
        from napari_unet.engine.session.live_labels import LiveLabels

        return () if isinstance(self._data, LiveLabels) else self.labels.doubts()

    def __getitem__(self, t: int) -> NDArray[np.unsignedinteger[Any]]:
        frame = super().__getitem__(t)
        if frame.dtype == np.uint16:  # in wider types it is an id like others
            frame = np.where(frame == BACKGROUND_ID, np.uint16(0), frame)
        return frame


class OneFrame(LazyArray):
    """An array-like ``(T, Y, X)`` of labels that holds one frame and is 0 in all others."""

    def __init__(self, shape: Sequence[int], frame: int, labels: NDArray[Any]) -> None:
        self.shape = tuple(int(n) for n in shape)
        self.dtype = labels.dtype
        self._frame, self._labels = frame, labels
        self._empty = np.broadcast_to(self.dtype.type(0), labels.shape)

    def _read(self, frame: int, key: Any) -> Any:
        return (self._labels if frame == self._frame else self._empty)[key].copy()

    def _at_hand(self, frame: int) -> bool:
        return frame == self._frame

    def _too_many(self, frames: int) -> None:
        """Say nothing: the frames that were not read are 0 anyway."""


def lies_over(labels: Labels, of: Selection, movie: Stack) -> bool:
    """Whether labels ``of`` a way to take a movie may lie over it, however that is taken now.

    Not frames on sections, nor sections that are counted on frames that have times.
    """
    counted = (of.z == "frames") != (movie.selection.z == "frames")
    same = str(labels.units[0]) == layers.movie_place(movie)["units"][0]
    return labels.ndim == 1 + movie.dims and (same or not counted)


def edits_of(layer: Labels) -> tuple[Any, ...]:
    """Events of a layer that tell of other labels; a live layer is drawn anew for less."""
    events = layers.raw(layer).events
    live = hasattr(layer.data, "edited")
    return (events.data,) if live else (events.data, events.paint, events.labels_update)


def said_by_hand(corrections: Corrections | None) -> ByHand:
    """Return the ids that a user gave or confirmed, and links; for a worker, it reads all."""
    from napari_unet.engine.tracks.by_hand import ByHand

    return ByHand.of(corrections)
