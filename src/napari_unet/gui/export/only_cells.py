"""*Only some cells*: what is exported is of these and their daughters, on all their frames."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLineEdit, QWidget
from superqt.utils import signals_blocked

from napari_unet.engine.errors import BadInput
from napari_unet.engine.text import counted
from napari_unet.engine.tracks.families import parse_cells, say_cells
from napari_unet.gui.widgets.parts import Column, Hint, allow, button, together
from napari_unet.gui.widgets.wrapping import WrapCheck

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_unet.gui.export.export_target import ExportTarget
    from napari_unet.gui.export.join_sections import JoinSections
    from napari_unet.gui.session.session import Session

    Cell = tuple[int, int]  # a frame, and an id on it

_TIP = "Write what comes of some cells alone: all frames of their tracks, and their daughters"
_WHICH = "Choose cells in Review, or type frame:id, such as 12:7, 12:9."
_MEANS = (
    "on all frames, and daughters: in labels, table, movie, comparison; not in archive, "
    "probabilities, map."
)
_CLASSES = "These labels are classes of pixels, which have no tracks"
_EMPTY = "No cells are named under Only some cells"
_OF_ALL = "of all cells: untick Only some cells"
_NONE = "Choose a cell in the Review dock first: in the table, in the lineage, or by a click"


class OnlyCells(QWidget):
    """Which cells are exported alone, where that is ticked; kept for each layer of labels."""

    changed = Signal()

    def __init__(
        self, session: Session, owner: str, target: ExportTarget, join: JoinSections
    ) -> None:
        super().__init__()
        self._session, self._target, self._join = session, target, join
        self._kept: weakref.WeakKeyDictionary[Labels, tuple[bool, str]]
        self._kept = weakref.WeakKeyDictionary()
        self._shown: weakref.ref[Labels] | None = None
        self.check = WrapCheck("Only some cells", f"{owner}.only")
        self.check.setProperty("tip", _TIP)
        self.check.setToolTip(_TIP)
        self.cells = QLineEdit(objectName=f"{owner}.only_cells")
        self.cells.setPlaceholderText("frame:id, such as 12:7, 12:9")
        self.cells.setToolTip("Frames are counted from 0, and ids are those on screen")
        self.take = button("Add chosen", f"{owner}.only_chosen", "Add what is chosen in Review")
        self.line = Hint(name=f"{owner}.only_line")
        self._inside = together(self.cells, self.take, stretch=0)
        Column(self).add(self.check, self._inside, self.line)
        self.check.toggled.connect(self._on_ticked)
        self.cells.textChanged.connect(self._announce)
        self.take.clicked.connect(lambda *_: self._take_chosen())
        session.lifetime.connect(session.chosen.changed, self._show, self)
        self._show()

    # ---- what is chosen ---------------------------------------------------------------------

    @property
    def wanted(self) -> bool:
        """Whether it is ticked, and there are tracks that cells could be followed by."""
        return self.check.isChecked() and not self._cannot()

    def chosen(self) -> tuple[Cell, ...]:
        """Return the cells; none where all are exported. `BadInput` where the line names none."""
        if not self.wanted:
            return ()
        if not self.cells.text().strip():
            raise BadInput(_EMPTY, "", "choose cells in Review, or untick Only some cells")
        return parse_cells(self.cells.text())

    def why_not(self) -> str:
        """Why nothing can be written of the cells that are chosen; empty where it can."""
        try:
            self.chosen()
        except BadInput as error:
            return error.found
        return ""

    def refuses(self, what: str) -> str:
        """Why ``what`` (*an archive is*), which holds all cells, cannot be made, or nothing."""
        return f"{what} {_OF_ALL}" if self.wanted else ""

    # ---- what is shown ----------------------------------------------------------------------

    def update_state(self) -> None:
        """Follow the labels: each layer has its cells, as ids are its own."""
        layer = self._target.labels.layer()
        before = self._shown() if self._shown is not None else None
        if layer is not before:
            self._shown = weakref.ref(layer) if layer is not None else None
            ticked, text = self._kept.get(layer, (False, "")) if layer is not None else (False, "")
            with signals_blocked(self.check), signals_blocked(self.cells):
                self.check.setChecked(ticked)
                self.cells.setText(text)
        self._show()

    def _cannot(self) -> str:
        live = self._target.live()
        return _CLASSES if live is not None and live.classes else self._join.refuses()

    def _on_ticked(self, on: bool) -> None:
        if on and not self.cells.text().strip():
            self._take_chosen()
        self._announce()

    def _take_chosen(self) -> None:
        """Add what is chosen in Review to the line, unless it is there."""
        found = self._session.chosen.of(self._target.labels.layer())
        try:
            typed = parse_cells(self.cells.text())
        except BadInput:
            typed = ()  # what names no cells gives way
        self.cells.setText(", ".join(say_cells(dict.fromkeys((*typed, *found)))))

    def _announce(self, *_: Any) -> None:
        if (layer := self._target.labels.layer()) is not None:
            self._kept[layer] = self.check.isChecked(), self.cells.text()
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        """Show the line where it is wanted, and say what it means."""
        cannot, wanted, why_not = self._cannot(), self.wanted, self.why_not()
        allow(self.check, cannot)
        self._inside.setVisible(wanted)
        chosen = self._session.chosen.of(self._target.labels.layer())
        allow(self.take, "" if chosen else _NONE)
        if not wanted:
            self.line.say(f"{cannot}." if self.check.isChecked() else "", warn=True)
        elif not self.cells.text().strip():
            self.line.say(_WHICH)
        elif why_not:
            self.line.say(f"{why_not}.", warn=True)
        else:
            self.line.say(f"{counted(len(self.chosen()), 'cell')} {_MEANS}")
