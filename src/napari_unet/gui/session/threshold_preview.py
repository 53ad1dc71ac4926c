"""Shows the threshold on a very large frame while the hand is still moving it.

Labels of so many pixels take longer than a display frame. Until the hand rests, the probabilities
are shown as an image whose contrast is cut at the threshold: the graphics card compares the pixels.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, QTimer

from napari_unet.gui.viewer import label_frames, layers

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Image, Labels

    from napari_unet.engine.session.live_labels import LiveLabels
    from napari_unet.engine.settings import LabelSettings
    from napari_unet.gui.session.movie_choice import MovieChoice

LARGE = 8 << 20  # pixels whose labels take longer than a display frame
_REST_MS = 150


@dataclass(frozen=True)
class _Shown:
    """A frame of labels that hides, and the image in its place."""

    live: LiveLabels
    frame: int
    image: weakref.ref[Image]
    hidden: weakref.ref[Labels]


class ThresholdPreview(QObject):
    """Shows thresholds of the frame on screen; ``settle`` is called once the hand rests."""

    def __init__(self, movie: MovieChoice, settle: Callable[[], None]) -> None:
        super().__init__()
        self._movie, self._settle = movie, settle
        self._shown: _Shown | None = None
        self._timer = QTimer(self, interval=_REST_MS, singleShot=True)
        self._timer.timeout.connect(self.end)

    def takes(self, live: LiveLabels, layer: Labels | None, settings: LabelSettings) -> bool:
        """Show a threshold that has moved, where the frame is large; its labels come later."""
        frame = self._movie.frame
        only_moved = live.settings.replace(threshold=settings.threshold) == settings
        if layer is None or not only_moved or live.classes:
            return False
        if live.shape[-2] * live.shape[-1] < LARGE or not live.computed(frame):
            return False
        shown = self._shown
        if shown is None or shown.live is not live or shown.frame != frame:
            if not layer.visible:
                return False
            shown = self._begin(frame, live, layer)
        _cut(shown.image(), settings.threshold)
        self._timer.start()
        return True

    def end(self) -> None:
        """Go back to labels, at the threshold where the hand rests."""
        shown, self._shown = self._shown, None
        self._timer.stop()
        if shown is None or not self._movie.is_open:
            return
        image, hidden = shown.image(), shown.hidden()
        self._settle()
        if hidden is not None:
            hidden.visible = True
        if image is not None and image in self._movie.viewer.layers:
            layers.remove(self._movie.viewer, image)

    def _begin(self, frame: int, live: LiveLabels, layer: Labels) -> _Shown:
        self.end()
        viewer = self._movie.viewer
        codes = np.asarray(live.probabilities[frame][0])
        with layers.held(viewer):
            image = layers.raw(
                viewer.add_image(
                    label_frames.OneFrame(live.shape, frame, codes),
                    name="above the threshold",
                    metadata={layers.OURS: {"role": layers.PREVIEW}},
                    colormap="yellow",
                    blending="additive",
                    opacity=0.5,
                    contrast_limits=(0, 255),
                    **layers.place(self._movie.require_layer(), dims=live.ndim - 1),
                )
            )
        layer.visible = False
        self._shown = _Shown(live, frame, weakref.ref(image), weakref.ref(layer))
        return self._shown


def _cut(image: Image | None, threshold: float) -> None:
    from napari_unet.engine.labels.codes import threshold_code

    if image is not None:
        code = min(max(1, threshold_code(threshold)), 255)
        image.contrast_limits = (code - 1, code)
