"""Lineages as lines over time, that are clicked: a row for each end of a family."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QPointF, QRect, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QScrollArea, QSizePolicy, QWidget

from napari_unet.engine.tracks.lineage import Lineage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QMouseEvent, QPaintEvent

    from napari_unet.engine.tracks.lineage import TrackLine

    Cell = tuple[int, int]

_ROW, _MARGIN, _TALLEST = 14, 8, 15  # px of a row, px around all, rows in sight
_LETTERS = 4  # room for a number on the left
_STYLE = 6  # px that napari's style takes of it
_CHOSEN, _BEFORE, _GREY = QColor(255, 170, 0), QColor(255, 210, 120), QColor(140, 140, 140)


class LineagePlot(QWidget):
    """A line for each track; where it ends in two, the cell divided. A click names a cell of it."""

    picked = Signal(int, int)  # a frame, and the id of the cell there

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("review.lineage")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.lineage = Lineage({})
        self.frame = 0
        self.chosen: tuple[Cell, ...] = ()

    def show_lineage(self, lineage: Lineage) -> None:
        """Draw other lineages."""
        self.lineage = lineage
        self.updateGeometry()
        self.setFixedHeight(self.sizeHint().height())
        self.update()

    def mark(self, frame: int, chosen: Sequence[Cell]) -> None:
        """Mark the frame on screen, and the cells that were chosen last, the last one first."""
        if (frame, tuple(chosen)) != (self.frame, self.chosen):
            self.frame, self.chosen = frame, tuple(chosen)
            self.update()

    def sizeHint(self) -> QSize:
        """As high as there are rows."""
        return QSize(200, max(1, self.lineage.n_rows) * _ROW + 2 * _MARGIN)

    # ---- where things lie -------------------------------------------------------------------

    def place(self, track: int, frame: int) -> QPointF:
        """Return where a track is drawn on a frame, in pixels."""
        left = _MARGIN + _LETTERS * self.fontMetrics().averageCharWidth() + 4
        first, last = self._ends()
        across = (frame - first) / max(1, last - first)
        y = _MARGIN + (self.lineage.rows[track] + 0.5) * _ROW
        return QPointF(left + across * (self.width() - left - _MARGIN), y)

    def _ends(self) -> tuple[int, int]:
        frames = self.lineage.frames
        return (frames[0], frames[-1]) if frames else (0, 1)

    def cell_at(self, x: float, y: float) -> Cell | None:
        """Return the cell, by frame and id, that is drawn nearest to a place; None beside all."""
        best: tuple[float, Cell] | None = None
        for track, line in self.lineage.lines.items():
            start, end = self.place(track, line.first), self.place(track, line.last)
            beside = max(start.x() - x, x - end.x(), 0.0)
            away = abs(start.y() - y) + beside
            if abs(start.y() - y) <= _ROW / 2 and beside <= _ROW and (not best or away < best[0]):
                way = (x - start.x()) / max(1e-9, end.x() - start.x())
                cell = line.at(round(line.first + way * (line.last - line.first)))
                best = away, (cell.frame, cell.id)
        return best[1] if best else None

    # ---- what Qt tells ----------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Name the cell that is clicked."""
        if event is not None:
            at = event.position()
            if (cell := self.cell_at(at.x(), at.y())) is not None:
                self.picked.emit(*cell)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw what is in sight."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        seen = event.rect() if event is not None else self.rect()
        ink, lineage = self.palette().windowText().color(), self.lineage
        first, last = self._ends()
        if lineage and first <= self.frame <= last:
            x = self.place(next(iter(lineage.lines)), self.frame).x()
            painter.setPen(QPen(_GREY, 1, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(x, seen.top()), QPointF(x, seen.bottom()))
        spots = [(lineage.track_of(*cell), cell[0]) for cell in self.chosen]
        marks = list(zip(spots, (_CHOSEN, _BEFORE), strict=False))[::-1]  # the last one on top
        colours = {track: colour for (track, _), colour in marks}
        for track, line in lineage.lines.items():
            if self._in_sight(line, seen):
                self._draw(painter, line, colours.get(track, ink))
        for (track, frame), colour in marks:
            if track:
                painter.setPen(QPen(colour, 2))
                painter.setBrush(colour)
                painter.drawEllipse(self.place(track, frame), 4, 4)

    def _in_sight(self, line: TrackLine, seen: QRect) -> bool:
        rows = [self.lineage.rows[track] for track in (line.track, *line.daughters)]
        top, bottom = _MARGIN + min(rows) * _ROW, _MARGIN + (max(rows) + 1) * _ROW
        return top <= seen.bottom() and bottom >= seen.top()

    def _draw(self, painter: QPainter, line: TrackLine, colour: QColor) -> None:
        start, end = self.place(line.track, line.first), self.place(line.track, line.last)
        painter.setPen(QPen(colour, 2))
        painter.drawLine(start, end)
        if line.first == line.last:
            painter.drawPoint(start)
        for daughter in line.daughters:
            painter.drawLine(end, self.place(daughter, self.lineage.lines[daughter].first))
        for cell in line.cells:
            if cell.state:
                painter.setPen(QPen(QColor(self.lineage.colours[cell.state]), 4))
                painter.drawPoint(self.place(line.track, cell.frame))
        if line.parent not in self.lineage.lines:
            painter.setPen(colour)
            box = QRect(0, int(start.y()) - _ROW // 2, int(start.x()) - 4, _ROW)
            to_the_right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(box, to_the_right, str(line.track))


class LineageView(QScrollArea):
    """The plot, some rows of it in sight."""

    def __init__(self, plot: LineagePlot) -> None:
        super().__init__()
        self.plot = plot
        self.setWidget(plot)
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_lineage(self, lineage: Lineage) -> None:
        """Draw other lineages, in a height that suits them."""
        self.plot.show_lineage(lineage)
        rows = min(_TALLEST, max(2, lineage.n_rows))
        self.setFixedHeight(rows * _ROW + 2 * _MARGIN + _STYLE)

    def show_row(self, track: int) -> None:
        """Scroll to a track."""
        if track in self.plot.lineage.rows:
            place = self.plot.place(track, self.plot.frame)
            self.ensureVisible(0, int(place.y()), 0, 2 * _ROW)
