"""Notices: said together at the end, what asks for a look first, and kept beside the results."""

from __future__ import annotations

import json
import shutil
from itertools import takewhile

import numpy as np
import pytest
import tifffile

from napari_unet.cli.notices import Noticed
from napari_unet.engine.errors import Notice
from napari_unet.engine.export.target.sidecar import Provenance, read_provenance
from napari_unet.engine.network.model import Model


@pytest.fixture(scope="module")
def odd(world, tmp_path_factory):
    """Two folders of frames with a stranger in each, and a white-is-zero movie."""
    folder = tmp_path_factory.mktemp("odd")
    movie = tifffile.imread(world.movie)[:3]
    for name in ("a", "b"):
        (folder / name).mkdir()
        for t, frame in enumerate(movie):
            tifffile.imwrite(folder / name / f"t{t}.tif", frame)
        tifffile.imwrite(folder / name / "projection.tif", movie.max(0))
    white = (255 - movie / movie.max() * 255).astype(np.uint8)
    tifffile.imwrite(folder / "white.tif", white, photometric="miniswhite")
    return folder


def notices_of(path):
    said = json.loads(path.with_name(path.name + ".json").read_text("utf-8"))
    return [(n["level"], n["line"]) for n in said["notices"]]


def test_of_one_movie_at_the_end_and_in_the_sidecar(odd, world, tmp_path, run):
    words = ("segment", odd / "a", "--model", world.model, "--no-movie", "--out", tmp_path)
    answer = run(*words)
    assert answer.code == 0
    lines = [line for line in answer.stderr.splitlines() if line.startswith(("Please", "Noted"))]
    assert lines[-1] == answer.error  # nothing is said after them
    assert any("projection.tif" in line for line in lines)
    for name in ("labels.tif", "objects.csv"):
        (stranger, *_) = [line for level, line in notices_of(tmp_path / name) if level == "check"]
        assert "projection.tif" in stranger


def test_many_movies_stand_together_and_the_same_is_said_once(odd, world, tmp_path, run):
    words = ("--model", world.model, "--no-movie", "--out", tmp_path)
    answer = run("segment", odd / "white.tif", odd / "a", odd / "b", *words)
    assert answer.code == 0
    *before, summary = answer.stderr.splitlines()
    assert summary == "3 movies: 3 segmented."
    end = list(takewhile(lambda line: line.startswith(("Please", "Noted")), reversed(before)))[::-1]
    levels = [line.partition(":")[0] for line in end]
    assert levels == sorted(levels, key=["Please check", "Noted"].index)
    (stranger,) = [line for line in end if "projection.tif" in line]
    assert "the same of 1 other movie: b" in stranger


def test_a_refusal_stays_the_last_line(odd, tmp_path, run):
    answer = run("segment", odd / "a", "--model", "nobody", "--out", tmp_path)
    assert answer.code == 1 and answer.error.startswith("Error: ")
    answer = run("export", odd / "a", odd / "white.tif", "--out", tmp_path, "--frames", "9")
    assert answer.code == 1 and answer.error.startswith("Error: ")
    assert "Please check" in answer.stderr


def test_an_export_goes_on_with_what_its_labels_say(odd, world, tmp_path, run):
    first, second = tmp_path / "one", tmp_path / "two"
    words = ("segment", odd / "a", "--model", world.model, "--no-movie", "--out", first)
    assert run(*words).code == 0
    labels = first / "labels.tif"
    notices = (Notice("check", "found by somebody"),)
    path = labels.with_name("labels.tif.json")
    said = json.loads(path.read_text("utf-8"))
    said["notices"].append({"level": "check", "line": "found by somebody"})
    path.write_text(json.dumps(said), "utf-8")
    assert read_provenance(labels).notices[-1:] == notices
    assert run("export", odd / "a", labels, "--no-movie", "--out", second).code == 0
    for name in ("objects.csv",):
        lines = [line for _, line in notices_of(second / name)]
        assert "found by somebody" in lines and len(set(lines)) == len(lines)


