"""objects.csv: its columns, and its numbers against a plain computation."""

import csv
import json

import numpy as np
import pytest
from scipy import ndimage

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.formats.table import write_table
from napari_unet.engine.export.target.writing import WriteOptions
from napari_unet.engine.labels.measuring.measurement import measure_frame
from napari_unet.engine.settings import TableSettings
from napari_unet.engine.stack.stack import Stack

SHAPE_COLUMNS = [
    "file", "position", "frame", "time_s", "label", "track_id", "parent_id", "centroid_y_um",
    "centroid_x_um", "centroid_y_px", "centroid_x_px", "area_um2", "area_px", "perimeter_um",
    "perimeter_px", "eccentricity", "solidity", "touches_border", "hand_corrected", "threshold",
]  # fmt: skip
LIGHT = [
    "mean", "median", "sum", "background", "mean_minus_background", "median_minus_background",
    "sum_minus_background",
]  # fmt: skip


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_columns_and_values(toy, tmp_path):
    movie = Stack.from_array(
        toy.movie, axes="TYX", name="Zellen µ", pixel_size=0.5, frame_interval=60.0
    )
    path = tmp_path / "objects.csv"
    labels = toy.labels.copy()
    labels[0, :2, :2] = 65535  # supervised background is no object
    running = write_table(
        path, iter(labels), movie, threshold=0.5, corrected=lambda t: {1} if t == 2 else ()
    )
    assert list(running) == list(range(6))
    rows = rows_of(path)
    assert list(rows[0]) == [*SHAPE_COLUMNS, *(f"intensity_{name}" for name in LIGHT)]
    assert len(rows) == sum(len(np.unique(f)) - 1 for f in toy.labels)
    for row in rows[::7]:
        t, label = int(row["frame"]), int(row["label"])
        mask = toy.labels[t] == label
        values = toy.movie[t][mask].astype(float)
        assert row["file"] == "Zellen µ"
        assert float(row["time_s"]) == t * 60
        assert int(row["area_px"]) == mask.sum()
        assert float(row["area_um2"]) == pytest.approx(mask.sum() * 0.25)
        y, x = ndimage.center_of_mass(mask)
        assert float(row["centroid_y_um"]) == pytest.approx(y / 2)
        assert float(row["centroid_x_px"]) == pytest.approx(x)
        assert float(row["intensity_mean"]) == pytest.approx(values.mean())
        assert float(row["intensity_median"]) == np.median(values)
        assert float(row["intensity_sum"]) == values.sum()
        assert row["hand_corrected"] == str(int(t == 2 and label == 1))
        edge = mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any()
        assert row["touches_border"] == str(int(edge))


def test_states_are_a_column_where_some_cell_has_one(toy, tmp_path):
    movie, path = Stack.from_array(toy.movie, axes="TYX"), tmp_path / "objects.csv"
    one, other = int(toy.labels[2].max()), int(toy.labels[3].max())
    said = {2: {one: "dead"}, 3: {other: "a, b"}}
    list(write_table(path, iter(toy.labels), movie, stated=lambda t, _: said.get(t, {})))
    rows = rows_of(path)
    names = list(rows[0])
    assert names[names.index("hand_corrected") + 1] == "state"
    found = {(int(r["frame"]), int(r["label"])): r["state"] for r in rows if r["state"]}
    assert found == {(2, one): "dead", (3, other): "a, b"}


