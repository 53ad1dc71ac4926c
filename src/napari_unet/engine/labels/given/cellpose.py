"""Masks that Cellpose keeps, ``…_seg.npy``, and plain ``.npy`` arrays, as labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.plain_pickle import read_npy
from napari_unet.engine.stack.names.file_order import order_files
from napari_unet.engine.stack.stack import Stack

SEG = "_seg.npy"


def open_npy(path: Path) -> Stack:
    """Open one file: its frames lie along the first axis, where there are several."""
    masks = _masks(path)
    return Stack.from_array(masks, axes="TYX"[-masks.ndim :], name=path.name)


def open_seg_folder(folder: Path) -> Stack:
    """Open a folder with one ``_seg.npy`` a frame, in the order of their names."""
    files = [path for path in folder.iterdir() if path.name.endswith(SEG) and path.is_file()]
    ordered = order_files(files)
    frames = _Files(ordered.files)
    labels = Stack.from_array(frames, axes="TYX", name=folder.name, numbers=ordered.numbers)
    for notice in ordered.notices:
        labels.note(notice)
    return labels


def has_segs(folder: Path) -> bool:
    """Whether Cellpose kept masks in a folder."""
    return any(path.name.endswith(SEG) for path in folder.iterdir())


class _Files:
    """An array-like ``(T, Y, X)``: a file a frame, read when it is asked for."""

    def __init__(self, files: list[Path]) -> None:
        self._files = files
        first = self._read(0)
        self.shape, self.dtype, self.ndim = (len(files), *first.shape), np.dtype(np.uint32), 3

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        t, *rest = key if isinstance(key, tuple) else (key,)
        if isinstance(t, slice):
            return np.stack([self[(i, *rest)] for i in range(*t.indices(len(self)))])
        frame = self._read(int(t))
        if frame.shape != self.shape[1:]:
            raise BadInput(
                f"{self._files[t].name} has {' x '.join(map(str, frame.shape))} pixels",
                f"{' x '.join(map(str, self.shape[1:]))}, as in {self._files[0].name}",
                "keep frames of one size in a folder",
            )
        return np.asarray(frame[tuple(rest)])

    def _read(self, t: int) -> NDArray[Any]:
        masks = _masks(self._files[t])
        if masks.ndim != 2:
            raise BadInput(
                f"{self._files[t].name} holds {len(masks)} frames", "one a file", "open it alone"
            )
        return masks


def _masks(path: Path) -> NDArray[Any]:
    """Return the ids of a file, ``(Y, X)`` or ``(T, Y, X)``."""
    held = read_npy(path)
    masks = held.get("masks") if isinstance(held, dict) else held
    if not isinstance(masks, np.ndarray) or masks.dtype.kind not in "bui":
        raise BadInput(
            f"{path.name} holds no masks",
            "what Cellpose keeps, or an array of whole numbers",
            "save the masks again",
        )
    if masks.ndim not in (2, 3) or 0 in masks.shape:
        raise BadInput(
            f"the masks of {path.name} have the shape {masks.shape}",
            "an image, or frames of one",
            "save one channel and position",
        )
    return masks
