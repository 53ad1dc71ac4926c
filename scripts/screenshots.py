"""Take the pictures of the documentation: napari and its docks on the sample movie.

Run with a display of its own: ``make screenshots``. Writes docs/images/*.png and the animated
loop of the README. Segment runs the bundled model; Train starts from it, on cells outlined as a
user would. ``--sheets FOLDER`` takes the docks in every state instead, at two sizes of the window,
dark and light, with a small and a large font: a sheet for each, to be looked at.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from stage import IMAGES, PLUGIN, Stage

DOCKS = ("Segment", "Review", "Train", "Export")
WINDOW, TALL = (1280, 720), (1280, 960)
LOOP = (896, 504)  # px of the animated picture
FRAMES = (6, 18, 30)  # that are outlined to learn from
WELLS = ("B2", "B3", "B4", "C2")
SIZES, THEMES, FONTS = ((1280, 720), (1920, 1080)), ("dark", "light"), (10, 16)
NARROW, USUAL = 300, 340  # px of a dock
COLOURS = 256  # of a sheet's palette: half the bytes, and small marks keep theirs
STATES = ("empty", "open", "running", "done")  # Review runs nothing: it is correcting then
Look = tuple[tuple[int, int], str, int]  # the window's size, napari's theme and font


def show_sample(stage: Stage) -> None:
    """Open the sample movie at a frame with divisions."""
    stage.viewer.open_sample(PLUGIN, "nuclei")
    stage.viewer.reset_view()
    stage.viewer.dims.set_current_step(0, 22)
    stage.settle()


def segment(stage: Stage) -> None:
    """Segment the movie with the bundled model."""
    stage.run("segment.run_movie")
    stage.widget("segment.threshold").setValue(0.6)
    labels = stage.session.labels.layer
    stage.viewer.layers.selection.active = labels
    labels.mode = "pan_zoom"
    counted = stage.widget("segment.count_over_time")
    stage.wait(lambda: counted.xs.size == 48 or not counted.isVisible(), 120)


def outline(stage: Stage) -> None:
    """Outline the cells of some frames, as a user would."""
    from napari_unet.sample.movie import sample_movie

    _, truth = sample_movie()
    stage.widget("train.annotate").click()
    layer = stage.session.labels.layer
    for t in FRAMES:
        layer.data[t] = truth[t]
        layer.data.confirm_frame(t)
    layer.mode = "pan_zoom"
    stage.viewer.dims.set_current_step(0, 18)
    stage.settle()


def forget(stage: Stage) -> None:
    """Forget what was segmented: else there would be nothing to do again."""
    live = stage.session.labels.live
    if live is not None:
        live.probabilities = None


def correct(stage: Stage) -> None:
    """Take up *Correct*, confirm a cell, delete one and choose another, as a user would."""
    stage.widget("review.correct").click()
    layer = stage.session.labels.layer
    corrector, frame = stage.docks["Review"].actions().corrector, stage.session.movie.frame
    areas = np.bincount(np.asarray(layer.data[frame]).ravel())[1:]
    first, second, third = (int(i) + 1 for i in np.argsort(areas)[-3:])
    corrector.run(lambda: corrector.verbs.confirm(frame, first), frame)
    corrector.run(lambda: corrector.verbs.delete(frame, second), frame)
    layer.selected_label = third
    stage.settle()


def put_back(stage: Stage) -> None:
    """Leave *Correct*, and take back what was done in it."""
    while stage.session.labels.live.undo():
        pass
    stage.widget("review.correct").click()
    stage.viewer.reset_view()
    stage.viewer.dims.set_current_step(0, 22)
    stage.settle()


def doubt(stage: Stage) -> None:
    """Go to the worst doubt that offers a repair, and wait for the pictures of its frames."""
    doubts = stage.docks["Review"].doubts
    stage.wait(lambda: doubts.search.done and bool(doubts.search.looked_at), 120)
    for _ in doubts.search.doubts:
        if not doubts.offered:
            stage.widget("review.next_doubt").click()
    stage.wait(lambda: len(doubts.strip.tiles) == 3 or doubts.strip.at is None, 30)
    stage.settle()


def check(stage: Stage) -> None:
    """Draw windows to check, and count an error in the third."""
    sample = stage.docks["Review"].sample
    stage.widget("review.check").click()
    stage.wait(lambda: sample.sample is not None, 120)
    for verb in ("looked_at", "looked_at", "wrong"):
        sample.act(verb)
    stage.settle()


def compare(stage: Stage) -> None:
    """Compare with the truth of the sample, and go to the worst frame."""
    from napari_unet.sample.movie import sample_movie

    panel = stage.docks["Review"].truth
    stage.docks["Review"].comparing.expand()
    image = stage.session.movie.image
    truth = stage.viewer.add_labels(
        sample_movie()[1], name="truth", scale=image.scale, units=image.units, visible=False
    )
    stage.viewer.layers.selection.active = stage.session.labels.layer
    stage.run("review.compare_truth")
    panel.table.selectRow(0)  # the worst
    stage.settle()
    stage.picture(stage.window, "review-truth")
    stage.docks["Review"].comparing.collapse()
    stage.viewer.layers.remove(truth)


def plot(stage: Stage) -> None:
    """Draw two cells of frame 22 and their daughters against time."""
    from qtpy.QtCore import QItemSelectionModel

    from napari_unet.gui.widgets.parts import Fold

    dock = stage.docks["Review"]
    fold = next(f for f in dock.findChildren(Fold) if f.text() == "Cells, tracks")
    stage.viewer.dims.set_current_step(0, 22)
    fold.expand()
    table = dock.cells.table
    stage.wait(lambda: table.cells.rowCount() > 0, 60)
    table.selectRow(5)
    both = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
    table.selectionModel().select(table.cells.index(9, 0), both)
    stage.widget("review.plot_daughters").setChecked(True)
    stage.run("review.plot_cells")
    stage.settle()
    stage.picture(stage.window, "review-over-time")
    fold.collapse()


def start_training(stage: Stage, steps: int) -> None:
    """Begin to learn, and wait until there is a curve to see."""
    stage.widget("train.steps").setValue(steps)
    stage.widget("train.start").click()
    state = stage.session.job
    stage.wait(lambda: state.state.done > min(20, steps * 0.6) or not state.running)


# ---- the documentation --------------------------------------------------------------------------


def documentation(steps: int) -> None:
    """Take the pictures of README, tutorial and the other pages."""
    stage, loop = Stage(WINDOW), []

    def keep(name: str, dock: str) -> None:
        stage.picture(stage.holders[dock], name)

    def film() -> None:
        shown = stage.grab(stage.window)
        loop.append(shown.resize(LOOP, Image.Resampling.LANCZOS))

    for name in DOCKS:
        stage.open(name)
    stage.open("Segment")
    keep("segment-empty", "Segment")
    show_sample(stage)
    film()
    segment(stage)
    keep("segment", "Segment")
    stage.picture(stage.window, "napari")
    film()
    review(stage)
    film()
    put_back(stage)
    stage.open("Train")
    outline(stage)
    keep("train-paint", "Train")
    film()
    start_training(stage, steps)
    keep("train-running", "Train")
    film()
    stage.finish()
    stage.picture(stage.holders["Train"], "train")
    film()
    stage.run("train.keep")
    stage.open("Segment")
    stage.run("segment.run_movie")
    film()
    stage.open("Export")
    with tempfile.TemporaryDirectory(prefix="movies") as folder:
        stage.widget("export.folder").setText(str(Path(folder) / "results"))
        stage.run("export.run")
        keep("export", "Export")
        film()
    stage.viewer.close()
    animate(loop, IMAGES / "loop.gif")


def review(stage: Stage) -> None:
    """Take the pictures of Review: a doubt, a window of a sample, cells that are corrected."""
    stage.open("Review")
    doubt(stage)
    stage.picture(stage.window, "review-doubt")
    check(stage)
    stage.picture(stage.window, "review-sample")
    stage.widget("review.stop_check").click()
    compare(stage)
    plot(stage)
    correct(stage)
    stage.docks["Review"].bring_into_sight(stage.docks["Review"].timeline)
    stage.settle()
    stage.picture(stage.holders["Review"], "review")


def review_alone() -> None:
    """Take the pictures of Review and nothing else."""
    stage = Stage(WINDOW)
    for name in ("Segment", "Review"):
        stage.open(name)
    stage.open("Segment")
    show_sample(stage)
    segment(stage)
    review(stage)
    put_back(stage)
    stage.viewer.close()


# ---- volumes ------------------------------------------------------------------------------------


def volumes(steps: int) -> None:
    """Take the pictures of volumes: how they are chosen, learned from, and shown in 3D."""
    stage = Stage(WINDOW)
    for name in ("Segment", "Train"):
        stage.open(name)
    stage.viewer.open_sample(PLUGIN, "nuclei_3d")
    stage.widget("movie.z", "Train").setCurrentText("volume")
    stage.widget("movie.line", "Train").setChecked(True)
    stage.settle()
    stage.picture(stage.window, "volumes-open")
    stage.widget("movie.line", "Train").setChecked(False)
    outline_volume(stage)
    for name, value in (("filters", (8, 16, 32)), ("crop", 48), ("steps", 4 * steps)):
        stage.widget(f"train.{name}").setValue(value)
    stage.widget("train.start_from").setCurrentText("a new network")
    stage.run("train.start")
    stage.run("train.keep")
    stage.open("Segment")
    stage.run("segment.run_movie")
    live, layer = stage.session.labels.live, stage.session.labels.layer
    stage.wait(lambda: live.is_prepared(stage.session.movie.frame), 120)
    layer.mode = "pan_zoom"
    stage.viewer.dims.ndisplay = 3
    stage.viewer.reset_view()
    stage.viewer.camera.angles = (-12, 38, 55)
    stage.wait(lambda: layer.loaded, 60)
    stage.picture(stage.window, "volumes-3d")
    stage.viewer.close()


def outline_volume(stage: Stage) -> None:
    """Outline all cells of the first volume, as a user would."""
    from napari_unet.sample.volumes import sample_volumes

    stage.widget("train.annotate").click()
    layer = stage.session.labels.layer
    layer.data[0] = sample_volumes(frames=1)[1][0]
    layer.data.confirm_frame(0)
    layer.mode = "pan_zoom"
    stage.viewer.dims.set_current_step(1, stage.session.movie.stack.n_z // 2)
    stage.settle()


# ---- many movies --------------------------------------------------------------------------------


def write_plate(folder: Path) -> Path:
    """Write wells of a plate as movies: nuclei of other seeds, one out of focus, one no movie."""
    import tifffile
    from scipy.ndimage import gaussian_filter

    from napari_unet.sample.movie import sample_movie

    folder.mkdir()
    for i, well in enumerate(WELLS):
        movie, _ = sample_movie(frames=8, shape=(224, 288), seed=20 + i, density=4 + i)
        if i == 3:
            movie[5] = gaussian_filter(movie[5], 4)
        what = {"axes": "TYX", "unit": "um", "finterval": 600}
        tifffile.imwrite(
            folder / f"{well}.tif", movie, imagej=True, resolution=(1 / 0.65,) * 2, metadata=what
        )
    (folder / "C3.tif").write_bytes(b"cut off")
    return folder


def many() -> None:
    """Take the picture of the table of positions: segmented, checked, one exported again."""
    stage = Stage(TALL)
    stage.open("Segment")
    stage.open("Positions")
    with tempfile.TemporaryDirectory(prefix="movies") as place:
        plate = write_plate(Path(place) / "plate")
        stage.widget("positions.source").setText(str(plate))
        stage.widget("positions.open").click()
        stage.finish()
        rows = stage.docks["Positions"].rows
        stage.wait(lambda: all(row.look is not None for row in rows))
        stage.run("positions.segment")
        stage.run("positions.check")
        table = stage.docks["Positions"]
        rows.know("B2", ticked=False)
        stage.run("positions.export")
        stage.wait(lambda: sum(bool(r.look and r.look.exported) for r in rows) == len(WELLS) - 1)
        table.table.clicked.emit(table.table.model().index(1, 1))
        stage.finish()
        stage.viewer.reset_view()
        stage.picture(stage.window, "positions")
        rows.tick(True)
        stage.widget("positions.replace").setChecked(True)
        stage.widget("segment.threshold").setValue(0.7)
        stage.widget("positions.export").click()
        stage.wait(lambda: sum(bool(row.doing) for row in rows) > 1 and has_time(stage))
        stage.picture(stage.holders["Positions"], "positions-running")
        stop(stage)
    stage.viewer.close()


def has_time(stage: Stage) -> bool:
    """Whether the job under way knows how long it will take, or has ended."""
    return "left" in stage.session.job.state.line or not stage.session.job.running


def animate(frames: list[Image.Image], path: Path) -> None:
    """Write a small animated picture: one palette, two seconds a frame."""
    few = [f.quantize(64, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE) for f in frames]
    few[0].save(path, save_all=True, append_images=few[1:], duration=2000, loop=0, optimize=True)


# ---- sheets -------------------------------------------------------------------------------------


def name_of(look: Look) -> str:
    """Return what a look is called: ``1280x720-dark-16``."""
    (width, height), theme, font = look
    return f"{width}x{height}-{theme}-{font}"


def sheets(folder: Path, steps: int, only: str) -> None:
    """Take each dock in each state and look, and put those of one look on a sheet."""
    stage = Stage(WINDOW)
    looks = [look for look in product(SIZES, THEMES, FONTS) if only in name_of(look)]
    taken: dict[Any, Image.Image] = {}
    for name in DOCKS:
        stage.open(name)

    def take(
        state: str, docks: tuple[str, ...] = DOCKS, again: Callable[[], None] | None = None
    ) -> None:
        for look in looks:
            stage.look(*look, NARROW if look[2] > 10 else USUAL)
            if again is not None and not stage.session.job.running:
                again()  # the job came to its end meanwhile
            for name in docks:
                stage.holders[name].raise_()
                if (name, state) == ("Train", "done"):  # as the dock did when it ended
                    stage.docks[name].bring_into_sight(stage.docks[name].result)
                taken[look, name, state] = stage.grab(stage.holders[name], 0.3)

    take("empty")
    show_sample(stage)
    take("open")
    with tempfile.TemporaryDirectory(prefix="movies") as place:
        for name, state, act in states(stage, steps, Path(place)):
            act()
            take(state, (name,), act if state == "running" and name != "Review" else None)
            stop(stage)
    stage.viewer.close()
    folder.mkdir(parents=True, exist_ok=True)
    for look in looks:
        rows = [[taken.get((look, n, s)) for s in STATES] for n in DOCKS]
        few = arrange(rows).quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few.save(folder / f"docks-{name_of(look)}.png", optimize=True)


def states(stage: Stage, steps: int, place: Path) -> Iterator[tuple[str, str, Callable[[], None]]]:
    """Give a dock and a state with what brings it there, in the order in which a user would."""

    def run_segment() -> None:
        forget(stage)
        stage.widget("segment.accurate").setChecked(True)
        stage.widget("segment.run_movie").click()
        stage.wait(lambda: stage.session.job.state.done >= 1)

    def end_segment() -> None:
        stage.widget("segment.accurate").setChecked(False)
        segment(stage)

    def end_review() -> None:
        stage.widget("review.correct").click()
        stage.session.labels.live.confirm_frame(stage.session.movie.frame)
        doubt(stage)

    def run_train() -> None:
        if not stage.session.labels.live.corrections.is_complete(FRAMES[0]):
            outline(stage)
        start_training(stage, 100 * steps)

    def end_train() -> None:
        start_training(stage, steps)
        stage.finish()

    def run_export() -> None:
        if stage.session.training.undecided:
            stage.run("train.keep")
            stage.run("segment.run_movie")
        stage.widget("export.folder").setText(str(place / f"cut off {len(list(place.iterdir()))}"))
        stage.widget("export.zoom").setValue(4)
        stage.widget("export.save_movie").click()
        stage.wait(lambda: stage.session.job.state.done >= 1)

    def end_export() -> None:
        stage.widget("export.zoom").setValue(1)
        stage.widget("export.folder").setText(str(place / "results"))
        stage.run("export.run")

    yield "Segment", "running", run_segment
    yield "Segment", "done", end_segment
    yield "Review", "running", lambda: correct(stage)
    yield "Review", "done", end_review
    yield "Train", "running", run_train
    yield "Train", "done", end_train
    yield "Export", "running", run_export
    yield "Export", "done", end_export


def stop(stage: Stage) -> None:
    """Stop the job that runs."""
    stage.session.job.cancel()
    stage.wait(lambda: not stage.session.job.running)


def arrange(rows: list[list[Image.Image | None]]) -> Image.Image:
    """Put pictures beside and below each other."""
    there = [shown for row in rows for shown in row if shown is not None]
    width, height = max(s.width for s in there) + 8, max(s.height for s in there) + 8
    whole = Image.new("RGB", (width * len(rows[0]), height * len(rows)), "white")
    for i, row in enumerate(rows):
        for j, shown in enumerate(row):
            if shown is not None:
                whole.paste(shown, (j * width, i * height))
    return whole


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=60, help="how long it trains")
    parser.add_argument("--sheets", type=Path, help="folder for the docks in every state")
    parser.add_argument("--look", default="", help="part of a sheet's name: only those, such as 16")
    parser.add_argument("--review", action="store_true", help="only the pictures of Review")
    parser.add_argument("--volumes", action="store_true", help="only the pictures of volumes")
    parser.add_argument("--many", action="store_true", help="only the table of positions")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {f"XDG_{kind}_HOME": home for kind in ("DATA", "CACHE", "CONFIG", "STATE")}
        if arguments.sheets:
            sheets(arguments.sheets, arguments.steps, arguments.look)
        elif arguments.review:
            review_alone()
        elif arguments.volumes:
            volumes(arguments.steps)
        else:
            if not arguments.many:
                documentation(arguments.steps)
                volumes(arguments.steps)
            many()
