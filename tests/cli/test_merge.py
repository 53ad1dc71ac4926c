"""Two sessions of one movie are merged on the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

from napari_unet.engine.session.live_movie import live_labels
from napari_unet.engine.stack.stack import Stack

CELLS = {"hers": (slice(4, 14), slice(4, 14)), "both": (slice(4, 14), slice(24, 34)),
         "split": (slice(24, 34), slice(4, 16)), "his": (slice(24, 34), slice(24, 34))}  # fmt: skip


@pytest.fixture
def sessions(tmp_path):
    """A movie in two folders, corrected by ada in one and by bo in the other."""
    pixels = np.random.default_rng(0).integers(0, 99, (3, 40, 40)).astype(np.uint16)
    paths = []
    for user in ("ada", "bo"):
        path = tmp_path / user / "movie.tif"
        path.parent.mkdir()
        tifffile.imwrite(path, pixels, imagej=True, metadata={"axes": "TYX"})
        paths.append(path)
        with Stack.open(path) as movie:
            live = live_labels(movie)
            live.corrections.author = user
            if user == "ada":
                for label, name in enumerate(("hers", "both", "split"), start=1):
                    live[0, *CELLS[name]] = label
            else:
                live[0, *CELLS["his"]] = 1
                live[0, *CELLS["both"]] = 2
                y, x = CELLS["split"]
                live[0, y, x.start : 10], live[0, y, 10 : x.stop] = 3, 4
            del live
    return paths


def test_two_sessions_become_one(sessions, run, tmp_path):
    movie, other = sessions
    ada, bo, out = movie.with_suffix(".unet"), other.with_suffix(".unet"), tmp_path / "movie.unet"
    before = (ada / "corrections.journal").read_bytes()
    answer = run("merge", movie, ada, bo, "--out", out)
    assert answer.code == 0, answer.stderr
    assert "On 1 frame that both looked at: 2 cells of ada, 3 of bo, F1 0." in answer.stdout
    assert "1 cell of bo taken in, 1 disagreement left open." in answer.stdout
    assert "Frame 0, 3: ada has 1 cell here, bo 2 cells." in answer.stderr
    assert (ada / "corrections.journal").read_bytes() == before
    listed = json.loads(run("doubts", movie, out, "--json").stdout)["doubts"]
    assert listed[0]["reason"] == "users disagree"
    assert listed[0]["repair"] == "theirs" and listed[0]["labels"] == [3]
    moved = tmp_path / "movie.tif"
    moved.write_bytes(movie.read_bytes())
    with Stack.open(moved) as stack:
        live = live_labels(stack)
        assert len(np.unique(live[0])) == 5 and live.corrections.authors == ("ada", "bo")
        assert live.corrections.last_done.words == "took in another session on frame 0"
    again = run("merge", movie, ada, bo, "--out", tmp_path / "again.unet", "--json")
    values = json.loads(again.stdout)
    assert values["users"] == ["ada", "bo"] and values["cells"] == [2, 3] and values["taken"] == 1
    assert 0 < values["seg"] < 1 and len(values["disagreements"]) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a, b, out: (a, b.parent, out), "is no session"),
        (lambda a, b, out: (a, b, b), "exists already"),
    ],
)
def test_what_cannot_be_merged_is_said(sessions, run, tmp_path, change, words):
    ada, bo = (path.with_suffix(".unet") for path in sessions)
    first, second, out = change(ada, bo, tmp_path / "new.unet")
    answer = run("merge", sessions[0], first, second, "--out", out)
    assert answer.code == 1 and words in answer.stderr


def test_the_session_of_another_movie_is_refused(sessions, run, tmp_path):
    path = tmp_path / "other.tif"
    tifffile.imwrite(path, np.ones((4, 40, 40), np.uint16), imagej=True, metadata={"axes": "TYX"})
    with Stack.open(path) as movie:
        live_labels(movie)[0, 3:9, 3:9] = 1
    ada = sessions[0].with_suffix(".unet")
    answer = run("merge", sessions[0], ada, path.with_suffix(".unet"), "--out", tmp_path / "new")
    assert answer.code == 1 and "is the session of another movie" in answer.stderr
