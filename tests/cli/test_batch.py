"""Many movies: a bad one does not stop the rest, a kill loses nothing, a rerun does the rest."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from napari_unet.cli.demo import write_sample
from napari_unet.cli.progress import Stopped
from napari_unet.engine.jobs.queue import do_movie
from napari_unet.engine.jobs.queue.movies import distinct_names, find_movies, shard
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.session.recipe import Recipe
from napari_unet.engine.settings import LabelSettings, PredictSettings, Selection

BAD = ("m03", "m08")


def write_movies(folder, movie, names):
    folder.mkdir(parents=True)
    for i, name in enumerate(names):
        write_sample(folder / f"{name}.tif", np.roll(movie, 7 * i, axis=2))
    return folder


@pytest.fixture(scope="module")
def movies(world, tmp_path_factory):
    """Twelve small movies, of which two are no movies."""
    folder = tmp_path_factory.mktemp("batch") / "movies"
    write_movies(folder, tifffile.imread(world.movie)[:3], [f"m{i:02d}" for i in range(12)])
    whole = (folder / "m03.tif").read_bytes()
    (folder / "m03.tif").write_bytes(whole[: len(whole) // 2])
    (folder / "m08.tif").write_text("not a picture")
    return folder


@pytest.fixture(scope="module")
def model(bright, tmp_path_factory):
    """A recipe for a network whose labels are objects."""
    folder = tmp_path_factory.mktemp("recipe")
    file = bright.save(folder / "bright")
    settings = {"labels": LabelSettings(min_size=5), "predict": PredictSettings(backend="torch")}
    return Recipe(model=str(file), **settings).save(folder / "recipe.json")


def words_for(model, movies, out):
    words = ("segment", movies / "*.tif", "--out", out, "--recipe", model)
    return [str(word) for word in (*words, "--no-movie", "--threads", 1)]


@pytest.fixture(scope="module")
def undisturbed(model, movies, tmp_path_factory, run):
    """Results of a run that nobody disturbed."""
    out = tmp_path_factory.mktemp("undisturbed")
    return out, run(*words_for(model, movies, out))


def test_labels_are_worth_comparing(undisturbed):
    first, second = (tifffile.imread(undisturbed[0] / f"m0{i}_labels.tif") for i in (0, 1))
    assert first.max() > 3
    assert (first != second).any()


def label_files(out):
    return {path.name: path.read_bytes() for path in out.glob("*_labels.tif")}


def test_bad_movies_do_not_stop_the_rest(undisturbed, movies):
    out, answer = undisturbed
    good = [f"m{i:02d}" for i in range(12) if f"m{i:02d}" not in BAD]
    assert answer.code == 1
    assert answer.stdout.split() == [
        str(out / f"{name}_{part}") for name in good for part in ("labels.tif", "objects.csv")
    ]
    *_, summary, first, second = answer.stderr.splitlines()
    assert summary == "12 movies: 10 segmented, 2 failed:"
    for name, line in zip(BAD, (first, second), strict=True):
        assert line.strip().startswith(f"{movies / name}.tif: ")
    assert "not foreseen" not in answer.stderr
    assert sorted(label_files(out)) == [f"{name}_labels.tif" for name in good]
    assert not list(out.glob("*.unet/*.unetp"))  # of many movies they go


def test_cost_of_all_is_said_once(undisturbed):
    out, answer = undisturbed
    (line,) = (line for line in answer.stderr.splitlines() if "Estimate by this movie" in line)
    for part in ("for 12 movies", "30 frames", "of memory", f"on disk in {out} ("):
        assert part in line


# Dies when the sixth file of labels is about to get its name: five are whole, one is nearly.
DIES = """
import os, signal, sys
named = []

def look(event, arguments):
    if event == "os.rename" and str(arguments[1]).endswith("_labels.tif"):
        named.append(arguments[1])
        if len(named) == 6:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(look)
