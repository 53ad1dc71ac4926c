"""TIFF, OME-TIFF and ImageJ files as a source: one plane at a time, never the whole file.

Uncompressed contiguous pixels are read by position (no memmap: its pages count as resident
memory). Other pages are decoded by tifffile: the file is read under a lock, the decoding runs
in the reader's own thread, so several readers decode in parallel.
"""

from __future__ import annotations

import itertools
import math
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.raw_file import RawFile
from napari_unet.engine.stack.axes import NOTHING, check_axes, fit_axes, guess_axes
from napari_unet.engine.stack.source import Metadata, Source, check_dtype
from napari_unet.engine.stack.tiff_metadata import read_metadata
from napari_unet.engine.stack.tiff_opening import (
    damaged,
    open_tiff,
    refuse_errors,
    tifffile_complaints,
)
from napari_unet.engine.text import say_bytes

if TYPE_CHECKING:
    import tifffile

_LARGEST_PAGE = 4e9  # bytes: beyond this a page's header is wrong, or no frame of a movie
_BLOCK = 32_000_000  # bytes read at once where a frame is strewn over the file


class TiffSource(Source):
    """One image series of a TIFF file.

    ``axes`` replaces what the file says; ``taken="T"`` where the file is one frame of a folder.
    """

    path: Path

    def __init__(
        self, path: Path, *, axes: str | None = None, position: int = 0, taken: str = ""
    ) -> None:
        self.path, self.name, self._position = path, path.name, position
        self._lock = threading.RLock()
        wanted = check_axes(axes) if axes else None
        self._tif, series = open_tiff(path, position, wanted)
        try:
            with self._suspicion("its header"):
                self._describe(series, wanted, taken)
                self._locate(series)
        except BaseException:
            self._tif.close()
            raise

    @cached_property
    def metadata(self) -> Metadata:
        """What OME-XML, ImageJ's description or the tags say."""
        with self._lock, self._suspicion("its metadata"):
            n_channels = self.length("C") if "C" in self.axes else self.length("S")
            return read_metadata(self._tif, self._position, self.length("T"), n_channels)

    def read(self, index: Mapping[str, int]) -> NDArray[Any]:
        """Read or decode the pixels in question, in native byte order."""
        if self._pages is None:
            piece = self._read_block(self._offset, self.axes, self.shape, index)
        else:
            piece = self._read_pages(index)
        return np.ascontiguousarray(piece, dtype=self.dtype)

    def samples(self) -> Iterator[bytes]:
        """Return the file's size, its head and tail, and some bytes in between."""
        raw, size = self._raw, self._raw.size()
        yield size.to_bytes(8, "little")
        yield raw.read_at(65536, 0)
        yield raw.read_at(65536, max(size - 65536, 0))
        for i in range(1, 16):
            yield raw.read_at(4096, size * i // 16)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._tif.close()
            self.__dict__.pop("_raw", None)

    @cached_property
    def _raw(self) -> RawFile:
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        return RawFile(os.open(self.path, flags), self.path)

    def _describe(self, series: tifffile.TiffPageSeries, wanted: str | None, taken: str) -> None:
        """Settle axes, shape and dtype; unnamed axes of length 1 are dropped."""
        self.dtype = check_dtype(series.dtype, self.name)
        axes, shape = series.axes, tuple(series.shape)
        if wanted:
            full = series.get_axes(squeeze=False), tuple(series.get_shape(squeeze=False))
            shape = fit_axes(wanted, [(axes, shape), full], self.name)
            axes = wanted
        else:
            axes, notices = guess_axes(axes, shape, self.name, taken=taken)
            self.note(*notices)
        kept = [(a, n) for a, n in zip(axes, shape, strict=True) if a != NOTHING]
        self.axes = "".join(a for a, _ in kept)
        self.shape = tuple(n for _, n in kept)
        if 0 in self.shape:
            raise BadInput(f"{self.name} has no pixels", "at least one image", "save it again")

    def _locate(self, series: tifffile.TiffPageSeries) -> None:
        """Find out where the pixels lie, and check that the file reaches that far."""
        page = series.keyframe
        if page.nbytes > _LARGEST_PAGE:
            raise BadInput(
                f"{self.name} has pages of {say_bytes(page.nbytes)}",
                f"at most {say_bytes(_LARGEST_PAGE)}",
                "copy the file again, or save it with one page for each frame",
            )
        offset = series.dataoffset
        self._stored = series.dtype.newbyteorder(self._tif.byteorder)
        if offset is not None:
            self._offset, self._pages = offset, None
            self.inner = ""
            end = offset + math.prod(self.shape) * self._stored.itemsize
        else:
            self._pages = series.pages
            n_outer = len(self.shape)
            while n_outer and math.prod(self.shape[n_outer:]) < page.size:
                n_outer -= 1
            self._n_outer, self._page_shape = n_outer, self.shape[n_outer:]
            self.inner = self.axes[n_outer:]
            if math.prod(self._page_shape) != page.size:
                raise damaged(self.path, "its pages are not of the size its metadata say")
            self._tif.filehandle.set_lock(True)
            end = _end(self._page_header(len(series.pages) - 1), self._tif)
        if end > self._tif.filehandle.size:
            raise damaged(self.path, f"{self._tif.filehandle.size} bytes of {end}")

    def _read_block(
        self, offset: int, axes: str, shape: tuple[int, ...], index: Mapping[str, int]
    ) -> NDArray[Any]:
        """Read contiguous pixels; what lies between them is read in pieces and left out."""
        while axes and axes[0] in index:
            shape, i = shape[1:], index[axes[0]]
            offset += i * math.prod(shape) * self._stored.itemsize
            axes = axes[1:]
        row_bytes = math.prod(shape[1:]) * self._stored.itemsize
        rows = max(_BLOCK // max(row_bytes, 1), 1)
        strewn = any(a in index for a in axes)
        if not strewn or shape[0] <= rows:
            block = np.empty(shape, self._stored)
            self._raw.read_into(block, offset)
            return block[tuple(index.get(a, slice(None)) for a in axes)] if strewn else block
        if rows == 1:
            parts = [
                self._read_block(offset + i * row_bytes, axes[1:], shape[1:], index)
                for i in range(shape[0])
            ]
            return np.stack(parts)
        parts = [
            self._read_block(
                offset + i * row_bytes, axes, (min(rows, shape[0] - i), *shape[1:]), index
            )
            for i in range(0, shape[0], rows)
        ]
        return np.concatenate(parts)

    def _read_pages(self, index: Mapping[str, int]) -> NDArray[Any]:
        """Decode the pages in question and put them together."""
        outer_axes, outer_shape = self.axes[: self._n_outer], self.shape[: self._n_outer]
        choices = [
            (index[a],) if a in index else range(n)
            for a, n in zip(outer_axes, outer_shape, strict=True)
        ]
        inside = tuple(index.get(a, slice(None)) for a in self.inner)
        kept = tuple(n for a, n in zip(outer_axes, outer_shape, strict=True) if a not in index)
        pieces = [
            self._page(sum(i * math.prod(outer_shape[k + 1 :]) for k, i in enumerate(where)))[
                inside
            ]
            for where in itertools.product(*choices)
        ]
        if len(pieces) == 1:
            return pieces[0].reshape(kept + pieces[0].shape)
        return np.stack(pieces).reshape(kept + pieces[0].shape)

    def _page(self, number: int) -> NDArray[Any]:
        """Decode one page, at the same time as other threads."""
        with self._suspicion(f"page {number}"):
            with self._lock:
                page = self._page_header(number)
                if page.parent is not self._tif:
                    return _decode_elsewhere(page).reshape(self._page_shape)
            if _end(page, self._tif) > self._tif.filehandle.size:
                raise damaged(self.path, f"page {number} lies beyond its end")
            return np.asarray(page.asarray()).reshape(self._page_shape)

    def _page_header(self, number: int) -> Any:
        assert self._pages is not None
        page = self._pages[number]
        if page is None or not page.dataoffsets or not all(page.databytecounts):
            raise damaged(self.path, f"page {number} holds no pixels")
        return page

    @contextmanager
    def _suspicion(self, what: str) -> Iterator[None]:
        """Turn whatever tifffile raises or logs meanwhile into ``BadInput``."""
        with tifffile_complaints() as complaints:
            try:
                yield
            except (BadInput, MemoryError):
                raise
            except Exception as error:  # decoders raise anything
                why = str(error).split("\n")[0] or type(error).__name__
                raise damaged(self.path, f"{what}: {why}") from error
        refuse_errors(self.path, complaints)


def _end(page: Any, tif: tifffile.TiffFile) -> int:
    """Last byte of a page; 0 where it lies in another file of a multi-file OME-TIFF."""
    if page is None or page.parent is not tif:
        return 0
    return max(map(sum, zip(page.dataoffsets, page.databytecounts, strict=False)), default=0)


def _decode_elsewhere(page: Any) -> NDArray[Any]:
    """Decode a page of another file, which tifffile keeps closed."""
    handle = page.parent.filehandle
    closed = handle.closed
    if closed:
        handle.open()
    try:
        array: NDArray[Any] = page.asarray()
        return array
    finally:
        if closed:
            handle.close()
