"""Kind *places*: where words on the command line say that files are, whatever they are called."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import typing
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_unet.cli import demo, evaluate, export, segment, train
from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.target.sidecar import sidecar_path
from napari_unet.engine.files.names import printable, user_path
from napari_unet.engine.jobs.queue.movies import find_movies
from napari_unet.engine.network.model import Model
from napari_unet.engine.session.recipe import Recipe
from napari_unet.engine.settings import Selection
from napari_unet.engine.stack.stack import Stack

LATIN = b"Z\xfcrich"  # as an old disk or a zip of another computer has it
any_bytes = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="every name is text on this system"
)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home of its own, and another folder to be in."""
    (tmp_path / "home").mkdir()
    (tmp_path / "here").mkdir()
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "home"


def frame(path, value=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, np.full((16, 16), value, np.uint16), metadata={"axes": "YX"})
    return path


# --- ~ ---------------------------------------------------------------------------------------


COMMANDS = (demo.demo, evaluate.evaluate, export.export, segment.segment, train.train)


def test_every_path_of_every_command_knows_the_home():
    seen = 0
    for function in COMMANDS:
        for name, hint in typing.get_type_hints(function, include_extras=True).items():
            kinds = (
                (hint.__origin__, *typing.get_args(hint.__origin__))
                if name != "return" and hasattr(hint, "__metadata__")
                else ()
            )
            if Path in kinds:
                assert hint.__metadata__[0].parser is user_path, f"{function.__name__} {name}"
                seen += 1
    assert seen >= 10


def test_home_in_every_path_option(home, world, bright, run):
    shutil.copy(world.movie, home / "movie.tif")
    shutil.copy(world.truth, home / "truth.tif")
    model = bright.save(home / "bright.safetensors")
    Recipe(model="~/bright.safetensors").save("~/recipe.json")
    for words in (
        "segment ~/movie.tif --model ~/bright.safetensors --out=~/one --no-movie",
        "segment ~/mov*.tif --recipe=~/recipe.json --out ~/two --no-movie",
        "export ~/movie.tif ~/one/labels.tif --out=~/three --no-movie --no-table",
        "export ~/movie.tif ~/truth.tif --before=~/one/labels.tif --style before_after "
        "--out ~/four --no-labels --no-table",
        "evaluate ~/one/labels.tif ~/truth.tif",
        "train ~/movie.tif ~/truth.tif --base=~/bright.safetensors --out=~/five --steps 1",
        "info ~/movie.tif",
        "info ~/bright.safetensors",
    ):
        answer = run(*words.split())
        assert answer.code == 0, (words, answer.stderr)
    there = {path.name for path in home.iterdir()}
    assert there >= {"one", "two", "three", "four", "five.safetensors"}
    assert not list(Path().iterdir())  # no folder called ~
    assert Model.load("~/bright.safetensors").sha256 == Model.load(model).sha256


@pytest.mark.parametrize("name", ["~draft.tif", "~$movie.tif", "a~b.tif"])
def test_a_tilde_that_is_nobodys_home_is_a_letter(home, name, run):
    frame(Path(name))
    assert user_path(name) == Path(name)
    assert run("info", name).code == 0


# --- brackets and other letters of patterns --------------------------------------------------

PLACES = {
    "brackets": ("exp [1]", "exp [1]/*.tif", ["a.tif", "b.tif"]),
    "a range": ("well [A-C]", "well [A-C]/*.tif", ["a.tif", "b.tif"]),
    "in the names, too": ("exp [1]", "exp [1]/film [2]*.tif", ["film [2]a.tif", "film [2]b.tif"]),
    "deeper": ("[x]/[y] z", "[x]/**/*.tif", ["a.tif"]),
    "the folder as a pattern": ("exp [1] day", "exp [1]*/a*.tif", ["a1.tif", "a2.tif"]),
    "pattern and letters": ("run [1]b", "run [1]*/t[0-9].tif", ["t1.tif", "t2.tif"]),
    "one file": ("exp [1]", "exp [1]/film [2].tif", ["film [2].tif"]),
    "half a bracket": ("exp [1", "exp [1/*.tif", ["a.tif"]),
    "umlauts": ("Zürich 細胞 µm", "Zürich*/*.tif", ["ü.tif"]),
    "a percent sign": ("100%d", "100%d/*.tif", ["50%.tif"]),
    "braces and quotes": ("{a,b} 'c'", "{a,b} 'c'/*.tif", ["$x.tif", "a&b.tif"]),
}


