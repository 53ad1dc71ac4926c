"""Kind *two programs on one output*: nobody's results are gone without a word."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_unet.cli.outputs import unused
from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.formats.table import table_writer
from napari_unet.engine.export.formats.write_labels import labels_writer
from napari_unet.engine.export.overlay.write_movie import movie_writer
from napari_unet.engine.export.target.writing import WriteOptions
from napari_unet.engine.files.atomic import process_mark, runs_elsewhere
from napari_unet.engine.stack.stack import Stack

pytestmark = pytest.mark.slow

CLI = [sys.executable, "-m", "napari_unet.cli"]


@pytest.fixture(scope="module")
def rivals(tmp_path_factory, world):
    """Two movies of one name in two folders."""
    folder = tmp_path_factory.mktemp("rivals")
    movie = np.tile(tifffile.imread(world.movie), (3, 2, 2))
    for name, frames in (("d1", movie), ("d2", movie[::-1].copy())):
        (folder / name).mkdir()
        tifffile.imwrite(folder / name / "m.tif", frames, imagej=True, metadata={"axes": "TYX"})
    return folder


def at_once(*commands):
    """Start all, and wait for all: code and last line of each."""
    running = [
        subprocess.Popen(
            [*CLI, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for words in commands
    ]
    ended = []
    for process in running:
        _, stderr = process.communicate(timeout=200)
        ended.append((process.returncode, stderr.strip().splitlines()[-1]))
    return ended


def source_of(path):
    return json.loads(path.with_name(path.name + ".json").read_text("utf-8"))["source"]["path"]


@pytest.mark.parametrize("more", [[], ["--overwrite"]], ids=str)
def test_two_movies_of_one_name_into_one_folder(rivals, world, tmp_path, more):
    words = ("--model", world.model, "--no-movie", "--threads", 1, "--out", tmp_path, *more)
    ended = at_once(*(("segment", rivals / d / "m.tif", *words) for d in ("d1", "d2")))
    codes = [code for code, _ in ended]
    assert codes in ([0, 1], [1, 0]), ended
    winner = f"d{codes.index(0) + 1}"
    for name in ("labels.tif", "objects.csv"):
        assert source_of(tmp_path / name).endswith(str(Path(winner, "m.tif")))
    refusal = ended[codes.index(1)][1]
    assert "another program" in refusal or "made in another way" in refusal
    assert not list(tmp_path.rglob(".*"))


def test_two_thresholds_into_one_folder(rivals, world, tmp_path):
    words = ("segment", rivals / "d1" / "m.tif", "--model", world.model, "--no-movie")
    both = at_once(*((*words, "--out", tmp_path, "--threshold", t) for t in (0.4, 0.6)))
    assert sorted(code for code, _ in both) == [0, 1], both


def test_the_same_command_twice_ends_well(rivals, world, tmp_path, run):
    words = ("segment", rivals / "d1" / "m.tif", "--model", world.model, "--no-movie", "--out")
    both = at_once(*((*words, tmp_path / "both") for _ in range(2)))
    assert [code for code, _ in both] == [0, 0], both
    assert run(*words, tmp_path / "alone").code == 0
    for name in ("labels.tif", "objects.csv"):
        one, other = (tmp_path / d / name for d in ("both", "alone"))
        assert one.read_bytes() == other.read_bytes()


@contextmanager
def announced(folder):
    """Say in the sidecars of a folder's results that a living process is writing them."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        mark = f"{process_mark().partition('p')[0]}p{other.pid:x}"
        for name in ("labels.tif", "objects.csv"):
            path = folder / f"{name}.json"
            said = json.loads(path.read_text("utf-8"))
            path.write_text(json.dumps({**said, "unfinished": mark}), "utf-8")
        assert runs_elsewhere(mark)
        yield
        other.communicate(b"\n")
    assert not runs_elsewhere(mark)


def test_who_is_at_work_is_said_before_anything_is_computed(rivals, world, tmp_path, run):
    words = ("--model", world.model, "--no-movie", "--out", tmp_path)
    assert run("segment", rivals / "d1" / "m.tif", *words).code == 0
    with announced(tmp_path):
        answer = run("segment", rivals / "d2" / "m.tif", *words, "--overwrite")
        assert answer.code == 1 and "is being written by another program" in answer.error
        assert str(rivals / "d1" / "m.tif") in answer.error and "Segment" not in answer.stderr
        assert run("segment", rivals / "d1" / "m.tif", *words).code == 0  # the same work
    assert run("segment", rivals / "d2" / "m.tif", *words, "--overwrite").code == 0


@pytest.mark.parametrize("mark", [True, None, "", "x", "0000p1", 7])
def test_marks_that_are_nobody_here(mark):
    assert not runs_elsewhere(mark)
    assert not runs_elsewhere(process_mark())


WRITERS = {
    "labels.tif": labels_writer,
    "labels": partial(labels_writer, format="tiffs"),
    "objects.csv": table_writer,
    "overlay.avi": movie_writer,
    "frames": movie_writer,
}


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", WRITERS)
def test_an_export_looks_again_before_it_replaces(world, tmp_path, name, overwrite):
    path = tmp_path / name
    with Stack.open(world.movie) as movie:
        writer = WRITERS[name](path, movie, options=WriteOptions([0], overwrite))
        next(writer)
        if path.suffix:
            path.write_text("of another program")
        else:
            path.mkdir()
            (path / "t000.tif").write_text("of another program")
        writer.send((0, np.ones(movie.frame_shape, np.uint16)))
        if overwrite and path.suffix:
            with pytest.raises(StopIteration):
                writer.send(None)
            return
        with pytest.raises(BadInput, match=r"meanwhile|exists already"):
            writer.send(None)
    kept = path if path.suffix else path / "t000.tif"
    assert kept.read_text() == "of another program"
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_model_is_not_lost_to_another_of_its_name(tmp_path, capsys):
    path = tmp_path / "m.safetensors"
    assert unused(path) == path and not capsys.readouterr().err
    path.touch()
    path.with_name("m-2.safetensors").touch()
    assert unused(path).name == "m-3.safetensors"
    assert "written by another program meanwhile" in capsys.readouterr().err