def test_parquet_has_the_numbers_of_the_csv(toy, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    movie = Stack.from_array(toy.movie, axes="TYX", frame_interval=60.0)
    labels = toy.labels.copy()
    labels[0] = 0  # a frame without cells tells the kinds of the columns all the same
    stated = {2: {int(labels[2].max()): "dead"}}
    for name in ("objects.csv", "objects.parquet"):
        list(
            write_table(tmp_path / name, iter(labels), movie, stated=lambda t, _: stated.get(t, {}))
        )
    table = parquet.read_table(tmp_path / "objects.parquet")
    rows = rows_of(tmp_path / "objects.csv")
    assert table.column_names == list(rows[0]) and table.num_rows == len(rows)
    for name, values in table.to_pydict().items():
        said = ["" if v is None else f"{v:.10g}" if isinstance(v, float) else v for v in values]
        assert [str(value) for value in said] == [row[name] for row in rows]
    assert str(table.schema.field("area_px").type) == "int64"
    assert str(table.schema.field("area_um2").type) == "double"  # not known here
    assert (tmp_path / "objects.parquet.json").is_file()


@pytest.mark.parametrize("where", ["in cells", "beside cells", "nowhere"])
def test_pixels_without_a_value_are_counted_in_the_sidecar(toy, tmp_path, where):
    movie, path = toy.movie.astype(np.float32), tmp_path / "objects.csv"
    if where == "in cells":
        cells = np.argwhere(toy.labels[2] > 0)
        for (y, x), value in zip(cells[:3], (np.nan, np.inf, -np.inf), strict=True):
            movie[2, y, x] = value
        movie[4][toy.labels[4] == toy.labels[4].max()] = np.nan
    elif where == "beside cells":
        movie[2][toy.labels[2] == 0] = np.nan
    stack, options = Stack.from_array(movie, axes="TYX", name="ratio"), WriteOptions()
    for _ in write_table(path, iter(toy.labels), stack, options):
        pass
    said = json.loads(path.with_name("objects.csv.json").read_text("utf-8"))["notices"]
    assert [notice["line"] for notice in said] == [notice.line for notice in options.found]
    if where != "in cells":
        assert not options.found
        return
    (notice,) = options.found
    n = 3 + np.count_nonzero(toy.labels[4] == toy.labels[4].max())
    assert notice.level == "check" and f"{n} pixels of cells in 2 frames of ratio" in notice.line


def test_background_and_ring_lie_around_the_object():
    labels, image = np.zeros((60, 60), np.uint16), np.full((60, 60), 100, np.uint16)
    labels[20:40, 20:40] = 5
    image[labels > 0] = 300
    distance = ndimage.distance_transform_edt(labels == 0)
    image[(distance > 0) & (distance <= 2)] = 200
    found = measure_frame(labels, image, ["x"], pixel_size=0.5, settings=TableSettings(ring=1.0))
    assert found["x_background"] == [100]
    assert found["x_ring_mean"] == [200]
    assert found["x_mean_minus_background"] == [200]
    assert found["x_sum_minus_background"] == [200 * 400]
    crowded = measure_frame(np.ones((8, 8), int), np.ones((8, 8)), ["x"])
    assert np.isnan(crowded["x_background"]).all()
    assert np.isnan(crowded["area_um2"]).all()


def test_every_channel_has_its_columns(toy, tmp_path):
    two = np.stack([toy.movie, toy.movie * 2], axis=1)
    movie = Stack.from_array(two, axes="TCYX", channel_names=("GFP", "m Cherry (2)"))
    path = tmp_path / "objects.csv"
    list(write_table(path, iter(toy.labels), movie))
    row = rows_of(path)[3]
    assert float(row["m_Cherry_2_sum"]) == 2 * float(row["GFP_sum"])
    assert row["time_s"] == row["area_um2"] == row["threshold"] == ""


def test_tiny_and_missing_objects(tmp_path):
    labels = np.zeros((3, 9, 9), np.uint16)
    labels[1, 4, 4], labels[1, 0, :3], labels[2, 2:4, 2:4] = 1, 2, 3
    movie = Stack.from_array(np.ones(labels.shape), axes="TYX")
    path = tmp_path / "objects.csv"
    list(write_table(path, iter(labels), movie))
    rows = rows_of(path)
    assert [(r["frame"], r["label"], r["solidity"]) for r in rows] == [
        ("1", "1", "1"),
        ("1", "2", "1"),
        ("2", "3", "1"),
    ]
    list(write_table(path, iter(labels[:1]), movie, WriteOptions([0], overwrite=True)))
    assert rows_of(path) == []
    assert path.read_text().startswith("file,position,frame,")


def test_a_ring_needs_a_pixel_size(toy_labels_stack, toy, tmp_path):
    with pytest.raises(BadInput, match="pixel size"):
        write_table(
            tmp_path / "o.csv",
            iter(toy.labels),
            Stack.from_array(toy.movie, axes="TYX"),
            settings=TableSettings(ring=2),
        )
