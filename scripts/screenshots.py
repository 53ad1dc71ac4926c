"""Take the pictures of the documentation: napari with the sample movie segmented, and each dock.

Run with a display of its own: ``make screenshots``. Writes docs/images/*.png. Segment runs the
bundled model; Train starts from it, on cells outlined as a user would.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PLUGIN = "napari-unet-live"
DOCKS = ("Segment", "Train", "Export")
IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
WINDOW, HEIGHT = (1440, 960), 960


class Stage:
    """A napari window, driven by the names of its widgets."""

    def __init__(self) -> None:
        import napari
        from qtpy.QtWidgets import QApplication

        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(*WINDOW)
        self.app = QApplication.instance()
        self.docks: dict[str, Any] = {}
        self.holders: dict[str, Any] = {}

    def open(self, name: str) -> None:
        """Open a dock, or bring it to the front."""
        holder, dock = self.viewer.window.add_plugin_dock_widget(PLUGIN, name)
        self.docks[name], self.holders[name] = dock, holder
        self.settle()
        holder.raise_()
        self.settle()

    def widget(self, name: str) -> Any:
        """Return a widget by its object name."""
        from qtpy.QtWidgets import QWidget

        return self.docks[name.split(".")[0].capitalize()].findChild(QWidget, name)

    def settle(self, seconds: float = 0.4) -> None:
        """Let napari draw."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.app.processEvents()
            time.sleep(0.01)

    def wait(self, done: Callable[[], bool], seconds: float = 600) -> None:
        """Let napari work until ``done``."""
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                sys.exit("the screenshots took too long")
            self.settle(0.05)

    def run(self, name: str, at_most: float = 600) -> None:
        """Press a button and wait for the job it starts."""
        job = next(iter(self.docks.values())).session.job
        self.widget(name).click()
        self.wait(lambda: not job.running, at_most)
        if job.state.failed:
            sys.exit(f"{name}: {job.state.line}")
        self.settle()

    def picture(self, widget: Any, name: str) -> None:
        """Save what a widget looks like."""
        self.settle(0.8)
        IMAGES.mkdir(parents=True, exist_ok=True)
        widget.grab().save(str(IMAGES / f"{name}.png"))


def picture_of_curves(stage: Stage) -> None:
    """Unfold the curves of Segment, wait until all frames are counted, and fold them again."""
    from napari_unet.gui.widgets.parts import Fold

    folded = stage.docks["Segment"].findChildren(Fold)
    curves = next(part for part in folded if part.text() == "Curves")
    curves.expand()
    stage.wait(lambda: not stage.widget("segment.curves_hint").text(), 60)
    stage.picture(stage.holders["Segment"], "segment-curves")
    curves.collapse()


def train_a_little(stage: Stage, steps: int) -> None:
    """Outline the cells of two frames, as a user would, and train on them."""
    from napari_unet.sample.movie import sample_movie

    _, truth = sample_movie()
    stage.open("Train")
    stage.widget("train.annotate").click()
    layer = stage.viewer.layers.selection.active
    for t in (6, 18, 30):
        layer.data[t] = truth[t]
        layer.data.confirm_frame(t)
    stage.viewer.dims.set_current_step(0, 18)
    layer.contour = 2
    stage.settle()
    stage.widget("train.steps").setValue(steps)
    stage.widget("train.start").click()
    job = stage.docks["Train"].session.job
    stage.wait(lambda: job.state.done > steps * 0.6 or not job.running)
    stage.picture(stage.holders["Train"], "train-running")
    stage.wait(lambda: not job.running)
    if job.state.failed:
        sys.exit(job.state.line)
    stage.picture(stage.holders["Train"], "train")


def main(steps: int) -> None:
    """Take all pictures."""
    stage = Stage()
    stage.open("Segment")
    stage.picture(stage.holders["Segment"], "segment-empty")
    stage.viewer.open_sample(PLUGIN, "nuclei")
    stage.viewer.reset_view()
    stage.run("segment.run_movie")
    stage.widget("segment.threshold").setValue(0.6)
    stage.viewer.dims.set_current_step(0, 22)
    labels = stage.docks["Segment"].session.labels.layer
    stage.viewer.layers.selection.active = labels
    labels.mode = "pan_zoom"
    stage.picture(stage.holders["Segment"], "segment")
    picture_of_curves(stage)
    train_a_little(stage, steps)
    stage.open("Export")
    stage.open("Segment")
    stage.picture(stage.viewer.window._qt_window, "napari")  # noqa: SLF001 - for a picture only
    stage.open("Export")
    with tempfile.TemporaryDirectory(prefix="movies") as folder:
        stage.widget("export.folder").setText(str(Path(folder) / "results"))
        stage.run("export.save_movie")
        stage.picture(stage.holders["Export"], "export")
    stage.viewer.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=60, help="how long it trains")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {f"XDG_{kind}_HOME": home for kind in ("DATA", "CACHE", "CONFIG")}
        main(arguments.steps)
