"""The links of the labels on screen, kept until the labels change: for the preview of a movie."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.gui import layers

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_unet.engine.links import Links


class KeptLinks:
    """Keeps the links of one layer and one choice of frames; forgets them when a frame changes."""

    def __init__(self, changed: Callable[[], object]) -> None:
        self._changed = changed
        self._key: tuple[Any, ...] = ()
        self._links: Links | None = None
        self._segmented: NDArray[np.bool_] = np.zeros(0, bool)
        self._layer: weakref.ref[Labels] | None = None

    def find(self, layer: Labels, key: tuple[Any, ...], make: Callable[[], Links]) -> Links:
        """Give the links found so far for ``key``, or new ones that have found nothing yet."""
        self._watch(layer)
        probabilities = getattr(layer.data, "probabilities", None)
        # What moves all frames of live labels is compared: `on_change` is silent where others draw.
        looks = getattr(probabilities, "parts_written", 0)
        key = (*key, getattr(layer.data, "settings", None), id(probabilities), looks)
        segmented = np.zeros(0, bool) if probabilities is None else probabilities.computed
        if self._links is None or key != self._key or self._is_segmented_anew(segmented):
            self._key, self._links = key, make()
        self._segmented = segmented
        return self._links

    def _is_segmented_anew(self, now: NDArray[np.bool_]) -> bool:
        """Whether frames that were read have been predicted since."""
        links, before = self._links, self._segmented
        if links is None or len(before) != len(now):
            return True
        read = list(links.positions[: links.n_read]) if len(now) else []
        return bool((before[read] != now[read]).any())

    def _watch(self, layer: Labels) -> None:
        """Listen to another layer than before: live labels say which frames a person changes."""
        before = self._layer() if self._layer is not None else None
        if before is not layer:
            self._links, self._layer = None, weakref.ref(layer)
            for event in _edits(before) if before is not None else ():
                event.disconnect(self._on_edit)
            for event in _edits(layer):
                event.connect(self._on_edit)
        listeners = getattr(layer.data, "on_step", None)
        if listeners is not None and not any(
            isinstance(listener, _Listener) and listener.kept() is self for listener in listeners
        ):
            listeners.append(_Listener(self))

    def _on_edit(self, _: Any = None) -> None:
        self._links = None
        self._changed()

    def forget(self, frames: tuple[int, ...]) -> None:
        """Forget links that were found over one of ``frames``."""
        links = self._links
        if links is not None and min(frames, default=0) <= links.reached:
            self._links = None


class _Listener:
    """Hears of changed frames, in any thread, as long as the one who wants to know is there."""

    def __init__(self, kept: KeptLinks) -> None:
        self.kept = weakref.ref(kept)

    def __call__(self, frames: tuple[int, ...]) -> None:
        kept = self.kept()
        if kept is not None:
            kept.forget(frames)


def _edits(layer: Labels) -> tuple[Any, ...]:
    """Events of a layer that tell of other labels; a live layer is drawn anew for less."""
    events = layers.raw(layer).events
    live = hasattr(layer.data, "on_step")
    return (events.data,) if live else (events.data, events.paint, events.labels_update)