from napari_unet.cli import main
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="killed by a POSIX signal")
def test_killed_halfway_and_run_again(model, movies, undisturbed, tmp_path):
    words = words_for(model, movies, tmp_path)
    killed = subprocess.run(
        [sys.executable, "-c", DIES, *words], capture_output=True, timeout=200, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*_labels.tif")}
    assert len(before) == 5

    no_display = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    again = subprocess.run(
        [sys.executable, "-m", "napari_unet.cli", *words],
        capture_output=True, text=True, env=no_display, timeout=200, check=False,
    )  # fmt: skip
    assert again.returncode == 1
    assert "2 failed" in again.stderr
    assert label_files(tmp_path) == label_files(undisturbed[0])
    kept = [path for path, written in before.items() if path.stat().st_mtime_ns == written]
    assert len(kept) == 5
    assert len(list(tmp_path.glob("*_objects.csv"))) == 10


def test_predictions_resume(model, movies, tmp_path, run):
    words = ("segment", movies / "m00.tif", "--out", tmp_path, "--recipe", model)
    assert run(*words, "--no-movie").code == 0
    expected = (tmp_path / "labels.tif").read_bytes()
    (path,) = tmp_path.glob("*.unet/*.unetp")
    whole = path.read_bytes()
    with Probabilities.open(path) as probabilities:
        shape, key = probabilities.shape, probabilities.key
        kept = probabilities[0].copy()
    path.unlink()
    with Probabilities.create(path, shape, key) as probabilities:
        probabilities.write(0, kept)
    (tmp_path / "labels.tif").unlink()
    answer = run(*words, "--no-movie")
    assert "2 frames, " in answer.stderr
    assert (tmp_path / "labels.tif").read_bytes() == expected
    assert path.read_bytes() == whole


def done_again(run, *words):
    answer = run(*words)
    assert answer.code == 0, answer.stderr
    return "nothing to do" not in answer.stderr


def test_only_what_is_missing_is_done(model, movies, tmp_path, run):
    words = ("segment", movies / "m00.tif", "--out", tmp_path, "--recipe", model)
    assert done_again(run, *words, "--no-movie")
    labels = (tmp_path / "labels.tif").stat().st_mtime_ns
    assert not done_again(run, *words, "--no-movie")
    assert not done_again(run, *words, "--no-movie", "--threads", 1)  # gives the same labels
    (tmp_path / "objects.csv").unlink()
    assert done_again(run, *words)
    assert (tmp_path / "overlay.mp4").exists()
    assert (tmp_path / "objects.csv").exists()
    assert (tmp_path / "labels.tif").stat().st_mtime_ns == labels


def test_overwrite_makes_all_again_and_goes_on_where_it_was_cut_off(
    model, movies, tmp_path, run, undisturbed, monkeypatch
):
    names = ("m00", "m01", "m02")
    files = [movies / f"{name}.tif" for name in names]
    words = ("segment", *files, "--out", tmp_path, "--recipe", model, "--no-movie")
    assert run(*words).code == 0
    for name in names:  # what is written in the same second counts as written since
        for sidecar in tmp_path.glob(f"{name}_*.json"):
            said = {
                **json.loads(sidecar.read_text("utf-8")),
                "written": "2026-01-01T00:00:00+00:00",
            }
            sidecar.write_text(json.dumps(said), "utf-8")
    plain = do_movie.segment_movie

    def stops(stack, *given, **how):
        if stack.name == "m01.tif":
            raise Stopped("Stopped.")
        return plain(stack, *given, **how)

    with monkeypatch.context() as stopped:
        stopped.setattr(do_movie, "segment_movie", stops)
        assert run(*words, "--overwrite").code == 130
    assert run(*words).stderr.endswith("3 movies: 0 segmented, 3 done before.\n")
    answer = run(*words, "--overwrite")
    assert "that was cut off" in answer.stderr
    assert answer.stderr.endswith("3 movies: 2 segmented, 1 done before.\n")
    answer = run(*words, "--overwrite")
    assert answer.stderr.endswith("3 movies: 3 segmented.\n")
    assert not list(tmp_path.glob(".overwriting*"))
    whole = label_files(undisturbed[0])
    assert label_files(tmp_path) == {f"{n}_labels.tif": whole[f"{n}_labels.tif"] for n in names}


def change_sidecar(out, **changes):
    path = out / "labels.tif.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **changes}), "utf-8")


def cut(out):
    path = out / "labels.tif"
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("change", "options"),
    [
        (None, ("--threshold", 0.7)),
        (None, ("--diameter", 40)),
        (None, ("--accurate",)),
        (lambda out: change_sidecar(out, model={"name": "tiny", "sha256": "0" * 64}), ()),
        (lambda out: change_sidecar(out, source={"fingerprint": "0"}), ()),
        (lambda out: change_sidecar(out, frames=[0, 1]), ()),
        (lambda out: (out / "labels.tif.json").unlink(), ()),
        (lambda out: (out / "labels.tif.json").write_text("{"), ()),
        (cut, ()),
    ],
)
def test_what_was_made_otherwise_is_not_taken_as_done(
    model, undisturbed, movies, tmp_path, run, change, options
):
    words = ("segment", movies / "m00.tif", "--out", tmp_path, "--recipe", model)
    assert run(*words, "--no-movie").code == 0
    if change:
        change(tmp_path)
    before = (tmp_path / "labels.tif").read_bytes()
    answer = run(*words, "--no-movie", *options)
    assert answer.code == 1
    assert "add --overwrite" in answer.error
    assert (tmp_path / "labels.tif").read_bytes() == before
    assert done_again(run, *words, "--no-movie", *options, "--overwrite")
    if not options:
        name = "m00_labels.tif"
        assert (tmp_path / "labels.tif").read_bytes() == (undisturbed[0] / name).read_bytes()


