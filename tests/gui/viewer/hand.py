"""A user at the canvas of a real napari, over labels of four discs."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

from napari_unet.engine.labels.codes import encode_logits
from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.engine.settings import LabelSettings
from napari_unet.gui.viewer.live_layer import add_live_layer

FRAMES, SIDE = 5, 96
CENTRES = ((20, 20), (20, 70), (70, 22), (68, 70))


class Cells:
    """Probabilities (T, 1, Y, X) of four discs that fade outwards, three on frame 3."""

    outputs = ("object",)
    parts = ()

    def __init__(self, grow: float = 0.0) -> None:
        self.shape = (FRAMES, 1, SIDE, SIDE)
        self.computed = np.ones(FRAMES, bool)
        self.grow = grow

    def __getitem__(self, frame: int) -> np.ndarray:
        y, x = np.mgrid[:SIDE, :SIDE]
        away = [np.hypot(y - cy, x - cx) for cy, cx in CENTRES[: 3 if frame == 3 else 4]]
        return encode_logits(10 + self.grow - np.min(away, axis=0))[None]


class CanvasHand:
    """A user at the canvas: presses, drags and keys, in data coordinates of the frame shown."""

    def __init__(self, viewer, qtbot, live, layer) -> None:
        self.viewer, self.qtbot, self.live, self.layer = viewer, qtbot, live, layer
        self.held = Qt.KeyboardModifier.NoModifier

    def go(self, frame: int) -> None:
        self.viewer.dims.set_current_step(0, frame)

    @property
    def frame(self) -> int:
        return self.viewer.dims.current_step[0]

    def drag(self, *points, mode="paint", label=None, size=9, button=1) -> None:
        """Draw with the layer's tool through ``points`` (y, x)."""
        layer = self.layer
        layer.mode, layer.brush_size = mode, size
        if label is not None:
            layer.selected_label = label
        self.mouse(*points, button=button)

    def mouse(self, *points, held=Qt.KeyboardModifier.NoModifier, button=1) -> None:
        """Press, move and let go with keys held; at one point it is a click."""
        self.held = held
        button = Qt.MouseButton.RightButton if button == 2 else Qt.MouseButton.LeftButton
        self.send(QEvent.Type.MouseMove, points[0], Qt.MouseButton.NoButton, held=False)
        self.send(QEvent.Type.MouseButtonPress, points[0], button)
        for point in points[1:]:
            self.send(QEvent.Type.MouseMove, point, Qt.MouseButton.NoButton, held=button)
        self.send(QEvent.Type.MouseButtonRelease, points[-1], button, held=False)
        self.held = Qt.KeyboardModifier.NoModifier

    def double_click(self, point) -> None:
        left = Qt.MouseButton.LeftButton
        self.mouse(point)
        self.send(QEvent.Type.MouseButtonDblClick, point, left)
        self.send(QEvent.Type.MouseButtonRelease, point, left, held=False)

    def hover(self, *points) -> None:
        for point in points:
            self.send(QEvent.Type.MouseMove, point, Qt.MouseButton.NoButton, held=False)

    def send(self, kind, point, button, held=None) -> None:
        """Send a mouse event to the canvas where a data point (y, x) is drawn.

        Of a volume in the section on screen.
        """
        canvas = self.viewer.window._qt_viewer.canvas.native
        section = self.viewer.dims.current_step[1:-2]
        world = np.asarray(self.layer.data_to_world((self.frame, *section, *point)))[-2:]
        camera = self.viewer.scene.camera
        y, x = (world - camera.center[1:]) * camera.zoom
        at = QPointF(x + canvas.width() / 2, y + canvas.height() / 2)
        buttons = button if held is None else (held or Qt.MouseButton.NoButton)
        event = QMouseEvent(kind, at, at, button, buttons, self.held)
        QApplication.sendEvent(canvas, event)
        self.qtbot.wait(15)  # napari and vispy throttle moves to one in 10 ms

    def key(self, key, modifiers=Qt.KeyboardModifier.NoModifier) -> None:
        canvas = self.viewer.window._qt_viewer.canvas.native
        self.viewer.layers.selection.active = self.layer
        self.qtbot.keyClick(canvas, key, modifiers)

    def undo(self) -> None:
        self.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)

    def redo(self) -> None:
        modifiers = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
        self.key(Qt.Key.Key_Z, modifiers)

    def point(self, y, x) -> None:
        self.viewer.cursor.position = self.layer.data_to_world((self.frame, y, x))

    def seen(self) -> np.ndarray:
        """What napari shows of the frame on screen."""
        return np.asarray(self.layer._slice.image.raw)

    def threshold(self, value) -> None:
        self.live.settings = self.live.settings.replace(threshold=value)


class Hand(CanvasHand):
    """A user at the canvas of four discs."""

    def __init__(self, viewer, qtbot) -> None:
        image = viewer.add_image(
            np.zeros((FRAMES, SIDE, SIDE), np.uint8),
            scale=(1, 0.5, 0.5),
            units=("s", "um", "um"),
            axis_labels=("t", "y", "x"),
        )
        live = LiveLabels((FRAMES, SIDE, SIDE), Cells(), LabelSettings(min_size=5))
        super().__init__(viewer, qtbot, live, add_live_layer(viewer, live, image))
        self.go(0)
