"""Stdout that takes any name: a path that is no UTF-8 goes out as the bytes it has on the disk."""

from __future__ import annotations

import codecs
import sys


def take_any_name() -> None:
    """Let stdout write names as they are on the disk, and escape letters that it has not."""
    codecs.register_error("any-name", _as_on_disk)
    reconfigure = getattr(sys.stdout, "reconfigure", None)  # stdout may be closed
    if reconfigure is not None:
        reconfigure(errors="any-name")


def _as_on_disk(error: UnicodeError) -> tuple[bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    written = (
        bytes([ord(letter) - 0xDC00])  # as surrogateescape, which knows nothing else
        if 0xDC80 <= ord(letter) <= 0xDCFF
        else letter.encode("ascii", "backslashreplace")
        for letter in letters
    )
    return b"".join(written), error.end
