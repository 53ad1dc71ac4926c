"""Train, compare and tune on several movies: --labels takes as many, a table has a row for each."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

from napari_unet.cli.demo import write_sample
from napari_unet.engine.network.model import Model
from napari_unet.sample.movie import sample_movie
from napari_unet.sample.world import SMALL

QUICK = ("--steps", 1, "--threads", 1, "--device", "cpu", "--set", "crop=64", "--set", "batch=1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three small movies with their truth, of other brightness."""
    folder = tmp_path_factory.mktemp("movies")
    for seed, name in enumerate("abc"):
        movie, truth = sample_movie(SMALL, seed=seed)
        write_sample(folder / f"{name}.tif", (movie * (1 + seed)).astype(np.uint16))
        write_sample(folder / f"{name}_l.tif", truth)
    return folder


def tables(folder):
    """Write the same three movies in ways that spreadsheets save them."""
    rows = [("movie", "labels", "frames"), ("a.tif", "a_l.tif", "0,3"), ("b.tif", "b_l.tif", "1"),
            (folder / "c.tif", "c_l.tif", "")]  # fmt: skip
    quoted = [[f'"{cell}"' for cell in map(str, row)] for row in rows]
    (folder / "t.csv").write_text("\n".join(map(",".join, quoted)) + "\n\n", "utf-8-sig")
    (folder / "t.tsv").write_text("\n".join("\t".join(map(str, row)) for row in rows))
    excel = "\r\n".join(";".join(map(str, row)) for row in rows).replace("0,3", '"0;3"')
    (folder / "excel.csv").write_text(excel)


@pytest.mark.parametrize("how", ["labels", "t.csv", "t.tsv", "excel.csv"])
def test_all_are_in_one_record(folder, tmp_path, run, how):
    tables(folder)
    paths = [folder / f"{name}.tif" for name in "abc"]
    labels = [folder / f"{name}_l.tif" for name in "abc"]
    given = (*paths, "--labels", *labels) if how == "labels" else ("--table", folder / how)
    words = ("train", *given, "--out", tmp_path / "m", "--frames", "0-2", *QUICK, "--json")
    answer = run(*words)
    assert answer.code == 0, answer.stderr
    record = Model.load(tmp_path / "m.safetensors").record
    frames = [row["frames"] for row in record["movies"]]
    expected = [[0, 1, 2]] * 3 if how == "labels" else [[0, 3], [1], [0, 1, 2]]
    assert frames == expected
    assert [row["movie"] for row in record["movies"]] == ["a.tif", "b.tif", "c.tif"]
    assert json.loads(answer.stdout)["frames"] == sum(map(len, expected))
    assert "frames of 3 movies" in answer.stderr and "checked on movie" in answer.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("movie,frames\na.tif,1", "the columns of t.csv are movie, frames"),
        ("movie,labels,framez\na.tif,a_l.tif,1", "Leave framez out"),
        ("movie,labels,frames\na.tif,a_l.tif,0,3", "line 2 of t.csv has more cells"),
        ("movie,labels\na.tif,", "line 2 of t.csv has no labels"),
        ("movie,labels,position\na.tif,a_l.tif,x", "line 2 of t.csv has the position x"),
        ("movie,labels", "t.csv has no row"),
        ("", "the columns of t.csv are none"),
        ("movie,labels\nno.tif,a_l.tif", "no.tif"),
        ("movie,labels\na.tif,a_l.tif\na.tif,b_l.tif", "the movie a.tif is given 2 times"),
        ("movie,labels,frames\na.tif,a_l.tif,0\nb.tif,b_l.tif,77", "b.tif: there is no frame 77"),
        (None, "cannot be read"),
    ],
)
def test_a_table_that_makes_no_sense(folder, run, tmp_path, text, said):
    if text is not None:
        (folder / "t.csv").write_text(text)
    path = folder / ("t.csv" if text is not None else "missing.csv")
    answer = run("train", "--table", path, "--out", tmp_path / "m", *QUICK)
    assert answer.code == 1
    assert said in answer.error


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("a",), "LABELS is missing"),
        ((), "MOVIE is missing"),
        (("a", "b", "c"), "of several movies give the labels by --labels"),
        (("a", "b", "--labels", "c"), "1 path for 2 movies"),
        (("a", "--labels", "c", "--table", "t"), "it names movies and labels"),
    ],
)
@pytest.mark.parametrize("command", ["train", "compare", "tune"])
def test_words_that_make_no_sense(run, tmp_path, command, words, said):
    before = ("nuclei-fluorescence",) if command == "tune" else ()
    answer = run(command, *before, *words, "--out", tmp_path / "m")
    assert answer.code == 2
    assert said in answer.error


