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
import zlib
from pathlib import Path
from typing import Any

from napari_unet.engine.errors import BadInput

logger = logging.getLogger(__name__)


class Journal:
    """Records on disk, in order. ``append`` returns when the record is on the disk."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._end: int | None = None  # of the file as this journal knows it

    def read(self) -> list[dict[str, Any]]:
        """Read the whole records and cut off a torn end."""
        try:
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
        """Write one record and wait until it is on the disk."""
        text = json.dumps(record, separators=(",", ":")).encode()
        line = b"%08x %s\n" % (zlib.crc32(text), text)
        try:
            with self.path.open("ab", buffering=0) as file:
                end = file.seek(0, os.SEEK_END)
                if self._end not in (None, end):
                    raise self._changed()
                try:
                    if file.write(line) != len(line):
                        raise OSError(errno.ENOSPC, "the disk is full")
                    os.fsync(file.fileno())
                except OSError:
                    with contextlib.suppress(OSError):
                        file.truncate(end)
                    raise
        except OSError as error:
            raise self._refused(error) from error
        self._end = end + len(line)

    def _cut(self, length: int) -> None:
        try:
            os.truncate(self.path, length)
        except OSError as error:
            raise self._refused(error) from error

    def _changed(self) -> BadInput:
        return BadInput(
            f"another program or window has changed {self.path} meanwhile: nothing is kept here",
            "one at a time for the corrections of a movie",
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
        record = json.loads(text)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
