"""One pass over a movie, whatever holds it and its labels, and the table of what is odd."""

from __future__ import annotations

import csv

import numpy as np

from napari_unet.engine.jobs.progress import run
from napari_unet.engine.jobs.quality import COLUMNS, check_quality, write_quality
from napari_unet.engine.stack.stack import Stack


class Once:
    """Frames each of which may be read once."""

    def __init__(self, frames):
        self.frames, self.read = frames, []

    def __getitem__(self, t):
        self.read.append(t)
        return self.frames[t]


def written(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_each_frame_is_read_once_and_in_order(toy, toy_stack, tmp_path):
    labels = Once(toy.labels)
    steps = check_quality(toy_stack, labels, labelled=(1, 3), known_diameter=100.0)
    assert labels.read == []  # nothing before the first step
    quality = run(steps)
    assert labels.read == [1, 3]
    assert [t for t, cells in enumerate(quality.cells) if cells] == [1, 3]
    assert str(quality) == "toy: 8 frames; cells of another size: frame 1, 3"
    rows = written(write_quality(tmp_path / "qc.csv", [quality]))
    assert tuple(rows[0]) == COLUMNS
    numbers = {row["frame"]: row["number"] for row in rows}
    assert numbers == {str(t): str(toy_stack.numbers[t]) for t in (1, 3)}


def test_worst_first_over_all_movies(toy, tmp_path):
    dark = toy.movie.copy()
    dark[4] = 0
    looked = [
        run(check_quality(Stack.from_array(movie, axes="TYX", name=name), toy.labels, **how))
        for name, movie, how in (("a", toy.movie, {"known_diameter": 100.0}), ("b", dark, {}))
    ]
    rows = written(write_quality(tmp_path / "qc.csv", looked))
    severities = [float(row["severity"]) for row in rows]
    assert severities == sorted(severities, reverse=True)
    assert (rows[0]["movie"], rows[0]["frame"], rows[0]["reason"]) == ("b", "4", "empty")
    assert rows[0]["sharpness"] == ""
    assert np.isfinite(float(rows[-1]["diameter_px"]))
