"""The rows of the table of positions, as Qt reads a table."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSize, Qt, Signal
from qtpy.QtGui import QFont, QImage, QPixmap
from qtpy.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from napari_unet.engine.jobs.queue.queue_file import QueueRow
from napari_unet.engine.text import counted, say_ranges
from napari_unet.gui.widgets.parts import WARNING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from napari_unet.engine.jobs.queue.look import Look
    from napari_unet.engine.jobs.queue.movies import Movie

EDGE = 48  # px of a picture
_GAP = 12  # px from a column to the next
PICTURE, NAME, FRAMES, SEGMENTED, CELLS, REVIEWED, NOTICES, QUALITY, STATUS = range(9)
_TITLES = (
    ("", "Ticked positions are segmented, checked and exported"),
    ("Position", "A click opens it"),
    ("Frames", ""),
    ("Segmented", "Frames that are segmented"),
    ("Cells", "In a frame, on average"),
    ("Reviewed", "Frames that a user marked done, or corrected"),
    ("Notices", "What was guessed, or left out"),
    (
        "Quality",
        "Frames out of focus, stage jumps, brightness that fell: after Check quality. "
        "A click opens the position at an odd frame, another click at the next one",
    ),
    ("State", ""),
)
_NONE, _NOT_YET = "–", "…"  # noqa: RUF001
SORTED_BY = Qt.ItemDataRole.UserRole


@dataclass(frozen=True)
class Row:
    """A movie, what a look at it gave, what the queue noted, and what is done to it now."""

    movie: Movie
    look: Look | None = None
    known: QueueRow = field(default_factory=QueueRow)
    doing: str = ""

    def is_at(self, here: tuple[Path | None, int] | None) -> bool:
        """Whether it is the movie of a file and position."""
        return (self.movie.path, self.movie.selection.position) == here

    @property
    def frames(self) -> int:
        """How many frames it has; 0 where that is not known."""
        return self.look.frames if self.look is not None and self.look.frames else self.movie.frames

    @property
    def segmented(self) -> int:
        """How many frames there are labels of."""
        return max(self.look.segmented, self.look.exported) if self.look is not None else 0

    @property
    def checks(self) -> tuple[str, ...]:
        """What asks for a look."""
        found = self.look.notices if self.look is not None else ()
        lines = (*(n.line for n in found if n.level == "check"), *self.known.please_check)
        return tuple(dict.fromkeys(lines))

    @property
    def noted(self) -> tuple[str, ...]:
        """What is good to know."""
        found = self.look.notices if self.look is not None else ()
        lines = (*(n.line for n in found if n.level == "noted"), *self.known.noted)
        return tuple(dict.fromkeys(lines))

    @property
    def problem(self) -> str:
        """What is wrong with it; empty where nothing is."""
        return (self.look.problem if self.look is not None else "") or self.known.error

    def text(self, column: int) -> str:
        """Return what stands in a column."""
        return str(_SHOWN[column](self))

    def tip(self, column: int) -> str:
        """Return all that there is to say."""
        if column == CELLS and self.known.cells:
            cells = self.known.cells
            return f"{min(cells)} to {max(cells)} in a frame, {sum(cells):,} in all frames"
        if column == NOTICES:
            lines = [f"{WARNING} {line}." for line in self.checks] + [f"{x}." for x in self.noted]
            return _as_in_the_docks("\n".join(lines))
        if column == QUALITY:
            odd = self.known.odd.items()
            return "\n".join(f"{reason}: frame {say_ranges(list(ts))}" for reason, ts in odd)
        if column == STATUS:
            return _as_in_the_docks(self.problem)
        return str(self.movie.path) if column == NAME else ""

    def order(self, column: int) -> Any:
        """Return what the column is sorted by."""
        numbers = {
            FRAMES: self.frames,
            SEGMENTED: self.segmented,
            CELLS: float(np.mean(self.known.cells)) if self.known.cells else -1.0,
            REVIEWED: (self.look.done + self.look.touched / 1e6) if self.look is not None else 0.0,
            NOTICES: len(self.checks) + len(self.noted) / 1e6,
            QUALITY: len(self.odd) if self.known.looked_at else -1,
        }
        return numbers.get(column, self.text(column))

    @property
    def odd(self) -> tuple[int, ...]:
        """Frames with which something is wrong, after *Check quality*."""
        return tuple(sorted({t for frames in self.known.odd.values() for t in frames}))

    def odd_after(self, frame: int | None) -> int | None:
        """Return the next odd frame, round to the first; None where there is none."""
        later = [t for t in self.odd if frame is not None and t > frame]
        return (later or list(self.odd) or [None])[0]


class RoomyCells(QStyledItemDelegate):
    """Cells of a table that do not touch those beside them."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        """Ask for some room after the text."""
        return super().sizeHint(option, index) + QSize(_GAP, 0)


def _segmented(row: Row) -> str:
    if row.look is None:
        return _NOT_YET
    n, all_of = row.segmented, row.frames
    return _NONE if not n else "all" if n >= all_of else f"{n} of {all_of}"


def _cells(row: Row) -> str:
    return f"{np.mean(row.known.cells):.0f}" if row.known.cells else _NONE


def _reviewed(row: Row) -> str:
    if row.look is None:
        return _NOT_YET
    done, touched = row.look.done, row.look.touched
    said = [f"{done} done"] if done else []
    said += [f"{touched} corrected"] if touched else []
    return ", ".join(said) or _NONE


def _notices(row: Row) -> str:
    if row.checks:
        return f"{WARNING} {len(row.checks)} to check"
    return f"{len(row.noted)} noted" if row.noted else _NONE


def _quality(row: Row) -> str:
    if not row.known.looked_at:
        return _NONE
    n = len(row.odd)
    return f"{WARNING} {counted(n, 'odd frame')}" if n else "nothing odd"


def _status(row: Row) -> str:
    if row.doing:
        return row.doing
    if row.problem:
        return f"{WARNING} {row.problem}"
    if row.look is None or not row.segmented:
        return ""
    if row.look.exported:
        return "exported"
    return "segmented" if row.segmented >= row.frames else "begun"


def _as_in_the_docks(text: str) -> str:
    """Name what the command line's words mean in the window."""
    text = text.replace("choose another --out, or add --overwrite", "tick Replace")
    return text.replace("--diameter", "Advanced ▸ Diameter of cells")


