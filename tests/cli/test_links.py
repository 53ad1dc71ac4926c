"""Links made by hand on the command line: said, listed, and what exports make of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

from napari_unet.engine.session.live_movie import live_labels
from napari_unet.engine.stack.stack import Stack

SQUARES = {1: (slice(4, 14), slice(4, 14)), 2: (slice(4, 14), slice(18, 28))}


@pytest.fixture
def movie(tmp_path):
    """A movie of two cells that stay where they are, with numbers of each frame's own."""
    pixels = np.random.default_rng(0).integers(0, 99, (3, 40, 40)).astype(np.uint16)
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, pixels, imagej=True, metadata={"axes": "TYX"})
    with Stack.open(path) as stack:
        live = live_labels(stack)
        for t in range(3):
            for cell, square in SQUARES.items():
                live[t, *square] = cell + 10 * t
        del live
    return path


def divisions(run, movie, out):
    """Tracks of an export to the Cell Tracking Challenge's format: id, first, last, parent."""
    answer = run("export", movie, "--format", "ctc", "--out", out, "--overwrite")
    assert answer.code == 0, answer.stderr
    (found,) = out.glob("**/res_track.txt")
    return [tuple(map(int, line.split())) for line in found.read_text().splitlines()]


def test_links_are_said_listed_exported_and_taken_back(movie, run, tmp_path):
    answer = run("links", movie)
    assert answer.code == 0 and not answer.stdout
    assert "No cells were linked by hand." in answer.stderr
    said = ("--link", "0:1-1:12", "--mother", "1:12-2:21", "--unlink", "0:2-1:12")
    answer = run("links", movie, *said)
    assert answer.code == 0, answer.stderr
    assert answer.stdout.splitlines() == [
        "frame 1, cell 12: is cell 1 of frame 0",
        "frame 1, cell 12: is not cell 2 of frame 0",
        "frame 2, cell 21: is a daughter of cell 12 of frame 1",
    ]
    assert "Linked 1 to 12 on frames 0 to 1." in answer.stderr
    tracks = divisions(run, movie, tmp_path / "out")
    parents = {track: parent for track, *_, parent in tracks}
    assert (1, 0, 1, 0) in tracks and parents[21] == 1
    again = run("links", movie, "--link", "1:12-0:1", "--json")
    assert "It is so already." in again.stderr
    listed = json.loads(again.stdout)["links"]
    assert listed[0] == {
        "frame": 1, "label": 12, "source": 0, "source_label": 1, "kind": "same"
    }  # fmt: skip
    answer = run("links", movie, "--leave", "1:12")
    assert answer.code == 0 and not answer.stdout
    assert parents != {track: p for track, *_, p in divisions(run, movie, tmp_path / "out")}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--link", "0:1"), 2, "'0:1' is no FRAME:ID-FRAME:ID, such as 12:7-13:9"),
        (("--leave", "one"), 2, "'one' is no FRAME:ID, such as 12:7"),
        (("--link", "0:1-1:99"), 1, "no cell 99 on frame 1"),
        (("--mother", "1:11-0:1"), 1, "frame 1 is not before frame 0"),
        (("--leave", "0:1"), 1, "no link of cell 1 was made by hand"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(words, code, said, movie, run):
    answer = run("links", movie, *words)
    assert answer.code == code and said in " ".join(answer.stderr.split())
    assert not run("links", movie).stdout


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_lineage_is_drawn_of_all_or_of_some(kind, movie, run, tmp_path):
    assert run("links", movie, "--mother", "0:1-1:11", "--mother", "0:1-1:12").code == 0
    words = ("export", movie, "--out", tmp_path / "out", "--lineage", kind, "--overwrite")
    few = ("--no-labels", "--no-table", "--no-movie")
    answer = run(*words, *few)
    assert answer.code == 0, answer.stderr
    figure = tmp_path / "out" / f"lineage.{kind}"
    whole = figure.read_bytes()
    assert kind != "svg" or b"5 tracks, 1 division" in whole
    assert run(*words, *few, "--only", "0:2").code == 0
    assert figure.read_bytes() != whole