@pytest.mark.slow
def test_whole_movies_are_compared_and_tuned_on(folder, tmp_path, run):
    given = ("--labels", folder / "a_l.tif", folder / "b_l.tif", "--frames", "0,1")
    out = tmp_path / "nets"
    words = ("compare", folder / "a.tif", folder / "b.tif", *given, "--out", out)
    answer = run(*words, "--network", "unet/4", *QUICK)
    assert answer.code == 0, answer.stderr
    results = json.loads((out / "compare.json").read_text())["results"]
    assert [(r["fold"], r["movies"], r["frames"]) for r in results] == [
        (1, ["a.tif"], [0, 1]), (2, ["b.tif"], [0, 1])]  # fmt: skip
    record = Model.load(out / results[0]["model"]).record
    assert record["movie"] == "b.tif"
    answer = run(*words, "--network", "unet/4", "--folds", 3, *QUICK)
    assert "2 movies cannot make 3 folds of whole movies" in answer.error
    model = out / results[0]["model"]
    words = ("tune", model, folder / "a.tif", folder / "b.tif", *given, "--json")
    answer = run(*words)
    assert answer.code == 0, answer.stderr
    assert json.loads(answer.stdout)["frames"] == [0, 1]


def test_what_is_odd_of_movies_together_is_said_at_the_end(folder, tmp_path, run):
    movie, truth = tifffile.imread(folder / "a.tif"), folder / "a_l.tif"
    tifffile.imwrite(
        tmp_path / "far.ome.tif", movie, metadata={"axes": "TYX", "PhysicalSizeX": 9.0,
        "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 9.0, "PhysicalSizeYUnit": "µm"},
    )  # fmt: skip
    words = ("train", folder / "b.tif", tmp_path / "far.ome.tif", "--labels", folder / "b_l.tif")
    answer = run(*words, truth, "--out", tmp_path / "m", "--frames", 0, *QUICK)
    assert answer.code == 0, answer.stderr
    assert "Please check: all movies: pixels are of other sizes" in answer.stderr


def test_positions_of_a_file_are_rows_of_a_table(folder, tmp_path, run):
    movies = [tifffile.imread(folder / f"{name}.tif") for name in "ab"]
    with tifffile.TiffWriter(tmp_path / "plate.ome.tif", ome=True) as file:
        for well, movie in zip(("A1", "A2"), movies, strict=True):
            file.write(movie, metadata={"axes": "TYX", "Name": well})
    rows = [f"plate.ome.tif,{folder / f'{x}_l.tif'},{i},{i}" for i, x in enumerate("ab")]
    (tmp_path / "t.csv").write_text("\n".join(["movie,labels,frames,position", *rows]))
    answer = run("train", "--table", tmp_path / "t.csv", "--out", tmp_path / "m", *QUICK)
    assert answer.code == 0, answer.stderr
    record = Model.load(tmp_path / "m.safetensors").record
    found = [(row["movie"], row["frames"]) for row in record["movies"]]
    assert found == [("plate.ome.tif position A1", [0]), ("plate.ome.tif position A2", [1])]
