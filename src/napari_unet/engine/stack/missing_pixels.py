"""Pixels without a value: NaN or infinite, as ratios and registered movies have them.

One rule for all of them: never learned from, never measured, and contrast is found without them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def missing_pixels(frame: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Return where a frame ``(Y, X)`` or ``(C, Y, X)`` has no value in any channel, ``(Y, X)``.

    None where every pixel has one.
    """
    frame = np.asarray(frame)
    if frame.dtype.kind != "f":
        return None
    finite = np.isfinite(frame)
    if finite.all():
        return None
    return np.asarray(~(finite if frame.ndim == 2 else finite.all(axis=0)))


def measured_values(plane: NDArray[Any]) -> NDArray[Any]:
    """Return the values of the pixels that have one, flat; in a type that numpy can add up."""
    plane = np.asarray(plane)
    if plane.dtype.kind == "b":
        return plane.ravel().astype(np.uint8)
    if plane.dtype.kind != "f":
        return plane.ravel()
    values = plane[np.isfinite(plane)]
    return np.asarray(values, np.float32 if values.dtype == np.float16 else values.dtype)
