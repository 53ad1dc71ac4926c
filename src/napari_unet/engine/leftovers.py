"""What a killed process leaves beside the files it was writing: found by name, cleared later.

Temporary files and folders carry their process in their names: ``.a-4f1ap1c3-5d0e9a21.partial``
has four digits of the machine, the process, and a random part. A folder that is moved aside lies
in one that ends in ``.old``, under its own name, until the new one is in its place.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import platform
import re
import secrets
import shutil
import sys
from pathlib import Path

logger = logging.getLogger(__name__)
_LONGEST = 24  # letters of the final name that are kept
_OURS = re.compile(r"\..*-([0-9a-f]{4})p([0-9a-f]+)-[0-9a-f]{8}\.(partial|old)(\.[^/\\]*)?")


def temporary_path(final: Path, word: str = "partial") -> Path:
    """Give a hidden name beside ``final``, with the suffix that writers look at."""
    suffixes = final.suffixes[-2:]
    keep = "".join(suffixes if suffixes[:-1] == [".ome"] else suffixes[-1:])
    process = f"{_machine()}p{os.getpid():x}"
    name = f".{final.name[:_LONGEST]}-{process}-{secrets.token_hex(4)}.{word}"
    return final.with_name(name + (keep if word == "partial" else ""))


def clear_leftovers(folder: Path) -> list[Path]:
    """Remove what dead processes of this machine left in ``folder``, and give its paths.

    A folder that was moved aside and not replaced yet goes back to its place first. What belongs
    to a process that runs, or to another machine on a shared drive, stays.
    """
    try:
        names = [entry.name for entry in os.scandir(folder) if entry.name.startswith(".")]
    except OSError:
        return []
    found = [folder / name for name in names if _is_left_over(name)]
    cleared = []
    for path in sorted(found, key=lambda path: ".old" not in path.name):
        with contextlib.suppress(OSError):
            _clear(path)
            logger.info("removed %s, left over from a process that was killed", path)
            cleared.append(path)
    return cleared


def _clear(path: Path) -> None:
    if not path.is_dir():
        path.unlink()
        return
    if path.suffix == ".old":
        for inside in list(path.iterdir()):
            if not path.with_name(inside.name).exists():
                inside.rename(path.with_name(inside.name))
    shutil.rmtree(path)


def _is_left_over(name: str) -> bool:
    match = _OURS.fullmatch(name)
    return match is not None and match[1] == _machine() and not _runs(int(match[2], 16))


def _machine() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:4]


def _runs(process: int) -> bool:
    """Tell whether a process with this number runs; where that is unknown it does."""
    if sys.platform == "win32":
        import ctypes

        handle = ctypes.windll.kernel32.OpenProcess(0x00100000, False, process)  # SYNCHRONIZE
        if not handle:
            return bool(ctypes.windll.kernel32.GetLastError() == 5)  # not ours to ask
        ended = ctypes.windll.kernel32.WaitForSingleObject(handle, 0) == 0
        ctypes.windll.kernel32.CloseHandle(handle)
        return not ended
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
