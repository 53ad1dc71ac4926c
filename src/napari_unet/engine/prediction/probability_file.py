"""The file of a movie's probabilities.

A header (magic, sizes, checksum, the key as JSON), one mark a frame, then the frames
``(T, C, Y, X)`` uint8, of volumes ``(T, C, Z, Y, X)``, raw and sparse. A mark is written only after
its frame's bytes have reached the disk, so neither a killed process nor a power cut leaves a mark
over missing bytes.
A mark is a byte, not a bit: two processes that write the same file never undo each other.
"""

from __future__ import annotations

import json
import math
import struct
import threading
import time
import zlib
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.atomic import atomic_path
from napari_unet.engine.files.raw_file import RawFile
from napari_unet.engine.files.read_json import parse_json
from napari_unet.engine.labels.class_labels import classes_of

MAGIC = b"NUNETPRB"
VERSION = 1
_HEAD = struct.Struct("<8sIIQQQ")  # magic, version, crc32 and length of the JSON, marks, frames
_PAGE = 4096
_MOST, _MOST_OUTPUTS = 1 << 24, 64  # frames or pixels along an axis; planes of a frame
_LONGEST_JSON = 16 << 20
_SECONDS_BETWEEN_FLUSHES = 0.5
_REMEDY = "delete it: it is computed again from the movie, corrections are kept elsewhere"

Shape = tuple[int, ...]


class Header:
    """What the first bytes of a file say, and where everything lies in it."""

    def __init__(self, shape: Shape, key: dict[str, Any]) -> None:
        self.shape, self.key = shape, key
        text = json.dumps({"shape": shape, "key": key}, sort_keys=True).encode()
        self.marks = _round_up(_HEAD.size + len(text))
        self.frames = self.marks + _round_up(shape[0])
        self.frame_bytes = math.prod(shape[1:])
        self.size = self.frames + shape[0] * self.frame_bytes
        head = _HEAD.pack(MAGIC, VERSION, zlib.crc32(text), len(text), self.marks, self.frames)
        self.bytes = head + text


class ProbabilityFile:
    """Frames and marks in a file. Marks follow their frames after a flush, at most 0.5 s later."""

    def __init__(self, file: RawFile, header: Header) -> None:
        self._file: RawFile | None = file
        self.header = header
        self._marked = self.marks()
        self._unmarked: set[int] = set()
        self._flushed = time.monotonic()
        self._lock = threading.Lock()  # of the sets: never held while the disk works
        self._flushing = threading.Lock()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a file; ``BadInput`` where it is missing or damaged."""
        file = RawFile.open(path)
        return cls(file, _read_header(file, path))

    @staticmethod
    def write_empty(path: Path, header: Header) -> None:
        """Make a file without frames; it takes room only as they are written."""
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            file.write(header.bytes)
            file.truncate(header.size)

    def marks(self) -> NDArray[np.bool_]:
        """Which frames are whole, as the file says: ``(T,)``."""
        marks = np.zeros(self.header.shape[0], np.uint8)
        self._open_file().read_into(marks, self.header.marks)
        return np.equal(marks, 1)

    def read(self, t: int) -> NDArray[np.uint8]:
        """Read a frame ``(C, Y, X)``, marked or not."""
        codes = np.empty(self.header.shape[1:], np.uint8)
        self._open_file().read_into(codes, self._offset(t))
        return codes

    def write(self, t: int, codes: NDArray[np.uint8]) -> None:
        """Write the codes ``(C, Y, X)`` of a frame; its mark follows with the next flush."""
        file = self._open_file()
        if self._marked[t]:  # half of a new frame over an old one is no frame
            self._mark(file, t, False)
        file.write_at(codes, self._offset(t))
        with self._lock:
            self._unmarked.add(t)
            due = time.monotonic() - self._flushed >= _SECONDS_BETWEEN_FLUSHES
        if due:
            self.flush()

    def flush(self) -> None:
        """Bring frames to the disk, then their marks."""
        if (file := self._file) is None:
            return
        with self._flushing:
            with self._lock:
                frames, self._unmarked = self._unmarked, set()
            try:
                if frames:
                    file.sync()
                    for t in sorted(frames):
                        self._mark(file, t, True)
                    file.sync()
            except BaseException:
                with self._lock:
                    self._unmarked |= frames
                raise
            self._flushed = time.monotonic()

    def close(self) -> None:
        """Flush and let go of the file."""
        self.flush()
        self._file = None  # the descriptor closes with the last read that still uses it

    def _mark(self, file: RawFile, t: int, whole: bool) -> None:
        file.write_at(np.array([whole], np.uint8), self.header.marks + t)
        self._marked[t] = whole

    def _offset(self, t: int) -> int:
        return self.header.frames + t * self.header.frame_bytes

    def _open_file(self) -> RawFile:
        if (file := self._file) is None:
            raise ValueError("these probabilities are closed")
        return file


def _read_header(file: RawFile, path: Path) -> Header:
    size = file.size()
    head = file.read_at(min(size, _HEAD.size), 0)
    if len(head) < _HEAD.size or head[: len(MAGIC)] != MAGIC:
        raise BadInput(
            f"{path.name} is not a probability file",
            "one written by this program",
            "choose another file",
        )
    _, version, checksum, length, marks, frames = _HEAD.unpack(head)
    if version != VERSION:
        raise BadInput(f"{path.name} has format version {version}", f"version {VERSION}", _REMEDY)
    text = file.read_at(min(length, _LONGEST_JSON, size), _HEAD.size)
    if len(text) != length or zlib.crc32(text) != checksum:
        raise BadInput(f"{path.name} has a damaged header", "an intact file", _REMEDY)
    header = _understood(text, path)
    if (header.marks, header.frames, header.size) != (marks, frames, size):
        raise BadInput(
            f"{path.name} has {size} bytes", f"{header.size} for shape {header.shape}", _REMEDY
        )
    return header


def _understood(text: bytes, path: Path) -> Header:
    """Return what the JSON of a header says; it may be whole and yet not of this program."""
    try:
        content = parse_json(text)
        shape, key = tuple(content["shape"]), content["key"]
        whole = all(isinstance(n, int) and 0 < n < _MOST for n in shape)
        if not whole or len(shape) not in (4, 5) or shape[1] > _MOST_OUTPUTS:
            raise ValueError
        c = shape[1]
        names = key.get("outputs")
        if names is not None and not (len(names) == c and all(isinstance(n, str) for n in names)):
            raise ValueError
        classes_of(names or ())  # refuses what is neither a class nor a region
        return Header(shape, key)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadInput(
            f"{path.name} does not say what it holds", "a file of this program", _REMEDY
        ) from None


def _round_up(n: int) -> int:
    return -(-n // _PAGE) * _PAGE
