"""Any array-like (numpy, dask, zarr, h5py, memmap) as a source, read a frame at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.errors import BadInput
from napari_unet.engine.stack.axes import NOTHING, check_axes, fit_axes, guess_axes
from napari_unet.engine.stack.source import Metadata, Source, check_dtype

_RGB = (3, 4)


class ArraySource(Source):
    """Reads ``array[t, ...]`` when asked; nothing is copied before."""

    path = None

    def __init__(
        self,
        array: Any,
        *,
        axes: str | None,
        name: str,
        metadata: Metadata | None = None,
        position: int = 0,
    ) -> None:
        if position:
            raise BadInput(
                f"{name} has no position {position}",
                "position 0, the only one of an array",
                "choose position 0",
            )
        if not (hasattr(array, "shape") and hasattr(array, "dtype")):
            array = np.asarray(array)
        self._array, self.name = array, name
        self._metadata = metadata or Metadata()
        shape = tuple(int(n) for n in array.shape)
        if 0 in shape or len(shape) < 2:
            raise BadInput(
                f"{name} has the shape {shape}", "at least one image", "check what was given"
            )
        self.dtype = check_dtype(np.dtype(array.dtype), name)
        if axes is None:
            full, notices = guess_axes(_unnamed_axes(shape), shape, name)
            self.note(*notices)
        else:
            full = check_axes(axes)
            fit_axes(full, [("?" * len(shape), shape)], name)
        self._full_axes = full
        kept = [(a, n) for a, n in zip(full, shape, strict=True) if a != NOTHING]
        self.axes = "".join(a for a, _ in kept)
        self.shape = tuple(n for _, n in kept)

    def check_numbers(self) -> None:
        """Refuse more or fewer frame numbers than frames."""
        numbers = self._metadata.numbers
        if numbers is not None and len(numbers) != self.length("T"):
            raise BadInput(
                f"{self.name} was given {len(numbers)} frame numbers",
                f"{self.length('T')}, one for each frame",
                "correct the numbers",
            )

    def replace(self, axes: str | None, position: int) -> ArraySource:
        """Return the same array with other axes."""
        return ArraySource(
            self._array, axes=axes, name=self.name, metadata=self._metadata, position=position
        )

    @property
    def metadata(self) -> Metadata:
        """What was given with the array."""
        return self._metadata

    def read(self, index: Mapping[str, int]) -> NDArray[Any]:
        """Read one piece; a copy, so that nobody paints into the source."""
        key = tuple(0 if a == NOTHING else index.get(a, slice(None)) for a in self._full_axes)
        return np.array(self._array[key], dtype=self.dtype)

    def samples(self) -> Iterator[bytes]:
        """Return the pixels of the first, middle and last frame."""
        n = self.length("T")
        first = {a: 0 for a in self.axes if a not in "TYX"}
        for t in sorted({0, n // 2, n - 1}):
            index = {**first, "T": t} if "T" in self.axes else first
            piece = np.ascontiguousarray(self.read(index))
            if piece.dtype.kind == "f":
                piece[np.isnan(piece)] = np.nan  # whatever bits a NaN has, it is the same
            yield piece.tobytes()


def _unnamed_axes(shape: tuple[int, ...]) -> str:
    """Axes of an array without names: the last two are Y and X, or Y, X and colours."""
    if len(shape) >= 3 and shape[-1] in _RGB and min(shape[-3:-1]) > 16:
        return "Q" * (len(shape) - 3) + "YXS"
    return "Q" * (len(shape) - 2) + "YX"
