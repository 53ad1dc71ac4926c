"""A user who does anything at any moment, in a process of its own: what is raised, what is lost.

    python -m tests.gui.sequence SEED STEPS MODEL

Ends by closing the window, whatever runs, and opens the movie again in another one. Prints what
was done, raised and lost as JSON. With ``-`` for SEED, reads seeds from its input, a line each, and
has a fork of its own do each: what all of them import is imported once.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

PLUGIN = "napari-unet-live"
_GRID, _CELL = (6, 8), 14  # places of strokes on a frame, and px between them
_DOCKS = ("Segment", "Train", "Export")
_HANG = 300  # s
_IMPORTED = (
    "napari.viewer napari._qt.qt_viewer napari._vispy.canvas pandas skimage.segmentation tifffile "
    "torch "
    "napari_unet.engine.jobs.export napari_unet.engine.jobs.segment "
    "napari_unet.engine.export.formats.table napari_unet.engine.export.overlay.write_movie "
    "napari_unet.engine.session.live_labels napari_unet.engine.training.training "
    "napari_unet.gui.export.export_dock napari_unet.gui.segment.segment_dock "
    "napari_unet.gui.train.train_dock napari_unet.sample.movie"
).split()


class User:
    """Chooses among all that can be done; knows which strokes must be there in the end."""

    def __init__(self, seed: int, place: Path, model: Path) -> None:
        import napari
        import tifffile
        from qtpy.QtWidgets import QApplication

        from napari_unet.sample.movie import sample_movie
        from napari_unet.sample.world import SMALL

        self.random, self.model = random.Random(seed), model
        self.raised: list[str] = []
        self.movie = place / "movie.tif"
        self.place = place
        data, self.truth = sample_movie(SMALL)
        tifffile.imwrite(self.movie, data, imagej=True, metadata={"axes": "TYX"})
        self.array = data
        self.app = QApplication.instance() or QApplication([])
        self.viewer = napari.Viewer(show=True)
        sys.excepthook = self._raise
        self.docks: dict[str, Any] = {}
        self.strokes: dict[tuple[int, int, int], int] = {}
        self.free = [
            (t, y, x) for t in range(len(data)) for y in range(_GRID[0]) for x in range(_GRID[1])
        ]
        self.random.shuffle(self.free)
        self.painted: list[dict[tuple[int, int, int], int]] = []  # what was there before each

    def _raise(self, kind: Any, error: BaseException, trace: Any) -> None:
        self.raised.append("".join(traceback.format_exception(kind, error, trace))[-6000:])

    # ---- what there is ----------------------------------------------------------------------

    @property
    def session(self) -> Any:
        from napari_unet.gui.session.session import Session

        return Session.of(self.viewer)

    def pump(self, seconds: float = 0.05) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.app.processEvents()
            time.sleep(0.002)

    def until(self, there: Callable[[], bool], seconds: float = 90) -> bool:
        end = time.monotonic() + seconds
        while not there():
            if time.monotonic() > end:
                return False
            self.pump(0.02)
        return True

    def dock(self, name: str) -> Any:
        if name not in self.docks:
            self.docks[name] = self.viewer.window.add_plugin_dock_widget(PLUGIN, name)
            self.pump()
        return self.docks[name][1]

    def find(self, dock: str, name: str) -> Any:
        from qtpy.QtWidgets import QWidget

        return self.dock(dock).findChild(QWidget, name)

    def click(self, dock: str, name: str) -> None:
        button = self.find(dock, name)
        if button.isEnabled():
            button.click()

    def layer(self) -> Any:
        here = list(self.viewer.layers)
        return self.random.choice(here) if here else None

    # ---- what can be done -------------------------------------------------------------------

    def open_movie(self) -> None:
        if self.session.job.running:
            return
        self.find("Segment", "movie.path").setText(str(self.movie))
        self.click("Segment", "movie.open")
        self.until(lambda: not self.session.job.running)

    def add_array(self) -> None:
        self.viewer.add_image(self.array[:3], name="array")

    def open_dock(self) -> None:
        self.dock(self.random.choice(_DOCKS))

    def close_dock(self) -> None:
        if self.docks:
            holder, _ = self.docks.pop(self.random.choice(sorted(self.docks)))
            holder.destroyOnClose()

    def paint(self) -> None:
        """Paint a cell where nothing is painted yet, on the movie that has a file."""
        stack = self.session.movie.stack
        if stack is None or stack.path != self.movie or not self.free:
            return
        self.click("Train", "train.annotate")
        import numpy as np

        layer, live = self.session.labels.layer, self.session.labels.live
        if layer is None or live is None:
            return
        t, y, x = self.free.pop()
        y, x = 8 + y * _CELL, 8 + x * _CELL
        label = live.new_id()
        layer.selected_label, layer.brush_size = label, 5
        live.begin_stroke()
        layer.paint((t, y, x), label)
        live.end_stroke()
        self.painted.append(dict(self.strokes))
        self.strokes[t, y, x] = label
        for place in self.strokes:  # through the frames, in a view that is rolled
            if int(np.asarray(live[place[0]])[place[1:]]) == label:
                self.strokes[place] = label

    def undo(self) -> None:
        """Take the last stroke back."""
        layer = self.session.labels.layer
        if layer is not None and self.painted and not self.session.job.running:
            layer.undo()
            self.strokes = self.painted.pop()

    def rename(self) -> None:
        if (layer := self.layer()) is not None:
            layer.name = f"layer {self.random.randrange(99)}"

    def hide(self) -> None:
        if (layer := self.layer()) is not None:
            layer.visible = not layer.visible

    def delete(self) -> None:
        if (layer := self.layer()) is not None:
            self.viewer.layers.remove(layer)

    def duplicate(self) -> None:
        if (layer := self.layer()) is not None and len(self.viewer.layers) < 9:
            from napari.layers._layer_actions import _duplicate_layer

            self.viewer.layers.selection = {layer}
            _duplicate_layer(self.viewer.layers)

    def transpose_layer(self) -> None:
        """Swap height and width of an array, of a layer that is no file's."""
        layer = self.layer()
        if layer is not None and isinstance(layer.data, type(self.array)):
            layer.data = layer.data.swapaxes(-1, -2)

    def reorder(self) -> None:
        self.viewer.layers.reverse()

    def select(self) -> None:
        if (layer := self.layer()) is not None:
            self.viewer.layers.selection = {layer}

    def roll(self) -> None:
        self.viewer.dims.roll()

    def transpose(self) -> None:
        self.viewer.dims.transpose()

    def three_d(self) -> None:
        self.viewer.dims.ndisplay = 5 - self.viewer.dims.ndisplay

    def frame(self) -> None:
        if self.viewer.dims.ndim > 2:
            self.viewer.dims.set_current_step(0, self.random.randrange(6))

    def threshold(self) -> None:
        self.find("Segment", "segment.threshold").setValue(self.random.uniform(0.1, 0.9))

    def split(self) -> None:
        self.click("Segment", "segment.split")

    def load_model(self) -> None:
        self.find("Segment", "segment.model_path").setText(str(self.model))
        self.click("Segment", "segment.load_model")

    def choose_model(self) -> None:
        menu = self.find("Segment", "segment.model")
        menu.setCurrentIndex(self.random.randrange(max(1, menu.count())))

    def theme(self) -> None:
        self.viewer.theme = self.random.choice(("dark", "light"))

    def segment_frame(self) -> None:
        self.click("Segment", "segment.run_frame")

    def segment_movie(self) -> None:
        self.click("Segment", "segment.run_movie")

    def train(self) -> None:
        for name, value in (("filters", (8, 16)), ("crop", 64), ("batch", 4), ("threads", 1)):
            self.find("Train", f"train.{name}").setValue(value)
        self.find("Train", "train.steps").setValue(self.random.choice((3, 500)))
        self.find("Train", "train.start_from").setCurrentText("a new network")
        self.click("Train", "train.start")

    def keep(self) -> None:
        self.click("Train", "train.keep")

    def revert(self) -> None:
        self.click("Train", "train.revert")

    def export(self) -> None:
        self.find("Export", "export.folder").setText(str(self.place / "results"))
        what = self.random.choice(("save_labels", "save_table", "save_movie", "replace"))
        self.click("Export", f"export.{what}")

    def stop(self) -> None:
        self.session.job.cancel()

    def wait(self) -> None:
        self.pump(self.random.uniform(0.1, 1.0))

    def wait_for_the_job(self) -> None:
        self.until(lambda: not self.session.job.running, 3)

    # ---- all of it --------------------------------------------------------------------------

    def act(self) -> str:
        often = (self.paint, self.frame, self.segment_frame, self.threshold, self.wait)
        once = [
            getattr(self, name)
            for name in (
                "open_movie add_array open_dock close_dock undo rename hide delete duplicate "
                "reorder select transpose_layer roll transpose three_d split load_model "
                "choose_model theme segment_movie train keep revert export stop wait_for_the_job"
            ).split()
        ]
        chosen = self.random.choice([*often * 2, *once])
        sys.stderr.write(f"{chosen.__name__}\n")  # for who looks for why it died
        try:
            chosen()
        except Exception as error:  # noqa: BLE001 - that it raised is what is looked for
            self._raise(type(error), error, error.__traceback__)
        self.pump(self.random.choice((0.0, 0.02, 0.1)))
        return str(chosen.__name__)

    def close(self) -> None:
        """Close the window by script or as a user does."""
        if self.random.random() < 0.5:
            self.viewer.close()
        else:
            self.viewer.window._qt_window.close()
        self.docks = {}
        self.pump(0.5)

    def lost(self) -> list[str]:
        """Open the movie again in another window: the strokes that are not there."""
        import napari
        import numpy as np

        self.viewer = napari.Viewer(show=False)
        sys.excepthook = self._raise
        self.open_movie()
        if not self.strokes:
            return []
        there = self.until(lambda: self.session.labels.live is not None, 20)
        live = self.session.labels.live
        if not there or live is None:
            return [f"all of {len(self.strokes)}"]
        found = [
            f"{place}: {label}"
            for place, label in self.strokes.items()
            if int(np.asarray(live[place[0]])[place[1:]]) != label
        ]
        self.viewer.close()
        self.pump(0.2)
        return found