def test_a_file_of_which_only_the_start_was_noted_is_written_again(model, movies, tmp_path, run):
    words = ("segment", movies / "m00.tif", "--out", tmp_path, "--recipe", model)
    assert run(*words, "--no-movie").code == 0
    change_sidecar(tmp_path, unfinished=True)  # killed after the rename, before the sidecar
    assert done_again(run, *words, "--no-movie")
    assert not done_again(run, *words, "--no-movie")


def test_every_position_has_results_of_its_own(world, model, tmp_path, run):
    movie = tifffile.imread(world.movie)[:2]
    file = tmp_path / "wells.ome.tif"
    with tifffile.TiffWriter(file, ome=True) as tif:
        for name, shift in (("B 2", 0), ("B 3", 9)):
            shifted = np.roll(movie, shift, axis=2)
            tif.write(shifted, metadata={"axes": "TYX", "Name": name})
    words = ("segment", file, "--recipe", model, "--no-movie", "--out")
    answer = run(*words, tmp_path / "out", "--linked", "--keep-probabilities")
    assert answer.code == 0, answer.stderr
    assert len(list(tmp_path.glob("out/wells.unet/*.unetp"))) == 2
    linked = [json.loads(p.read_text()).get("linked") for p in tmp_path.glob("out/*_labels*.json")]
    assert linked == [True, True]
    answer = run(*words, tmp_path / "out", "--overwrite")
    assert answer.code == 0, answer.stderr
    assert not list(tmp_path.glob("out/*.unet"))
    labels = [path for path in answer.stdout.split() if path.endswith("labels.tif")]
    assert labels == [str(tmp_path / "out" / f"wells_B-{n}_labels.tif") for n in (2, 3)]
    assert run(*words, tmp_path / "one", "--position", 1).code == 0  # one movie: plain names
    first, second = (tifffile.imread(path) for path in labels)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "one" / "labels.tif"), second)
    assert (first != second).any()


def test_shards_share_the_movies(model, movies, tmp_path, run, undisturbed):
    good = [movies / f"m{i:02d}.tif" for i in (0, 1, 2)]
    written = []
    for i in (1, 2):
        options = ("--out", tmp_path, "--recipe", model, "--no-movie", "--shard", f"{i}/2")
        answer = run("segment", *good, *options)
        assert answer.code == 0, answer.stderr
        written.append(answer.stdout.split())
    assert not set(written[0]) & set(written[1])
    whole = label_files(undisturbed[0])
    assert label_files(tmp_path) == {
        name: whole[name] for name in ("m00_labels.tif", "m01_labels.tif", "m02_labels.tif")
    }


