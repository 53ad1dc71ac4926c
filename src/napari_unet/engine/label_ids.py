"""Label frames of any file: checked, ids renumbered where huge, masks parted in cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import ndimage

from napari_unet.engine.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.engine.stack import Stack

BACKGROUND_ID = 65535
Kind = Literal["auto", "instances", "binary", "classes"]


def whole_numbers(labels: Stack, position: int) -> NDArray[np.int32]:
    """Read a frame ``(Y, X)`` of labels; `BadInput` unless it holds whole numbers from 0 up."""
    frame = np.asarray(labels[position])
    if frame.dtype.kind == "f" and not np.array_equal(frame, np.rint(frame)):
        raise BadInput(
            f"{labels.name} holds fractions, as a probability does",
            "labels: whole numbers, one for each cell, 0 as background",
            "give the label file instead",
        )
    if frame.dtype.kind == "b":
        return frame.astype(np.int32)
    if frame.size and (frame.min() < 0 or frame.max() > np.iinfo(np.int32).max):
        raise BadInput(
            f"{labels.name} holds labels from {frame.min():.15g} to {frame.max():.15g}",
            f"labels from 0 to {np.iinfo(np.int32).max}",
            "renumber the labels",
        )
    return frame.astype(np.int32)


def components(ids: NDArray[np.int32]) -> NDArray[np.int32]:
    """Give each piece of a mask ``(Y, X)`` an id; 65535 stays."""
    background = ids == BACKGROUND_ID
    found, _ = ndimage.label((ids > 0) & ~background, np.ones((3, 3)))
    found = np.asarray(found, np.int32)
    found[background] = BACKGROUND_ID
    return found


def renumbered(ids: NDArray[np.int32]) -> NDArray[np.int32]:
    """Give small ids in place of huge ones: memory is spent by id, and float32 holds 24 bits."""
    if not ids.size or ids.max() <= BACKGROUND_ID:
        return ids
    values, where = np.unique(ids, return_inverse=True)
    cells = (values != 0) & (values != BACKGROUND_ID)
    small = np.cumsum(cells)
    small[small >= BACKGROUND_ID] += 1
    small = np.where(cells, small, values).astype(np.int32)
    return small[where].reshape(ids.shape)