def sequence(seed: int, steps: int, model: Path, home: Path) -> dict[str, Any]:
    """Do one sequence; nothing is written outside ``home``."""
    faulthandler.enable()
    for name in ("DATA", "CACHE", "CONFIG"):
        os.environ[f"XDG_{name}_HOME"] = f"{home}/{name.lower()}"
    os.environ["NAPARI_CONFIG"] = f"{home}/napari.yaml"
    place = home / "movies"
    place.mkdir()
    user = User(seed, place, model)
    user.open_movie()
    done = [user.act() for _ in range(steps)]
    ran = user.session.job.state.title if user.session.job.running else ""
    user.close()
    lost = user.lost()
    told = {"done": done, "closed in": ran, "strokes": len(user.strokes)}
    return {**told, "raised": user.raised, "lost": lost}


def answer(seed: int, steps: int, model: Path) -> None:
    """Do one sequence, print what was found, and wait for what still runs."""
    with tempfile.TemporaryDirectory() as home:
        told = sequence(seed, steps, model, Path(home))
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        from superqt.utils import WorkerBase

        WorkerBase.await_workers(60000)


def ended(child: int) -> int | None:
    """Wait for a process; return how it ended, None where it hangs and was killed."""
    for _ in range(20 * _HANG):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def serve() -> int | None:
    """Fork for each ``SEED FOLDER`` that is read and answer with how it ended, None for a hang.

    Returns the seed in the fork, whose output goes into the folder, and None at the end.
    """
    sys.modules["pyarrow"] = None  # type: ignore[assignment]  # starts a thread when imported
    for name in _IMPORTED:
        importlib.import_module(name)
    threads = list(Path("/proc/self/task").iterdir())
    assert len(threads) == 1  # a fork keeps the locks of others
    for line in iter(sys.stdin.readline, ""):
        seed, folder = line.split(maxsplit=1)
        child = os.fork()
        if not child:
            for name, number in (("in", 0), ("out", 1), ("err", 2)):
                os.dup2(os.open(Path(folder.strip(), name), os.O_RDWR | os.O_CREAT), number)
            return int(seed)
        sys.stdout.write(f"{ended(child)}\n")
        sys.stdout.flush()
    return None


def main() -> None:
    """Do one sequence, or those that are asked for."""
    seed = serve() if sys.argv[1] == "-" else int(sys.argv[1])
    if seed is not None:
        answer(seed, int(sys.argv[2]), Path(sys.argv[3]))


if __name__ == "__main__":
    main()
