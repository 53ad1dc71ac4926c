"""LazyFrames: a stack as an array-like for napari's Image layer; frames are read when asked."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

MANY_BYTES = 256_000_000
"""Reads of several frames above this give zeros: they are accidents of a viewer."""

_CACHE_BYTES = 64_000_000

logger = logging.getLogger(__name__)


class LazyFrames:
    """Array-like of shape (T, Y, X) or (T, C, Y, X); arrays it gives are read-only.

    napari's 3D toggle, a roll of the axes and *save* ask for whole movies by accident: such
    reads give zeros and a notice. Frames seen last are kept, up to 64 MB.
    """

    def __init__(
        self,
        read: Callable[[int], NDArray[Any]],
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        name: str,
    ) -> None:
        self._read, self.shape, self.dtype, self._name = read, shape, dtype, name
        self._frames: OrderedDict[int, NDArray[Any]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Bytes that the whole movie has."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"LazyFrames({self._name}, {self.shape}, {self.dtype})"

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Duplicating a layer shares the movie: nothing in here changes."""
        return self

    def __getitem__(self, key: Any) -> NDArray[Any]:
        which, rest = self._split(key)
        positions = np.arange(len(self))[which]
        if positions.ndim == 0:
            return np.asarray(self._frame(int(positions))[rest])
        empty = np.empty((), self.dtype)
        part = np.broadcast_to(empty, self.shape[1:])[rest]
        frame_bytes = self.nbytes // len(self)
        if len(positions) > 1 and len(positions) * frame_bytes > MANY_BYTES:
            logger.warning(
                "%s: %d frames at once are too many to show; step through the frames one at a time",
                self._name,
                len(positions),
            )
            return np.zeros((len(positions), *part.shape), self.dtype)
        result = np.empty((len(positions), *part.shape), self.dtype)
        for i, t in enumerate(positions):
            result[i] = self._frame(int(t))[rest]
        return result

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("frames are read from their source: there is no array without a copy")
        return np.asarray(self[:], dtype=dtype)

    def astype(self, dtype: DTypeLike, copy: bool = True) -> Self | NDArray[Any]:
        """Return itself for its own dtype, else an array."""
        return self if np.dtype(dtype) == self.dtype else self[:].astype(dtype)

    def _split(self, key: Any) -> tuple[Any, tuple[Any, ...]]:
        """Part of a key for the frames, and the rest; Ellipsis resolved."""
        keys = key if isinstance(key, tuple) else (key,)
        dots = [i for i, k in enumerate(keys) if k is Ellipsis]
        if len(dots) > 1 or any(k is None for k in keys) or len(keys) - len(dots) > self.ndim:
            raise IndexError(f"cannot index {self!r} with {key!r}")
        if dots:
            fill = (slice(None),) * (self.ndim - len(keys) + 1)
            keys = (*keys[: dots[0]], *fill, *keys[dots[0] + 1 :])
        first = keys[0] if keys else slice(None)
        if not isinstance(first, slice) and not hasattr(first, "__index__"):
            first = np.asarray(first)
            if first.ndim != 1 or any(not isinstance(k, slice) for k in keys[1:]):
                raise IndexError(f"cannot index {self!r} with {key!r}")
        return first, tuple(keys[1:])

    def _frame(self, t: int) -> NDArray[Any]:
        with self._lock:
            if t in self._frames:
                self._frames.move_to_end(t)
                return self._frames[t]
        frame = self._read(t)
        frame.flags.writeable = False
        with self._lock:
            self._frames[t] = frame
            keep = max(1, _CACHE_BYTES // max(frame.nbytes, 1))
            while len(self._frames) > keep:
                self._frames.popitem(last=False)
        return frame
