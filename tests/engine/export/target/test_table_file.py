"""Tables as CSV and as Parquet: the same rows, kinds of columns kept, unknown left empty."""

from __future__ import annotations

import csv
import sys

import numpy as np
import pytest

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.target.table_file import columns_of, require_format, table_file

NONE = {name: [] for name in ("file", "frame", "area")}
FRAMES = [
    NONE,
    {"file": ["a, µ", ""], "frame": [1, 1], "area": [2.25, np.nan]},
    {"file": ["b"], "frame": [2], "area": [1 / 3]},
]


def typed(frame):
    kinds = {"file": object, "frame": np.int64, "area": float}
    return {name: np.array(values, kinds[name]) for name, values in frame.items()}


def write(path, frames):
    with table_file(path, path.name) as table:
        for frame in frames:
            table.write(typed(frame))
        table.finish()
    return path


def test_rows_of_a_csv(tmp_path):
    path = write(tmp_path / "a.csv", FRAMES)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    third = "0.3333333333"
    assert rows == [list(NONE), ["a, µ", "1", "2.25"], ["", "1", ""], ["b", "2", third]]


@pytest.mark.parametrize("at_once", [1, 1 << 16])
@pytest.mark.parametrize("n_frames", [1, 3])
def test_parquet_read_back(tmp_path, monkeypatch, at_once, n_frames):
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("napari_unet.engine.export.target.table_file._ROWS_AT_ONCE", at_once)
    table = parquet.read_table(write(tmp_path / "a.PARQUET", FRAMES[:n_frames]))
    assert [str(kind) for kind in table.schema.types] == ["string", "int64", "double"]
    found = table.to_pydict()
    if n_frames == 1:
        assert found == NONE
        return
    assert found == {"file": ["a, µ", None, "b"], "frame": [1, 1, 2], "area": [2.25, None, 1 / 3]}


def test_rows_become_columns():
    columns = columns_of([{"a": 1, "b": None, "c": "x"}, {"a": 2, "b": 3, "c": ""}])
    assert [column.dtype.kind for column in columns.values()] == ["i", "f", "O"]
    assert columns["b"].tolist()[1] == 3 and np.isnan(columns["b"][0])


def test_without_the_extra_one_plain_line_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    require_format("objects.csv")
    with pytest.raises(BadInput, match=r"needs pyarrow.*pip install .*\[parquet\]"):
        require_format("objects.parquet")
