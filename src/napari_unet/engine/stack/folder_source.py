"""A folder of numbered TIFF files, one a frame, as a source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.errors import BadInput, Notice
from napari_unet.engine.stack.axes import check_axes, say_shape
from napari_unet.engine.stack.frame_numbers import order_files
from napari_unet.engine.stack.source import Metadata, Source
from napari_unet.engine.stack.tiff_source import TiffSource

_SUFFIXES = (".tif", ".tiff")
_CHECK_ALL = 300  # files; of more, as many evenly spaced ones are opened, the rest when read


class FolderSource(Source):
    """Frames are files; each may have channels, sections or colours, all have one shape."""

    path: Path

    def __init__(self, folder: Path, *, axes: str | None = None, position: int = 0) -> None:
        self.path, self.name = folder, folder.name
        self._files, self._numbers = order_files(_list_files(folder))
        self._wanted = check_axes(axes).replace("T", "") if axes else None
        self._position = position
        with self._frame(0) as first:
            if "T" in first.axes:
                raise BadInput(
                    f"{first.name} in the folder {self.name} has {first.length('T')} frames",
                    "one frame in each file",
                    "open the file itself",
                )
            self._first = first.metadata
            self.axes, self.shape = "T" + first.axes, (len(self._files), *first.shape)
            self.dtype, self.inner = first.dtype, first.inner
            self._frame_axes = first.axes
            self.note(*(of_folder(notice, first.name, self.name) for notice in first.notices))
        self._check_files()

    @cached_property
    def metadata(self) -> Metadata:
        """What the first file says, and the numbers in the file names."""
        return replace(self._first, times=None, numbers=self._numbers)

    def read(self, index: Mapping[str, int]) -> NDArray[Any]:
        """Open the file of the frame and read from it."""
        rest = {a: i for a, i in index.items() if a != "T"}
        if "T" not in index:
            return np.stack([self._read_frame(t, rest) for t in range(len(self._files))])
        return self._read_frame(index["T"], rest)

    def samples(self) -> Iterator[bytes]:
        """Return names and sizes of all files, and some content of a few."""
        yield from self._samples

    @cached_property
    def _samples(self) -> tuple[bytes, ...]:
        """Read once: other selections of the movie are asked for theirs where files are slow."""
        n = len(self._files)
        found = [f"{file.name}:{file.stat().st_size};".encode() for file in self._files]
        for i in sorted({0, n // 4, n // 2, n * 3 // 4, n - 1}):
            with self._frame(i) as frame:
                found += frame.samples()
        return tuple(found)

    def _read_frame(self, t: int, index: Mapping[str, int]) -> NDArray[Any]:
        with self._frame(t) as frame:
            self._check(frame)
            return frame.read(index).astype(self.dtype, copy=False)

    def _frame(self, t: int) -> TiffSource:
        return TiffSource(self._files[t], axes=self._wanted, position=self._position, taken="T")

    def _check_files(self) -> None:
        """Open the files (many of them, where there are thousands) and compare their frames."""
        n = len(self._files)
        for i in np.unique(np.linspace(0, n - 1, min(n, _CHECK_ALL)).astype(int)):
            with self._frame(int(i)) as frame:
                self.dtype = np.promote_types(self.dtype, frame.dtype)
                self._check(frame)

    def _check(self, frame: TiffSource) -> None:
        if (frame.axes, frame.shape) != (self._frame_axes, self.shape[1:]):
            raise BadInput(
                f"{frame.name} in the folder {self.name} has {say_shape(frame.axes, frame.shape)}",
                f"{say_shape(self._frame_axes, self.shape[1:])}, as in {self._files[0].name}",
                "keep frames of one size in a folder",
            )
        if not np.can_cast(frame.dtype, self.dtype, "safe"):
            raise BadInput(
                f"{frame.name} in the folder {self.name} has pixels of type {frame.dtype}",
                f"{self.dtype}, as in the other files",
                "save all frames with the same number of bits",
            )


def of_folder(notice: Notice, file: str, folder: str) -> Notice:
    """Say of a folder what its first file stands for: a line a movie, not one a file."""
    return Notice(notice.level, notice.line.replace(file, f"{file} in the folder {folder}", 1))


def _list_files(folder: Path) -> list[Path]:
    try:
        entries = [f for f in folder.iterdir() if not f.name.startswith(".")]
    except PermissionError as error:
        raise BadInput(f"{folder} cannot be read", "read permission", "ask its owner") from error
    files = [f for f in entries if f.suffix.lower() in _SUFFIXES and f.is_file()]
    if not files:
        others = sorted({f.suffix for f in entries if f.is_file()} - {""})
        what = f"only {', '.join(others[:4])} files" if others else "no files"
        raise BadInput(
            f"the folder {folder} holds {what}",
            "TIFF files with a number in each name",
            "choose the folder with the frames, or export them as TIFF",
        )
    return files
