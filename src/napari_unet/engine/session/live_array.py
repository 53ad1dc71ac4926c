"""A movie that numpy and napari read as an array, though its frames are made when asked for."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_unet.engine.session.frame_view import FrameView
from napari_unet.engine.stack.array_keys import whole_key

READ_LIMIT = 256 << 20  # bytes of frames that one read may make
_SECONDS_BETWEEN_NOTICES = 5.0


class LiveArray(ABC):
    """Reading side of an array ``(T, Y, X)`` uint16 whose frames are made one by one.

    Every read gives a copy. One that needs more than ``READ_LIMIT`` bytes of frames gives zeros
    for the frames that are not at hand, and says so.
    """

    dtype = np.dtype(np.uint16)
    ndim = 3
    shape: tuple[int, int, int]

    def __init__(self) -> None:
        self._noticed = -_SECONDS_BETWEEN_NOTICES

    @abstractmethod
    def _read(self, frame: int, key: Any = ...) -> Any:
        """Return a copy of a part of a frame (Y, X)."""

    def _look(self, frame: int, key: Any) -> Any:
        """Return a copy of a part of a frame (Y, X) to whoever indexes, a viewer perhaps."""
        return self._read(frame, key)

    @abstractmethod
    def _at_hand(self, frame: int) -> bool:
        """Tell whether reading a frame takes no time."""

    @abstractmethod
    def notify(self, notice: str) -> None:
        """Say something to the user."""

    @property
    def size(self) -> int:
        """Number of pixels of the movie."""
        return self.shape[0] * self.shape[1] * self.shape[2]

    @property
    def nbytes(self) -> int:
        """Bytes the movie would take if it were read whole."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        first, rest = whole_key(key, self.shape)
        if isinstance(first, int):
            if isinstance(key, tuple):
                return self._look(first, rest)
            return FrameView(self.shape[1:], self.dtype, lambda: self._read(first))
        if isinstance(first, slice):
            frames = range(*first.indices(self.shape[0]))
            return self._read_many(frames, rest)
        if all(isinstance(index, np.ndarray) for index in rest):
            return self._read_points(first, rest)
        return self._read_many(first.reshape(-1).tolist(), rest)

    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None
    ) -> NDArray[np.generic]:
        if copy is False:
            raise ValueError("labels are derived when read: a copy cannot be avoided")
        return np.asarray(self[:], dtype=dtype)

    def astype(self, dtype: DTypeLike, copy: bool = True) -> Any:
        """Return itself for its own dtype, else the whole movie converted."""
        return self if np.dtype(dtype) == self.dtype else np.asarray(self, dtype=dtype)

    def _read_many(self, frames: Iterable[int], key: Any) -> NDArray[np.uint16]:
        frames = list(frames)
        sample = np.broadcast_to(self.dtype.type(0), self.shape[1:])[key]
        out = np.zeros((len(frames), *sample.shape), dtype=self.dtype)
        large = len(frames) * self.shape[1] * self.shape[2] * self.dtype.itemsize > READ_LIMIT
        for i, frame in enumerate(frames):
            if not large or self._at_hand(frame):
                out[i] = self._read(frame, key)
        if large:
            self._notice_large(len(frames))
        return out

    def _read_points(self, ts: NDArray[np.intp], rest: Any) -> NDArray[np.uint16]:
        t, y, x = np.broadcast_arrays(ts, *rest)
        out = np.zeros(t.shape, dtype=self.dtype)
        for frame in np.unique(t).tolist():
            here = t == frame
            out[here] = self._read(frame, (y[here], x[here]))
        return out

    def _notice_large(self, frames: int) -> None:
        now = time.monotonic()
        if now - self._noticed >= _SECONDS_BETWEEN_NOTICES:
            self._noticed = now
            self.notify(
                f"{frames} frames were asked for at once: only those looked at so far are there, "
                "the others are empty. Use Export to write all of them",
            )
