"""Quality at a glance on the command line: which movies, labels, models, and what is refused."""

from __future__ import annotations

import csv
import json

import pytest
import tifffile

from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.engine.session.session_folder import SessionFolder
from napari_unet.engine.stack.stack import Stack
from napari_unet.sample.defects import damaged_sample
from napari_unet.sample.world import SMALL


def write(path, movie):
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, movie, imagej=True, metadata={"axes": "TYX"})
    return path


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A folder of two movies, one of which has a dark frame."""
    folder = tmp_path_factory.mktemp("odd")
    movie = damaged_sample("dark", frames=14, shape=SMALL.shape)
    write(folder / "good.tif", movie.movie[: movie.frames[0]])
    write(folder / "odd.tif", movie.movie)
    return folder, movie.frames[0]


def table(folder):
    with (folder / "qc.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_folder_of_movies(odd, run, tmp_path):
    folder, frame = odd
    answer = run("qc", folder, "--out", tmp_path / "new")
    assert answer.code == 0, answer.stderr
    good, bad, path = answer.stdout.splitlines()
    assert good.endswith("nothing odd")
    assert bad == f"odd.tif: 14 frames; empty: frame {frame}"
    assert path == str(tmp_path / "new" / "qc.csv")
    (row,) = table(tmp_path / "new")
    assert (row["movie"], row["frame"], row["reason"]) == ("odd.tif", str(frame), "empty")


def test_a_folder_of_frames_is_one_movie(odd, run, tmp_path):
    folder, frame = odd
    for t, image in enumerate(tifffile.imread(folder / "odd.tif")):
        write(tmp_path / "frames" / f"t{t + 5:03}.tif", image[None])
    write(tmp_path / "frames" / "labels" / "t1.tif", image[None])  # beside the frames
    answer = run("qc", tmp_path / "frames", "--out", tmp_path, "--json")
    assert answer.code == 0, answer.stderr
    (found,) = json.loads(answer.stdout)["findings"]
    assert (found["frame"], found["number"]) == (frame, frame + 5)
    assert found["in_words"] == "empty: nothing but noise"


def test_labels_and_a_model(world, run, tmp_path):
    words = ("qc", world.movie, "--out", tmp_path, "--labels", world.truth, "--set", "size=1.01")
    answer = run(*words, "--model", world.model, "--json")
    assert answer.code == 0, answer.stderr
    found = json.loads(answer.stdout)["findings"]
    assert found
    assert {one["reason"] for one in found} == {"cells of another size"}
    assert all(one["cells"] > 2 for one in found)


def test_labels_that_napari_keeps_beside_the_movie(odd, run, tmp_path):
    movie = write(
        tmp_path / "movie.tif", tifffile.imread(odd[0] / "good.tif")[[*range(5), *range(5)]]
    )
    with Stack.open(movie) as stack:
        session = SessionFolder.for_movie(stack)
        live = LiveLabels((len(stack), *stack.frame_shape), None, None, session.corrections())
        for t, n in enumerate((8, 8, 2, 8, 8, 8, 8, 8)):
            for i in range(n):
                live[t, 10 * i : 10 * i + 7, 5:12] = i + 1
        session.save()
    answer = run("qc", movie, "--out", tmp_path, "--session")
    assert answer.code == 0, answer.stderr
    (row,) = [
        row for row in table(tmp_path) if row["cells"] != ""
    ]  # a frame that nobody labelled is not one without cells
    assert (row["frame"], row["in_words"]) == ("2", "cell count jumped from 8 to 2")


def test_a_bad_movie_stops_nothing(odd, run, tmp_path):
    folder, _ = odd
    (tmp_path / "cut.tif").write_bytes((folder / "odd.tif").read_bytes()[:5000])
    answer = run("qc", tmp_path / "cut.tif", folder / "odd.tif", "--out", tmp_path)
    assert answer.code == 1
    assert "cut.tif" in answer.stderr
    assert len(table(tmp_path)) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere.tif",), "nowhere.tif"),
        (("MOVIE", "--model", "nuclei-fluorescence"), "give the labels, too"),
        (("MOVIE", "MOVIE2", "--labels", "TRUTH"), "of several take --session"),
        (("MOVIE", "--session"), "no session beside it"),
        (("MOVIE", "--labels", "nowhere.tif"), "nowhere.tif"),
        (("MOVIE", "--set", "blur=-1"), "greater than or equal to"),
        (("MOVIE", "--set", "blurr=1"), "one of bleached"),
    ],
)
def test_what_makes_no_sense_is_one_line(words, said, world, odd, run, tmp_path):
    paths = {"MOVIE": world.movie, "MOVIE2": odd[0] / "odd.tif", "TRUTH": world.truth}
    answer = run("qc", *(paths.get(word, word) for word in words), "--out", tmp_path)
    assert answer.code != 0
    assert said in answer.error
    assert not (tmp_path / "qc.csv").exists()


def test_a_table_that_is_there_stays(odd, run, tmp_path):
    (tmp_path / "qc.csv").write_text("mine")
    assert "already holds qc.csv" in run("qc", odd[0], "--out", tmp_path).error
    assert (tmp_path / "qc.csv").read_text() == "mine"
    assert run("qc", odd[0], "--out", tmp_path, "--overwrite").code == 0
