"""The states of cells, written over them on the canvas: mitotic, dead, debris, own words."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QPainter

from napari_unet.engine.annotations.states import state_colours
from napari_unet.gui.viewer.canvas_marks import OverCanvas
from napari_unet.gui.viewer.correcting import canvas_of
from napari_unet.gui.viewer.look_at import camera_of, on_canvas, seen_from_above

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from qtpy.QtGui import QPaintEvent
    from qtpy.QtWidgets import QWidget

    from napari_unet.gui.viewer.correcting import Owner

    Spot = tuple[tuple[int, ...], str]  # (y, x) in the frame, and the state there

_BEHIND = QColor(0, 0, 0, 170)
_SMALLER = 2  # points, than the words of the docks
_PAD = 3  # px


class StateMarks(QObject):
    """Writes the states of the frame on screen where their cells are, seen from above."""

    _changed = Signal()  # what is said may come from a worker

    def __init__(self, owner: Owner) -> None:
        super().__init__()
        self._owner = owner
        self._written: _Written | None = None
        self._spots: list[Spot] = []
        self._changed.connect(self._read)
        for told in (owner.live.edited, owner.live.changed):
            told.connect(self._on_live)
        viewer = owner.viewer
        dims, camera = viewer.dims.events, camera_of(self._owner.viewer).events
        self._followed = [
            (event, self._read)
            for event in (dims.current_step, dims.ndisplay, dims.order, owner.layer.events.visible)
        ] + [(event, self._place) for event in (camera.center, camera.zoom)]
        for event, follow in self._followed:
            event.connect(follow)
        self._read()

    @property
    def spots(self) -> list[Spot]:
        """What is written now, and where in the layer."""
        return list(self._spots)

    def end(self) -> None:
        """Write no more: the layer goes."""
        for told in (self._owner.live.edited, self._owner.live.changed):
            told.disconnect(self._on_live)
        for event, follow in self._followed:
            event.disconnect(follow)
        self._followed = []
        written, self._written = self._written, None
        if written is not None:
            with suppress(RuntimeError):  # the window is closed, and the canvas gone with it
                written.hide()
                written.deleteLater()

    def _on_live(self, _: Any) -> None:
        self._changed.emit()

    def _read(self, _: Any = None) -> None:
        """Find what is said of the frame on screen."""
        live, before = self._owner.live, self._spots
        self._spots = []
        states = live.corrections.states
        if (
            states
            and self._followed
            and seen_from_above(self._owner.viewer)
            and self._owner.layer.visible
        ):
            frame = self._owner.frame
            said = states.at(frame)
            if said and live.is_prepared(frame):  # else a watershed would run here
                labels = np.asarray(live[frame])
                cells, debris = states.of(frame, labels), states.debris(frame, labels)
                self._spots = [
                    (place, state)
                    for place, state in said.items()
                    if (place in debris or cells.get(int(labels[place])) == state)
                    and self._is_in_sight(labels, place)
                ]
        if self._spots or before:
            self._place()

    def _place(self, _: Any = None) -> None:
        """Write it where the camera sees it now."""
        if self._written is None:
            canvas = canvas_of(self._owner.viewer) if self._spots else None
            if canvas is None:
                return
            self._written = _Written(canvas)
            self._written.resized.connect(self._place)
        viewer, layer, frame = self._owner.viewer, self._owner.layer, self._owner.frame
        size = self._written.size()
        spots = ((on_canvas(viewer, layer, (frame, *at), size), said) for at, said in self._spots)
        colours = state_colours(self._owner.live.corrections.states.words())
        self._written.show_words([(*spot, said) for spot, said in spots], colours)

    def _is_in_sight(self, labels: NDArray[Any], place: tuple[int, ...]) -> bool:
        """Whether a cell is on the section on screen; in an image it always is."""
        if labels.ndim == 2:
            return True
        viewer, layer = self._owner.viewer, self._owner.layer
        section = round(float(layer.world_to_data(viewer.dims.point)[-3]))
        return bool((labels[min(max(section, 0), len(labels) - 1)] == labels[place]).any())


class _Written(OverCanvas):
    """Words over the canvas."""

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas, "review.states_on_canvas")
        self.words: list[tuple[float, float, str]] = []
        self.colours: Mapping[str, str] = {}
        font = self.font()
        font.setPointSizeF(max(6.0, font.pointSizeF() - _SMALLER))
        self.setFont(font)

    def show_words(self, words: list[tuple[float, float, str]], colours: Mapping[str, str]) -> None:
        """Show words at places (x, y) in pixels of the canvas; none where there are no words."""
        self.words, self.colours = words, colours
        self.setVisible(bool(words))
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw each word on a dark ground, in the colour of its state."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = painter.fontMetrics()
        for x, y, word in self.words:
            width, height = metrics.horizontalAdvance(word), metrics.height()
            room = QRectF(x - width / 2, y - height / 2, width, height)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(_BEHIND)
            painter.drawRoundedRect(room.adjusted(-_PAD, 0, _PAD, 0), _PAD, _PAD)
            painter.setPen(QColor(self.colours[word]))
            painter.drawText(room, int(Qt.AlignmentFlag.AlignCenter), word)
