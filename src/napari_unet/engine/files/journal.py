"""An append-only file of records, one checked line each: what was written is not lost.

Each line is a CRC-32 and a JSON object. A line that was being written when the process died is
cut off at the next opening; a damaged line before others is left out and said. How long the file
was when the disk had it stands in a file beside it, so that one that was cut at the end of a line
is noticed, too. A file that another program wrote to meanwhile is not written to: two users' cells
would get the same ids.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import re
import shutil
import stat
import threading
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.read_json import parse_json
from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger(__name__)
_LARGEST = 2 << 30  # bytes: a stroke has some hundred
_DIGITS = 32  # bytes of that file that are read
_LENGTH = ".length"  # ends the name of the file that says how long the journal was


class Journal:
    """Records in a file, in order.

    ``append`` returns when the operating system has the record: a killed process loses nothing.
    A thread then brings it to the disk, so that nobody waits for that; where the disk refuses,
    ``failed`` says so in one line, from that thread.
    """

    failed = Signal(str)

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.lost: tuple[str, ...] = ()  # lines on what was there once, after reading
        self._end: int | None = None  # of the file as this journal knows it
        self._lock = threading.Lock()
        self._unsynced: int | None = None  # an open file whose records may not be on the disk yet
        self._syncing: threading.Thread | None = None

    def read(self) -> list[dict[str, Any]]:
        """Read the whole records and cut off a torn end; ``lost`` says what is missing."""
        once = self._length_once()  # first: another program may be writing
        try:
            status = self.path.stat()
            if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
                raise OSError(errno.EINVAL, "it is no journal")
            data = self.path.read_bytes()
        except FileNotFoundError:
            self._end = 0
            return []
        except OSError as error:
            raise self._refused(error) from error
        whole = data.rfind(b"\n") + 1
        records, damaged = [], 0
        for number, line in enumerate(data[:whole].split(b"\n")[:-1], start=1):
            record = _checked(line)
            if record is None:
                logger.warning("%s: line %d is damaged and left out", self.path.name, number)
                damaged += 1
            else:
                records.append(record)
        if whole < len(data):
            logger.warning("%s: an unfinished last line is left out", self.path.name)
            self._cut(whole)
        self._end = whole
        self.lost = tuple(_lost(self.path.name, damaged, shorter=len(data) < once))
        for missing in self.lost:
            logger.warning(missing)
        return records

    def copy_to(self, folder: Path) -> Journal:
        """Return a copy in a folder, to read what another program may be writing to."""
        beside = self._beside
        if beside.exists():  # before the journal, which may grow meanwhile
            shutil.copy(beside, folder)
        return Journal(shutil.copy(self.path, folder))

    def append(self, record: dict[str, Any]) -> None:
        """Write one record; it is on the disk soon after. BadInput where it cannot be written."""
        text = json.dumps(record, separators=(",", ":")).encode()
        line = b"%08x %s\n" % (zlib.crc32(text), text)
        try:
            with self.path.open("ab", buffering=0) as file:
                end = file.seek(0, os.SEEK_END)
                if self._end not in (None, end):
                    raise self._changed()
                if end == 0:  # what is said of an earlier file of this name is not of this one
                    with contextlib.suppress(OSError):
                        self._beside.unlink()
                try:
                    if os.write(file.fileno(), line) != len(line):
                        raise OSError(errno.ENOSPC, "the disk is full")
                except OSError:
                    with contextlib.suppress(OSError):
                        file.truncate(end)
                    raise
                self._end = end + len(line)
                self._sync_soon(file.fileno())
        except OSError as error:
            raise self._refused(error) from error

    def flush(self) -> None:
        """Wait until all that was appended is on the disk, or ``failed`` was emitted."""
        while (syncing := self._syncing) is not None and syncing.is_alive():
            syncing.join()

    def _sync_soon(self, file: int) -> None:
        with self._lock:
            if self._unsynced is None:  # else a sync is due that reaches this record, too
                self._unsynced = os.dup(file)
            if self._syncing is not None and self._syncing.is_alive():
                return
            # No daemon: the interpreter waits for it at its end. It ends when nothing is left.
            self._syncing = threading.Thread(target=self._sync, name=f"sync {self.path.name}")
            thread = self._syncing
        try:
            thread.start()
        except RuntimeError:  # the interpreter is at its end
            self._sync()

    def _sync(self) -> None:
        while True:
            with self._lock:
                file, self._unsynced, length = self._unsynced, None, self._end
                if file is None:
                    self._syncing = None
                    return
            try:
                os.fsync(file)
                self._note_length(length or 0)
            except OSError as error:
                line = str(self._refused(error))
                logger.error(line)
                self.failed.emit(line)
            finally:
                os.close(file)

    @property
    def _beside(self) -> Path:
        return self.path.with_name(self.path.name + _LENGTH)

    def _note_length(self, length: int) -> None:
        """Write down how much the disk has; without it, only a cut at a line's end is not seen."""
        with contextlib.suppress(OSError), self._beside.open("wb", buffering=0) as file:
            file.write(b"%d\n" % length)

    def _length_once(self) -> int:
        """Return how much the disk had; 0 where nobody wrote it down, or not to its end."""
        try:
            with self._beside.open("rb") as file:
                text = file.read(_DIGITS)
        except OSError:
            return 0
        return int(text) if re.fullmatch(rb"\d+\n", text) else 0

    def _cut(self, length: int) -> None:
        try:
            os.truncate(self.path, length)
        except OSError as error:
            raise self._refused(error) from error

    def _changed(self) -> BadInput:
        return BadInput(
            f"another program or window has changed {self.path} meanwhile: nothing is kept here",
            "one program at a time that keeps the corrections of a movie",
            "close the movie here or there, and open it again",
        )

    def _refused(self, error: OSError) -> BadInput:
        return BadInput(
            f"{self.path} cannot be used: {error.strerror or error}",
            "a place where corrections can be kept",
            "free space there, or choose another folder",
        )


def _lost(name: str, damaged: int, *, shorter: bool) -> Iterator[str]:
    """Say what is missing of a journal."""
    if shorter:
        yield f"{name} is shorter than it was: corrections that were made last are missing"
    if damaged:
        are = "is" if damaged == 1 else "are"
        yield f"{counted(damaged, 'correction')} in {name} {are} damaged and left out"


def _checked(line: bytes) -> dict[str, Any] | None:
    """Return the record of a line, or None where it is not what was written."""
    checksum, _, text = line.partition(b" ")
    try:
        if int(checksum, 16) != zlib.crc32(text):
            return None
        record = parse_json(text)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