@pytest.mark.parametrize(("folder", "pattern", "names"), PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("absolute", [False, True])
def test_what_is_there_is_meant_before_a_pattern(home, folder, pattern, names, absolute):
    for i, name in enumerate(names):
        frame(Path(folder, name), i)
    frame(Path("exp 1", "decoy.tif"))
    frame(Path("well B", "decoy.tif"))
    word = str(Path(pattern).absolute()) if absolute else pattern
    found = find_movies([word], Selection(), every_position=True)
    assert [movie.path.name for movie in found] == names
    assert all(movie.frames == 1 for movie in found)


@pytest.mark.skipif(sys.platform == "win32", reason="no such names there")
@pytest.mark.parametrize("folder", ["what?", "a*b", "back\\slash", "line\nbreak"])
def test_letters_that_only_some_disks_take(home, folder):
    frame(Path(folder, "a.tif"))
    frame(Path("whatx", "decoy.tif"))
    found = find_movies([f"{folder}/*.tif"], Selection(), every_position=True)
    assert [movie.path for movie in found] == [Path(folder, "a.tif")]


def test_a_class_of_letters_is_a_pattern_where_nothing_is_called_so(home):
    for name in ("t1.tif", "t2.tif", "t3.tif"):
        frame(Path("exp 1", name))
    found = find_movies(["exp [12]/t[12].tif"], Selection(), every_position=True)
    assert [movie.path.name for movie in found] == ["t1.tif", "t2.tif"]
    with pytest.raises(BadInput, match="no movie matches"):
        find_movies(["exp [34]/*.tif"], Selection(), every_position=True)


# --- links -----------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
@pytest.mark.parametrize("word", ["links/a.tif", "links/*.tif", "links"])
def test_a_dead_link_is_said(home, word, run):
    frame(Path("real", "t2.tif"))
    Path("links").mkdir()
    for name in ("a.tif", "b.tif"):
        Path("links", name).symlink_to(Path("../real", name))
    Path("links", "t2.tif").symlink_to(Path("../real/t2.tif"))
    answer = run("segment", word, "--out", "out", "--no-movie")
    assert answer.code == 1
    assert "a.tif" in answer.stderr and "link to a file that is gone" in answer.stderr


# --- names that are no text ------------------------------------------------------------------


def command(*words, **options):
    """Run the program as a user does; words may be bytes."""
    line = [os.fsencode(sys.executable), b"-m", b"napari_unet.cli", *map(os.fsencode, words)]
    done = subprocess.run(line, capture_output=True, timeout=200, check=False, **options)
    assert b"not foreseen" not in done.stderr and b"Traceback" not in done.stderr, done.stderr
    return done


@any_bytes
@pytest.mark.slow
def test_names_that_are_no_utf8_from_movie_to_export(tmp_path, world, bright):
    place = os.fsencode(tmp_path) + b"/" + LATIN
    Path(os.fsdecode(place)).mkdir()
    movie, model, out = place + b"/f\xe9.tif", place + b"/m\xf8.safetensors", place + b"/out"
    shutil.copy(world.movie, movie)
    bright.save(os.fsdecode(model))
    done = command(b"segment", movie, b"--model", model, b"--out", out)
    assert done.returncode == 0, done.stderr
    # the bytes of the disk: a script can go on with them
    assert done.stdout.splitlines() == [
        out + b"/" + name for name in (b"labels.tif", b"objects.csv", b"overlay.mp4")
    ]
    again = command(b"segment", movie, b"--model", model, b"--out", out)
    assert b"nothing to do" in again.stderr
    said = json.loads(sidecar_path(Path(os.fsdecode(out), "labels.tif")).read_text("utf-8"))
    assert os.fsencode(said["source"]["path"]) == movie
    labels = out + b"/labels.tif"
    for kind in ("ome-tiff", "imagej", "zarr", "ctc", "rois"):
        to = place + b"/\xfc" + kind.encode()
        words = (b"--format", kind.encode(), b"--no-movie", b"--overwrite")
        done = command(b"export", movie, labels, b"--out", to, *words)
        assert done.returncode == 0, done.stderr
    assert command(b"evaluate", labels, labels, b"--json").returncode == 0


@any_bytes
def test_frames_and_recipes_whose_names_are_no_utf8(tmp_path, bright):
    for i in range(3):
        frame(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xfc")) / f"t{i}.tif", i)
        frame(Path(os.fsdecode(os.fsencode(tmp_path) + b"/seq/\xfc%d.tif" % i)), i)
    for folder in ("\udcfc", "seq"):
        with Stack.open(tmp_path / folder) as stack:
            assert len(stack) == 3
            assert stack.fingerprint and stack.stamp and stack.content
    model = bright.save(tmp_path / "m\udcf8.safetensors")
    saved = Recipe(model=str(model)).save(tmp_path / "r\udcfc.json")
    assert Recipe.load(saved).model == str(model)
    assert saved.read_text("utf-8")
    assert Model.load(saved.with_name(model.name)).sha256 == bright.sha256


def test_what_is_shown_of_a_name():
    assert printable("Z\udcfcrich ü 細") == "Z�rich ü 細"


@any_bytes
@pytest.mark.parametrize("wrong", [b"none\xfc.tif", b"te\xfct.tif"])
def test_errors_about_such_names_are_one_line(tmp_path, wrong):
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/te\xfct.tif"))).write_text("no picture")
    done = command(b"info", os.fsencode(tmp_path) + b"/" + wrong)
    assert done.returncode == 1
    (line,) = done.stderr.decode().splitlines()
    assert printable(os.fsdecode(wrong)) in line


@any_bytes
@pytest.mark.parametrize("settings", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}], ids=str)
def test_a_terminal_of_another_alphabet(tmp_path, settings):
    name = "Zürich 細胞.tif"
    frame(tmp_path / name)
    done = command("info", tmp_path / name, env={**os.environ, **settings})
    assert done.returncode == 0, done.stderr
    assert b"frames" in done.stdout
