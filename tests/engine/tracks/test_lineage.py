"""Cells through time as a tree: which lines, of whom, in which rows."""

from __future__ import annotations

from functools import partial

import numpy as np

from napari_unet.engine.annotations.states import state_colours
from napari_unet.engine.jobs import progress
from napari_unet.engine.tracks.lineage import Lineage, TrackedCell, TrackLine, find_lineage
from napari_unet.engine.tracks.tracking import Linker

run = partial(progress.run, quiet=True)


def family() -> np.ndarray:
    """A cell that divides, one of whose daughters divides again; and one that stays alone."""
    labels = np.zeros((6, 40, 100), np.uint16)
    labels[:, 30:38, 60:68] = 9
    labels[:2, 4:12, 40:60] = 1
    labels[2:4, 4:12, 38:48], labels[2:, 4:12, 52:62] = 2, 3
    labels[4:, 4:12, 36:41], labels[4:, 4:12, 44:49] = 4, 5
    return labels


def found(states=None):
    labels = family()
    return run(find_lineage(labels, range(6), Linker(), states))


def test_the_tree_of_a_movie():
    tree = found()
    at = {cell: tree.lines[tree.track_of(t, cell)] for t, cell in
          ((0, 1), (2, 2), (2, 3), (4, 4), (4, 5), (0, 9))}  # fmt: skip
    assert {cell: (line.first, line.last) for cell, line in at.items()} == {
        1: (0, 1), 2: (2, 3), 3: (2, 5), 4: (4, 5), 5: (4, 5), 9: (0, 5)
    }  # fmt: skip
    assert at[1].daughters == (at[2].track, at[3].track)
    assert at[2].daughters == (at[4].track, at[5].track) and at[4].parent == at[2].track
    rows = {cell: tree.rows[line.track] for cell, line in at.items()}
    assert sorted((rows[9], rows[3], rows[4], rows[5])) == [0, 1, 2, 3] and tree.n_rows == 4
    assert rows[2] == (rows[4] + rows[5]) / 2 and rows[1] == (rows[2] + rows[3]) / 2
    assert tree.n_divisions == 2 and tree.root_of(at[5].track) == at[1].track
    assert at[9].at(3).place == (33.5, 63.5) and at[9].at(99).frame == 5
    assert tree.track_of(0, 5) == 0 == tree.track_of(0, 99)


def test_parts_of_the_tree():
    tree = found()
    whole = tree.family(tree.track_of(4, 5))
    assert len(whole.lines) == 5 and whole.n_rows == 3
    assert tree.dividing().lines.keys() == whole.lines.keys()
    below = tree.of_cells([(2, 2), (0, 77)])
    assert {cell.id for line in below.lines.values() for cell in line.cells} == {2, 4, 5}
    assert below.frames == tree.frames and not tree.of_cells([]) and not tree.family(77)


def test_states_are_told_along():
    tree = found(lambda t, labels: {3: "dead"} if t >= 4 else {})
    line = tree.lines[tree.track_of(2, 3)]
    assert [cell.state for cell in line.cells] == ["", "", "dead", "dead"]


def test_states_have_their_colours_in_a_part_too():
    said = (("a", 1), ("dead", 2), ("", 3), ("blebbing", 4))
    lines = [TrackLine(n, 0, (TrackedCell(0, n, (1, 1), state),)) for state, n in said]
    whole = Lineage.of(lines, (0,))
    assert whole.states == ["a", "blebbing", "dead"]
    part = whole.of_cells([(0, 4), (0, 2)])
    assert part.states == ["blebbing", "dead"] and part.colours == whole.colours
    assert len({whole.colours[state] for state in whole.states}) == 3
    assert whole.colours["dead"] == state_colours(())["dead"]
