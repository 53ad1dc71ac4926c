"""A table that is written as its rows come: CSV for anybody, Parquet for programs.

Columns keep their order and kind. Parquet holds numbers in full, and unknown ones as null; CSV has
ten digits, and nothing between the commas.
"""

from __future__ import annotations

import csv
import math
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_unet.engine.errors import BadInput, not_installed
from napari_unet.engine.export.target.outputs import check_target
from napari_unet.engine.files.atomic import atomic_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Columns = Mapping[str, NDArray[Any]]

PARQUET = ".parquet"
_ROWS_AT_ONCE = 1 << 16  # a group of rows of Parquet: few and large, whatever a frame holds


class TableFile(Protocol):
    """Takes columns of equal length, the same ones each time; words, whole numbers or floats."""

    def write(self, columns: Columns) -> None:
        """Write one row for each entry."""

    def finish(self) -> None:
        """Write what waits: the file is whole then."""


def require_format(name: str) -> None:
    """Refuse, before anything is computed, a name whose format needs what is not installed."""
    if name.lower().endswith(PARQUET):
        _arrow()


def check_saved(path: Path, replace: bool) -> None:
    """Refuse a name that is neither a table nor a figure, and a file that is there already."""
    if path.suffix.lower() not in (".csv", PARQUET, ".png"):
        raise BadInput(
            f"{path.name} says no format", ".csv, .parquet or .png", "end the name with one of them"
        )
    require_format(path.name)
    check_target(path, replace)


@contextmanager
def table_file(path: Path, name: str, digits: int = 10) -> Iterator[TableFile]:
    """Open a file for a table; the end of ``name``, which it will have, says the format.

    Of floats a CSV has so many ``digits``.
    """
    if name.lower().endswith(PARQUET):
        parquet = _Parquet(path)
        try:
            yield parquet
        finally:
            with suppress(OSError):  # where it was not finished, another error says why
                parquet.close()
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        yield _Csv(file, digits)


def write_columns(path: Path, columns: Columns, digits: int = 10) -> None:
    """Write a table whole, or leave the file that is there as it is."""
    with (
        atomic_path(path.absolute()) as temporary,
        table_file(temporary, path.name, digits) as table,
    ):
        table.write(columns)
        table.finish()


def columns_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, NDArray[Any]]:
    """Return columns of rows that all have the same names; None is an unknown number."""
    found = {}
    for name in rows[0] if rows else ():
        values = [row[name] for row in rows]
        if any(value is None for value in values):
            values = [math.nan if value is None else value for value in values]
        words = any(isinstance(value, str) for value in values)
        found[name] = np.array(values, object if words else None)
    return found


class _Csv:
    def __init__(self, file: Any, digits: int) -> None:
        self._file, self._begun = file, False
        self._format = f".{digits}g"
        self._table = csv.writer(file, lineterminator="\n")

    def write(self, columns: Columns) -> None:
        if not self._begun:
            self._table.writerow(columns)
            self._begun = True
        cells = ([self._cell(value) for value in column.tolist()] for column in columns.values())
        self._table.writerows(zip(*cells, strict=True))

    def finish(self) -> None:
        self._file.flush()

    def _cell(self, value: Any) -> Any:
        """Show unknown as an empty cell."""
        if isinstance(value, float):
            return format(value, self._format) if math.isfinite(value) else ""
        return value


class _Parquet:
    """Gathers rows until there are enough of them for a group."""

    def __init__(self, path: Path) -> None:
        self._arrow, self._parquet = _arrow()
        self._path = path
        self._writer: Any = None
        self._schema: Any = None
        self._waiting: list[Any] = []
        self._rows = 0

    def write(self, columns: Columns) -> None:
        arrow = self._arrow
        if self._schema is None:
            kinds = {"O": arrow.string(), "U": arrow.string(), "f": arrow.float64()}
            self._schema = arrow.schema(
                [(name, kinds.get(c.dtype.kind, arrow.int64())) for name, c in columns.items()]
            )
        arrays = [
            arrow.array([word or None for word in column.tolist()], field.type)
            if column.dtype.kind in "OU"
            else arrow.array(column, from_pandas=True).cast(field.type)
            for field, column in zip(self._schema, columns.values(), strict=True)
        ]
        table = arrow.Table.from_arrays(arrays, schema=self._schema)
        self._waiting.append(table)
        self._rows += table.num_rows
        if self._rows >= _ROWS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        """Write what waits; a table without rows has its columns all the same."""
        if self._writer is None:
            self._writer = self._parquet.ParquetWriter(self._path, self._schema)
        table = self._arrow.concat_tables(self._waiting)
        self._waiting, self._rows = [], 0
        if table.num_rows:
            self._writer.write_table(table, row_group_size=table.num_rows)

    def finish(self) -> None:
        if self._waiting:
            self._flush()
        self.close()

    def close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise not_installed("Parquet", "pyarrow", "parquet") from error
    return pyarrow, pyarrow.parquet
