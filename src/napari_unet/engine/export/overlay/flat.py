"""Volumes as pictures: one section, or the brightest voxel of each column with its label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_unet.engine.export.target.writing import Writer
    from napari_unet.engine.stack.source import Frames
    from napari_unet.engine.stack.stack import Stack

    Flatten = Callable[[int, NDArray[Any]], NDArray[Any]]


class Flat:
    """What is shown of a movie: its frames; of volumes a ``section``, or for None the maximum.

    ``stack`` are the frames that are shown. What comes with them is made as flat, and stays as it
    is where the movie is no volumes.

    Raises
    ------
    BadInput
        Where a movie that is read as frames, or has fewer sections, is to be shown by section.

    """

    def __init__(self, stack: Stack, section: int | None) -> None:
        self._given, self._section = stack, section
        self._volumes = len(stack.frame_shape) > 2
        self.stack = stack
        if self._volumes:
            self.stack = stack.select(z="max" if section is None else section)
        elif section is not None:
            raise BadInput(
                f"section {section} is to be shown, and {stack.name} is read as frames",
                "a movie read as volumes",
                "read it with --z volume, or leave the section out",
            )

    def refuse_volumes(self) -> None:
        """Refuse what figures are not made of."""
        if self._volumes:
            raise BadInput(
                f"{self._given.name} is read as volumes, of which no figure is made",
                "frames of one section",
                "choose a section, or the maximum of all, by --z",
            )

    def labels(self, frame: int, labels: NDArray[Any]) -> NDArray[Any]:
        """Return labels as (Y, X).

        Of a projection those of the brightest voxel of a cell in each column: outlines then lie
        around what is seen, though the brightest of all may be ground beside it.
        """
        if not self._volumes:
            return labels
        if self._section is not None:
            return np.asarray(labels[self._section])
        raw = np.asarray(self._given[frame])
        light = raw if raw.ndim == labels.ndim else raw[0]
        inside = labels > 0
        seen = np.where(inside, light, light.min()).argmax(axis=0)[None]
        found = np.take_along_axis(labels, seen, axis=0)[0]
        # a cell as dark as the darkest voxel is no maximum
        missed = (found == 0) & inside.any(axis=0)
        return np.asarray(np.where(missed, labels.max(axis=0), found))

    def _codes(self, _frame: int, codes: NDArray[Any]) -> NDArray[Any]:
        if self._section is None:
            return np.asarray(codes.max(axis=-3))
        return np.asarray(codes[..., self._section, :, :])

    def labels_of(self, frames: Frames | None) -> Any:
        """Return labels by frame as they are shown, made when they are asked for."""
        return frames if frames is None or not self._volumes else _Made(frames, self.labels)

    def codes_of(self, frames: Frames | None) -> Any:
        """Return codes (C, …) by frame as they are shown."""
        return frames if frames is None or not self._volumes else _Made(frames, self._codes)

    def tracks(self, rows: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
        """Return rows (id, t, z, y, x) as (id, t, y, x)."""
        return rows if rows is None or not self._volumes else np.delete(rows, 2, axis=1)

    def writer(self, writer: Writer) -> Writer:
        """Return a writer that takes labels as they are and gives ``writer`` what is shown."""
        return self._writer(writer) if self._volumes else writer

    def _writer(self, writer: Writer) -> Writer:
        try:
            next(writer)
            while (given := (yield)) is not None:
                frame, labels = given
                writer.send((frame, self.labels(frame, np.asarray(labels))))
            try:
                writer.send(None)
            except StopIteration as end:
                path: Path = end.value
                return path
            raise RuntimeError("a writer went on after its end")
        finally:
            writer.close()


class _Made:
    """Frames, each made flat when it is asked for."""

    def __init__(self, frames: Frames, flatten: Flatten) -> None:
        self._frames, self._flatten = frames, flatten

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, frame: int) -> NDArray[Any]:
        return self._flatten(frame, np.asarray(self._frames[frame]))
