"""Files that are either whole or not there: temporary name, fsync, rename."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_unet.engine.errors import BadInput

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def atomic_path(final: str | Path) -> Iterator[Path]:
    """Give a temporary path in the folder of ``final``; it becomes ``final`` when the block ends.

    After an error or a kill, an earlier ``final`` is untouched. The temporary file exists when
    the block starts (so that a folder without write permission is refused before the work) and
    has the suffix of ``final``. A full disk, a read-only or missing folder raise ``BadInput``.
    """
    final = Path(final)
    if final.is_dir():
        raise BadInput(f"{final} is a folder", "the name of a file to write", "add a file name")
    final = Path(os.path.realpath(final))  # a link stays a link
    temporary = final.with_name(_temporary_name(final.name))
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        raise _not_writable(final, error) from error
    try:
        yield temporary
        _sync(temporary)
        temporary.replace(final)
        _sync(final.parent)
    except OSError as error:
        if error.errno in _FULL or _concerns(error, temporary):
            raise _not_writable(final, error) from error
        raise
    finally:
        # gone after the rename; on an error this leaves no half-written file behind
        with contextlib.suppress(OSError):
            temporary.unlink()


@contextmanager
def atomic_folder(final: str | Path) -> Iterator[Path]:
    """Give a temporary folder beside ``final``; it is renamed to ``final`` when the block ends.

    A ``final`` that holds something already raises ``BadInput``: folders are never replaced.
    """
    final = Path(os.path.realpath(final))
    if final.exists() and not (final.is_dir() and not any(final.iterdir())):
        raise BadInput(f"{final} exists already", "a folder that is new or empty", "choose another")
    temporary = final.with_name(_temporary_name(final.name))
    try:
        temporary.mkdir()
    except OSError as error:
        raise _not_writable(final, error) from error
    try:
        yield temporary
        for file in temporary.iterdir():
            _sync(file)
        if final.exists():
            final.rmdir()
        temporary.replace(final)
        _sync(final.parent)
    except OSError as error:
        if error.errno in _FULL:
            raise _not_writable(final, error) from error
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def make_folder(folder: str | Path) -> Path:
    """Make ``folder`` with its parents where it is missing; ``BadInput`` where that fails."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise BadInput(f"{folder} is a file", "a folder", "choose another name") from error
    except OSError as error:
        raise _not_writable(folder, error) from error
    return folder


def require_space(folder: str | Path, n_bytes: int) -> None:
    """Raise ``BadInput`` where the disk of ``folder`` has less than ``n_bytes`` free."""
    place = Path(folder).absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < n_bytes:
        raise BadInput(
            f"{place} has {say_bytes(free)} free",
            f"{say_bytes(n_bytes)}",
            "free some space or choose another folder",
        )


def say_bytes(n_bytes: float) -> str:
    """Say a size as people do: ``"3.2 GB"``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if abs(n_bytes) < 1000:
            return f"{n_bytes:.0f} {unit}" if unit in ("bytes", "kB") else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"


def _temporary_name(name: str) -> str:
    """Make a hidden name, short enough anywhere, with the suffix that writers look at."""
    suffixes = Path(name).suffixes[-2:]
    keep = suffixes if suffixes[:-1] == [".ome"] else suffixes[-1:]
    return f".{name[:24]}-{secrets.token_hex(4)}.partial{''.join(keep)}"


def _concerns(error: OSError, path: Path) -> bool:
    return path in (_path_or_none(error.filename), _path_or_none(error.filename2))


def _path_or_none(name: object) -> Path | None:
    return Path(os.fsdecode(name)) if isinstance(name, str | bytes) else None


def _not_writable(path: Path, error: OSError) -> BadInput:
    folder = path.parent
    if error.errno in _FULL:
        free = say_bytes(shutil.disk_usage(folder).free)
        return BadInput(
            f"the disk is full while writing {path} ({free} free)",
            "room for the file",
            "free some space or choose another folder",
        )
    if not folder.exists():
        return BadInput(
            f"the folder {folder} does not exist",
            f"a folder to write {path.name} in",
            "make it first or choose another",
        )
    if error.errno in _DENIED:
        return BadInput(
            f"{path} cannot be written (no permission, or open in another program)",
            "a folder you may write to",
            "choose another folder or close the other program",
        )
    return BadInput(
        f"{path} cannot be written ({error.strerror or error})",
        "a file name and folder that can be written",
        "choose another",
    )


def _sync(path: Path) -> None:
    """Force a file, or on POSIX a folder's list of names, to the disk."""
    if path.is_dir():
        if sys.platform == "win32":  # folders cannot be opened there
            return
        handle = os.open(path, os.O_RDONLY)
    else:
        handle = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
