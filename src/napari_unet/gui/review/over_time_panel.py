"""*Plot over time*: what was measured of chosen cells on all frames, as curves by track."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QWidget
from superqt.utils import signals_blocked

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.target.table_file import check_saved
from napari_unet.engine.text import counted
from napari_unet.gui.session.cells.found import Found
from napari_unet.gui.session.job import Task
from napari_unet.gui.viewer.layers import go_to_frame
from napari_unet.gui.widgets.curves_plot import COLOURS, CurvesPlot, Line
from napari_unet.gui.widgets.editors import ChoiceEditor
from napari_unet.gui.widgets.parts import Column, Hint, allow, button, narrow
from napari_unet.gui.widgets.save_row import SaveRow
from napari_unet.gui.widgets.wrapping import Flow, WrapCheck

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from napari.layers import Labels

    from napari_unet.engine.export.plots.over_time import CellsOverTime
    from napari_unet.engine.jobs.export import Export
    from napari_unet.gui.session.session import Session

_TIMES = {"frame": "frame", "min": "min"}
_FIRST = ("area_um2", "area_px", "volume_um3", "volume_voxels")  # shown where nothing was chosen
_SINCE = "The labels changed since: plot again."


class OverTimePanel(QWidget):
    """Curves of the cells that were chosen when the button was pressed, until it is again.

    All cells are measured at once, so that others are shown without a wait, as long as the labels
    stay the same. A click goes to the frame and chooses the cell.
    """

    appeared = Signal()  # the first curves

    def __init__(
        self,
        session: Session,
        owner: str,
        layer: Callable[[], Labels | None],
        export: Callable[[], Export],
        chosen: Callable[[], list[int]],
    ) -> None:
        super().__init__()
        self._session, self._owner = session, owner
        self._layer, self._export, self._chosen = layer, export, chosen
        self._found: Found[CellsOverTime] = Found(session.labels, session.lifetime, self)
        self.tracks: list[int] = []
        self.plot = button(
            "Plot over time",
            "review.plot_cells",
            "Measure all frames, and draw the cells chosen above: several with Ctrl or Shift",
        )
        self.daughters = WrapCheck("Daughters", "review.plot_daughters")
        self.line = Hint(name="review.plot_line")
        self.quantity = narrow(QComboBox(objectName="review.plot_quantity"))
        self.time = ChoiceEditor(_TIMES)
        self.time.setObjectName("review.plot_time")
        self.curve = CurvesPlot("review.plot_curve", "A click goes to the frame and the cell")
        self.save = SaveRow("review.save_curves", "review.curves_path", "cells.csv")
        self.found = QWidget()
        Column(self.found).add(Flow(self.quantity, self.time, shares=(1, 0)), self.curve, self.save)
        Column(self).add(Flow(self.plot, self.daughters), self.line, self.found)
        self.found.hide()
        self.plot.clicked.connect(self._on_plot)
        self.quantity.currentIndexChanged.connect(self._draw)
        self.time.valueChanged.connect(self._draw)
        self.curve.clicked.connect(self._on_curve)
        self.save.asked.connect(self._on_save)
        session.lifetime.connect(session.movie.frame_changed, self._on_frame, self)

    def update_state(self, why_not: str) -> None:
        """Follow the labels: what was measured of others is said to be old."""
        none = "" if self._chosen() else "Choose a cell of the table first"
        allow(self.plot, why_not or none)
        self.save.allow(why_not)
        if self.tracks and self._cells() is None:  # those of another layer
            self._found.forget()
            self.tracks = []
            self.found.hide()
            self.line.say("")
        elif self._cells() is not None and not self._found.holds(self._layer()):
            self.line.say(_SINCE, warn=True)

    # ---- a user acts ------------------------------------------------------------------------

    def _on_plot(self) -> None:
        layer, frame, labels = self._layer(), self._session.movie.frame, self._chosen()
        if layer is None or not labels:
            return
        if self._found.holds(layer):
            self._show(frame, labels)
            return
        keep = self._found.begin(layer)
        with self._session.job.refusing(self._owner):
            export = self._export()
            task = Task(
                self._owner,
                "Measuring the cells",
                lambda: _measuring(export),
                total=len(export.frames),
                on_done=partial(self._take, keep, frame, labels),
            )
            self._session.job.start(task)

    def _take(
        self,
        keep: Callable[[CellsOverTime], None],
        frame: int,
        labels: list[int],
        cells: CellsOverTime,
    ) -> str:
        keep(cells)
        with self._session.job.refusing(self._owner):
            self._show(frame, labels)
        return f"Measured {counted(len(cells.tracks), 'track')}."

    def _on_curve(self, x: float, name: str) -> None:
        layer, image, cells = self._layer(), self._session.movie.image, self._cells()
        if layer is None or image is None or cells is None:
            return
        track, minutes = int(name.split()[-1]), self._minutes()
        frame, label = cells.cell_at(track, x, minutes=minutes)
        go_to_frame(self._session.viewer, image, frame)
        layer.selected_label = label

    def _on_save(self, path: Path, replace: bool) -> None:
        cells, name = self._cells(), self.quantity.currentData()
        if cells is None:
            return
        tracks, minutes = list(self.tracks), self._minutes()

        def write() -> None:
            from napari_unet.engine.export.plots.over_time import write_over_time

            write_over_time(path, cells, tracks, [name], minutes=minutes)

        with self._session.job.refusing(self._owner):
            if not self._found.holds(self._layer()):
                raise BadInput("the labels changed since", "what is drawn", "plot again")
            check_saved(path, replace)
            self._session.job.save(self._owner, path, write)

    # ---- what is shown ----------------------------------------------------------------------

    def _cells(self) -> CellsOverTime | None:
        """Return what was measured of the layer that is chosen now."""
        return self._found.of(self._layer())

    def _minutes(self) -> bool:
        cells = self._cells()
        return cells is not None and cells.timed and bool(self.time.value() == "min")

    def _show(self, frame: int, labels: list[int]) -> None:
        """Draw the tracks of some cells of a frame."""
        cells = self._cells()
        assert cells is not None
        tracks = cells.tracks_of(frame, labels)
        if not tracks:
            raise BadInput("none of the cells is on this frame", "a cell of it", "choose another")
        self.tracks = cells.with_daughters(tracks) if self.daughters.isChecked() else tracks
        self._fill(cells)
        self.time.setVisible(cells.timed)
        said = ", ".join(map(str, self.tracks[:6])) + (", …" if len(self.tracks) > 6 else "")
        self.line.say(f"{'Tracks' if len(self.tracks) > 1 else 'Track'} {said}")
        first = self.found.isHidden()
        self.found.show()
        if first:
            self.appeared.emit()
        self._draw()

    def _fill(self, cells: CellsOverTime) -> None:
        from napari_unet.engine.export.plots.over_time import in_words

        names, before = cells.quantities, self.quantity.currentData()
        wanted = next((name for name in (before, *_FIRST) if name in names), names[0])
        with signals_blocked(self.quantity):
            self.quantity.clear()
            for name in names:
                self.quantity.addItem(in_words(name), name)
            self.quantity.setCurrentIndex(self.quantity.findData(wanted))

    def _draw(self, *_: Any) -> None:
        cells, name = self._cells(), self.quantity.currentData()
        if cells is None or name is None:
            return
        minutes, lines = self._minutes(), []
        for number, track in enumerate(self.tracks):
            xs, ys = cells.curve(track, name, minutes=minutes)
            colour = COLOURS[number % len(COLOURS)]
            lines.append(Line(f"track {track}", xs, ys, colour))
        self.curve.show_lines(lines, "min" if minutes else "frame", from_zero=False)
        self._on_frame()

    def _on_frame(self, _: int = 0) -> None:
        frame, stack = self._session.movie.frame, self._session.movie.stack
        if self._minutes() and stack is not None:
            from napari_unet.engine.export.target.outputs import time_of

            seconds = time_of(stack, frame)
            self.curve.mark(None if seconds is None else seconds / 60)
        else:
            self.curve.mark(float(frame))


def _measuring(export: Export) -> Generator[int, None, CellsOverTime]:
    from napari_unet.engine.export.plots.over_time import CellsOverTime

    return CellsOverTime((yield from export.measure()))