@pytest.mark.parametrize(
    ("axes", "shape", "said"),
    [
        (
            "TCYX",
            (3, 2),
            "of the 2 channels of m.ome.tif (channel 0, channel 1) the first is taken",
        ),
        ("TZYX", (3, 4), "of the 4 sections of m.ome.tif the maximum is taken"),
        ("TYXS", (3,), "the colours of m.ome.tif are taken as grey"),
    ],
)
def test_what_is_taken_of_several_is_noted_where_nobody_chose(
    world, tmp_path, run, axes, shape, said
):
    plane = tifffile.imread(world.movie)[0]
    movie = np.broadcast_to(plane, (*shape, *plane.shape)).astype(np.uint8)
    if axes == "TYXS":
        movie = np.repeat(movie[..., None], 3, -1)
    path = tmp_path / "m.ome.tif"
    tifffile.imwrite(
        path,
        movie,
        metadata={"axes": axes},
        photometric=("rgb" if axes == "TYXS" else "minisblack"),
    )
    answer = run("segment", path, "--model", world.model, "--no-movie", "--out", tmp_path / "r")
    assert answer.code == 0 and f"Noted: {said}" in answer.stderr
    assert any(said in line for _, line in notices_of(tmp_path / "r" / "labels.tif"))
    again = tmp_path / "again"
    answer = run("export", path, tmp_path / "r" / "labels.tif", "--no-movie", "--out", again)
    assert answer.stderr.count(f"Noted: {said}") == 1
    assert any(said in line for _, line in notices_of(again / "objects.csv"))


def test_a_table_says_how_many_pixels_of_cells_it_left_out(world, tmp_path, run):
    movie = tifffile.imread(world.movie).astype(np.float32)
    truth = tifffile.imread(world.truth)
    movie[1][truth[1] == truth[1].max()], movie[3] = np.nan, np.nan
    truth[3] = 0
    cells = tmp_path / "truth.tif"
    tifffile.imwrite(cells, truth)
    tifffile.imwrite(tmp_path / "ratio.tif", movie, metadata={"axes": "TYX"})
    n = np.count_nonzero(truth[1] == truth[1].max())
    first, second = tmp_path / "one", tmp_path / "two"
    words = ("export", tmp_path / "ratio.tif", cells, "--no-movie", "--no-labels")
    answer = run(*words, "--out", first)
    assert answer.stderr.count(f"Please check: {n} pixels of cells in 1 frame of ratio") == 1
    assert any(f"{n} pixels of cells" in line for _, line in notices_of(first / "objects.csv"))
    words = ("segment", tmp_path / "ratio.tif", "--model", world.model, "--no-movie")
    answer = run(*words, "--out", second)
    assert answer.code == 0
    said = [line for _, line in notices_of(second / "objects.csv") if "have no value" in line]
    assert all(line in answer.stderr for line in said)
    line = "ratio.tif has no pixel with a value (NaN or infinite) in frame 3: what is found"
    assert f"Please check: {line}" in answer.stderr


def test_sidecars_of_earlier_versions_are_read(world, tmp_path, run):
    words = ("segment", world.movie, "--model", world.model, "--no-movie", "--out", tmp_path)
    words = (*words, "--no-split")  # where cells are parted, 0.1.0 had another rule for holes
    assert run(*words).code == 0
    for name in ("labels.tif", "objects.csv"):
        path = tmp_path / f"{name}.json"
        said = json.loads(path.read_text("utf-8"))
        del said["notices"]
        path.write_text(json.dumps(said), "utf-8")
    found = read_provenance(tmp_path / "labels.tif")
    assert found.model_sha256 == Model.load(world.model).sha256 and found.notices == ()
    assert "nothing to do" in run(*words).stderr
    assert Provenance().notices == ()


def test_a_model_remembers_what_was_odd_about_its_labels(odd, world, tmp_path, run):
    labels, out = tmp_path / "labels", tmp_path / "m.safetensors"
    shutil.copytree(odd / "a", labels)
    (labels / "projection.tif").unlink()
    truth = tifffile.imread(world.truth)
    for t in range(3):
        tifffile.imwrite(labels / f"t{t}.tif", truth[t])
    answer = run("train", odd / "a", labels, "--out", out, "--steps", 1)
    assert answer.code == 0, answer.stderr
    levels = {n["level"] for n in Model.load(out).record["notices"]}
    assert "check" in levels
    assert "projection.tif" in answer.stderr.splitlines()[-1] or "Please check" in answer.stderr


@pytest.mark.parametrize("command", ["info", "evaluate"])
def test_json_holds_them(odd, world, command, run):
    words = {"info": ("info", odd / "a"), "evaluate": ("evaluate", world.truth, world.truth)}
    values = json.loads(run(*words[command], "--json").stdout)
    assert isinstance(values["please_check"], list) and isinstance(values["noted"], list)
    if command == "info":
        assert "projection.tif" in values["please_check"][0]


def test_thirty_movies_give_one_line(capsys):
    with Noticed() as noticed:
        for i in range(30):
            noticed.of(f"m{i}.tif", [Notice("noted", f"m{i}.tif has no interval")])
        noticed.of("m7.tif", [Notice("check", "m7.tif has pages of two sizes")])
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "Please check: m7.tif has pages of two sizes.",
        "Noted: m0.tif has no interval (the same of 29 other movies: m1.tif, m2.tif, m3.tif …).",
    ]
