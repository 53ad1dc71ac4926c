"""Label frames of any file as object ids: checked, renumbered where huge, masks parted in cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import ndimage

from napari_unet.engine.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_unet.engine.stack import Stack

BACKGROUND_ID = 65535
Kind = Literal["auto", "instances", "binary"]


def read_ids(
    labels: Stack, positions: Iterable[int], kind: Kind = "auto", *, strokes: bool = False
) -> list[NDArray[np.int32]]:
    """Ids ``(Y, X)`` of frames; 0 and 65535 are background.

    ``binary`` separates a mask into connected components; ``auto`` does so where all frames
    together hold a single value, which may be 65535 unless that marks background ``strokes``.

    Raises
    ------
    BadInput
        Where a frame holds anything but whole numbers from 0 up.

    """
    frames = [_checked(labels, position) for position in positions]
    found = {int(i) for ids in frames for i in np.unique(ids)[:4]} - {0}
    if kind != "instances" and not strokes and found == {BACKGROUND_ID}:
        frames = [(ids > 0).astype(np.int32) for ids in frames]
        found = {1}
    if kind == "binary" or (kind == "auto" and len(found - {BACKGROUND_ID}) == 1):
        return [_components(ids) for ids in frames]
    return [_renumbered(ids) for ids in frames]


def _checked(labels: Stack, position: int) -> NDArray[np.int32]:
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


def _components(ids: NDArray[np.int32]) -> NDArray[np.int32]:
    background = ids == BACKGROUND_ID
    found, _ = ndimage.label((ids > 0) & ~background, np.ones((3, 3)))
    found = np.asarray(found, np.int32)
    found[background] = BACKGROUND_ID
    return found


def _renumbered(ids: NDArray[np.int32]) -> NDArray[np.int32]:
    """Give small ids in place of huge ones: memory is spent by id, and float32 holds 24 bits."""
    if not ids.size or ids.max() <= BACKGROUND_ID:
        return ids
    values, where = np.unique(ids, return_inverse=True)
    cells = (values != 0) & (values != BACKGROUND_ID)
    small = np.cumsum(cells)
    small[small >= BACKGROUND_ID] += 1
    small = np.where(cells, small, values).astype(np.int32)
    return small[where].reshape(ids.shape)
