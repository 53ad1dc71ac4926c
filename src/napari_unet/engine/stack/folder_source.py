"""A folder of numbered TIFF files or pictures, one a frame, as a source."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.errors import BadInput, Notice
from napari_unet.engine.stack.axes import check_axes, say_shape
from napari_unet.engine.stack.file_source import CLOSER, look_closer, stamp_of
from napari_unet.engine.stack.frame_numbers import PICTURE_SUFFIXES, TIFF_SUFFIXES
from napari_unet.engine.stack.names.file_order import order_files
from napari_unet.engine.stack.picture_source import PictureSource
from napari_unet.engine.stack.source import Metadata, Source
from napari_unet.engine.stack.tiff.tiff_source import TiffSource
from napari_unet.engine.text import counted

_CHECK_ALL = 300  # files; of more, as many evenly spaced ones are opened, the rest when read
_CLOSER_LOOKS = 8  # files whose pixel sizes are compared
_UNFINISHED = (".part", ".partial", ".tmp", ".crdownload", ".download", ".filepart")
_SHOWN = 4  # files named
_ANY: dict[str, Any] = {"errors": "surrogateescape"}  # a name may hold bytes that are no UTF-8


class FolderSource(Source):
    """Frames are files; each may have channels, sections or colours, all have one shape."""

    path: Path

    def __init__(
        self,
        folder: Path,
        *,
        axes: str | None = None,
        position: int = 0,
        chosen: bool = False,
    ) -> None:
        self.path, self.name = folder, folder.name or folder.absolute().name or str(folder)
        files, left_out = _list_files(folder)
        ordered = order_files(files)
        self._files, self._numbers = ordered.files, ordered.numbers
        self.note(*ordered.notices, *left_out)
        self._wanted = check_axes(axes).replace("T", "") if axes else None
        self._position, self._chosen = position, chosen
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
            self.inverted = first.inverted
            self._frame_axes = first.axes
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
        found = [f"{file.name}:{file.stat().st_size};".encode(**_ANY) for file in self._files]
        for i in sorted({0, n // 4, n // 2, n * 3 // 4, n - 1}):
            with self._frame(i) as frame:
                found += frame.samples()
        return tuple(found)

    @property
    def stamp(self) -> str | None:
        """When each file was last saved, as a digest."""
        said = ";".join(f"{file.name}:{stamp_of(file)}" for file in self._files)
        return hashlib.sha256(said.encode(**_ANY)).hexdigest()

    @cached_property
    def content(self) -> str | None:
        """Digest of all files, or of pieces of each where they are large."""
        digest = hashlib.sha256()
        for file in self._files:
            look_closer(file, max(CLOSER // len(self._files), 1), digest)
        return digest.hexdigest()

    def first(self, n: int) -> FolderSource | None:
        """Return the first ``n`` files as a folder: what it was before it grew."""
        before = copy.copy(self)
        for cached in ("_samples", "metadata", "content"):
            before.__dict__.pop(cached, None)
        numbers = self._numbers[:n] if self._numbers else None
        changed = {"_files": self._files[:n], "_numbers": numbers, "shape": (n, *self.shape[1:])}
        before.__dict__.update(changed)
        return before

    def _read_frame(self, t: int, index: Mapping[str, int]) -> NDArray[Any]:
        with self._frame(t) as frame:
            self._check(frame)
            return frame.read(index).astype(self.dtype, copy=False)

    def _frame(self, t: int) -> TiffSource | PictureSource:
        file = self._files[t]
        kind = TiffSource if file.suffix.lower() in TIFF_SUFFIXES else PictureSource
        return kind(
            file,
            axes=self._wanted,
            position=self._position,
            taken="T",
            chosen=self._chosen,
        )

    def _check_files(self) -> None:
        """Open the files (many of them, where there are thousands) and compare their frames."""
        n = len(self._files)
        looked_at = np.unique(np.linspace(0, n - 1, min(n, _CHECK_ALL)).astype(int)).tolist()
        closer = set(looked_at[:: max(len(looked_at) // _CLOSER_LOOKS, 1)])
        said: dict[Notice, list[str]] = {}
        types: dict[np.dtype[Any], list[str]] = {}
        sizes: dict[tuple[float, float] | None, str] = {}
        for i in looked_at:
            with self._frame(i) as frame:
                self.dtype = np.promote_types(self.dtype, frame.dtype)
                self._check(frame)
                if i == 0:
                    _ = frame.metadata  # what is doubted of it is a notice, too
                types.setdefault(frame.dtype, []).append(frame.name)
                for notice in frame.notices:
                    line = notice.line.replace(frame.name, "\0", 1)
                    said.setdefault(Notice(notice.level, line), []).append(frame.name)
                if i in closer:
                    sizes.setdefault(frame.metadata.pixel_sizes, frame.name)
        self.note(*(self._of_some(n, names, len(looked_at)) for n, names in said.items()))
        self.note(*self._that_differ(types, sizes))

    def _that_differ(
        self,
        types: dict[np.dtype[Any], list[str]],
        sizes: dict[tuple[float, float] | None, str],
    ) -> Iterator[Notice]:
        """Say where files are of several types, or give several sizes of a pixel."""
        if len(types) > 1:
            kinds = "; ".join(f"{names[0]} {dtype}" for dtype, names in types.items())
            line = f"the folder {self.name} has pixels of several types ({kinds}): as {self.dtype}"
            yield Notice("check", line)
        known = [f"{size[1]:.4g} µm in {name}" for size, name in sizes.items() if size is not None]
        if len(known) > 1:
            line = f"the folder {self.name} gives several sizes of a pixel ({', '.join(known[:3])})"
            yield Notice("check", f"{line}: that of its first file is taken")

    def _of_some(self, notice: Notice, names: list[str], looked_at: int) -> Notice:
        """Say of the folder what its files say: a line a movie, not one a file."""
        some = 1 < len(names) < looked_at
        more = f" (so are {len(names) - 1} more of its files)" if some else ""
        line = notice.line.replace("\0", f"{names[0]} in the folder {self.name}")
        return Notice(notice.level, line + more)

    def _check(self, frame: Source) -> None:
        if (frame.axes, frame.shape) != (self._frame_axes, self.shape[1:]):
            same_size = [frame.length(a) for a in "YX"] == [self.length(a) for a in "YX"]
            raise BadInput(
                f"{frame.name} in the folder {self.name} has {say_shape(frame.axes, frame.shape)}",
                f"{say_shape(self._frame_axes, self.shape[1:])}, as in {self._files[0].name}",
                "save all frames with the same colours, channels and sections"
                if same_size
                else "keep frames of one size in a folder",
            )
        if not np.can_cast(frame.dtype, self.dtype, "safe"):
            raise BadInput(
                f"{frame.name} in the folder {self.name} has pixels of type {frame.dtype}",
                f"{self.dtype}, as in the other files",
                "save all frames with the same number of bits",
            )


def _list_files(folder: Path) -> tuple[list[Path], tuple[Notice, ...]]:
    """Return the files of a folder that are frames, and what is said of others."""
    try:
        entries = sorted(f for f in folder.iterdir() if not f.name.startswith("."))
    except PermissionError as error:
        raise BadInput(f"{folder} cannot be read", "read permission", "ask its owner") from error
    named = [f for f in entries if f.suffix.lower() in TIFF_SUFFIXES] or _pictures(entries)
    for dead in (f for f in named if f.is_symlink() and not f.exists()):
        raise BadInput(
            f"{dead.name} in the folder {folder.absolute().name} is a link to a file that is gone",
            "every frame in its place",
            "bring the file back, or delete the link",
        )
    files = [f for f in named if f.is_file()]
    if not files:
        raise BadInput(
            f"the folder {folder} holds {_what_is_there(entries)}",
            "TIFF files with a number in each name, or PNG or JPEG files",
            "choose the folder with the frames, or export them as TIFF",
        )
    return files, tuple(_left_out(folder, entries, files))


def _what_is_there(entries: list[Path]) -> str:
    others = sorted({f.suffix for f in entries if f.is_file()} - {""})
    if others:
        return f"only {', '.join(others[:4])} files"
    inside = [f.name for f in entries if f.is_dir()]
    more = " …" if len(inside) > _SHOWN else ""
    return f"only folders ({', '.join(inside[:_SHOWN])}{more})" if inside else "no files"


def _left_out(folder: Path, entries: list[Path], files: list[Path]) -> Iterator[Notice]:
    """Say what looks like frames and is none: no file, not finished, a picture."""
    known = (*TIFF_SUFFIXES, *PICTURE_SUFFIXES)
    no_file = [f for f in entries if f.suffix.lower() in TIFF_SUFFIXES and not f.is_file()]
    unfinished = [
        f for f in entries if f.suffix.lower() in _UNFINISHED and f.stem.lower().endswith(known)
    ]
    place = f"in the folder {folder.absolute().name}"
    for found, what in ((no_file, "no file"), (unfinished, "not finished")):
        if found:
            names = ", ".join(f.name for f in found[:_SHOWN]) + " …" * (len(found) > _SHOWN)
            verb = "is" if len(found) == 1 else "are"
            yield Notice("check", f"{names} {place} {verb} {what}: left out")
    pictures = sum(f.suffix.lower() in PICTURE_SUFFIXES for f in entries)
    if files[0].suffix.lower() in TIFF_SUFFIXES and pictures > len(files):
        line = (
            f"the folder {folder.absolute().name} holds {counted(len(files), 'TIFF')} and "
            f"{counted(pictures, 'picture')}: the pictures are left out"
        )
        yield Notice("check", line)


def _pictures(entries: list[Path]) -> list[Path]:
    """Return the pictures of a folder without TIFFs; they are all of one kind."""
    found = [f for f in entries if f.suffix.lower() in PICTURE_SUFFIXES]
    kinds = sorted({f.suffix.lower().replace("jpeg", "jpg") for f in found})
    if len(kinds) > 1:
        raise BadInput(
            f"the folder {found[0].absolute().parent.name} holds {' and '.join(kinds)} files",
            "frames of one kind",
            "move the others away",
        )
    return found
