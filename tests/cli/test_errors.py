"""Bad input: one plain line on stderr, an exit code, and nothing half-written."""

from __future__ import annotations

import inspect
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_unet.cli.app import COMMANDS


@pytest.fixture
def bad(world, tmp_path):
    """Files that no command can work with, by what is wrong with them."""
    movie, truth = tifffile.imread(world.movie), tifffile.imread(world.truth)
    folder = tmp_path / "bad"
    folder.mkdir()
    whole = world.movie.read_bytes()
    (folder / "truncated.tif").write_bytes(whole[: len(whole) // 2])
    (folder / "text.tif").write_text("not a picture")
    (folder / "pickle.pth").write_bytes(pickle.dumps({"weights": print}))
    (folder / "pickle.safetensors").write_bytes(pickle.dumps({"weights": print}))
    model = bytearray(world.model.read_bytes())
    model[-20] ^= 1
    (folder / "flipped.safetensors").write_bytes(model)
    small = {"axes": "TYX"}
    tifffile.imwrite(folder / "empty.tif", np.zeros_like(truth), imagej=True, metadata=small)
    tifffile.imwrite(folder / "small.tif", truth[:, :-8], imagej=True, metadata=small)
    tifffile.imwrite(folder / "short.tif", truth[:-1], imagej=True, metadata=small)
    tifffile.imwrite(folder / "flat.tif", np.full_like(movie, 7), imagej=True, metadata=small)
    (folder / "a_file").write_text("")
    (folder / "a.zarr.zip").write_text("no zip")
    (folder / "loop.tif").symlink_to(folder / "loop.tif")
    (folder / "m.safetensors").mkdir()
    return folder


SEGMENT = "segment {movie} --out {out} --model {model} --no-movie"
TRAIN = "train {movie} {truth} --out {out}/m.safetensors --steps 1 --frames 0,1"

CASES = {
    "truncated movie": ("segment {bad}/truncated.tif --out {out} --model {model}", "truncated.tif"),
    "no picture": ("segment {bad}/text.tif --out {out} --model {model}", "text.tif"),
    "no movie": ("segment {bad}/nothing.tif --out {out} --model {model}", "nothing.tif"),
    "a loop of links": ("segment {bad}/loop.tif --out {out} --model {model}", "loop.tif"),
    "an address": ("segment https://example.org/a.tif --out {out} --model {model}", "address"),
    "info about a zip of no model": ("info {bad}/a.zarr.zip", "OME-Zarr"),
    "a folder for a model": (TRAIN.replace("{out}/m", "{bad}/m"), "is a folder"),
    "a folder in its way, replaced": (
        TRAIN.replace("{out}/m", "{bad}/m") + " --overwrite",
        "m.safetensors is a folder",
    ),
    "no frames": ("segment {empty} --out {out} --model {model}", "empty"),
    "too few axes": (SEGMENT + " --axes YX", "YX"),
    "no such axis": (SEGMENT + " --axes QQQ", "QQQ"),
    "no such channel": (SEGMENT + " --channel GFP", "GFP"),
    "no such position": (SEGMENT + " --position 7", "7"),
    "pickle as pth": ("segment {movie} --out {out} --model {bad}/pickle.pth", "pickle.pth"),
    "pickle as model": (
        "segment {movie} --out {out} --model {bad}/pickle.safetensors",
        "pickle.safetensors",
    ),
    "damaged model": (
        "segment {movie} --out {out} --model {bad}/flipped.safetensors",
        "flipped.safetensors",
    ),
    "no such model": ("segment {movie} --out {out} --model unknown", "unknown"),
    "no recipe": ("segment {movie} --out {out} --recipe {bad}/text.tif", "text.tif"),
    "out is a file": ("segment {movie} --out {bad}/a_file --model {model}", "a_file"),
    "out in a file": ("segment {movie} --out {bad}/a_file/x --model {model}", "a_file"),
    "empty labels": (TRAIN.replace("{truth}", "{bad}/empty.tif"), "empty"),
    "labels of another shape": (TRAIN.replace("{truth}", "{bad}/small.tif"), "small.tif"),
    "labels of fewer frames": (TRAIN.replace("{truth}", "{bad}/short.tif"), "short.tif"),
    "constant movie": (TRAIN.replace("{movie}", "{bad}/flat.tif"), "constant"),
    "frame that is not there": (TRAIN.replace("0,1", "0,99"), "99"),
    "no resume without a start": (TRAIN + " --resume", "checkpoint"),
    "scores of another shape": ("evaluate {bad}/small.tif {truth}", "96 x 128"),
    "scores of nothing": ("evaluate {bad}/text.tif {truth}", "text.tif"),
    "labels of another movie": ("export {movie} {bad}/small.tif --out {out}", "small.tif"),
    "info about nothing": ("info {bad}/nothing.tif", "nothing.tif"),
    "info about a pickle": ("info {bad}/pickle.pth", "pickle.pth"),
}


@pytest.mark.parametrize(("words", "named"), CASES.values(), ids=CASES.keys())
def test_one_plain_line_and_nothing_half_written(world, bad, tmp_path, words, named, run):
    out = tmp_path / "out"
    (tmp_path / "empty").mkdir()
    files = [p for p in bad.iterdir() if p.is_file()]
    before = {p: p.read_bytes() for p in files}
    places = {**vars(world), "bad": bad, "out": out, "empty": tmp_path / "empty"}
    answer = run(*(word.format(**places) for word in words.split()))
    assert answer.code == 1, answer.stderr
    assert answer.error.startswith("Error: ")
    assert named in answer.error
    assert "not foreseen" not in answer.error
    assert "Traceback" not in answer.stderr
    assert answer.stdout == ""
    assert {p: p.read_bytes() for p in bad.iterdir() if p.is_file()} == before
    written = [p for p in out.rglob("*") if p.is_file()] if out.exists() else []
    assert not written


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("segment", "MOVIE"),
        ("segment x", "--out"),
        ("segment x --out y --threshold 2", "--threshold"),
        ("segment x --out y --min-size -1", "--min-size"),
        ("segment x --out y --z middle", "--z"),
        ("segment x --out y --device abacus", "abacus"),
        ("train x y --out z --minutes 0", "--minutes"),
        ("train x y --out z --steps none", "--steps"),
        ("export x y --out z --style crayon", "--style"),
        ("evaluate x y --border -1", "--border"),
        ("paint x", "paint"),
        ("check x y --out z --z volume", "looks at images"),
        ("compare x y --network unet --out z --z volume", "looks at images"),
        ("qc x --z volume", "looks at images"),
        ("tune x y z --z volume", "looks at images"),
    ],
)
def test_wrong_words_are_usage_errors(words, named, run):
    answer = run(*words.split())
    assert answer.code == 2
    assert answer.error.startswith("Error: ")
    assert named in answer.error
    assert "--help" in answer.error
    assert len(answer.stderr.splitlines()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no such permission there")
def test_no_write_permission(world, tmp_path, run):
    for path in (tmp_path, *tmp_path.parents, world.movie.parent, *world.movie.parents):
        if path.is_relative_to(Path(tempfile.gettempdir())) and path.stat().st_uid == os.getuid():
            path.chmod(path.stat().st_mode | 0o055)  # readable for anybody
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    with nobody():
        answer = run("segment", world.movie, "--out", folder, "--model", world.model)
    assert answer.code == 1
    assert answer.error.startswith("Error: ")
    assert "locked" in answer.error
    assert not list(folder.iterdir())


@contextmanager
def nobody():
    """Root may write anywhere: be somebody who may not, for a while."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_debug_shows_where_it_came_from(tmp_path, run):
    words = ["--debug", "info", str(tmp_path / "nothing.tif")]
    command = [sys.executable, "-m", "napari_unet.cli", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent as a POSIX signal")
def test_ctrl_c_in_training_keeps_the_model(world, tmp_path):
    out = tmp_path / "kept.safetensors"
    words = ["train", world.movie, world.truth, "--out", out, "--frames", "0-3", "--minutes", "5"]
    command = [sys.executable, "-m", "napari_unet.cli", *map(str, words)]
    process = subprocess.Popen(command, stdout=-1, stderr=-1, text=True)
    assert process.stderr is not None
    for line in process.stderr:  # learning begins after it has said what from
        if "training on" in line:
            break
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    assert "is kept" in stderr
    assert stdout.splitlines()[-1] == str(out)
    assert out.exists()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_lists_each_command_by_the_first_line_of_its_own(name):
    function = getattr(import_module(f"napari_unet.cli.{name}"), name)
    assert COMMANDS[name] == inspect.getdoc(function).splitlines()[0]


def test_a_command_that_is_nearly_right_is_named(run):
    result = run("segmnt")
    assert result.code == 2
    assert "Did you mean 'segment'?" in result.stderr
