"""A napari window for pictures, driven by the names of its widgets."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

PLUGIN = "napari-unet-live"
IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"


class Stage:
    """A viewer, its docks, and a hand at them."""

    def __init__(self, size: tuple[int, int]) -> None:
        import napari
        from qtpy.QtWidgets import QApplication

        self.viewer = napari.Viewer(show=True)
        self.window = self.viewer.window._qt_window  # noqa: SLF001 - for pictures only
        self.window.resize(*size)
        self.app = QApplication.instance()
        self.docks: dict[str, Any] = {}
        self.holders: dict[str, Any] = {}

    @property
    def session(self) -> Any:
        """The session of the viewer."""
        return next(iter(self.docks.values())).session

    def open(self, name: str) -> None:
        """Open a dock, or bring it to the front."""
        holder, dock = self.viewer.window.add_plugin_dock_widget(PLUGIN, name)
        self.docks[name], self.holders[name] = dock, holder
        self.settle()
        holder.raise_()
        self.settle()

    def look(self, size: tuple[int, int], theme: str, font: int, width: int) -> None:
        """Change the size of the window, napari's theme and font, and the width of the docks."""
        from napari.settings import get_settings
        from qtpy.QtCore import Qt

        appearance = get_settings().appearance
        if (appearance.theme, appearance.font_size) != (theme, font):
            appearance.theme, appearance.font_size = theme, font
        self.window.resize(*size)
        self.settle(0.2)
        self.window.resizeDocks(
            list(self.holders.values()), [width] * len(self.holders), Qt.Orientation.Horizontal
        )
        self.settle(0.3)

    def widget(self, name: str, dock: str = "") -> Any:
        """Return a widget by its object name, built where it is folded away.

        Its name says in which dock it is; what all of them have is that of the ``dock`` named.
        """
        from qtpy.QtWidgets import QWidget

        return self.docks[dock or name.split(".")[0].capitalize()].findChild(QWidget, name)

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

    def run(self, name: str, seconds: float = 600) -> None:
        """Press a button and wait for the job it starts."""
        self.widget(name).click()
        self.finish(seconds)

    def finish(self, seconds: float = 600) -> None:
        """Wait for the job that runs."""
        job = self.session.job
        self.wait(lambda: not job.running, seconds)
        if job.state.failed:
            sys.exit(job.state.line)
        self.settle()

    def grab(self, widget: Any, seconds: float = 0.4) -> Image.Image:
        """Return what a widget looks like."""
        from qtpy.QtGui import QImage

        self.settle(seconds)
        shown = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
        bits = shown.constBits()
        bits.setsize(shown.sizeInBytes())
        size = (shown.width(), shown.height())
        return Image.frombuffer("RGB", size, bytes(bits), "raw", "RGB", shown.bytesPerLine(), 1)

    def picture(self, widget: Any, name: str) -> None:
        """Save what a widget looks like."""
        IMAGES.mkdir(parents=True, exist_ok=True)
        self.grab(widget, 0.8).save(IMAGES / f"{name}.png", optimize=True)
