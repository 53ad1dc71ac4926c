"""Doubts on the command line: of label files and of sessions, listed and repaired."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import tifffile

from napari_unet.engine.labels.codes import encode
from napari_unet.engine.labels.space.neighbours import steps_of
from napari_unet.engine.network.model import Model
from napari_unet.engine.prediction.prediction import prediction_key
from napari_unet.engine.prediction.probabilities import Probabilities
from napari_unet.engine.session.live_movie import live_labels
from napari_unet.engine.session.session_folder import SessionFolder
from napari_unet.engine.settings import LabelSettings, PredictSettings
from napari_unet.engine.stack.stack import Stack
from napari_unet.sample.movie import sample_movie
from napari_unet.sample.slips import labels_with_slips
from napari_unet.sample.volumes import VolumeWorld, sample_volumes

SHAPE = (192, 240)


def write(path, frames):
    tifffile.imwrite(path, frames, imagej=True, metadata={"axes": "TYX"})
    return path


@pytest.fixture(scope="module")
def slips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slips")
    movie, truth = sample_movie(frames=10, shape=SHAPE)
    damaged, put = labels_with_slips(truth, 8, seed=2)
    write(folder / "movie.tif", movie)
    return folder / "movie.tif", write(folder / "damaged.tif", damaged), truth, put


def test_a_label_file(slips, run, tmp_path):
    movie, damaged, truth, put = slips
    parquet = pytest.importorskip("pyarrow.parquet")
    tables = [tmp_path / f"doubts.{kind}" for kind in ("csv", "parquet")]
    answer = run("doubts", movie, damaged, "--table", tables[0])
    assert answer.code == 0, answer.stderr
    lines = answer.stdout.splitlines()
    assert len(lines) == len(put)
    assert "gone for a frame; take it in, as on frame" in answer.stdout

    out = tmp_path / "repaired.tif"
    words = ("--apply", "gone", "--apply", "cut", "--apply", "merged")
    written = ("--out", out, "--table", tables[1])
    answer = run("doubts", movie, damaged, *words, *written, "--json")
    assert answer.code == 0, answer.stderr
    answer = json.loads(answer.stdout)
    with tables[0].open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    read = parquet.read_table(tables[1]).to_pydict()
    for name, key in (("frame", "frame"), ("words", "words"), ("score", "score")):
        said = [str(one[key]) for one in answer["doubts"]]
        assert said == [row[name] for row in rows] == [str(value) for value in read[name]]
    labels = [" ".join(map(str, one["labels"])) for one in answer["doubts"]]
    assert labels == [row["labels"] for row in rows] == [cells or "" for cells in read["labels"]]
    assert {one["frame"] for one in answer["doubts"]} == {slip.frame for slip in put}
    taken = [one["frame"] for one in answer["repaired"]]
    assert sorted(taken) == [slip.frame for slip in put if slip.kind != "invented"]
    repaired, before = tifffile.imread(out), tifffile.imread(damaged)
    for t in range(len(truth)):
        n_true = len(np.unique(truth[t]))
        if t in taken:
            assert len(np.unique(repaired[t])) == n_true
        else:
            assert np.array_equal(repaired[t], before[t])
    again = run("doubts", movie, out)
    assert all("appears from nowhere" in line for line in again.stdout.splitlines())


def test_volumes(run, tmp_path):
    world = VolumeWorld(frames=6, shape=(14, 112, 112), density=5, seed=1)
    movie, truth = sample_volumes(world)
    damaged, put = labels_with_slips(truth, 4, seed=3, steps=steps_of(world.spacing, 3))
    files = tmp_path / "movie.tif", tmp_path / "damaged.tif"
    for path, frames in zip(files, (movie, damaged), strict=True):
        tifffile.imwrite(path, frames, imagej=True, metadata={"axes": "TZYX"})
    taken = ("--z", "volume", "--z-step", 1.5, "--pixel-size", 0.4)
    out, table = tmp_path / "repaired.tif", tmp_path / "doubts.csv"
    repairs = ("--apply", "gone", "--apply", "cut", "--apply", "merged", "--out", out)
    answer = run("doubts", *files, *taken, *repairs, "--table", table, "--json")
    assert answer.code == 0, answer.stderr
    answer = json.loads(answer.stdout)
    for slip in put:
        near = [one for one in answer["doubts"] if one["frame"] == slip.frame]
        ways = [np.subtract([one[axis] for axis in "zyx"], slip.place) for one in near]
        assert min(np.abs(way).max() for way in ways) < 4
    mended = [one["frame"] for one in answer["repaired"]]
    assert sorted(mended) == [slip.frame for slip in put if slip.kind != "invented"]
    repaired = tifffile.imread(out)
    assert repaired.shape == damaged.shape
    assert all(len(np.unique(repaired[t])) == len(np.unique(truth[t])) for t in mended)
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["z"]) for row in rows] == [one["z"] for one in answer["doubts"]]
    line = run("doubts", *files, *taken).stdout.splitlines()[0]
    assert f"frame {rows[0]['frame']}, z {float(rows[0]['z']):.0f}, y " in line


def test_the_session_beside_the_movie(slips, run, tmp_path):
    movie = write(tmp_path / "movie.tif", tifffile.imread(slips[0]))
    damaged = tifffile.imread(slips[1])
    with Stack.open(movie) as stack:
        folder = SessionFolder.for_movie(stack)
        key = {"fingerprint": stack.fingerprint, "model": "x", "outputs": ["object"]}
        shape = (len(stack), 1, *SHAPE)
        with Probabilities.create(folder.probabilities_path(key), shape, key) as kept:
            for t, frame in enumerate(damaged):
                kept.write(t, encode(np.where(frame > 0, 0.97, 0.03))[None])
        folder.save(models=("x",), labels=LabelSettings(min_size=10, split=False))
    first = json.loads(run("doubts", movie, "--session", "--json").stdout)["doubts"]
    gone = [one["frame"] for one in first if one["reason"] == "gone for a frame"]
    assert gone
    answer = run("doubts", movie, "--apply", "gone")
    assert answer.code == 0, answer.stderr
    assert f"{len(gone)} repair" in answer.stderr
    with Stack.open(movie) as stack:
        assert live_labels(stack).corrections.n_done == len(gone)
    left = json.loads(run("doubts", movie, tmp_path / "movie.unet", "--json").stdout)["doubts"]
    assert not any(one["reason"] == "gone for a frame" for one in left)


def test_what_the_model_finds_otherwise_in_mirrored_frames(slips, world, run, tmp_path):
    def contradicted(*words):
        answer = run("doubts", *words, "--json")
        assert answer.code == 0, answer.stderr
        found = json.loads(answer.stdout)["doubts"]
        return [one for one in found if one["reason"] == "the model contradicts itself"]

    assert contradicted(slips[0], slips[1]) == []
    assert contradicted(slips[0], slips[1], "--flips", 2, "--model", world.model) == []  # not its
    movie = write(tmp_path / "movie.tif", tifffile.imread(slips[0]))
    damaged, model = tifffile.imread(slips[1]), Model.load(world.model)
    with Stack.open(movie) as stack:
        folder = SessionFolder.for_movie(stack)
        key, shape = prediction_key(stack, model, PredictSettings()), (len(stack), 2, *SHAPE)
        with Probabilities.create(folder.probabilities_path(key), shape, key) as kept:
            for t, frame in enumerate(damaged):  # the truth: what learned nothing finds otherwise
                kept.write(t, encode(np.where([frame > 0, frame < 0], 0.97, 0.03)))
        folder.save(
            models=(model.sha256,),
            model=str(world.model),
            labels=LabelSettings(min_size=10, split=False),
        )
    assert contradicted(movie) == []
    found = contradicted(movie, "--flips", 2)
    assert len({one["frame"] for one in found}) == 2
    assert {one["repair"] for one in found} == {None}
    answer = run("doubts", movie, "--flips", 2, "--model", "nuclei-fluorescence")
    assert "segmented by another model than nuclei-fluorescence" in answer.error


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--flips", "2"), "say with --model"),
        (("--flips", "-1"), "greater than or equal to 0"),
        (("--flips", "0", "--model", "nuclei-fluorescence"), "it is for --flips"),
        (("--session",), "it takes the place of LABELS"),
        (("--apply", "gone"), "say with --out"),
        (("--out", "x.tif"), "it is for --apply"),
        (("--table", "x.xls"), "x.xls is no .csv"),
        (("--apply", "vanishes", "--out", "x.tif"), "merged"),
    ],
)
def test_words_that_make_no_sense(slips, run, words, said):
    answer = run("doubts", slips[0], slips[1], *words)
    assert answer.code == 2
    assert said in answer.error
