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
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.raw_file import RawFile
from napari_unet.engine.stack.axes import NOTHING, check_axes, fit_axes, guess_axes
from napari_unet.engine.stack.file_source import FileSource, sampled
from napari_unet.engine.stack.source import Metadata, check_dtype
from napari_unet.engine.stack.tiff.metadata import read_metadata
from napari_unet.engine.stack.tiff.opening import (
    Opened,
    damaged,
    open_tiff,
    refuse_errors,
    tifffile_complaints,
)
from napari_unet.engine.stack.tiff.photometric import invert, inverted_channels, refuse_colours
from napari_unet.engine.text import say_bytes

if TYPE_CHECKING:
    import tifffile

_LARGEST_PAGE = 4e9  # bytes: beyond this a page's header is wrong, or no frame of a movie
_BLOCK = 32_000_000  # bytes read at once where a frame is strewn over the file


class TiffSource(FileSource):
    """One position of a TIFF file.

    ``axes`` replaces what the file says; ``taken="T"`` where the file is one frame of a folder;
    ``chosen`` where a user asked for the position.
    """

    def __init__(
        self,
        path: Path,
        *,
        axes: str | None = None,
        position: int = 0,
        taken: str = "",
        chosen: bool = False,
    ) -> None:
        self.path, self.name = path, path.name
        self._lock = threading.RLock()
        wanted = check_axes(axes) if axes else None
        opened = open_tiff(path, position, wanted, chosen=chosen)
        self._tif, self._image, self._names = opened.tif, opened.position.image, opened.names
        self.note(*opened.notices)
        try:
            with self._suspicion("its header"):
                self._describe(opened, wanted, taken)
                self._locate(opened.position.series)
                self._find_inverted(opened.position.series.keyframe)
        except BaseException:
            self._tif.close()
            raise

    @cached_property
    def metadata(self) -> Metadata:
        """What OME-XML, ImageJ's description or the tags say."""
        with self._lock, self._suspicion("its metadata"):
            n_channels = self.length("C") if "C" in self.axes else self.length("S")
            found, notices = read_metadata(self._tif, self._image, self.length("T"), n_channels)
        self.note(*notices)
        return replace(found, position_names=self._names)

    def read(self, index: Mapping[str, int]) -> NDArray[Any]:
        """Read or decode the pixels in question, in native byte order."""
        whole = {**index, **self._fixed}
        if self._pages is None:
            piece = self._read_block(self._offset, self._all_axes, self._all_shape, whole)
        else:
            piece = self._read_pages(whole)
        return self._as_shown(np.ascontiguousarray(piece, dtype=self.dtype), index)

    def samples(self) -> Iterator[bytes]:
        """Return the file's size, its head and tail, and some bytes in between."""
        return sampled(self._raw.size(), self._raw.read_at)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._tif.close()
            self.__dict__.pop("_raw", None)

    @cached_property
    def _raw(self) -> RawFile:
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        path = Path(self._tif.filehandle.path)  # not ours where another file holds the metadata
        return RawFile(os.open(path, flags), path)

    def _describe(self, opened: Opened, wanted: str | None, taken: str) -> None:
        """Settle axes, shape and dtype; unnamed axes of length 1 are dropped."""
        position, series = opened.position, opened.position.series
        self.dtype = check_dtype(series.dtype, self.name)
        self._fixed = dict(position.fixed)
        axes, shape = self._without_fixed(position.axes, position.shape)
        if wanted:
            full = series.get_axes(squeeze=False), tuple(series.get_shape(squeeze=False))
            layouts = [(axes, shape), self._without_fixed(*full)]
            shape = fit_axes(wanted, layouts, self.name)
            axes = wanted
        else:
            axes, notices = guess_axes(axes, shape, self.name, taken=taken)
            self.note(*notices)
        kept = [(a, n) for a, n in zip(axes, shape, strict=True) if a != NOTHING]
        self.axes = "".join(a for a, _ in kept)
        self.shape = tuple(n for _, n in kept)
        self._all_axes, self._all_shape = self.axes, self.shape
        for letter in self._fixed:  # back in its place: positions lie between the others
            lengths = dict(zip(position.axes, position.shape, strict=True))
            before = position.axes[: position.axes.index(letter)]
            at = sum(n for a, n in zip(before, [lengths[a] != 1 for a in before], strict=True))
            self._all_axes = self._all_axes[:at] + letter + self._all_axes[at:]
            self._all_shape = (*self._all_shape[:at], lengths[letter], *self._all_shape[at:])
        if 0 in self.shape:
            raise BadInput(f"{self.name} has no pixels", "at least one image", "save it again")

    def _without_fixed(self, axes: str, shape: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
        """Axes and shape of one position."""
        kept = [(a, n) for a, n in zip(axes, shape, strict=True) if a not in self._fixed]
        return "".join(a for a, _ in kept), tuple(n for _, n in kept)

    def _find_inverted(self, page: Any) -> None:
        """Find out which channels are stored with white as zero."""
        self._bits = int(page.bitspersample or 8 * self.dtype.itemsize)
        refuse_colours(page, self._all_axes, self.name)
        channels = self.length("C")
        self._inverted, notices = inverted_channels(self._tif, page, channels, self.name)
        self.inverted = any(self._inverted)
        self.note(*notices)

    def _as_shown(self, piece: NDArray[Any], index: Mapping[str, int]) -> NDArray[Any]:
        """Invert what is stored with white as zero."""
        if not self.inverted:
            return piece
        if "C" not in self.axes or "C" in index or all(self._inverted):
            return invert(piece, self._bits) if self._inverted[index.get("C", 0)] else piece
        at = [a for a in self.axes if a not in index].index("C")
        parts = np.moveaxis(piece, at, 0)
        for channel, inverted in enumerate(self._inverted):
            if inverted:
                parts[channel] = invert(parts[channel], self._bits)
        return piece

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
            end = offset + math.prod(self._all_shape) * self._stored.itemsize
        else:
            self._pages = series.pages
            n_outer = len(self._all_shape)
            while n_outer and math.prod(self._all_shape[n_outer:]) < page.size:
                n_outer -= 1
            self._n_outer, self._page_shape = n_outer, self._all_shape[n_outer:]
            self.inner = self._all_axes[n_outer:]
            if math.prod(self._page_shape) != page.size:
                raise damaged(self.path, "its pages are not of the size its metadata say")
            planes = math.prod(self._all_shape[:n_outer])
            if planes != len(series.pages):
                raise damaged(self.path, f"it has {len(series.pages)} pages of {planes}")
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
        outer_axes = self._all_axes[: self._n_outer]
        outer_shape = self._all_shape[: self._n_outer]
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
