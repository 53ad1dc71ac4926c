"""The cells of the frame on screen as a table, linked both ways with the Labels layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QAbstractItemView

from napari_unet.gui.widgets.sorted_table import SortedModel, SortedTable

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


class ObjectsModel(SortedModel):
    """The cells of a frame, known by their label."""

    def __init__(self) -> None:
        super().__init__()
        self.measured: Measured | None = None

    def show(self, measured: Measured | None) -> None:
        """Show other cells, or none, in the order that was chosen."""
        self.measured = measured
        columns = measured.columns if measured else {}
        self.show_columns(columns, shown_columns(columns) if columns else {})

    def centre(self, label: int) -> tuple[float, ...] | None:
        """Return the centre (y, x) of a cell in px, of a volume with the section before them."""
        row = self.row_of(label)
        if row is None or self.measured is None:
            return None
        known = self.measured.columns
        names = [name for axis in "zyx" if (name := f"centroid_{axis}_px") in known]
        return tuple(float(known[name][self.entry(row)]) for name in names)


class ObjectsTable(SortedTable):
    """Cells of a frame; one is chosen by a click or the arrow keys, more with Ctrl or Shift."""

    marked = Signal()  # a user chose more cells, or fewer, than before

    def __init__(self, name: str) -> None:
        self.cells = ObjectsModel()
        super().__init__(name, self.cells, _ROWS_SHOWN)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.selectionModel().selectionChanged.connect(self._on_marked)

    def all_chosen(self) -> list[int]:
        """Return the labels of all cells chosen."""
        model = self.selectionModel()
        return [self.cells.key(index.row()) for index in model.selectedRows()] if model else []

    def show_cells(self, measured: Measured | None) -> None:
        """Show the cells of another frame; the order that a user chose stays."""
        with self.quiet():
            self.cells.show(measured)

    def _on_marked(self, *_: Any) -> None:
        if self.telling:
            self.marked.emit()


def _spelt(unit: str) -> str:
    return "µm" if unit == "um" else unit
