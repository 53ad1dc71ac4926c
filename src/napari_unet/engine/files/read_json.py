"""JSON that somebody else may have written: plain values, or one of two errors."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_LARGEST = 64 << 20  # bytes: sessions, recipes and sidecars have some thousand


def parse_json(text: str | bytes) -> Any:
    """Return the values of a JSON text; ValueError whatever is wrong with it."""
    try:
        values = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    escaped = b"\\ud" if isinstance(text, bytes) else "\\ud"
    if escaped in text.lower():  # type: ignore[operator]
        # half a character is no text; a byte of a name that is no UTF-8 is written as one, and fits
        json.dumps(values, ensure_ascii=False).encode("utf-8", "surrogateescape")
    return values


def read_json(path: Path) -> Any:
    """Return the values of a JSON file; OSError where it cannot be read, else ValueError."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
        raise ValueError("it is no JSON file")
    return parse_json(path.read_text(encoding="utf-8-sig"))
