"""A doubted cell on its frame and on those before and after: image and outlines, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QRect, QSize, Qt, Signal
from qtpy.QtGui import QColor, QImage, QPainter, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_unet.gui.session.workers import Latest

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qtpy.QtGui import QMouseEvent, QPaintEvent, QResizeEvent

    from napari_unet.engine.session.live_labels import LiveLabels
    from napari_unet.engine.stack.stack import Stack

_ACROSS, _LEAST = 3.0, 32  # of what is doubted go into a tile; px at least
_PIXELS = 208  # of a tile's longer side, at least: twice what a dock shows
_GAP, _TALLEST = 4, 110  # px
_AMBER, _BACK, _WORDS = QColor(255, 170, 0), QColor(128, 128, 128, 40), QColor(255, 255, 255)
_BEHIND_WORDS = QColor(0, 0, 0, 150)
_THICK = 4  # px of a rim, in a picture that is drawn half as large
_LIFTED = 0.4  # of white in the colours of rims: some ids have dark ones
_FAINT = 0.6  # of the outlines of cells that are not doubted


@dataclass(frozen=True)
class Place:
    """What is looked at: a place of a frame, so many px across, and the cells there.

    The place is (y, x), of volumes (z, y, x); ``ways`` are how far the stage jumped to the frame
    before, and to the one after.
    """

    frame: int
    place: tuple[float, ...]
    size: float
    cells: tuple[int, ...]
    ways: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())

    def on(self, frame: int) -> tuple[float, ...]:
        """Return where it is on its frame, the one before or the one after."""
        if frame == self.frame:
            return self.place
        way = self.ways[frame > self.frame]
        return tuple(at + by for at, by in zip_longest(self.place, way, fillvalue=0.0))


@dataclass(frozen=True)
class Scene:
    """The movie, its labels, and how they are drawn: contrast, and colours (n, 4) of ids."""

    stack: Stack
    live: LiveLabels
    window: tuple[float, float]
    colours: NDArray[np.float32]

    def tiles(self, at: Place) -> dict[int, NDArray[np.uint8]]:
        """Return the pictures (Y, X, 3) of the frames around a place; reads files.

        Of volumes they are of its section.
        """
        from napari_unet.engine.session.reviewing.aside import labels_aside

        found = {}
        for t in range(max(0, at.frame - 1), min(len(self.stack), at.frame + 2)):
            image = np.asarray(self.stack[t])
            image = image if image.ndim == self.stack.dims else image[0]
            labels = labels_aside(self.live, t)
            if self.stack.dims == 3:
                z = min(max(round(at.on(t)[0]), 0), len(image) - 1)
                image, labels = image[z], None if labels is None else labels[z]
            found[t] = self._tile(image, labels, at, t)
        return found

    def _tile(self, image: Any, labels: Any, at: Place, frame: int) -> NDArray[np.uint8]:
        half = max(_LEAST, round(_ACROSS * at.size)) // 2
        y, x = map(round, at.on(frame)[-2:])
        rows = slice(max(0, y - half), max(0, y + half + 1))
        columns = slice(max(0, x - half), max(0, x + half + 1))
        low, high = self.window
        with np.errstate(invalid="ignore"):
            grey = np.clip((image[rows, columns].astype(np.float32) - low) / (high - low), 0, 1)
        whole = np.zeros((2 * half + 1, 2 * half + 1, 3), np.float32)
        cut = np.zeros(whole.shape[:2], np.int64)
        inside = (
            slice(rows.start - y + half, rows.start - y + half + grey.shape[0]),
            slice(columns.start - x + half, columns.start - x + half + grey.shape[1]),
        )
        whole[inside] = np.nan_to_num(grey)[..., None]
        if labels is not None:
            cut[inside] = labels[rows, columns]
        times = -(-_PIXELS // len(whole))
        whole, cut = (np.repeat(np.repeat(one, times, 0), times, 1) for one in (whole, cut))
        rim = _rims(cut)
        share = np.where(np.isin(cut[rim], at.cells), 1.0, _FAINT)[:, None]
        colours = self.colours[np.minimum(cut[rim], len(self.colours) - 1), :3]
        colours = _LIFTED + (1 - _LIFTED) * colours
        whole[rim] = share * colours + (1 - share) * whole[rim]
        return np.rint(255 * whole).astype(np.uint8)


class DoubtStrip(QWidget):
    """The frames around a doubt, kept up while the cell is corrected; a click goes to one."""

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("review.strip")
        self.tiles: dict[int, QImage] = {}
        self.at: Place | None = None
        self._asked: object = None  # what is drawn, or will be
        self._latest = Latest(self)
        self._latest.answered.connect(self._on_tiles)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("The frame before, this one and the next. A click goes there")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.hide()

    def look(self, scene: Scene | None, at: Place | None, mark: object = None) -> None:
        """Show a place, or what became of it; nothing where there is none.

        ``mark`` is the same as long as the labels are: then nothing is drawn anew.
        """
        asked = (at, mark, scene.window) if scene is not None else None
        if asked is not None and asked == self._asked:
            return
        self._asked = asked
        if at is None or scene is None:
            self._latest.forget()
            self.at, self.tiles = None, {}
        else:
            if self.at is None or self.at.frame != at.frame:
                self.tiles = {}
            self.at = at
            self._latest.ask(lambda: (at, scene.tiles(at)))
        self.setVisible(self.at is not None)
        self.update()

    def _on_tiles(self, answer: tuple[Place, dict[int, NDArray[np.uint8]]]) -> None:
        at, tiles = answer
        if at == self.at:
            self.tiles = {t: _picture(pixels) for t, pixels in tiles.items()}
            self.update()

    # ---- the widget -------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        """Ask for three tiles."""
        return QSize(3 * _TALLEST, self._side())

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Keep tiles square."""
        super().resizeEvent(event)
        self.setFixedHeight(self._side())

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Go to the frame that is clicked."""
        if event is not None and self.at is not None:
            for step in (-1, 0, 1):
                t = self.at.frame + step
                if self._rect(step).contains(event.position().toPoint()) and t in self.tiles:
                    self.chosen.emit(t)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the tiles with their frames."""
        if self.at is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        for step in (-1, 0, 1):
            rect, tile = self._rect(step), self.tiles.get(self.at.frame + step)
            if tile is None:
                painter.fillRect(rect, _BACK)
                continue
            painter.drawImage(rect, tile)
            words = str(self.at.frame + step)
            behind = painter.fontMetrics().boundingRect(words).adjusted(-3, 0, 3, 0)
            behind.moveTopLeft(rect.topLeft())
            painter.fillRect(behind, _BEHIND_WORDS)
            painter.setPen(_WORDS)
            painter.drawText(behind, Qt.AlignmentFlag.AlignCenter, words)
            if step == 0:
                painter.setPen(QPen(_AMBER, 2))
                painter.drawRect(rect.adjusted(1, 1, -1, -1))

    def _side(self) -> int:
        return min(_TALLEST, max(20, (self.width() - 2 * _GAP) // 3))

    def _rect(self, step: int) -> QRect:
        side = self._side()
        left = (self.width() - 3 * side - 2 * _GAP) // 2
        return QRect(left + (step + 1) * (side + _GAP), 0, side, side)


def _rims(labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return the inner rims of cells."""
    (height, width), n = labels.shape, _THICK
    around = np.pad(labels, n, mode="edge")
    rim = np.zeros(labels.shape, bool)
    for step in (*range(n), *range(n + 1, 2 * n + 1)):
        rim |= around[step : step + height, n : n + width] != labels
        rim |= around[n : n + height, step : step + width] != labels
    return rim & (labels > 0)


def _picture(pixels: NDArray[np.uint8]) -> QImage:
    height, width = pixels.shape[:2]
    shown = np.ascontiguousarray(pixels)
    return QImage(shown.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()
