"""A table of numbers, sorted by a click on a column; a row is known by its first column."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Titles = Mapping[str, tuple[str, str]]  # by column: title, and what it means


class SortedModel(QAbstractTableModel):
    """Columns as Qt reads a table; sorted by numpy, since Qt's own sorting asks for every cell."""

    def __init__(self) -> None:
        super().__init__()
        self._titles: list[tuple[str, str]] = []
        self._columns: list[Any] = []
        self._order: Any = np.zeros(0, np.intp)  # entry of each row
        self._rows: dict[int, int] = {}
        self._by = 0, Qt.SortOrder.AscendingOrder

    def show_columns(self, columns: Mapping[str, Any], titles: Titles) -> None:
        """Show the columns that have a title, in the order of rows that was chosen."""
        self.beginResetModel()
        self._titles = list(titles.values())
        self._columns = [columns[name] for name in titles]
        self._arrange()
        self.endResetModel()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; the row that is chosen stays chosen."""
        self.layoutAboutToBeChanged.emit()
        chosen = [(index, self.key(index.row())) for index in self.persistentIndexList()]
        self._by = column, order
        self._arrange()
        for index, key in chosen:
            self.changePersistentIndex(index, self.index(self._rows[key], index.column()))
        self.layoutChanged.emit()

    def _arrange(self) -> None:
        column, order = self._by
        if not 0 <= column < len(self._columns):
            column = 0
        keys = self._columns[0] if self._columns else np.zeros(0, np.int64)
        self._order = np.argsort(self._columns[column] if self._columns else keys, kind="stable")
        if order == Qt.SortOrder.DescendingOrder:
            self._order = self._order[::-1]
        self._rows = {int(key): row for row, key in enumerate(keys[self._order])}

    def entry(self, row: int) -> int:
        """Return which entry of the columns a row shows."""
        return int(self._order[row])

    def key(self, row: int) -> int:
        """Return the first column of a row."""
        return int(self._columns[0][self._order[row]])

    def row_of(self, key: int) -> int | None:
        """Return the row whose first column is that; None where there is none."""
        return self._rows.get(key)

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Count rows."""
        return 0 if parent is not None and parent.isValid() else len(self._order)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Count columns."""
        return 0 if parent is not None and parent.isValid() else len(self._columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return an entry as it is spelt, or its alignment."""
        if role == Qt.ItemDataRole.DisplayRole:
            value = self._columns[index.column()][self._order[index.row()]]
            return value if isinstance(value, str) else _spelt(value.item())
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return a column's title, or in its tooltip what it means."""
        if orientation == Qt.Orientation.Horizontal and section < len(self._titles):
            if role == Qt.ItemDataRole.DisplayRole:
                return self._titles[section][0]
            if role == Qt.ItemDataRole.ToolTipRole:
                return self._titles[section][1]
        return None


class SortedTable(QTableView):
    """Rows of numbers; one is chosen by a click or the arrow keys."""

    picked = Signal(int)  # the first column of the row that a user chose here

    def __init__(self, name: str, model: SortedModel, rows_shown: int) -> None:
        super().__init__(objectName=name)
        self.rows = model
        self.setModel(model)
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setResizeContentsPrecision(rows_shown)  # rows in sight tell how wide
        self.setWordWrap(False)
        self.setShowGrid(False)
        self.verticalHeader().hide()
        row = self.fontMetrics().height() + 6
        self.verticalHeader().setDefaultSectionSize(row)
        self.setFixedHeight((rows_shown + 2) * row)
        self.telling = True  # a user chooses now, not we
        self.selectionModel().currentRowChanged.connect(self._on_row)

    def show_columns(self, columns: Mapping[str, Any], titles: Titles) -> None:
        """Show other rows; the order that a user chose stays."""
        with self.quiet():
            self.rows.show_columns(columns, titles)

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Tell of no row that is chosen meanwhile: no user chose it."""
        before, self.telling = self.telling, False
        try:
            yield
        finally:
            self.telling = before

    def choose(self, key: int) -> None:
        """Choose a row that was picked elsewhere; none where it is not there."""
        row = self.rows.row_of(key)
        if row is not None and self.currentIndex().row() == row:
            return  # others may be chosen with it
        with self.quiet():
            if row is None:
                self.clearSelection()
                self.setCurrentIndex(QModelIndex())
            else:
                self.selectRow(row)
                self.scrollTo(self.rows.index(row, 0))

    def chosen(self) -> int | None:
        """Return the first column of the row chosen."""
        index = self.currentIndex()
        return self.rows.key(index.row()) if index.isValid() else None

    def _on_row(self, current: QModelIndex, _: QModelIndex) -> None:
        if self.telling and current.isValid():
            self.picked.emit(self.rows.key(current.row()))


def _spelt(value: Any) -> str:
    if isinstance(value, int):
        return str(value)
    return "" if not math.isfinite(value) else f"{value:.4g}"
