"""LazyArray: a movie that numpy and napari read as an array, though its frames are made when asked.

Indexing is numpy's, taken apart frame by frame; `whole_key` reads a key, `frames_of` and
`block_of` take an assignment apart in the same way.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import DTypeLike, NDArray

READ_LIMIT = 256 << 20  # bytes of frames that one read may make
_SECONDS_BETWEEN_NOTICES = 5.0

Box = tuple[slice, ...]
"""Rows and columns of a part of a frame; of a volume sections, rows and columns."""

First = int | slice | NDArray[np.intp]


class LazyArray(ABC):
    """Reading side of an array ``(T, ..., Y, X)`` whose frames are made one by one.

    napari's 3D toggle, a roll of the axes and *save* ask for whole movies by accident: a read of
    several frames that have more than ``READ_LIMIT`` bytes gives zeros for those not at hand.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    _noticed = -_SECONDS_BETWEEN_NOTICES

    @abstractmethod
    def _read(self, frame: int, key: Any) -> Any:
        """Return a part of a frame (..., Y, X)."""

    def _look(self, frame: int, key: Any) -> Any:
        """Return a part of a frame to whoever asks for that frame alone, a viewer perhaps."""
        return self._read(frame, key)

    def _whole(self, frame: int) -> Any:
        """Return what ``array[t]`` gives: a frame, or what becomes one."""
        return self._look(frame, (slice(None),) * (self.ndim - 1))

    def _at_hand(self, frame: int) -> bool:
        """Tell whether reading a frame takes no time."""
        return False

    @abstractmethod
    def _too_many(self, frames: int) -> None:
        """Say that a read of so many frames was not made, at most every few seconds."""

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
        """Bytes the movie would take if it were read whole."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        first, rest = whole_key(key, self.shape)
        if isinstance(first, int):
            return self._look(first, rest) if isinstance(key, tuple) else self._whole(first)
        if isinstance(first, slice):
            return self._read_many(range(*first.indices(len(self))), rest)
        if _are_points(rest):
            return self._read_points(first, rest)
        if any(isinstance(index, np.ndarray) for index in rest):
            raise IndexError(f"{key!r} has arrays and slices after an array of frames")
        many = self._read_many(first.reshape(-1).tolist(), rest)
        return many.reshape(first.shape + many.shape[1:])

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("frames are made when read: there is no array without a copy")
        return np.asarray(self[:], dtype=dtype)

    def astype(self, dtype: DTypeLike, copy: bool = True) -> Self | NDArray[Any]:
        """Return itself for its own dtype, else the whole movie converted."""
        return self if np.dtype(dtype) == self.dtype else np.asarray(self, dtype=dtype)

    def _read_many(self, frames: Iterable[int], key: tuple[Any, ...]) -> NDArray[Any]:
        frames = list(frames)
        part = np.broadcast_to(self.dtype.type(0), self.shape[1:])[key]
        out = np.zeros((len(frames), *part.shape), dtype=self.dtype)
        # What has to be made are whole frames, however little of each is asked for.
        large = len(frames) > 1 and len(frames) * (self.nbytes // len(self)) > READ_LIMIT
        for i, frame in enumerate(frames):
            if not large or self._at_hand(frame):
                out[i] = self._read(frame, key)
        now = time.monotonic()
        if large and now - self._noticed >= _SECONDS_BETWEEN_NOTICES:
            self._noticed = now
            self._too_many(len(frames))
        return out

    def _read_points(self, ts: NDArray[np.intp], rest: tuple[Any, ...]) -> NDArray[Any]:
        """Read pixels here and there: one index array an axis."""
        t, *others = np.broadcast_arrays(ts, *rest)
        out = np.zeros(t.shape, dtype=self.dtype)
        for frame in np.unique(t).tolist():
            here = t == frame
            out[here] = self._read(frame, tuple(index[here] for index in others))
        return out


class FrameView(NDArrayOperatorsMixin):
    """One frame that knows its shape and dtype, and becomes an array on first use.

    napari reads ``data[0].dtype`` on every stroke; that must not label frame 0.
    """

    def __init__(
        self, shape: tuple[int, ...], dtype: DTypeLike, read: Callable[[], NDArray[Any]]
    ) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        self.ndim, self.size = len(shape), int(np.prod(shape))
        self._read = read
        self._pixels: NDArray[Any] | None = None

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if self._pixels is None:
            self._pixels = self._read()
        return np.array(self._pixels, dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        plain = (np.asarray(x) if isinstance(x, FrameView) else x for x in inputs)
        return getattr(ufunc, method)(*plain, **kwargs)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        return np.asarray(self)[key]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(np.asarray(self), name)


def whole_key(key: Any, shape: tuple[int, ...]) -> tuple[First, tuple[Any, ...]]:
    """Split an index into that of frames and those of the other axes, one each.

    A number becomes an int of 0 or more, an array one of numbers; IndexError outside the movie.
    """
    parts = list(key) if isinstance(key, tuple) else [key]
    dots = [at for at, part in enumerate(parts) if part is Ellipsis]
    if dots:
        parts[dots[0] : dots[0] + 1] = [slice(None)] * (len(shape) + 1 - len(parts))
    parts += [slice(None)] * (len(shape) - len(parts))
    if len(parts) != len(shape):
        raise IndexError(f"{len(shape)} indices, not {len(parts)}: an array of shape {shape}")
    first, *rest = (_plain(part, n) for part, n in zip(parts, shape, strict=True))
    return first, tuple(rest)


def frames_of(
    first: First, rest: tuple[Any, ...], value: NDArray[np.uint16], n: int
) -> Iterator[tuple[int, tuple[Any, ...], NDArray[np.uint16]]]:
    """Take an assignment to a (T, ..., Y, X) array apart: each frame, its indices, its part."""
    if isinstance(first, int):
        yield first, rest, value
        return
    if isinstance(first, np.ndarray) and _are_points(rest):
        t, *others = np.broadcast_arrays(first, *rest)
        points = np.broadcast_to(value, t.shape)
        for frame in np.unique(t).tolist():
            here = t == frame
            yield frame, tuple(index[here] for index in others), points[here]
        return
    frames = range(*first.indices(n)) if isinstance(first, slice) else first.reshape(-1).tolist()
    many = value.ndim > sum(not isinstance(index, int) for index in rest)  # a part for each frame
    if many and len(value) not in (1, len(frames)):
        raise ValueError(f"{len(value)} frames cannot be written to {len(frames)}")
    for i, frame in enumerate(frames):
        yield frame, rest, value[i if len(value) > 1 else 0] if many else value


def block_of(
    labels: NDArray[np.uint16], indices: tuple[Any, ...], value: NDArray[np.uint16]
) -> tuple[Box, NDArray[np.uint16]]:
    """Return the box that an assignment to a frame's ``labels`` writes to, as it is afterwards."""
    box = tuple(_span(index, n) for index, n in zip(indices, labels.shape, strict=True))
    block = labels[box].copy()
    if block.size:
        block[tuple(_shifted(i, s.start) for i, s in zip(indices, box, strict=True))] = value
    return box, block