_SHOWN = {
    PICTURE: lambda row: "",
    NAME: lambda row: row.movie.name,
    FRAMES: lambda row: row.frames or _NONE,
    SEGMENTED: _segmented,
    CELLS: _cells,
    REVIEWED: _reviewed,
    NOTICES: _notices,
    QUALITY: _quality,
    STATUS: lambda row: _as_in_the_docks(_status(row)),
}


class Rows(QAbstractTableModel):
    """Rows by the names of their movies."""

    ticked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._names: list[str] = []
        self._rows: dict[str, Row] = {}
        self._pictures: dict[str, QPixmap] = {}
        self._here: tuple[Path | None, int] | None = None
        self._bold = QFont()
        self._bold.setBold(True)

    def show_here(self, here: tuple[Path | None, int] | None) -> None:
        """Let the movie on screen, by its file and position, stand out."""
        if here != self._here:
            self._here = here
            self.dataChanged.emit(self.index(0, NAME), self.index(len(self) - 1, NAME))

    def show(self, rows: Sequence[Row]) -> None:
        """Show other movies."""
        self.beginResetModel()
        self._rows = {row.movie.name: row for row in rows}
        self._names = list(self._rows)
        self._pictures = {}
        self.endResetModel()
        self.ticked.emit()

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)

    def row(self, name: str) -> Row:
        """Return a movie's row."""
        return self._rows[name]

    def at(self, index: QModelIndex) -> Row:
        """Return the row of an index."""
        return self._rows[self._names[index.row()]]

    def change(self, name: str, **changes: Any) -> None:
        """Show something else of a movie; nothing where it is not among them any more."""
        if name not in self._rows:
            return
        self._rows[name] = replace(self._rows[name], **changes)
        if "look" in changes:
            self._pictures.pop(name, None)
        at = self._names.index(name)
        self.dataChanged.emit(self.index(at, 0), self.index(at, len(_TITLES) - 1))

    def know(self, name: str, **changes: Any) -> None:
        """Change what the queue notes of a movie."""
        if name in self._rows:
            self.change(name, known=self._rows[name].known.replace(**changes))

    def tick(self, on: bool) -> None:
        """Tick all, or none."""
        for name in self._names:
            self.know(name, ticked=on)
        self.ticked.emit()

    def chosen(self) -> list[Movie]:
        """Return the movies that are ticked."""
        return [row.movie for row in self if row.known.ticked]

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Count movies."""
        return 0 if parent is not None and parent.isValid() else len(self._names)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Count columns."""
        return 0 if parent is not None and parent.isValid() else len(_TITLES)

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Let the first column be ticked."""
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsUserCheckable if index.column() == PICTURE else flags

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return an entry: words, picture, tick, or what is said of it when pointed at."""
        row, column = self.at(index), index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return row.text(column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return row.tip(column)
        if role == SORTED_BY:
            return row.order(column)
        if role == Qt.ItemDataRole.FontRole and column == NAME:
            return self._bold if row.is_at(self._here) else None
        if column != PICTURE:
            return None
        if role == Qt.ItemDataRole.CheckStateRole:
            return Qt.CheckState.Checked if row.known.ticked else Qt.CheckState.Unchecked
        if role == Qt.ItemDataRole.DecorationRole:
            return self._picture(row)
        return QSize(EDGE + 34, EDGE + 6) if role == Qt.ItemDataRole.SizeHintRole else None

    def setData(self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Take a tick."""
        if role != Qt.ItemDataRole.CheckStateRole:
            return False
        on = Qt.CheckState(value) == Qt.CheckState.Checked
        self.know(self.at(index).movie.name, ticked=on)
        self.ticked.emit()
        return True

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return a column's title, or in its tooltip what it means."""
        if orientation == Qt.Orientation.Horizontal:
            if role == Qt.ItemDataRole.DisplayRole:
                return _TITLES[section][0]
            if role == Qt.ItemDataRole.ToolTipRole:
                return _TITLES[section][1]
        return None

    def _picture(self, row: Row) -> QPixmap:
        name = row.movie.name
        if name not in self._pictures:
            found = row.look.picture if row.look is not None else None
            made = QPixmap(EDGE, EDGE)
            made.fill(Qt.GlobalColor.transparent)
            if found is not None:
                made = _pixmap(found)
            self._pictures[name] = made
        return self._pictures[name]


def _pixmap(pixels: Any) -> QPixmap:
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape[:2]
    image = QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)
    return QPixmap.fromImage(image.copy())
