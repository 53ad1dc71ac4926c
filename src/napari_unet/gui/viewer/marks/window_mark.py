"""A window of a frame marked over the canvas: what is around it is dimmed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QRectF
from qtpy.QtGui import QColor, QPainter, QPainterPath, QPen

from napari_unet.gui.viewer.canvas_marks import OverCanvas
from napari_unet.gui.viewer.correcting import canvas_of
from napari_unet.gui.viewer.layers import frame_on_screen
from napari_unet.gui.viewer.look_at import camera_of, on_canvas
from napari_unet.gui.viewer.preferences import colour

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.viewer import Viewer
    from qtpy.QtGui import QPaintEvent

    Box = tuple[int, int, int, int]

_AROUND, _RIM = QColor(0, 0, 0, 120), 2  # px


class WindowMark(OverCanvas):
    """A window of a frame, and the rest of the canvas dimmed.

    Whoever makes it lets it ``follow`` the ``news``: camera and frame.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(canvas_of(viewer), "review.window")
        self._viewer = viewer
        self._layer: Labels | None = None
        self._at: tuple[int, Box] | None = None
        self.hide()

    @property
    def news(self) -> tuple[Any, ...]:
        """The signals after which it may have to be drawn elsewhere."""
        events = camera_of(self._viewer).events
        return events.center, events.zoom, self._viewer.dims.events.current_step

    def show_window(self, layer: Labels | None, frame: int, box: Box) -> None:
        """Mark a window (y, x, height, width) of a frame; nothing where there is no layer."""
        self._layer, self._at = layer, (frame, box)
        self.follow()

    def follow(self, _: Any = None) -> None:
        """Draw it where it is now, on its frame alone."""
        layer, at = self._layer, self._at
        here = (
            layer is not None
            and at is not None
            and layer in self._viewer.layers
            and frame_on_screen(self._viewer, layer, layer.data.shape[0]) == at[0]
        )
        self.setVisible(here and self.parentWidget() is not None)
        if here:
            self.raise_()
            self.update()

    def place(self) -> QRectF:
        """Return where the window is on the canvas, px."""
        assert self._layer is not None
        assert self._at is not None
        frame, (y, x, height, width) = self._at
        places = ((y - 0.5, x - 0.5), (y + height - 0.5, x + width - 0.5))
        (left, top), (right, bottom) = (
            on_canvas(self._viewer, self._layer, (frame, *at)[-self._layer.ndim :], self.size())
            for at in places
        )
        return QRectF(left, top, right - left, bottom - top)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Dim what is around the window, and frame it."""
        if self._layer is None or self._at is None:
            return
        inside, around = self.place(), QPainterPath()
        around.addRect(QRectF(self.rect()))
        around.addRect(inside)  # odd and even: not filled
        painter = QPainter(self)
        painter.fillPath(around, _AROUND)
        painter.setPen(QPen(colour("correct"), _RIM))
        painter.drawRect(inside)
