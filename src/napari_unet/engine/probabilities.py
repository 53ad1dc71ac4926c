"""Probabilities of a movie: uint8 codes in one file, never all of them in memory.

The file: a header (magic, sizes, checksum, the key as JSON), one mark a frame, then the frames
``(T, C, Y, X)`` uint8, raw and sparse. A mark is written only after its frame's bytes have
reached the disk, so neither a killed process nor a power cut leaves a mark over missing bytes.
A mark is a byte, not a bit: two processes that write the same file never undo each other.
"""

from __future__ import annotations

import json
import struct
import threading
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files import atomic_path
from napari_unet.engine.raw_file import RawFile

if TYPE_CHECKING:
    from collections.abc import Mapping

MAGIC = b"NUNETPRB"
VERSION = 1
_HEAD = struct.Struct("<8sIIQQQ")  # magic, version, crc32 and length of the JSON, first mark, first frame
_PAGE = 4096
_LONGEST_JSON = 16 << 20
_SECONDS_BETWEEN_FLUSHES = 0.5
_REMEDY = "delete it: it is computed again from the movie, corrections are kept elsewhere"

Shape = tuple[int, int, int, int]


class _Store(Protocol):
    """Where the frames are: a file or memory."""

    def read(self, t: int) -> NDArray[np.uint8]: ...
    def write(self, t: int, codes: NDArray[np.uint8]) -> None: ...
    def flush(self) -> None: ...
    def close(self) -> None: ...


