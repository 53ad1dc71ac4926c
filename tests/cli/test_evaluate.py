"""Evaluate: matching by number, choosing frames, and output for machines."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import tifffile
from PIL import Image

KEYS = {"iou", "dice", "seg", "det", "f1", "missed", "invented", "merged", "split"}
KEYS |= {"n_truth", "n_predicted"}


def write(path, labels):
    tifffile.imwrite(path, labels.astype(np.uint16), imagej=True, metadata={"axes": "TYX"})
    return path


@pytest.fixture
def scores(run):
    def evaluate(*words):
        answer = run("evaluate", *words, "--json")
        assert answer.code == 0, answer.stderr
        return json.loads(answer.stdout)

    return evaluate


def test_perfect_labels(world, scores):
    values = scores(world.truth, world.truth)
    assert set(values) >= KEYS | {"frames"}
    assert len(values["frames"]) == 6
    assert all(set(frame) >= KEYS for frame in values["frames"])
    assert values["iou"] == values["seg"] == values["f1"] == 1
    assert values["missed"] == values["invented"] == 0


def test_table_for_a_person(world, run):
    answer = run("evaluate", world.truth, world.truth)
    assert answer.code == 0
    header, *rows, total, words, detail = answer.stdout.splitlines()
    assert "SEG" in header
    assert len(rows) == 6
    assert total.split()[0] == "all"
    assert "of 100 cells" in words
    assert detail.endswith("0.0 of 100 cells missing or cut for one frame")


def test_a_missing_cell_counts(world, tmp_path, scores):
    truth = tifffile.imread(world.truth)
    predicted = truth.copy()
    predicted[2][predicted[2] == truth[2].max()] = 0
    write(tmp_path / "predicted.tif", predicted)
    values = scores(tmp_path / "predicted.tif", world.truth)
    assert values["n_predicted"] == values["n_truth"] - 1
    assert values["missed"] == pytest.approx(100 / values["n_truth"])
    assert [frame["frame"] for frame in values["frames"] if frame["seg"] < 1] == [2]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--frames", "0,3-4"], [0, 3, 4]),
        (["--exclude", "0,2"], [1, 3, 4, 5]),
        (["--frames", "0-3", "--exclude", "1"], [0, 2, 3]),
    ],
)
def test_frames_are_chosen_by_position(world, options, expected, scores):
    values = scores(world.truth, world.truth, *options)
    assert [frame["frame"] for frame in values["frames"]] == expected


def test_border_drops_what_lies_wholly_in_it(tmp_path, scores):
    truth = np.zeros((1, 60, 60), int)
    truth[0, 20:40, 20:40] = 1
    predicted = truth.copy()
    predicted[0, :4, 10:30] = 2
    words = (write(tmp_path / "p.tif", predicted), write(tmp_path / "t.tif", truth))
    assert scores(*words)["invented"] == 100
    assert scores(*words, "--border", 5)["invented"] == 0


def test_folders_are_matched_by_number(world, tmp_path, scores):
    truth = tifffile.imread(world.truth)
    for name, folder, numbers in (("t", "p", (2, 5, 9)), ("man_seg", "t", (5, 9))):
        (tmp_path / folder).mkdir()
        for number in numbers:
            frame = truth[(2, 5, 9).index(number)]
            tifffile.imwrite(tmp_path / folder / f"{name}{number:03d}.tif", frame)
    values = scores(tmp_path / "p", tmp_path / "t")
    assert [(f["frame"], f["number"]) for f in values["frames"]] == [(1, 5), (2, 9)]
    assert values["iou"] == 1


def test_no_frame_left_is_an_error(world, run):
    answer = run("evaluate", world.truth, world.truth, "--frames", "1", "--exclude", "1")
    assert answer.code == 1
    assert answer.error.startswith("Error: none of the chosen frames has a truth")


def test_scores_by_frame_as_parquet(world, run, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "scores.parquet"
    answer = run("evaluate", world.truth, world.truth, "--by-frame", path)
    assert answer.code == 0, answer.stderr
    found = parquet.read_table(path).to_pydict()
    assert found["frame"] == list(range(6)) and found["det"] == [1.0] * 6


def test_scores_by_frame_and_cells_are_written(world, run, tmp_path):
    truth = tifffile.imread(world.truth)
    predicted = truth.copy()
    gone = int(truth[2].max())
    predicted[2][predicted[2] == gone] = 0
    words = ("evaluate", write(tmp_path / "p.tif", predicted), world.truth, "--frames", "1-3")
    files = [tmp_path / "out" / name for name in ("scores.csv", "scores.png", "cells.tif")]
    asked = ("--by-frame", files[0], "--by-frame", files[1], "--cells", files[2])
    answer = run(*words, *asked, "--json")
    assert answer.code == 0, answer.stderr
    json.loads(answer.stdout)
    with files[0].open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["frame"] for row in rows] == ["1", "2", "3"]
    n = len(np.unique(truth[2])) - 1
    assert [float(row["errors"]) for row in rows] == [0, pytest.approx(100 / n, rel=1e-5), 0]
    assert float(rows[1]["det"]) == pytest.approx(1 - 1 / n, rel=1e-5)
    with Image.open(files[1]) as picture:
        assert picture.size[0] > 700
    cells = tifffile.imread(files[2])
    assert not cells[[0, 4, 5]].any()
    np.testing.assert_array_equal(cells[2] == 2, truth[2] == gone)
    again = run(*words, *asked)
    assert (again.code, "--overwrite" in again.error) == (1, True)
    assert run(*words, *asked, "--overwrite").code == 0


@pytest.mark.parametrize(("option", "name"), [("--by-frame", "a.xls"), ("--cells", "a.png")])
def test_other_kinds_of_files_of_scores_are_refused(world, run, tmp_path, option, name):
    answer = run("evaluate", world.truth, world.truth, option, tmp_path / name)
    assert answer.code == 2
    assert name in answer.stderr
