"""Check: windows drawn, filled in, said, and noted in an export."""

import csv
import json

import tifffile


def fill(path, values):
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    for row in rows[1:]:
        row[-3:] = values
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def test_windows_are_drawn_filled_in_and_said(world, run, tmp_path):
    words = ("check", world.movie, world.truth, "--out", tmp_path / "check")
    drawn = run(*words, "--windows", 4, "--size", 50)
    assert drawn.code == 0, drawn.stderr
    table = tmp_path / "check" / "sample.csv"
    assert drawn.stdout.strip() == str(table)
    nothing = run(*words, "--json")
    assert json.loads(nothing.stdout)["left"] == 4
    fill(table, ["0", "1", ""])
    said = run(*words)
    assert said.stdout.count("of 100 cells in error") == 1
    rate = json.loads(run(*words, "--json").stdout)
    assert (rate["n_errors"], rate["left"]) == (4, 0)
    asked = ("--out", tmp_path / "out", "--no-movie", "--no-table", "--checked", tmp_path / "check")
    assert run("export", world.movie, world.truth, *asked).code == 0
    sidecar = json.loads((tmp_path / "out" / "labels.tif.json").read_text("utf-8"))
    assert sidecar["check"]["n_errors"] == 4


def test_other_labels_are_not_those_that_were_looked_at(world, run, tmp_path):
    assert run("check", world.movie, world.truth, "--out", tmp_path).code == 0
    fill(tmp_path / "sample.csv", ["0", "0", "0"])
    other = tmp_path / "other.tif"
    labels = tifffile.imread(world.truth)
    labels[0, :40] = 0
    tifffile.imwrite(other, labels, imagej=True, metadata={"axes": "TYX"})
    answer = run("check", world.movie, other, "--out", tmp_path)
    assert answer.code == 1
    assert "the labels have changed" in answer.error
