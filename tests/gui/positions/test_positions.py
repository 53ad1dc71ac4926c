"""A table of positions, by real clicks: what it writes is the command line's, byte for byte."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QPoint, Qt
from typer.testing import CliRunner

from napari_unet.cli.app import app
from napari_unet.engine.jobs.queue.queue_file import QueueState
from napari_unet.gui.positions.rows import (
    CELLS,
    NAME,
    NOTICES,
    PICTURE,
    QUALITY,
    SEGMENTED,
    STATUS,
)
from napari_unet.gui.widgets.parts import WARNING

BAD = "p05"


def make_plate(folder, movie, n, frames):
    """Write movies of a corner with cells in its middle, where pictures are taken of."""
    folder.mkdir()
    for i in range(n):
        pixels = np.roll(movie[:frames, 32:96, 48:112], 5 * i, axis=2)
        path = folder / f"p{i:02d}.tif"
        tifffile.imwrite(path, pixels, imagej=True, metadata={"axes": "TYX"})
    return folder


class Table:
    """A hand at the table."""

    def __init__(self, hand, dock):
        self.hand, self.dock, self.view = hand, dock, hand.find(dock, "positions.table")

    def cell(self, name, column):
        rows = self.dock.rows
        return rows.data(rows.index([r.movie.name for r in rows].index(name), column))

    def click(self, name, column):
        """Click into a cell: on the tick in the first column."""
        proxy, rows = self.view.model(), self.dock.rows
        source = rows.index([r.movie.name for r in rows].index(name), column)
        index = proxy.mapFromSource(source)
        self.view.scrollTo(index)
        place = self.view.visualRect(index)
        at = QPoint(place.left() + 12, place.center().y()) if column == PICTURE else place.center()
        self.hand.qtbot.mouseClick(self.view.viewport(), Qt.MouseButton.LeftButton, pos=at)

    def seen(self):
        """Wait until each movie was looked at."""
        rows = self.dock.rows
        self.hand.qtbot.waitUntil(lambda: all(r.look is not None for r in rows), timeout=20000)


@pytest.fixture
def table(hand, model_file):
    """The Positions dock, and a model chosen in Segment."""
    segment = hand.open("Segment")
    hand.load_model(segment, model_file)
    dock = hand.open("Positions")
    dock.resize(1000, 500)
    return Table(hand, dock)


def open_folder(table, folder):
    """Open a folder of movies as the Segment dock does."""
    table.hand.open_movie(table.hand.open("Segment"), folder)
    table.seen()


def has_outlines(picture):
    """Whether a picture shows the outline of a cell: it is the one thing with a colour."""
    return picture is not None and bool((np.ptp(picture.astype(int), axis=2) > 0).any())


def results(out):
    return {p.name: p.read_bytes() for p in sorted(out.iterdir()) if p.suffix in (".tif", ".csv")}


def by_command_line(hand, folder, out, tmp_path):
    """Do the same with a recipe of what is chosen in the docks."""
    segment = hand.open("Segment")
    recipe = tmp_path / "recipe.json"
    if hand.session.movie.stack is None:
        hand.open_movie(segment, folder / "p00.tif")
    hand.find(segment, "segment.recipe_path").setText(str(recipe))
    hand.click(segment, "segment.save_recipe")
    hand.done()
    words = ("segment", f"{folder}/*.tif", "--recipe", recipe, "--out", out, "--no-movie")
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.slow
def test_a_folder_is_segmented_corrected_and_exported(table, hand, small, tmp_path):
    plate = make_plate(tmp_path / "plate", small[0], 3, 2)
    (plate / "p01.tif").write_text("not a picture")
    dock = table.dock
    assert not hand.find(dock, "positions.segment").isEnabled()
    assert "folder of movies" in hand.find(dock, "positions.segment").toolTip()
    open_folder(table, plate)
    assert hand.find(dock, "positions.line").text() == "3 positions, 3 ticked, 4 frames"
    assert "cannot be" in table.cell("p01", STATUS) or "⚠" in table.cell("p01", STATUS)
    assert table.cell("p00", SEGMENTED) == "–"
    hand.click(dock, "positions.segment")
    assert hand.done().startswith("3 positions: 2 segmented, 1 could not be")
    table.seen()
    hand.qtbot.waitUntil(lambda: table.cell("p02", STATUS) == "segmented", timeout=10000)
    assert table.cell("p00", SEGMENTED) == "all"
    assert table.cell("p00", CELLS) not in ("", "–")
    assert dock.rows.row("p00").look.picture is not None
    out = tmp_path / "plate results"
    assert QueueState.load(out).doing == ""
    assert not results(out)

    table.click("p00", NAME)
    hand.done()
    session = hand.session
    assert session.movie.stack.name == "p00.tif"
    hand.qtbot.waitUntil(lambda: session.labels.live is not None, timeout=10000)
    live = session.labels.live
    hand.qtbot.waitUntil(lambda: live.probabilities is not None, timeout=10000)
    live[1, 2:9, 2:9] = 700
    table.click("p02", NAME)
    hand.done()
    assert hand.viewer.layers[0].name == "p02.tif"
    assert session.movie.stack.name == "p02.tif"

    table.click("p01", PICTURE)
    assert [movie.name for movie in dock.rows.chosen()] == ["p00", "p02"]
    hand.click(dock, "positions.export")
    assert hand.done().startswith("2 positions: 2 exported.")
    labels = tifffile.imread(out / "p00_labels.tif")
    assert (labels[1, 2:9, 2:9] == 700).all()
    assert ",700," in (out / "p00_objects.csv").read_text()
    hand.qtbot.waitUntil(lambda: table.cell("p00", STATUS) == "exported", timeout=10000)
    assert list(plate.glob("p00.unet/*.unetp"))  # corrected
    assert not list(plate.glob("p02.unet/*.unetp"))
    hand.click(dock, "positions.export")
    assert "2 done before" in hand.done()

    for name in ("p00", "p02"):
        table.click(name, NAME)
        shown = hand.done()
    assert shown.startswith("Labels as they were exported.")
    count = hand.find(hand.open("Segment"), "segment.count")
    said = "Labels are exported, as p02_labels.tif. To correct them, press Segment movie."
    hand.qtbot.waitUntil(lambda: count.text() == said, timeout=10000)

    hand.click(dock, "positions.check")
    assert "2 positions checked" in hand.done()
    assert (out / "qc.csv").read_text().startswith("movie,frame")
    assert dock.rows.row("p02").known.looked_at


def test_a_click_on_quality_shows_the_odd_frames_one_by_one(table, hand, small, tmp_path):
    plate = make_plate(tmp_path / "plate", small[0], 2, 5)
    open_folder(table, plate)
    rows = table.dock.rows
    assert not any(rows.row(name).is_at(table.dock._on_screen()) for name in ("p00", "p01"))
    rows.know("p01", odd={"out of focus": (1, 3), "empty": (3,)}, looked_at=True)
    assert table.cell("p01", QUALITY) == f"{WARNING} 2 odd frames"
    movie = hand.session.movie
    for frame in (1, 3, 1):
        table.click("p01", QUALITY)
        hand.qtbot.waitUntil(lambda t=frame: movie.stack is not None and movie.frame == t)
        assert movie.stack.name == "p01.tif"
    index = [rows.index(i, NAME) for i in range(2)]
    assert [rows.data(i, Qt.ItemDataRole.FontRole) is not None for i in index] == [False, True]
    hand.click(table.dock, "positions.none")
    table.click("p00", QUALITY)  # nothing odd: as it opens
    hand.done()
    assert movie.stack.name == "p00.tif"


def test_a_file_of_several_positions(table, hand, small, tmp_path):
    file = tmp_path / "wells.ome.tif"
    with tifffile.TiffWriter(file, ome=True) as tif:
        for name, shift in (("B 2", 0), ("B 3", 9)):
            shifted = np.roll(small[0][:2, :64, :64], shift, axis=2)
            tif.write(shifted, metadata={"axes": "TYX", "Name": name})
    segment = hand.open("Segment")
    hand.open_movie(segment, file)
    hand.find(segment, "movie.line").click()
    hand.click(segment, "movie.positions")
    hand.done()
    table.seen()
    assert [row.movie.name for row in table.dock.rows] == ["wells_B-2", "wells_B-3"]
    hand.click(table.dock, "positions.segment")
    hand.done()
    session = hand.session  # the position on screen shows what was made of it
    hand.qtbot.waitUntil(lambda: session.labels.live is not None, timeout=10000)
    table.click("wells_B-3", NAME)
    hand.qtbot.waitUntil(
        lambda: session.movie.stack is not None and session.movie.stack.selection.position == 1,
        timeout=10000,
    )
    hand.click(table.dock, "positions.export")
    hand.done()
    names = sorted(results(tmp_path / "wells results"))
    assert names == [
        f"wells_B-{n}_{part}" for n in (2, 3) for part in ("labels.tif", "objects.csv")
    ]


def test_a_folder_that_is_not_there_is_said_and_offers_nothing(table, hand, tmp_path):
    hand.find(table.dock, "positions.source").setText(str(tmp_path / "nowhere"))
    hand.click(table.dock, "positions.open")
    assert f"there is no {tmp_path / 'nowhere'}" in hand.failure()
    assert not hand.find(table.dock, "positions.segment").isEnabled()


def test_a_table_that_is_closed_hears_nothing_more(hand):
    holder, dock = hand.viewer.window.add_plugin_dock_widget("napari-unet-live", "Positions")
    hand.qtbot.waitUntil(lambda: dock.settled or not dock.isVisible(), timeout=5000)
    dock._settle()
    with hand.qtbot.waitSignal(dock.destroyed, timeout=5000):
        holder.destroyOnClose()
    session = hand.session
    session.positions.changed.emit()
    session.models.changed.emit()
    session.job.say("positions", "a line")
    assert hand.open("Positions") is not dock


@pytest.mark.slow
def test_24_positions_stopped_gone_on_with_and_exported_are_the_command_lines(
    table, hand, small, tmp_path
):
    plate = make_plate(tmp_path / "plate", small[0], 24, 3)
    (plate / f"{BAD}.tif").write_text("not a picture")
    dock, out = table.dock, tmp_path / "plate results"
    open_folder(table, plate)
    hand.click(dock, "positions.segment")
    job, rows = hand.session.job, dock.rows
    done = lambda: sum(bool(r.known.cells) for r in rows)  # noqa: E731
    hand.qtbot.waitUntil(lambda: done() >= 4, timeout=60000)
    hand.click(dock, "positions.cancel")
    hand.qtbot.waitUntil(lambda: not job.running, timeout=20000)
    assert job.state.line.startswith("Stopped after ")
    assert 4 <= done() < 23
    assert QueueState.load(out).doing == "segment"
    assert not any(r.doing for r in rows)

    open_folder(table, plate)  # as after a crash: what is known is on disk
    assert "Segment goes on there" in hand.find(dock, "positions.message").text()
    assert done() >= 4
    hand.click(dock, "positions.segment")
    line = hand.done()
    assert "done before" in line
    assert "1 could not be" in line
    assert QueueState.load(out).doing == ""
    assert QueueState.load(out).rows[BAD].error

    for name in ("p03", "p17"):
        table.click(name, PICTURE)
    hand.click(dock, "positions.export")
    assert "21 exported, 1 could not be" in hand.done()
    assert table.cell(BAD, STATUS).startswith("⚠")
    table.seen()
    outlined = {r.movie.name for r in rows if has_outlines(r.look.picture)}
    assert outlined == {r.movie.name for r in rows} - {BAD}
    assert "p03_labels.tif" not in results(out)
    assert not list(plate.glob("*.unet/*.unetp")) or list(plate.glob("p03.unet/*.unetp"))

    plain = tmp_path / "plain"
    answer = by_command_line(hand, plate, plain, tmp_path)
    assert "23 segmented, 1 failed" in answer.stderr
    expected = {n: b for n, b in results(plain).items() if n[:3] not in ("p03", "p17")}
    assert results(out) == expected
    assert len(expected) == 42
    notes = [json.loads((folder / "p00_labels.tif.json").read_text()) for folder in (out, plain)]
    for note in notes:
        note.pop("written")
    assert notes[0] == notes[1]
    assert table.cell("p00", NOTICES)