def test_one_movie_in_a_job_array_keeps_the_plain_names(model, movies, tmp_path, run):
    words = ("segment", movies / "m00.tif", "--out", tmp_path, "--recipe", model, "--no-movie")
    assert run(*words, "--shard", "2/2").stdout == ""
    assert run(*words, "--shard", "1/2").stdout.split()[0] == str(tmp_path / "labels.tif")


def test_ctrl_c_stops_all(model, movies, tmp_path, run, monkeypatch):
    def stop(*_, **__):
        raise Stopped("Stopped. Frames are kept.")

    monkeypatch.setattr(do_movie, "segment_movie", stop)
    answer = run(*words_for(model, movies, tmp_path))
    assert answer.code == 130
    assert answer.error == "Stopped. Frames are kept."
    assert "Movie 2" not in answer.stderr


def test_what_nobody_foresaw_does_not_stop_the_rest(model, movies, tmp_path, run, monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError("of nothing")

    monkeypatch.setattr(do_movie, "segment_movie", fail)
    answer = run(*words_for(model, movies, tmp_path))
    assert answer.code == 1
    assert "12 movies: 0 segmented, 12 failed:" in answer.stderr
    assert "please report it" in answer.error


@pytest.mark.parametrize("n", [1, 3, 7, 20])
def test_every_movie_is_in_one_shard(n):
    movies = list(range(13))
    parts = [shard(movies, (i, n)) for i in range(1, n + 1)]
    assert sorted(movie for part in parts for movie in part) == movies
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0"])
def test_a_shard_that_makes_no_sense(text, run):
    answer = run("segment", "x.tif", "--out", "y", "--shard", text)
    assert answer.code == 2
    assert "--shard" in answer.error


def test_results_are_not_taken_for_movies(world, model, tmp_path, run):
    folder = write_movies(tmp_path / "here", tifffile.imread(world.movie)[:2], ["a", "b"])
    words = ("segment", folder / "*", "--out", folder, "--recipe", model, "--no-movie")
    assert run(*words).code == 0
    again = run(*words)
    assert again.code == 0, again.stderr
    assert again.stderr.splitlines()[-1] == "2 movies: 0 segmented, 2 done before."
    assert [movie.name for movie in find_movies([str(folder / "*")], Selection(),
                                                every_position=True)] == ["a", "b"]  # fmt: skip


def test_a_pattern_without_movies_is_an_error(tmp_path, run):
    answer = run("segment", tmp_path / "*.tif", "--out", tmp_path / "out")
    assert answer.code == 1
    assert answer.error.startswith("Error: no movie matches")


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["x/a.tif", "x/b.ome.tif"], ["a", "b"]),
        (["x/a.tif", "y/a.tif", "y/b.tif"], ["x_a", "y_a", "b"]),
        (["x/1/a.tif", "y/1/A.tif"], ["x_1_a", "y_1_A"]),
        (["x/a.tif", "x/a.ome.tif"], ["a.tif", "a.ome.tif"]),
        (["x/01", "y/01"], ["x_01", "y_01"]),
    ],
)
def test_names_tell_movies_apart(paths, names, tmp_path):
    assert distinct_names([tmp_path / path for path in paths]) == names


def test_a_movie_that_cannot_be_encoded_costs_no_labels(model, movies, tmp_path, run, monkeypatch):
    words = ("segment", movies / "m00.tif", "--out", tmp_path, "--recipe", model)
    with monkeypatch.context() as without:
        without.setenv("IMAGEIO_FFMPEG_EXE", "/nowhere/ffmpeg")
        answer = run(*words)
    assert answer.code == 1
    assert "ffmpeg" in answer.error
    assert not (tmp_path / "overlay.mp4").exists()
    written = {name: (tmp_path / name).stat().st_mtime_ns for name in ("labels.tif", "objects.csv")}
    assert done_again(run, *words)
    assert (tmp_path / "overlay.mp4").exists()
    for name, before in written.items():
        assert (tmp_path / name).stat().st_mtime_ns == before
