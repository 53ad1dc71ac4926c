"""*Only some cells* in the Export dock: which, of what, the same as the command line writes."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from napari_unet.cli.app import app


@pytest.fixture
def truth(hand, viewer, file, small):
    """The movie from its file, and its true labels as a layer."""
    dock = hand.open("Export")
    hand.open_movie(dock, file)
    return viewer.add_labels(small[1].copy(), name="truth")


@pytest.fixture
def export(hand, truth, tmp_path):
    """The Export dock in sight, and a folder."""
    dock = hand.open("Export")
    dock.window().show()
    hand.find(dock, "export.labels").setCurrentText("truth")
    hand.find(dock, "export.folder").setText(str(tmp_path / "dock"))
    return dock


def name_cells(hand, export, line: str) -> None:
    hand.find(export, "export.only").setChecked(True)
    hand.find(export, "export.only_cells").setText(line)


def cells_of(frame: np.ndarray, n: int) -> list[int]:
    return [int(i) for i in np.unique(frame)[1 : n + 1]]


@pytest.mark.parametrize("meaning", ["ids", "laptrack"])
def test_the_files_are_those_of_the_command_line(
    hand, export, viewer, file, small, tmp_path, meaning
):
    if meaning == "laptrack":
        pytest.importorskip("laptrack")
    a, b = cells_of(small[1][2], 2)
    line = f"2:{a}, 2:{b}"
    name_cells(hand, export, line)
    assert "2 cells on all frames" in hand.find(export, "export.only_line").text()
    hand.find(export, "export.meaning").setValue(meaning)
    assert hand.find(export, "export.with_table").text() == "Table of these cells"
    for button in ("save_labels", "save_table"):
        hand.click(export, f"export.{button}")
        hand.done()
    path = tmp_path / "truth.tif"
    tifffile.imwrite(path, small[1], imagej=True, metadata={"axes": "TYX"})
    words = ["export", file, path, "--out", tmp_path / "line", "--only", line, "--no-movie"]
    answer = CliRunner().invoke(app, [str(word) for word in (*words, "--values", meaning)])
    assert answer.exit_code == 0, answer.output
    for name in ("labels.tif", "objects.csv"):
        mine, theirs = ((tmp_path / folder / name) for folder in ("dock", "line"))
        assert mine.read_bytes() == theirs.read_bytes(), name
        said = json.loads(mine.with_name(f"{name}.json").read_text("utf-8"))
        assert said["only"] == [f"2:{a}", f"2:{b}"]
    written = tifffile.imread(tmp_path / "dock" / "labels.tif")
    assert len(np.unique(written[2])) == 3 < len(np.unique(small[1][2]))


@pytest.mark.parametrize(
    ("line", "words"),
    [("", "No cells are named"), ("2-7", "is no FRAME:ID"), ("2:7,", "is no FRAME:ID")],
)
def test_a_line_that_names_none_is_said_and_nothing_can_be_written(hand, export, line, words):
    name_cells(hand, export, line)
    for name in ("run", "save_labels", "save_table", "save_movie", "save_still"):
        button = hand.find(export, f"export.{name}")
        assert not button.isEnabled() and words in button.toolTip()
    assert words in hand.find(export, "export.only_line").text() or not line
    hand.find(export, "export.only").setChecked(False)
    assert hand.find(export, "export.run").isEnabled()
    assert not hand.find(export, "export.only_cells").isVisible()


def test_a_cell_that_is_not_there_is_said(hand, export, tmp_path):
    name_cells(hand, export, "2:60000")
    hand.click(export, "export.save_table")
    assert "there is no cell 60000 on frame 2" in hand.failure()
    assert not any((tmp_path / "dock").iterdir())


def test_what_holds_all_cells_is_refused(hand, export):
    name_cells(hand, export, "2:1")
    formats = hand.find(export, "export.format")
    formats.setCurrentIndex(formats.findData("probabilities"))
    said = hand.find(export, "export.run").toolTip()
    assert said  # these labels have none to begin with
    archive = hand.find(export, "export.save_archive")
    assert archive.toolTip() == "An archive is of all cells: untick Only some cells"
    assert hand.find(export, "export.save_table").isEnabled()


def test_chosen_cells_are_added_and_kept_for_each_layer(hand, export, viewer, truth, small):
    add, line = hand.find(export, "export.only_chosen"), hand.find(export, "export.only_cells")
    tick = hand.find(export, "export.only")
    tick.setChecked(True)
    assert line.text() == "" and not add.isEnabled() and "Review" in add.toolTip()
    chosen = hand.session.chosen
    chosen.choose(truth, [(0, 3), (0, 0), (1, 65535)])  # ground and background are no cells
    hand.click(export, "export.only_chosen")
    assert line.text() == "0:3"
    chosen.choose(truth, [(1, 4), (0, 3)])
    hand.click(export, "export.only_chosen")
    assert line.text() == "0:3, 1:4"
    viewer.add_labels(small[1], name="other")
    hand.find(export, "export.labels").setCurrentText("other")
    assert not tick.isChecked() and not add.isEnabled()
    hand.find(export, "export.labels").setCurrentText("truth")
    assert tick.isChecked() and line.text() == "0:3, 1:4"
    tick.setChecked(False)
    line.clear()
    tick.setChecked(True)  # what is chosen is there at once
    assert line.text() == "1:4, 0:3"


@pytest.mark.parametrize("meaning", ["ids", "linked"])
def test_the_preview_shows_them_alone(hand, export, viewer, small, meaning):
    viewer.dims.set_current_step(0, 3)
    cell = cells_of(small[1][3], 1)[0]
    hand.find(export, "export.meaning").setValue(meaning)
    name_cells(hand, export, f"3:{cell}")
    note = hand.find(export, "export.preview_note")
    n = len(small[1]) + (4 if meaning == "linked" else 0)  # all to find them, and up to here
    hand.qtbot.waitUntil(lambda: export.movie.scene().links.n_read == n and not note.text())
    shown = export.movie.scene().links.labels(3)
    np.testing.assert_array_equal(shown > 0, small[1][3] == cell)
    viewer.layers["truth"].paint((3, 1, 1), 1)  # may link otherwise
    assert export.movie.scene().links.n_read == 0
    hand.find(export, "export.only_cells").setText("3:60000")
    hand.qtbot.waitUntil(lambda: "no cell 60000" in export.movie.preview.text())
