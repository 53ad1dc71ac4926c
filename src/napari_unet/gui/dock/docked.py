"""A widget in one of napari's docks, which goes for good when napari takes it out."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QDockWidget, QWidget


class Docked(QWidget):
    """Sets ``_settled`` once it has its place; the next opening of the dock makes another one."""

    def __init__(self) -> None:
        super().__init__()
        self._settled = False

    @property
    def settled(self) -> bool:
        """Whether it has found its place among the others."""
        return self._settled

    def holder(self) -> QDockWidget | None:
        """Return the dock that it is in."""
        parent = self.parentWidget()
        while parent is not None and not isinstance(parent, QDockWidget):
            parent = parent.parentWidget()
        return parent

    def event(self, event: QEvent | None) -> bool:
        """Go where napari took the dock out."""
        if event is not None and event.type() == QEvent.Type.ParentChange and self._settled:
            QTimer.singleShot(0, self._go_if_alone)
        return super().event(event)

    def _go_if_alone(self) -> None:
        if self.parentWidget() is None:
            self.deleteLater()
