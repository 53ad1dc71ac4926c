"""An append-only file of records, one checked line each: what was written is not lost.

Each line is a CRC-32 and a JSON object. A line that was being written when the process died is
cut off at the next opening; a damaged line before others is left out and said. A file that another
program wrote to meanwhile is not written to: two users' cells would get the same ids.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import stat
import threading
import zlib
from pathlib import Path
from typing import Any

from psygnal import Signal

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.read_json import parse_json

logger = logging.getLogger(__name__)
_LARGEST = 2 << 30  # bytes: a stroke has some hundred


class Journal:
    """Records in a file, in order.

    ``append`` returns when the operating system has the record: a killed process loses nothing.
    A thread then brings it to the disk, so that nobody waits for that; where the disk refuses,
    ``failed`` says so in one line, from that thread.
    """

    failed = Signal(str)

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._end: int | None = None  # of the file as this journal knows it
        self._lock = threading.Lock()
        self._unsynced: int | None = None  # an open file whose records may not be on the disk yet
        self._syncing: threading.Thread | None = None

    def read(self) -> list[dict[str, Any]]:
        """Read the whole records and cut off a torn end."""
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
        records = []
        for number, line in enumerate(data[:whole].split(b"\n")[:-1], start=1):
            record = _checked(line)
            if record is None:
                logger.warning("%s: line %d is damaged and left out", self.path.name, number)
            else:
                records.append(record)
        if whole < len(data):
            logger.warning("%s: an unfinished last line is left out", self.path.name)
            self._cut(whole)
        self._end = whole
        return records

    def append(self, record: dict[str, Any]) -> None:
        """Write one record; it is on the disk soon after. BadInput where it cannot be written."""
        text = json.dumps(record, separators=(",", ":")).encode()
        line = b"%08x %s\n" % (zlib.crc32(text), text)
        try:
            with self.path.open("ab", buffering=0) as file:
                end = file.seek(0, os.SEEK_END)
                if self._end not in (None, end):
                    raise self._changed()
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
                file, self._unsynced = self._unsynced, None
                if file is None:
                    self._syncing = None
                    return
            try:
                os.fsync(file)
            except OSError as error:
                line = str(self._refused(error))
                logger.error(line)
                self.failed.emit(line)
            finally:
                os.close(file)

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
