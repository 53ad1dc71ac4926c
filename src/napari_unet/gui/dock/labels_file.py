"""Labels from a file, as a layer over the movie: to be looked at, painted on, and learned from."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QLineEdit, QWidget

from napari_unet.engine.text import say_ranges
from napari_unet.gui.session.job import Task
from napari_unet.gui.viewer import layers
from napari_unet.gui.widgets.parts import Column, button, row

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_unet.engine.stack.stack import Stack
    from napari_unet.gui.session.session import Session

_FRAMES = "frames"  # in the metadata of a layer: those that the file has labels of


def frames_of(layer: Labels) -> tuple[int, ...] | None:
    """Return the frames that a layer from a file has labels of; None where all may have some."""
    ours = layer.metadata.get(layers.OURS)
    return ours.get(_FRAMES) if isinstance(ours, dict) else None


class LabelsFile(QWidget):
    """A path, and a button that opens what lies there; asks for a file where the path is empty."""

    opened = Signal(object, str)  # the layer, and the frames that have labels where not all do

    def __init__(self, session: Session, owner: str, what: str) -> None:
        super().__init__()
        self._session, self._owner = session, owner
        self.path = QLineEdit(objectName=f"{owner}.{what}_path")
        self.path.setPlaceholderText("images, ROIs, masks of Cellpose, tracks")
        self.open = button(
            "Labels file…", f"{owner}.open_{what}", "Labels of this movie from a file, as a layer"
        )
        Column(self).add(row(self.path, self.open, stretch=0))
        self.open.clicked.connect(self._on_open)
        self.path.returnPressed.connect(self._on_open)

    def _on_open(self) -> None:
        path = self.path.text().strip()
        if not path:
            path, _ = QFileDialog.getOpenFileName(self, "Labels of this movie")
        if not path:
            return
        with self._session.job.refusing(self._owner):
            stack = self._session.movie.require_stack()
            self._session.job.start(
                Task(
                    self._owner, "Opening the labels", lambda: _opening(path, stack),
                    on_done=self._on_opened,
                )
            )  # fmt: skip

    def _on_opened(self, found: tuple[NDArray[Any], str, tuple[int, ...]]) -> str:
        labels, name, frames = found
        image = self._session.movie.require_layer()
        with layers.held(self._session.viewer):
            lies = layers.place(image, dims=labels.ndim - 1)
            known = {layers.OURS: {_FRAMES: frames}}
            layer = self._session.viewer.add_labels(labels, name=name, metadata=known, **lies)
        some = say_ranges(frames).replace(" ", "") if len(frames) < len(labels) else ""
        with suppress(RuntimeError):  # the dock was closed meanwhile
            self.opened.emit(layers.raw(layer), some)
        return f"{name} is a layer now."


def _opening(
    path: str, stack: Stack
) -> Generator[None, None, tuple[NDArray[Any], str, tuple[int, ...]]]:
    """Read labels of a movie, frame by frame, each in its place; in a worker."""
    from napari_unet.engine.labels.given.open_labels import open_labels
    from napari_unet.engine.labels.label_frames import LabelFrames
    from napari_unet.engine.labels.label_stack import LabelStack

    yield
    with open_labels(path, stack) as truth:
        given = LabelFrames(LabelStack.of(truth, stack), stack)
        frames = given.frame_indices
        given.require(frames)
        first = given[frames[0]]
        labels = np.zeros((len(stack), *first.shape), first.dtype)
        for t in frames:
            labels[t] = given[t]
            yield
    return labels, truth.name, tuple(frames)
