"""A real napari with the plugin's docks, on a small generated movie."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt, QThreadPool
from qtpy.QtWidgets import QAbstractButton, QWidget

from napari_unet.gui.dock.dock import Dock
from napari_unet.gui.session.session import Session
from napari_unet.sample.movie import sample_movie
from napari_unet.sample.world import SMALL

PLUGIN = "napari-unet-live"
_IMPORTED = (
    "napari.viewer",
    "napari._qt.qt_main_window",
    "napari._qt.qt_viewer",
    "napari._vispy.canvas",
    "napari.layers._layer_actions",
    "openvino",
    "pandas",
    "scipy.optimize",
    "skimage.segmentation",
    "napari_unet.engine.prediction.prediction",
    "napari_unet.engine.training.training",
)


@pytest.fixture(scope="session", autouse=True)
def imported() -> None:
    """Import what stays for good before a viewer is made: it is left out of collections then."""
    for name in _IMPORTED:
        importlib.import_module(name)


@pytest.fixture(autouse=True)
def collect(request: pytest.FixtureRequest) -> None:
    """Let closed viewers go before the next one is made, and look at what is left no more.

    A viewer that closes is collected: most of such a test would go into looking at modules and at
    thousands of collected tests again.
    """
    if "make_napari_viewer" in request.fixturenames:
        gc.collect()
        gc.freeze()


@pytest.fixture(autouse=True)
def own_places(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep models and probabilities of the tests out of the user's own folders."""
    place = tmp_path_factory.mktemp("home")
    for name in ("data", "cache", "config"):
        monkeypatch.setenv(f"XDG_{name.upper()}_HOME", str(place / name))


@pytest.fixture(scope="session")
def small() -> tuple[np.ndarray, np.ndarray]:
    """The small movie and its true labels, both (T, Y, X)."""
    return sample_movie(SMALL)


@pytest.fixture
def file(tmp_path: Path, small: tuple[np.ndarray, np.ndarray]) -> Path:
    """The small movie as a TIFF of its own, in a folder where a session can be kept."""
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, small[0], imagej=True, metadata={"axes": "TYX"})
    return path


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Any], qtbot: Any) -> Iterator[Any]:
    """A real viewer; nothing of it is left running."""
    viewer = make_napari_viewer(show=False)
    yield viewer
    session = Session.of(viewer)
    if session.job.running:
        session.job.cancel()
        qtbot.waitUntil(lambda: not session.job.running, timeout=20000)
    QThreadPool.globalInstance().waitForDone(20000)
    qtbot.wait(10)


@pytest.fixture
def movie(viewer: Any, small: tuple[np.ndarray, np.ndarray]) -> Any:
    """The small movie as the viewer's first layer."""
    return viewer.add_image(small[0], name="small", axis_labels=("t", "y", "x"))


class Hand:
    """A user at the docks: opens them, finds widgets by name, clicks, waits."""

    def __init__(self, viewer: Any, qtbot: Any) -> None:
        self.viewer, self.qtbot = viewer, qtbot

    @property
    def session(self) -> Session:
        return Session.of(self.viewer)

    def open(self, name: str) -> Dock:
        _, dock = self.viewer.window.add_plugin_dock_widget(PLUGIN, name)
        return dock

    def open_movie(self, dock: Dock, path: Path) -> str:
        """Open a movie file as the dock's path field does; give the line in which it ended."""
        self.find(dock, "movie.path").setText(str(path))
        self.click(dock, "movie.open")
        return self.done()

    def load_model(self, dock: Dock, path: Path) -> str:
        """Load a model file in the Segment dock; give the line in which it ended."""
        self.find(dock, "segment.model_path").setText(str(path))
        self.click(dock, "segment.load_model")
        return self.done()

    def open_train(self, steps: int) -> Dock:
        """The Train dock, set to a small new network and few steps."""
        dock = self.open("Train")
        self.make_small(dock, steps)
        return dock

    def make_small(self, dock: Dock, steps: int) -> None:
        """Set the Train dock to a small new network, and some steps."""
        for name, value in (("filters", (8, 16)), ("crop", 64), ("batch", 4), ("threads", 1)):
            self.find(dock, f"train.{name}").setValue(value)
        self.find(dock, "train.steps").setValue(steps)
        self.find(dock, "train.start_from").setCurrentText("a new network")

    @staticmethod
    def find(dock: QWidget, name: str) -> Any:
        found = dock.findChild(QWidget, name)
        assert found is not None, f"{name} is not there"
        return found

    def click(self, dock: QWidget, name: str) -> None:
        button = self.find(dock, name)
        assert isinstance(button, QAbstractButton)
        assert button.isEnabled(), f"{name} is off: {button.toolTip()}"
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def said(self, dock: QWidget, name: str, words: str) -> str:
        """Wait until a label holds some words; give all it says."""
        label = self.find(dock, name)
        self.qtbot.waitUntil(lambda: words in label.text(), timeout=10000)
        return str(label.text())

    def done(self, timeout: int = 60000) -> str:
        """Wait for the job; give the line in which it ended."""
        job = self.session.job
        self.qtbot.waitUntil(lambda: not job.running, timeout=timeout)
        assert not job.state.failed, job.state.line
        return job.state.line

    def failure(self, timeout: int = 20000) -> str:
        """Wait for the job; give the one line in which it failed."""
        job = self.session.job
        self.qtbot.waitUntil(lambda: not job.running, timeout=timeout)
        assert job.state.failed
        assert "\n" not in job.state.line
        return job.state.line


@pytest.fixture
def hand_at(qtbot: Any) -> Callable[[Any], Hand]:
    """Make a user at a viewer; for tests that close it, or have several."""
    return lambda viewer: Hand(viewer, qtbot)


@pytest.fixture
def hand(viewer: Any, qtbot: Any) -> Hand:
    """Open docks and press buttons as a user would."""
    return Hand(viewer, qtbot)


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory, small: Any) -> Path:
    """A small model trained for a few steps on the small movie."""
    from napari_unet.engine.annotations.annotations import Annotations
    from napari_unet.engine.jobs.progress import run
    from napari_unet.engine.settings import TrainSettings
    from napari_unet.engine.stack.stack import Stack
    from napari_unet.engine.training.training import train

    stack, truth = (Stack.from_array(part, axes="TYX") for part in small)
    settings = TrainSettings(minutes=None, steps=60, filters=(8, 16), crop=64, batch=4, threads=1)
    steps = train(stack, Annotations.from_labels(stack, truth, (0, 3)), settings, name="tiny")
    return run(steps, quiet=True).save(tmp_path_factory.mktemp("model") / "tiny.safetensors")
