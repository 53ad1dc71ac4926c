"""numpy indexing of a (T, Y, X) array-like, taken apart frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Box = tuple[slice, slice]
"""Rows and columns of a part of a frame."""

First = int | slice | NDArray[np.intp]


def whole_key(key: Any, shape: tuple[int, int, int]) -> tuple[First, tuple[Any, Any]]:
    """Split an index into that of frames and those of rows and columns.

    A number becomes an int of 0 or more, an array one of numbers; IndexError outside the movie.
    """
    parts = list(key) if isinstance(key, tuple) else [key]
    if any(part is Ellipsis for part in parts):
        at = next(i for i, part in enumerate(parts) if part is Ellipsis)
        parts[at : at + 1] = [slice(None)] * (4 - len(parts))
    parts += [slice(None)] * (3 - len(parts))
    if len(parts) != 3:
        raise IndexError(f"3 indices for frames, rows and columns, not {len(parts)}")
    first, *rest = (_plain(part, n) for part, n in zip(parts, shape, strict=True))
    return first, (rest[0], rest[1])


def frames_of(
    first: First, rest: tuple[Any, Any], value: NDArray[np.uint16], n: int
) -> Iterator[tuple[int, tuple[Any, Any], NDArray[np.uint16]]]:
    """Take an assignment apart: each frame with its indices and its part of the value."""
    if isinstance(first, int):
        yield first, rest, value
        return
    if isinstance(first, np.ndarray) and all(isinstance(index, np.ndarray) for index in rest):
        t, y, x = np.broadcast_arrays(first, *rest)
        points = np.broadcast_to(value, t.shape)
        for frame in np.unique(t).tolist():
            here = t == frame
            yield frame, (y[here], x[here]), points[here]
        return
    frames = range(*first.indices(n)) if isinstance(first, slice) else first.reshape(-1).tolist()
    if value.ndim == 3 and len(value) not in (1, len(frames)):
        raise ValueError(f"{len(value)} frames cannot be written to {len(frames)}")
    for i, frame in enumerate(frames):
        part = value[i if len(value) > 1 else 0] if value.ndim == 3 else value
        yield frame, rest, part


def block_of(
    labels: NDArray[np.uint16], indices: tuple[Any, Any], value: NDArray[np.uint16]
) -> tuple[Box, NDArray[np.uint16]]:
    """Return the box that an assignment to ``labels`` (Y, X) writes to, as it is afterwards."""
    rows, columns = (_span(index, n) for index, n in zip(indices, labels.shape, strict=True))
    block = labels[rows, columns].copy()
    if block.size:
        y, x = (_shifted(i, s.start) for i, s in zip(indices, (rows, columns), strict=True))
        block[y, x] = value
    return (rows, columns), block


def _plain(part: Any, n: int) -> Any:
    if isinstance(part, slice):
        return part
    index = np.asarray(part)
    if index.dtype == bool:
        index = np.flatnonzero(index)
    if not np.issubdtype(index.dtype, np.integer):
        if index.size:
            raise IndexError(f"{part!r} is no index of frames, rows or columns")
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
