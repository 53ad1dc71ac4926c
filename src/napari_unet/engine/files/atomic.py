"""Files that are either whole or not there: temporary name, fsync, rename.

What a killed process leaves beside the files it was writing is found by its name and cleared
later. Temporary files and folders carry their process in their names:
``.a-4f1ap1c3-5d0e9a21.partial`` has four digits of the machine, the process, and a random part. A
folder that is moved aside lies in one that ends in ``.old``, under its own name, until the new one
is in its place.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import logging
import os
import platform
import re
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_unet.engine.errors import BadInput
from napari_unet.engine.text import say_bytes

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_EXCHANGE = 2  # RENAME_EXCHANGE of Linux
_in_use: set[Path] = set()  # temporary files and folders of this process
_TURN, _TURNS = 0.01, 500  # s, and how often
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def atomic_path(final: str | Path) -> Iterator[Path]:
    """Return a temporary path in the folder of ``final``; it becomes ``final`` when the block ends.

    After an error or a kill, an earlier ``final`` is untouched. The temporary file exists when
    the block starts (so that a folder without write permission is refused before the work) and
    has the suffix of ``final``. A full disk, a read-only or missing folder raise ``BadInput``.
    """
    final = Path(final)
    if final.is_dir():
        raise BadInput(f"{final} is a folder", "the name of a file to write", "add a file name")
    final = Path(os.path.realpath(final))  # a link stays a link
    temporary = temporary_path(final)
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        raise _not_writable(final, error) from error
    _in_use.add(temporary)
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
        _in_use.discard(temporary)


@contextmanager
def atomic_folder(final: str | Path, *, replace: bool = False) -> Iterator[Path]:
    """Return a temporary folder beside ``final``; it becomes ``final`` when the block ends.

    A ``final`` that holds something already raises ``BadInput``, unless it is to be replaced:
    then the two change places in one step, or, where the system knows no such step, in two, from
    which `clear_leftovers` goes back after a kill between them.
    """
    final = Path(os.path.realpath(final))
    exists = final.exists() and not (final.is_dir() and not any(final.iterdir()))
    if exists and not (replace and final.is_dir()):
        raise BadInput(f"{final} exists already", "a folder that is new or empty", "choose another")
    temporary = temporary_path(final)
    try:
        temporary.mkdir()
    except OSError as error:
        raise _not_writable(final, error) from error
    _in_use.add(temporary)
    try:
        yield temporary
        for file in temporary.rglob("*"):
            _sync(file)
        if exists:
            _change_places(temporary, final)
        else:
            if final.exists():
                _remove_empty(final)
            temporary.replace(final)
        _sync(final.parent)
    except OSError as error:
        if error.errno in _FULL:
            raise _not_writable(final, error) from error
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        _in_use.discard(temporary)


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError as error:
        raise BadInput(
            f"{folder} was written by another program meanwhile",
            "a folder that is new or empty",
            "choose another",
        ) from error


def clear_own() -> None:
    """Remove what this process is writing: it ends at once, without leaving its blocks."""
    for path in tuple(_in_use):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _change_places(new: Path, old: Path) -> None:
    """Put the folder ``new`` in the place of ``old``, whose content is then the temporary one."""
    if _exchange(new, old):
        return
    aside = temporary_path(old, "old")
    aside.mkdir()
    kept = aside / old.name
    old.rename(kept)
    try:
        new.rename(old)
    except OSError:
        kept.rename(old)
        aside.rmdir()
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Let two paths change places in one step; False where system or disk knows no such step."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    here = -100  # AT_FDCWD: the paths are absolute
    return bool(renameat2(here, os.fsencode(one), here, os.fsencode(other), _EXCHANGE) == 0)


@contextmanager
def alone(final: Path) -> Iterator[None]:
    """Keep other programs out of a short block, such as asking whether ``final`` may be written.

    They wait; what a dead one left does not count, and nobody is waited for longer than a block
    can take, for who holds it may be on a machine that cannot be asked.
    """
    claim = final.with_name(f".{final.name}.claim")
    _in_use.add(claim)
    for _ in range(_TURNS):
        try:
            with claim.open("x", encoding="ascii") as file:
                file.write(process_mark())
            break
        except FileExistsError:
            time.sleep(_TURN)
            with contextlib.suppress(OSError):
                mark = claim.read_text("ascii")
                if mark.startswith(_machine()) and not runs_elsewhere(mark):
                    claim.unlink()
        except OSError as error:
            raise _not_writable(claim, error) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            claim.unlink()
        _in_use.discard(claim)


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
            f"{place} has only {say_bytes(free)} free",
            f"at least {say_bytes(n_bytes)}",
            "free some space or choose another folder",
        )


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
        "a name and a folder that can be written to",
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


logger = logging.getLogger(__name__)
_LONGEST = 24  # letters of the final name that are kept
_OURS = re.compile(r"\..*-([0-9a-f]{4})p([0-9a-f]+)-[0-9a-f]{8}\.(partial|old)(\.[^/\\]*)?")


def temporary_path(final: Path, word: str = "partial") -> Path:
    """Return a hidden name beside ``final``, with the suffix that writers look at."""
    suffixes = final.suffixes[-2:]
    keep = "".join(suffixes if suffixes[:-1] == [".ome"] else suffixes[-1:])
    name = f".{final.name[:_LONGEST]}-{process_mark()}-{secrets.token_hex(4)}.{word}"
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


def process_mark() -> str:
    """Return what tells this process from others, on this machine and on those of a shared disk."""
    return f"{_machine()}p{os.getpid():x}"


def runs_elsewhere(mark: object) -> bool:
    """Tell whether a `process_mark` is of another process of this machine that still runs."""
    match = re.fullmatch(r"([0-9a-f]{4})p([0-9a-f]+)", mark) if isinstance(mark, str) else None
    return (
        match is not None
        and mark != process_mark()
        and match[1] == _machine()
        and _runs(int(match[2], 16))
    )


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
