"""The cells of the frame on screen as a table, linked both ways with the Labels layer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pandas import DataFrame

    from napari_unet.engine.stack.stack import Stack
    from napari_unet.gui.viewer.label_frames import LayerFrames

Columns = dict[str, Any]
_CHANNEL = "intensity"
_ROWS_SHOWN = 7


@dataclass(frozen=True)
class Measured:
    """The cells of one frame: columns of equal length, one entry a cell."""

    position: int
    columns: Columns

    def __len__(self) -> int:
        return len(self.columns["label"])

    def features(self) -> DataFrame:
        """Return the table as napari's ``Labels.features`` wants it: ids in ``index``."""
        from pandas import DataFrame  # slow to import, and wanted only once cells are measured

        rest = {name: values for name, values in self.columns.items() if name != "label"}
        known = {
            name: values
            for name, values in rest.items()
            if name == "state" or np.isfinite(values.astype(float)).any()
        }
        return DataFrame({"index": self.columns["label"], **known})


def measure(
    stack: Stack,
    labels: LayerFrames,
    position: int,
    corrected: Callable[[int], Collection[int]] | None,
    stated: Callable[[int, Any], Mapping[int, str]] | None = None,
) -> Measured:
    """Measure the cells of a frame, for a worker."""
    from napari_unet.engine.labels.measuring.measurement import measure_frame

    columns = measure_frame(
        labels[position],
        np.asarray(stack[position]),
        (_CHANNEL,),
        pixel_size=stack.spacing,
    )
    touched = list(corrected(position)) if corrected else []
    columns["hand_corrected"] = np.isin(columns["label"], touched).astype(np.int64)
    if stated is not None:
        states = stated(position, labels[position])
        columns["state"] = np.array([states.get(i, "") for i in columns["label"].tolist()], object)
    return Measured(position, columns)


def shown_columns(columns: Columns) -> dict[str, tuple[str, str]]:
    """Return title and explanation of the columns shown, in µm where the pixel size is known."""
    solid = "volume_voxels" in columns
    area = columns["volume_um3" if solid else "area_um2"]
    micrometres = len(area) and np.isfinite(area).all()
    length = "um" if micrometres else "px"
    if solid:
        size = ("volume_um3", "Vol. µm³") if micrometres else ("volume_voxels", "Voxels")
        places = {f"centroid_z_{length}": (f"z {_spelt(length)}", "Centre, from the first section")}
        shape = {"sphericity": ("Sphericity", "1 for a ball, less for anything else")}
    else:
        size = ("area_um2", "Area µm²") if micrometres else ("area_px", "Area px")
        places, shape = (
            {},
            {
                "eccentricity": ("Ecc.", "Eccentricity: 0 for a disc, 1 for a line"),
                "solidity": ("Solidity", "Share of the convex hull that is filled"),
            },
        )
    return {
        "label": ("Cell", "Id of the cell in this frame"),
        size[0]: (size[1], "Size of the cell"),
        f"{_CHANNEL}_mean": ("Mean", "Mean raw intensity"),
        f"{_CHANNEL}_mean_minus_background": (
            "− bg",  # noqa: RUF001
            "Mean raw intensity less that of the free pixels around the cell",
        ),
        **places,
        f"centroid_y_{length}": (f"y {_spelt(length)}", "Centre, from the top"),
        f"centroid_x_{length}": (f"x {_spelt(length)}", "Centre, from the left"),
        **shape,
        "touches_border": ("Edge", "1 where the cell touches the image edge"),
        "hand_corrected": ("By hand", "1 where a user corrected or confirmed the cell"),
        **({"state": ("State", "What a user called the cell")} if "state" in columns else {}),
    }