class Probabilities:
    """uint8 codes ``(T, C, Y, X)`` of a movie (see `probability`), channel 0 *object*.

    ``probabilities[t]`` is ``(C, Y, X)``; zeros where frame ``t`` is not computed yet. Safe to
    read and write from several threads; a deep copy is the same object.
    """

    def __init__(self, store: _Store, shape: Shape, key: dict[str, Any], computed: NDArray[np.bool_], path: Path | None) -> None:
        self._store, self.shape, self.key, self.path = store, shape, key, path
        self._computed = computed
        self._lock = threading.Lock()

    @classmethod
    def create(cls, path: Path | str, shape: Shape, key: Mapping[str, Any]) -> Self:
        """Make the file, or open it where one for the same shape and key is there.

        Raises
        ------
        BadInput
            Where the file belongs to something else, is damaged, or cannot be written.

        """
        path, key, shape = Path(path), _plain(key), _four(shape)
        if not path.exists():
            _write_empty(path, shape, key)
        found = cls.open(path)
        if found.shape != shape or found.key != key:
            found.close()
            raise BadInput(f"{path.name} holds the probabilities of another movie or model", "those of this one", "use another file, or delete this one")
        return found

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Open a file, to read it or to go on with it.

        Raises
        ------
        BadInput
            Where there is no such file or it is damaged.

        """
        path = Path(path)
        file = RawFile.open(path)
        header = _read_header(file, path)
        store = _FileStore(file, header)
        return cls(store, header.shape, header.key, store.read_marks(), path)

    @classmethod
    def in_memory(cls, shape: Shape, key: Mapping[str, Any] | None = None) -> Self:
        """Keep the frames that are written in memory: for single frames and small movies."""
        shape = _four(shape)
        return cls(_MemoryStore(shape), shape, _plain(key or {}), np.zeros(shape[0], bool), None)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, t: int) -> NDArray[np.uint8]:
        t = self._position(t)
        return self._store.read(t) if self._computed[t] else np.zeros(self.shape[1:], np.uint8)

    def write(self, t: int, codes: NDArray[np.uint8]) -> None:
        """Store the codes ``(C, Y, X)`` of frame ``t``; it counts as computed from now on."""
        t = self._position(t)
        if codes.shape != self.shape[1:] or codes.dtype != np.uint8:
            raise ValueError(f"codes are {codes.dtype} {codes.shape}, not uint8 {self.shape[1:]}")
        self._store.write(t, np.ascontiguousarray(codes))
        with self._lock:
            self._computed[t] = True

    @property
    def computed(self) -> NDArray[np.bool_]:
        """Which frames are there: ``(T,)``, a copy."""
        with self._lock:
            return self._computed.copy()

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the channels, as far as the key has them."""
        names = self.key.get("outputs") or ["object", *(f"output {c}" for c in range(1, self.shape[1]))]
        return tuple(names)

    @property
    def frame_bytes(self) -> int:
        """Size of one frame on disk."""
        return int(np.prod(self.shape[1:], dtype=np.int64))

    def flush(self) -> None:
        """Return once everything written would survive a power cut."""
        self._store.flush()

    def close(self) -> None:
        """Flush and let go of the file; reads under way still finish."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __repr__(self) -> str:
        done = int(self._computed.sum())
        return f"<Probabilities {self.path or 'in memory'} {self.shape}, {done} computed>"

    def _position(self, t: int) -> int:
        if not -len(self) <= t < len(self):
            raise IndexError(f"frame {t} of {len(self)}")
        return int(t) % len(self)


class _MemoryStore:
    def __init__(self, shape: Shape) -> None:
        self._frames: list[NDArray[np.uint8] | None] = [None] * shape[0]

    def read(self, t: int) -> NDArray[np.uint8]:
        frame = self._frames[t]
        assert frame is not None  # noqa: S101  Probabilities reads computed frames only
        return frame.copy()

    def write(self, t: int, codes: NDArray[np.uint8]) -> None:
        self._frames[t] = codes.copy()

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


class _Header:
    """What the first bytes of a file say."""

    def __init__(self, shape: Shape, key: dict[str, Any]) -> None:
        self.shape, self.key = shape, key
        text = json.dumps({"shape": shape, "key": key}, sort_keys=True).encode()
        self.marks = _round_up(_HEAD.size + len(text))
        self.frames = self.marks + _round_up(shape[0])
        self.frame_bytes = int(np.prod(shape[1:], dtype=np.int64))
        self.size = self.frames + shape[0] * self.frame_bytes
        head = _HEAD.pack(MAGIC, VERSION, zlib.crc32(text), len(text), self.marks, self.frames)
        self.bytes = head + text


class _FileStore:
    """Frames and marks in a file. Marks follow their frames after a flush, at most 0.5 s later."""

    def __init__(self, file: RawFile, header: _Header) -> None:
        self._file: RawFile | None = file
        self._header = header
        self._unmarked: set[int] = set()
        self._flushed = time.monotonic()
        self._lock = threading.Lock()  # of the set: never held while the disk works
        self._flushing = threading.Lock()

    def read_marks(self) -> NDArray[np.bool_]:
        marks = np.zeros(self._header.shape[0], np.uint8)
        self._open_file().read_into(marks, self._header.marks)
        return marks == 1

    def read(self, t: int) -> NDArray[np.uint8]:
        codes = np.empty(self._header.shape[1:], np.uint8)
        self._open_file().read_into(codes, self._offset(t))
        return codes

    def write(self, t: int, codes: NDArray[np.uint8]) -> None:
        self._open_file().write_at(codes, self._offset(t))
        with self._lock:
            self._unmarked.add(t)
            due = time.monotonic() - self._flushed >= _SECONDS_BETWEEN_FLUSHES
        if due:
            self.flush()

    def flush(self) -> None:
        file = self._file
        if file is None:
            return
        with self._flushing:
            with self._lock:
                frames, self._unmarked = self._unmarked, set()
            try:
                if frames:
                    file.sync()
                    for t in sorted(frames):
                        file.write_at(np.ones(1, np.uint8), self._header.marks + t)
                    file.sync()
            except BaseException:
                with self._lock:
                    self._unmarked |= frames
                raise
            self._flushed = time.monotonic()

    def close(self) -> None:
        self.flush()
        self._file = None  # the descriptor closes with the last read that still uses it

    def _offset(self, t: int) -> int:
        return self._header.frames + t * self._header.frame_bytes

    def _open_file(self) -> RawFile:
        if (file := self._file) is None:
            raise ValueError("these probabilities are closed")
        return file


def _write_empty(path: Path, shape: Shape, key: dict[str, Any]) -> None:
    header = _Header(shape, key)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(header.bytes)
        file.truncate(header.size)


def _read_header(file: RawFile, path: Path) -> _Header:
    size = file.size()
    head = file.read_at(min(size, _HEAD.size), 0)
    if len(head) < _HEAD.size or head[: len(MAGIC)] != MAGIC:
        raise BadInput(f"{path.name} is not a probability file", "one written by this program", "choose another file")
    _, version, checksum, length, marks, frames = _HEAD.unpack(head)
    if version != VERSION:
        raise BadInput(f"{path.name} has format version {version}", f"version {VERSION}", _REMEDY)
    text = file.read_at(min(length, _LONGEST_JSON, size), _HEAD.size)
    if len(text) != length or zlib.crc32(text) != checksum:
        raise BadInput(f"{path.name} has a damaged header", "an intact file", _REMEDY)
    content = json.loads(text)
    header = _Header(_four(content["shape"]), content["key"])
    if (header.marks, header.frames, header.size) != (marks, frames, size):
        raise BadInput(f"{path.name} has {size} bytes", f"{header.size} for shape {header.shape}", _REMEDY)
    return header


def _four(shape: Any) -> Shape:
    t, c, y, x = (int(n) for n in shape)
    if min(t, c, y, x) < 1:
        raise ValueError(f"shape {shape} has an empty axis")
    return t, c, y, x


def _plain(key: Mapping[str, Any]) -> dict[str, Any]:
    """Give the key as it comes back from the file: tuples are lists there."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(key)))
    return plain


def _round_up(n: int) -> int:
    return -(-n // _PAGE) * _PAGE
