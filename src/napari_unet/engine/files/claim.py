"""A folder is one program's at a time: who has it, since when, and whether it still runs."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import platform
import secrets
import tempfile
import threading
import weakref
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from napari_unet.engine.files.atomic import process_mark, runs_elsewhere
from napari_unet.engine.files.read_json import read_json

_BEAT, _STALE = 5.0, 60.0  # s between signs of life, and without one
_TRIES = 3
_held: set[Path] = set()  # by this process


@dataclass(frozen=True)
class Holder:
    """Who has a folder: user, machine, process and since when."""

    user: str
    host: str
    process: str
    since: str

    def __str__(self) -> str:
        return f"{self.user} on {self.host} since {self.since} (process {self.process})"


class Claim:
    """A folder that is held until `release`, or until this program ends; shown by a file in it."""

    def __init__(self, place: Path, mine: str) -> None:
        ended = threading.Event()
        _held.add(place)
        beating = threading.Thread(
            target=_beat, args=(place, ended), name="napari-unet claim", daemon=True
        )
        beating.start()
        self._let_go = weakref.finalize(self, _release, place, mine, ended)

    @classmethod
    def take(cls, place: Path, user: str = "") -> Claim | None:
        """Take a folder by a file in it; None where another program has it.

        What a dead program left does not count. OSError where nothing can be written there.
        """
        mine = json.dumps(
            {
                "user": user or computer_user(),
                "host": platform.node(),
                "process": os.getpid(),
                "mark": process_mark(),
                "since": datetime.now().astimezone().isoformat(timespec="seconds"),
                "token": secrets.token_hex(8),
            }
        )
        for _ in range(_TRIES):
            if _put(place, mine):
                return cls(place, mine)
            _clear_stale(place)
        return None

    def release(self) -> None:
        """Let the folder go; nothing happens the second time."""
        self._let_go()


def holder(place: Path) -> Holder:
    """Return who has a folder, by the file in it."""
    content = _content(place)
    return Holder(
        str(content.get("user", "somebody")),
        str(content.get("host", "another machine")),
        str(content.get("process", "unknown")),
        str(content.get("since", "some time")),
    )


def computer_user() -> str:
    """Return the name of this computer's user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without users
        return "somebody"


def _release(place: Path, mine: str, ended: threading.Event) -> None:
    ended.set()
    _held.discard(place)
    with contextlib.suppress(OSError):
        if place.read_text(encoding="utf-8") == mine:
            place.unlink()


def _put(place: Path, mine: str) -> bool:
    try:
        with place.open("x", encoding="utf-8") as file:
            file.write(mine)
    except FileExistsError:
        return False
    return True


def _beat(place: Path, ended: threading.Event) -> None:
    while not ended.wait(_BEAT):
        with contextlib.suppress(OSError):
            os.utime(place)


def _clear_stale(place: Path) -> None:
    """Remove the claim of a program that is gone; of two that find it so, one does."""
    try:
        before = place.read_bytes()
    except OSError:
        return
    if not _is_stale(place):
        return
    aside = place.with_name(f"{place.name}.{secrets.token_hex(4)}.old")
    with contextlib.suppress(OSError):
        place.rename(aside)
        if aside.read_bytes() != before:  # somebody else's, who was faster: back
            with contextlib.suppress(FileExistsError):
                os.link(aside, place)
        aside.unlink()


def _is_stale(place: Path) -> bool:
    """Whether the program that has a folder is gone: no process here, or no sign of life."""
    content = _content(place)
    if content.get("host") == platform.node() and content.get("mark"):
        return place not in _held and not runs_elsewhere(content["mark"])
    try:
        with tempfile.NamedTemporaryFile(dir=place.parent) as file:  # by the clock of its disk
            now = os.fstat(file.fileno()).st_mtime
        return now - place.stat().st_mtime > _STALE
    except OSError:
        return False


def _content(place: Path) -> dict[str, Any]:
    try:
        content = read_json(place)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