def _are_points(rest: tuple[Any, ...]) -> bool:
    """Tell whether indices after an array of frames name pixels, one by one."""
    arrays = [isinstance(index, np.ndarray) for index in rest]
    return any(arrays) and not any(isinstance(index, slice) for index in rest)


def _plain(part: Any, n: int) -> Any:
    if isinstance(part, slice):
        return part
    index = np.asarray(part)
    if index.dtype == bool:
        index = np.flatnonzero(index)
    if not np.issubdtype(index.dtype, np.integer):
        if index.size:
            raise IndexError(f"{part!r} is no index")
        index = index.astype(np.intp)
    if index.size and (index.min() < -n or index.max() >= n):
        raise IndexError(f"index {part} is outside of 0 to {n - 1}")
    index = np.where(index < 0, index + n, index).astype(np.intp)
    return int(index) if index.ndim == 0 else index


def _span(index: Any, n: int) -> slice:
    """Return the smallest plain slice that holds an index."""
    if isinstance(index, int):
        return slice(index, index + 1)
    if isinstance(index, slice):
        start, stop, step = index.indices(n)
        if step == 1:
            return slice(start, max(start, stop))
        index = np.arange(start, stop, step)
    if not index.size:
        return slice(0, 0)
    return slice(int(index.min()), int(index.max()) + 1)


def _shifted(index: Any, start: int) -> Any:
    if isinstance(index, slice):
        if index.step in (None, 1):
            return slice(None)
        raise IndexError("a step is not supported when writing labels")
    return index - start
