"""Measurements against time: curves of tracks with their gaps, tables and figures of some cells."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from PIL import Image

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.plots.over_time import CellsOverTime, in_words, write_over_time
from napari_unet.engine.export.target.writing import WriteOptions
from napari_unet.engine.jobs.export import Export
from napari_unet.engine.jobs.progress import run
from napari_unet.engine.stack.stack import Stack

ROWS = [  # frame, label, track, mother, area
    (0, 1, 7, 0, 10.0), (0, 2, 9, 0, 20.0), (1, 5, 7, 0, 11.0), (3, 5, 7, 0, 13.0),
    (4, 1, 11, 7, 6.0), (4, 2, 12, 7, np.nan), (5, 1, 13, 12, 8.0),
]  # fmt: skip
NAMES = ("frame", "label", "track_id", "parent_id", "area_px")


@pytest.fixture
def cells():
    columns = {
        name: np.array(values) for name, values in zip(NAMES, zip(*ROWS, strict=True), strict=True)
    }
    columns["time_s"] = columns["frame"] * 120.0
    columns["area_um2"] = np.full(len(ROWS), np.nan)
    columns["file"] = np.full(len(ROWS), "a.tif", object)
    return CellsOverTime(columns)


def test_a_track_is_a_curve_with_its_gaps(cells):
    assert cells.tracks == [7, 9, 11, 12, 13]
    xs, ys = cells.curve(7, "area_px", minutes=True)
    np.testing.assert_array_equal(xs, [0, 2, 6, 6])
    np.testing.assert_array_equal(ys, [10, 11, np.nan, 13])
    assert cells.quantities == ("area_px",) and cells.timed


def test_cells_are_known_by_frame_and_label(cells):
    assert cells.tracks_of(0, [2, 1, 99]) == [9, 7]
    assert cells.with_daughters([9]) == [9] and cells.with_daughters([7]) == [7, 11, 12, 13]
    assert cells.cell_at(7, 2.4) == (3, 5) and cells.cell_at(7, 2.4, minutes=True) == (1, 5)
    assert cells.of([11, 7])["frame"].tolist() == [4, 0, 1, 3]


@pytest.mark.parametrize("minutes", [False, True])
def test_what_is_drawn_is_written(cells, tmp_path, minutes):
    figure, table = tmp_path / "a.PNG", tmp_path / "a.csv"
    write_over_time(figure, cells, [7, 9], ["area_px"], minutes=minutes)
    with Image.open(figure) as picture:
        assert picture.format == "PNG" and picture.width > 700
    write_over_time(table, cells, [9, 7], ["area_px"])
    rows = list(csv.DictReader(io.StringIO(table.read_text("utf-8"))))
    assert [row["track_id"] for row in rows] == ["9", "7", "7", "7"]
    assert [row["area_px"] for row in rows] == ["20", "10", "11", "13"]
    for tracks, name, said in (([7], "area_um2", "area_px"), ([], "area_px", "no cell")):
        with pytest.raises(BadInput, match=said):
            write_over_time(figure, cells, tracks, [name])


def test_words_of_columns():
    assert in_words("area_um2") == "area µm²" and in_words("GFP_ring_mean") == "GFP ring mean"


def test_what_is_measured_is_what_the_table_says(toy, tmp_path):
    movie = Stack.from_array(toy.movie, axes="TYX", frame_interval=60.0)
    job = Export(movie, toy.labels, tmp_path, WriteOptions((0, 2, 4)), threshold=0.5)
    found = run(job.measure(), quiet=True)
    text = run(job.write_table(), quiet=True).read_text("utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(found) == list(rows[0]) and len(found["label"]) == len(rows)
    for name, column in found.items():
        said = [f"{v:.10g}" if isinstance(v, float) else str(v) for v in column.tolist()]
        assert [v.replace("nan", "") for v in said] == [row[name] for row in rows]
    assert np.isfinite(CellsOverTime(found).curve(1, "area_px")[1]).all()  # of every other frame
