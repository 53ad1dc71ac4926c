"""Figures for a paper: frames beside labels that are right, a map of one frame's probability."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLineEdit, QWidget

from napari_unet.engine.export.target.formats import COMPARISON, map_name
from napari_unet.gui.dock.layer_menu import LabelsMenu
from napari_unet.gui.export.products import Product
from napari_unet.gui.viewer.label_frames import LayerFrames
from napari_unet.gui.widgets.editors import ChoiceEditor
from napari_unet.gui.widgets.parts import Column, add_field, allow, button, form_rows
from napari_unet.gui.widgets.wrapping import Flow

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from napari_unet.engine.jobs.export import Export
    from napari_unet.gui.export.export_target import ExportTarget
    from napari_unet.gui.export.movie_form import MovieForm
    from napari_unet.gui.session.session import Session

_CHOOSE = "Choose other labels under Truth, that are right"
_COLOURS = {"viridis": "Viridis", "jet": "Jet"}


class FiguresForm(QWidget):
    """What figures show beside what the movie shows; both look as *Look* says."""

    changed = Signal()

    def __init__(
        self, session: Session, owner: str, target: ExportTarget, movie: MovieForm
    ) -> None:
        super().__init__()
        self._session, self._target, self._movie = session, target, movie
        self._why_not = ""
        self.truth = LabelsMenu(session, f"{owner}.truth", "The labels that are right")
        self.names = QLineEdit(objectName=f"{owner}.class_names")
        self.names.setPlaceholderText("such as membrane, glia")
        self.names.setToolTip("Names of the classes in the legend, in their order")
        self.save_comparison = button(
            "Compare with truth",
            f"{owner}.save_comparison",
            "Write comparison.png: prediction, truth, one against the other, raw classes of the "
            "frames named above, or of a few that have a truth",
        )
        self.colours = ChoiceEditor(_COLOURS)
        self.colours.setObjectName(f"{owner}.map_colours")
        self.save_map = button(
            "Map of this frame", f"{owner}.save_map", "Write the frame beside its probability"
        )
        self._rows = form_rows()
        add_field(self._rows, "Truth", self.truth.native)
        add_field(self._rows, "Classes", self.names)
        add_field(self._rows, "Colours of a map", self.colours)
        Column(self).add(self._rows, Flow(self.save_comparison, self.save_map))
        session.lifetime.connect(self.truth.chosen, self._announce, self)

    # ---- what is written --------------------------------------------------------------------

    def comparison(self) -> Product:
        """Return the figure of frames beside their truth."""
        stack = self._session.movie.require_stack()
        layer, named = self.truth.layer(), bool(self._target.frames.text().strip())
        names = [name.strip() for name in self.names.text().split(",")]
        if not any(names):  # as the docks call them
            names = list(self._session.labels.named_classes().values())
        names = names if self._classes() else []
        truth = LayerFrames(layer.data, stack, layer.name)
        settings, look = self._movie.overlay(), self._movie.screen_look()

        def write(export: Export) -> Generator[int, None, Path]:
            return export.write_comparison(settings, look, truth, names, named=named)

        return Product("the figure", COMPARISON, write, lambda x: x.comparison_steps(named=named))

    def map(self) -> Product:
        """Return the map of the frame on screen."""
        frame, colours = self._session.movie.frame, self.colours.value()
        settings, look = self._movie.overlay(), self._movie.screen_look()

        def write(export: Export) -> Generator[int, None, Path]:
            return export.write_map(settings, look, frame, colours)

        return Product("the map", map_name(frame), write, lambda _: 1, of_cells=False)

    # ---- what is shown ----------------------------------------------------------------------

    def update_state(self, why_not: str, no_cells: str = "") -> None:
        """Resolve which figure can be written, and show the fields that it needs.

        ``no_cells`` is why none can be made of the cells that are chosen; a map is of all.
        """
        self._why_not = why_not
        same = self.truth.layer() in (None, self._target.labels.layer())
        allow(self.save_comparison, why_not or no_cells or (_CHOOSE if same else ""))
        self._rows.setRowVisible(self.names, self._classes())
        self.update_frame()

    def update_frame(self) -> None:
        """Resolve whether the frame on screen has a map."""
        known = "" if self._known() else "Segment this frame first"
        allow(self.save_map, self._why_not or known)

    def _classes(self) -> bool:
        live = self._target.live()
        return bool(live and live.classes)

    def _known(self) -> bool:
        live, frame = self._target.live(), self._session.movie.frame
        known = live.probabilities if live else None
        return known is not None and bool(known.computed[frame])

    def _announce(self, *_: Any) -> None:
        self.changed.emit()
