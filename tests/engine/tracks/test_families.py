"""Chosen cells and their daughters alone."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.engine.errors import BadInput
from napari_unet.engine.jobs.progress import run
from napari_unet.engine.tracks.families import (
    family_of,
    find_families,
    parse_cells,
    say_cells,
)
from napari_unet.engine.tracks.tracking import Linker


def boxes(*frames):
    """Frames of squares of 8 px, by id and place."""
    labels = np.zeros((len(frames), 40, 60), np.uint16)
    for t, there in enumerate(frames):
        for label, (y, x, width) in there.items():
            labels[t, y : y + 8, x : x + width] = label
    return labels


# A cell that divides, its left daughter, which divides again, and another cell far away.
MOVIE = boxes(
    {5: (10, 10, 20), 9: (30, 50, 8)},
    {1: (10, 10, 9), 2: (10, 21, 9), 3: (30, 50, 8)},
    {7: (10, 9, 10), 8: (10, 23, 9), 1: (30, 50, 8)},
    {1: (10, 8, 5), 2: (10, 14, 5), 3: (10, 24, 9), 4: (30, 50, 8)},
)
CHOSEN = {
    "the mother": ([(0, 5)], [{5}, {1, 2}, {7, 8}, {1, 2, 3}], 5),
    "a daughter": ([(2, 7)], [set(), {1}, {7}, {1, 2}], 3),
    "one that does not divide": ([(3, 3)], [set(), {2}, {8}, {3}], 1),
    "two": ([(2, 8), (0, 9)], [{9}, {2, 3}, {8, 1}, {3, 4}], 2),
}


@pytest.mark.parametrize("name", CHOSEN)
def test_chosen_cells_and_their_daughters_are_kept(name):
    cells, expected, n = CHOSEN[name]
    found = run(find_families(MOVIE, range(4), cells, Linker()), quiet=True)
    assert len(found) == 4 and found.n_tracks == n
    for t, ids in enumerate(expected):
        shown = found[t]
        assert set(np.unique(shown).tolist()) - {0} == ids and shown.dtype == MOVIE.dtype
        assert (shown[shown > 0] == MOVIE[t][shown > 0]).all()


@pytest.mark.parametrize("cell", [(0, 1), (3, 99), (2, 0), (8, 1)])
def test_a_cell_that_is_not_there_is_said(cell):
    with pytest.raises(BadInput, match=f"no cell {cell[1]} on frame {cell[0]}"):
        run(find_families(MOVIE, range(4), [cell], Linker()), quiet=True)


def test_paths_of_a_family():
    linker = Linker()
    for t, frame in enumerate(MOVIE):
        linker(frame, t)
    rows, graph = linker.points()
    of_them, mothers = family_of(rows, graph, 1, (13.5, 14.0))
    assert len(of_them) == 4 and len(mothers) == 2 and set(of_them[:, 1]) == {1, 2, 3}
    assert len(family_of(rows, graph, 9, (0, 0))[0]) == 0


@pytest.mark.parametrize(
    ("line", "cells"),
    [("12:7", ((12, 7),)), (" 0:3,12:7 , 0:3", ((0, 3), (12, 7))), ("12:07", ((12, 7),))],
)
def test_cells_are_read_from_a_line(line, cells):
    assert parse_cells(line) == cells == parse_cells(", ".join(say_cells(cells)))


@pytest.mark.parametrize("line", ["", "12", "12:", "12:7,", "12-7", "-1:7", "12:7 3:4"])
def test_a_line_that_names_no_cells_is_said(line):
    with pytest.raises(BadInput, match="is no FRAME:ID, such as 12:7"):
        parse_cells(line)