class ObjectsModel(QAbstractTableModel):
    """Columns as Qt reads a table; sorted by numpy, since Qt's own sorting asks for every cell."""

    def __init__(self) -> None:
        super().__init__()
        self._titles: list[tuple[str, str]] = []
        self._columns: list[Any] = []
        self._order: Any = np.zeros(0, np.intp)  # entry of each row
        self._rows: dict[int, int] = {}
        self._by = 0, Qt.SortOrder.AscendingOrder
        self.measured: Measured | None = None

    def show(self, measured: Measured | None) -> None:
        """Show other cells, or none, in the order that was chosen."""
        self.beginResetModel()
        self.measured = measured
        columns = measured.columns if measured else {}
        shown = shown_columns(columns) if columns else {}
        self._titles = list(shown.values())
        self._columns = [columns[name] for name in shown]
        self._arrange()
        self.endResetModel()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; the cell that is chosen stays chosen."""
        self.layoutAboutToBeChanged.emit()
        chosen = [(index, self.label(index.row())) for index in self.persistentIndexList()]
        self._by = column, order
        self._arrange()
        for index, label in chosen:
            self.changePersistentIndex(index, self.index(self._rows[label], index.column()))
        self.layoutChanged.emit()

    def _arrange(self) -> None:
        column, order = self._by
        if not 0 <= column < len(self._columns):
            column = 0
        labels = self._columns[0] if self._columns else np.zeros(0, np.int64)
        self._order = np.argsort(self._columns[column] if self._columns else labels, kind="stable")
        if order == Qt.SortOrder.DescendingOrder:
            self._order = self._order[::-1]
        self._rows = {int(label): row for row, label in enumerate(labels[self._order])}

    def label(self, row: int) -> int:
        """Return the id of the cell in a row."""
        return int(self._columns[0][self._order[row]])

    def row_of(self, label: int) -> int | None:
        """Return the row of a cell; None where it is not in this frame."""
        return self._rows.get(label)

    def centre(self, label: int) -> tuple[float, ...] | None:
        """Return the centre (y, x) of a cell in px, of a volume with the section before them."""
        row = self._rows.get(label)
        if row is None or self.measured is None:
            return None
        known = self.measured.columns
        names = [name for axis in "zyx" if (name := f"centroid_{axis}_px") in known]
        return tuple(float(known[name][self._order[row]]) for name in names)

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Count cells."""
        return 0 if parent is not None and parent.isValid() else len(self._order)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Count columns."""
        return 0 if parent is not None and parent.isValid() else len(self._columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return an entry as it is spelt, or its alignment."""
        if role == Qt.ItemDataRole.DisplayRole:
            value = self._columns[index.column()][self._order[index.row()]]
            return value if isinstance(value, str) else _cell(value.item())
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


class ObjectsTable(QTableView):
    """Cells of a frame; one is chosen by a click or the arrow keys."""

    picked = Signal(int)  # the label a user chose here

    def __init__(self, name: str) -> None:
        super().__init__(objectName=name)
        self.cells = ObjectsModel()
        self.setModel(self.cells)
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setResizeContentsPrecision(_ROWS_SHOWN)  # rows in sight tell how wide
        self.setWordWrap(False)
        self.setShowGrid(False)
        self.verticalHeader().hide()
        row = self.fontMetrics().height() + 6
        self.verticalHeader().setDefaultSectionSize(row)
        self.setFixedHeight((_ROWS_SHOWN + 2) * row)
        self._telling = True
        self.selectionModel().currentRowChanged.connect(self._on_row)

    def show_cells(self, measured: Measured | None) -> None:
        """Show the cells of another frame; the order that a user chose stays."""
        self._telling = False
        self.cells.show(measured)
        self._telling = True

    def choose(self, label: int) -> None:
        """Choose a cell that was picked elsewhere; none where it is not in this frame."""
        row = self.cells.row_of(label)
        self._telling = False
        if row is None:
            self.clearSelection()
            self.setCurrentIndex(QModelIndex())
        else:
            self.selectRow(row)
            self.scrollTo(self.cells.index(row, 0))
        self._telling = True

    def chosen(self) -> int | None:
        """Return the label of the cell chosen."""
        index = self.currentIndex()
        return self.cells.label(index.row()) if index.isValid() else None

    def _on_row(self, current: QModelIndex, _: QModelIndex) -> None:
        if self._telling and current.isValid():
            self.picked.emit(self.cells.label(current.row()))


def _spelt(unit: str) -> str:
    return "µm" if unit == "um" else unit


def _cell(value: Any) -> str:
    if isinstance(value, int):
        return str(value)
    return "" if not math.isfinite(value) else f"{value:.4g}"
