"""Reading and writing at a position of a file, from several threads at once.

``pread`` and ``pwrite`` do not grow resident memory as a memmap does. Windows has neither:
there, seek and read go together under a lock.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from napari_unet.engine.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HAS_PREAD = hasattr(os, "pread")


class RawFile:
    """An open file descriptor; it closes when nothing refers to it any more."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor, self.path = descriptor, path
        self._seek = threading.Lock()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open an existing file to read and write, or only to read where it is read-only."""
        binary = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        try:
            if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
                raise OSError(errno.EINVAL, "it is no file")
            try:
                return cls(os.open(path, os.O_RDWR | binary), path)
            except PermissionError:
                return cls(os.open(path, os.O_RDONLY | binary), path)
        except OSError as error:
            raise BadInput(
                f"{path} cannot be opened ({error.strerror})", "a readable file", "check the path"
            ) from error

    def __del__(self) -> None:
        os.close(self._descriptor)

    def size(self) -> int:
        """Length in bytes."""
        return os.fstat(self._descriptor).st_size

    def read_at(self, n: int, offset: int) -> bytes:
        """Read ``n`` bytes from ``offset``; fewer at the end of the file."""
        parts = []
        while n > 0 and (part := self._read(n, offset)):
            parts.append(part)
            n, offset = n - len(part), offset + len(part)
        return b"".join(parts)

    def read_into(self, array: NDArray[Any], offset: int) -> None:
        """Fill a contiguous array from ``offset``."""
        view = array.reshape(-1).view(np.uint8).data
        while view:
            n = self._read_some_into(view, offset)
            if n == 0:
                raise BadInput(
                    f"{self.path.name} ends at byte {offset}",
                    "an intact file",
                    "copy the file again or delete it",
                )
            view, offset = view[n:], offset + n

    def write_at(self, array: NDArray[Any], offset: int) -> None:
        """Write a contiguous array at ``offset``."""
        view = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
        try:
            while view:
                n = self._write(view, offset)
                view, offset = view[n:], offset + n
        except OSError as error:
            raise _cannot_write(self.path, error) from error

    def sync(self) -> None:
        """Return once what was written is on the disk."""
        try:
            getattr(os, "fdatasync", os.fsync)(self._descriptor)
        except OSError as error:
            raise _cannot_write(self.path, error) from error

    def _read(self, n: int, offset: int) -> bytes:
        if _HAS_PREAD:
            return os.pread(self._descriptor, n, offset)
        with self._seek:
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            return os.read(self._descriptor, n)

    def _read_some_into(self, view: memoryview, offset: int) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(self._descriptor, [view], offset)
        part = self._read(min(len(view), 1 << 24), offset)
        view[: len(part)] = part
        return len(part)

    def _write(self, view: memoryview, offset: int) -> int:
        if _HAS_PREAD:
            return os.pwrite(self._descriptor, view, offset)
        with self._seek:
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            return os.write(self._descriptor, view)


def _cannot_write(path: Path, error: OSError) -> BadInput:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return BadInput(
            f"the disk of {path} is full",
            "free space",
            "free some; the run goes on where it stopped",
        )
    if error.errno == errno.EBADF:
        return BadInput(
            f"{path} is read-only", "a file that can be written", "choose another folder"
        )
    return BadInput(
        f"{path} cannot be written ({error.strerror})",
        "a disk that can be written",
        "check the disk; the run goes on where it stopped",
    )
