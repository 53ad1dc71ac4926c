"""Pixels without a value: NaN or infinite, as ratios and registered movies have them.

One rule for all of them: never learned from, never measured, and contrast is found without them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.errors import Notice
from napari_unet.engine.text import say_ranges

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.engine.stack.stack import Stack


def missing_pixels(frame: NDArray[Any], dims: int = 2) -> NDArray[np.bool_] | None:
    """Return where a frame ``(Y, X)`` or ``(C, Y, X)`` has no value in any channel, ``(Y, X)``.

    With ``dims`` 3 it is a volume. None where every pixel has one.
    """
    frame = np.asarray(frame)
    if frame.dtype.kind != "f":
        return None
    finite = np.isfinite(frame)
    if finite.all():
        return None
    return np.asarray(~(finite if frame.ndim == dims else finite.all(axis=0)))


class FramesWithoutValue:
    """Remembers the frames of a movie in which no pixel has a value, of those looked at."""

    def __init__(self, stack: Stack) -> None:
        self._stack, self._found = stack, list[int]()

    def look(self, frame: int) -> None:
        """Look at a frame; where pixels are whole numbers there is nothing to look for."""
        if self._stack.dtype.kind != "f":
            return
        missing = missing_pixels(self._stack[frame], self._stack.dims)
        if missing is not None and missing.all():
            self._found.append(frame)

    def notices(self) -> tuple[Notice, ...]:
        """Return what to say of them; () where there are none."""
        if not self._found:
            return ()
        line = (
            f"{self._stack.name} has no pixel with a value (NaN or infinite) in frame "
            f"{say_ranges(self._found)}: what is found there is no cell"
        )
        return (Notice("check", line),)


def measured_values(plane: NDArray[Any]) -> NDArray[Any]:
    """Return the values of the pixels that have one, flat; in a type that numpy can add up."""
    plane = np.asarray(plane)
    if plane.dtype.kind == "b":
        return plane.ravel().astype(np.uint8)
    if plane.dtype.kind != "f":
        return plane.ravel()
    values = plane[np.isfinite(plane)]
    return np.asarray(values, np.float32 if values.dtype == np.float16 else values.dtype)
