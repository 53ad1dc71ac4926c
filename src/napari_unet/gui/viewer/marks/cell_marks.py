"""Outlines of cells that are wrong beside a truth over the canvas, a colour for each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF, QTransform

from napari_unet.gui.viewer.canvas_marks import OverCanvas
from napari_unet.gui.viewer.correcting import canvas_of
from napari_unet.gui.viewer.layers import frame_on_screen
from napari_unet.gui.viewer.look_at import camera_of, on_canvas, seen_from_above

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.layers import Labels
    from napari.viewer import Viewer
    from qtpy.QtGui import QPaintEvent

    from napari_unet.engine.labels.truth.wrong_cells import WrongCell

COLOURS = {"missed": "#56b4e9", "merged": "#cc79a7", "split": "#009e73", "invented": "#e69f00"}
_DASHED = "invented"  # told apart without colours: it is no cell of the truth
_UNDER = QColor(0, 0, 0, 190)
_LINE, _AROUND = 2.0, 4.0  # px


class CellMarks(OverCanvas):
    """The wrong cells of the frame on screen.

    Whoever makes it lets it ``follow`` the ``news``: camera, frame, and how the viewer looks at it.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(canvas_of(viewer), "review.truth_on_canvas")
        self._viewer = viewer
        self._layer: Labels | None = None
        self._at: Callable[[int], Sequence[WrongCell]] | None = None
        self.shown: tuple[WrongCell, ...] = ()
        self.hide()

    @property
    def news(self) -> tuple[Any, ...]:
        """The signals after which they may have to be drawn elsewhere."""
        camera, dims = camera_of(self._viewer).events, self._viewer.dims.events
        return camera.center, camera.zoom, dims.current_step, dims.ndisplay, dims.order

    def show_cells(
        self, layer: Labels | None, at: Callable[[int], Sequence[WrongCell]] | None
    ) -> None:
        """Draw what is wrong at a frame, where the layer lies; nothing where there is no layer."""
        self._layer, self._at = layer, at
        self.follow()

    def follow(self, _: Any = None) -> None:
        """Draw those of the frame that is on screen now, where they are now."""
        layer, at = self._layer, self._at
        there = layer is not None and layer in self._viewer.layers
        if layer is None or at is None or not there or not seen_from_above(self._viewer):
            self.shown = ()
        else:
            self.shown = tuple(at(frame_on_screen(self._viewer, layer, layer.data.shape[0])))
        self.setVisible(bool(self.shown) and self.parentWidget() is not None)
        if self.shown:
            self.raise_()
            self.update()

    def to_canvas(self) -> QTransform:
        """Return how (x, y) of the layer's frame lie in pixels of the canvas."""
        layer = self._layer
        assert layer is not None
        front = (0,) * (layer.ndim - 2)
        (x0, y0), (x_down, y_down), (x_right, y_right) = (
            on_canvas(self._viewer, layer, (*front, *point), self.size())
            for point in ((0, 0), (1, 0), (0, 1))  # y, x
        )
        return QTransform(x_right - x0, y_right - y0, x_down - x0, y_down - y0, x0, y0)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw each outline on a dark one, which reads on any picture."""
        if self._layer is None or not self.shown:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        place, canvas = self.to_canvas(), QRectF(self.rect())
        for cell in self.shown:
            pen = QPen(QColor(COLOURS[cell.kind]), _LINE)
            if cell.kind == _DASHED:
                pen.setStyle(Qt.PenStyle.DashLine)
            for outline in cell.outlines:
                line = place.map(QPolygonF([QPointF(x, y) for y, x in outline.tolist()]))
                if not line.boundingRect().intersects(canvas):
                    continue
                painter.setPen(QPen(_UNDER, _AROUND))
                painter.drawPolyline(line)
                painter.setPen(pen)
                painter.drawPolyline(line)
