"""*Truth*: how well the movie's labels agree with labels that are right, frame by frame."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QWidget

from napari_unet.engine.export.target.table_file import check_saved
from napari_unet.gui.dock.labels_file import LabelsFile
from napari_unet.gui.dock.layer_menu import LabelsMenu
from napari_unet.gui.review.truth.truth_scores import TruthScores
from napari_unet.gui.viewer import layers
from napari_unet.gui.viewer.marks.cell_marks import COLOURS, CellMarks
from napari_unet.gui.widgets.curves_plot import COLOURS as SEVERAL
from napari_unet.gui.widgets.curves_plot import CurvesPlot, Line
from napari_unet.gui.widgets.editors import ChoiceEditor
from napari_unet.gui.widgets.parts import Column, Hint, allow, button, titled
from napari_unet.gui.widgets.save_row import SaveRow
from napari_unet.gui.widgets.sorted_table import SortedModel, SortedTable
from napari_unet.gui.widgets.wrapping import Flow, WrapCheck

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.layers import Labels
    from qtpy.QtGui import QHideEvent, QShowEvent

    from napari_unet.engine.export.plots.score_curves import Row
    from napari_unet.engine.labels.truth.wrong_cells import WrongCell
    from napari_unet.gui.session.session import Session

_SCORES = {"seg": "SEG", "det": "DET", "f1": "F1", "iou": "IoU", "dice": "Dice"}
_COLOUR_OF = dict(zip(_SCORES, SEVERAL, strict=False))
_SHOWN = {"errors": "Errors per 100 cells", "scores": "Scores", "cells": "Number of cells"}
_ROWS_SHOWN = 5
_WHAT = "Labels that are right show where these are wrong: a layer that is painted, or a file."
_CHOOSE = "Choose labels that are right, or open a file of them"
_SINCE = "The labels or the truth changed since: compare again."
_TITLES = {
    "frame": ("Frame", "A click goes there"),
    "errors": ("Errors", "Missed, merged, split and invented, per 100 cells of the truth"),
    "missed": ("Missed", "Per 100 cells of the truth"),
    "merged": ("Merged", "Per 100 cells of the truth"),
    "split": ("Split", "Per 100 cells of the truth"),
    "invented": ("Invented", "Per 100 cells of the truth"),
    "seg": ("SEG", "Mean overlap (IoU) over the cells of the truth"),
    "det": ("DET", "How few steps make the cells found those of the truth"),
    "f1": ("F1", "Of cells that agree with an IoU of 0.5 or more"),
    "iou": ("IoU", "Of all cells' pixels"),
    "dice": ("Dice", "Of all cells' pixels"),
    "cells": ("Cells", "Of the truth"),
}


class TruthMenu(LabelsMenu):
    """Labels layers; those of the movie itself last: they are what is compared."""

    def _choose(self, before: Labels | None) -> Any:
        own = self._session.labels.layer
        others = [layer for layer in self.choices if layer is not own]
        picked = self._picked() if self._picked is not None else None
        wanted = (picked, before if before is not own else None, *reversed(others))
        return next((x for x in wanted if x in self.choices), self.choices[-1])


class TruthPanel(QWidget):
    """A truth is chosen, compared with, and what is wrong shown: as curve, as table, in the canvas.

    What was compared is kept up as cells are repaired; after anything else it is said to be old.
    """

    appeared = Signal()  # the first results

    def __init__(self, session: Session, owner: str, labels: Callable[[], Labels | None]) -> None:
        super().__init__()
        self._session, self._labels = session, labels
        self._owner, self._why_not = owner, ""
        self.scores = TruthScores(session, owner, self)
        self._marks: CellMarks | None = None
        self._rows: list[Row] = []
        self.menu = TruthMenu(session, "review.truth", "The labels that are right")
        self.file = LabelsFile(session, owner, "truth")
        self.compare = button(
            "Compare", "review.compare_truth", "Score the labels of every frame that has a truth"
        )
        self.drawn = WrapCheck("Draw errors", "review.truth_drawn")
        self.drawn.setChecked(True)
        self.line = Hint(_WHAT, name="review.truth_line")
        self.shown = ChoiceEditor(_SHOWN)
        self.shown.setObjectName("review.truth_shown")
        self.curve = CurvesPlot("review.truth_curve", "A click goes to the frame")
        self.table = SortedTable("review.truth_table", SortedModel(), _ROWS_SHOWN)
        self.table.sortByColumn(1, Qt.SortOrder.DescendingOrder)  # worst first
        self.save = SaveRow("review.save_scores", "review.scores_path", "scores.csv")
        self.found = QWidget()
        Column(self.found).add(self.shown, self.curve, self.table, self.save)
        Column(self).add(
            titled("Truth", self.menu.native),
            self.file,
            Flow(self.compare, self.drawn),
            self.line,
            self.found,
        )
        self._connect()

    def _connect(self) -> None:
        session, life = self._session, self._session.lifetime
        self.compare.clicked.connect(self._on_compare)
        self.drawn.toggled.connect(self._draw)
        self.shown.valueChanged.connect(self._plot)
        self.curve.clicked.connect(self._on_curve)
        self.table.picked.connect(self._go_to)
        self.save.asked.connect(self._on_save)
        self.file.opened.connect(self._on_opened)
        self.scores.changed.connect(self._show)
        life.connect(self.menu.chosen, self._on_truth, self)
        life.connect(session.movie.frame_changed, self._on_frame, self)

    def update_state(self, why_not: str) -> None:
        """Follow the movie, its labels and the truth."""
        self._why_not = why_not
        layer, truth = self._labels(), self.menu.layer()
        if self.scores.layer is not layer:
            self.scores.forget()
        none = "" if truth is not None and truth is not layer else _CHOOSE
        allow(self.compare, why_not or none)
        self._show()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Draw what is wrong again."""
        super().showEvent(event)
        self._draw()

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Draw nothing while nobody looks at it."""
        super().hideEvent(event)
        self._draw()

    # ---- a user acts ------------------------------------------------------------------------

    def _on_compare(self) -> None:
        layer, truth = self._labels(), self.menu.layer()
        if layer is not None and truth is not None:
            self.scores.compare(layer, truth)

    def _on_opened(self, layer: Labels, _: str) -> None:
        self.menu.reset_choices()
        self.menu.value = layer

    def _on_truth(self, *_: Any) -> None:
        self.update_state(self._why_not)

    def _on_curve(self, frame: float, _: str) -> None:
        self._go_to(round(frame))

    def _go_to(self, frame: int) -> None:
        image = self._session.movie.image
        if image is not None:
            layers.go_to_frame(self._session.viewer, image, frame)

    def _on_save(self, path: Path, replace: bool) -> None:
        rows = list(self._rows)

        def write() -> None:
            from napari_unet.engine.export.plots.score_curves import write_scores

            write_scores(path, rows)

        with self._session.job.refusing(self._owner):
            check_saved(path, replace)
            self._session.job.save(self._owner, path, write)

    # ---- what is shown ----------------------------------------------------------------------

    def _fits(self) -> bool:
        return self.scores.holds(self._labels(), self.menu.layer())

    def _show(self) -> None:
        """Show what was found, and whether it still holds."""
        scores, running = self.scores, self._session.job.running
        self._rows = [scores.rows[t] for t in sorted(scores.rows)]
        first = bool(self._rows) and self.found.isHidden()
        self.found.setVisible(bool(self._rows))
        if first:
            self.appeared.emit()
        self.drawn.setVisible(bool(self._rows))
        self._plot()
        self._on_frame()
        if running and self._rows:
            return  # the table and the sum of all come at the end
        self._say()
        columns = {
            name: np.round(np.array([row[name] for row in self._rows]), 3 if name in _SCORES else 1)
            for name in _TITLES
        }
        self.table.show_columns(columns if self._rows else {}, _TITLES if self._rows else {})
        self.table.choose(self._session.movie.frame)
        self.save.allow(self._why_not)

    def _say(self) -> None:
        from napari_unet.engine.labels.scores import pool

        scored = self.scores.scored
        if not scored:
            self.line.say(_WHAT)
        elif self._fits():
            whole = pool(one.scores for one in scored.values())
            said = ", ".join(f"{name} {getattr(whole, key):.3f}" for key, name in _SCORES.items())
            self.line.say(f"{str(whole).capitalize()}. {said}.")
        else:
            self.line.say(_SINCE, warn=True)

    def _plot(self, *_: Any) -> None:
        xs = np.array([row["frame"] for row in self._rows], float)

        def line(name: str, title: str, colour: str = "") -> Line:
            return Line(title, xs, np.array([row[name] for row in self._rows], float), colour)

        shown = self.shown.value()
        if shown == "errors":
            lines = [line("errors", "all"), *(line(k, k, colour) for k, colour in COLOURS.items())]
        elif shown == "scores":
            lines = [line(key, name, _COLOUR_OF[key]) for key, name in _SCORES.items()]
        else:
            lines = [line("cells", "truth"), line("found", "found", COLOURS["invented"])]
        self.curve.show_lines(lines, "frame", from_zero=shown != "scores")

    def _on_frame(self, _: int = 0) -> None:
        frame = self._session.movie.frame
        self.curve.mark(float(frame))
        self.table.choose(frame)
        self._draw()

    def _draw(self, *_: Any) -> None:
        """Draw what is wrong in the canvas, while that is wanted and holds."""
        wanted = self.isVisible() and self.drawn.isChecked() and self._fits()
        if self._marks is None:
            if not wanted:
                return
            self._marks = CellMarks(self._session.viewer)
            self._session.lifetime.connect_all(self._marks.news, self._marks.follow, self._marks)
        self._marks.show_cells(self._labels() if wanted else None, self._wrong_at)

    def _wrong_at(self, frame: int) -> Sequence[WrongCell]:
        found = self.scores.scored.get(frame)
        return found.wrong if found is not None else ()
