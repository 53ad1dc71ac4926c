"""Where to save: a path, and a button that asks for one where it is empty."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QLineEdit, QWidget

from napari_unet.engine.files.names import user_path
from napari_unet.gui.widgets.parts import Column, allow, button, row

_KINDS = "Table (*.csv *.parquet);;Figure (*.png)"


class SaveRow(QWidget):
    """A table or a figure, as the end of its name says."""

    asked = Signal(object, bool)  # the path, and whether a file there may be replaced

    def __init__(
        self,
        name: str,
        path_name: str,
        suggested: str,
        kinds: str = _KINDS,
        ends: str = ".csv, .parquet or .png",
        tip: str = "A table (.csv, .parquet), or the curves (.png)",
    ) -> None:
        super().__init__()
        self._suggested, self._kinds = suggested, kinds
        self.path = QLineEdit(objectName=path_name)
        self.path.setPlaceholderText(ends)
        self.save = button("Save…", name, tip)
        Column(self).add(row(self.path, self.save, stretch=0))
        self.save.clicked.connect(self._on_save)
        self.path.returnPressed.connect(self._on_save)

    def allow(self, why_not: str) -> None:
        """Switch it on, or off and say why."""
        allow(self.save, why_not)

    def _on_save(self) -> None:
        typed = self.path.text().strip()
        if typed:
            self.asked.emit(user_path(typed), False)
            return
        chosen, _ = QFileDialog.getSaveFileName(self, "Save", self._suggested, self._kinds)
        if chosen:  # the dialog has asked whether it may be replaced
            self.asked.emit(Path(chosen), True)
