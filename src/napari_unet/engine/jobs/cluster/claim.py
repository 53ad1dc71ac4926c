"""An output folder is one client's at a time: who has it, since when, and whether it still runs."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import platform
import secrets
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.atomic import process_mark, runs_elsewhere
from napari_unet.engine.files.read_json import read_json

_NAME = ".napari-unet-client.json"
_BEAT, _STALE = 5.0, 60.0  # s between signs of life, and without one
_TRIES = 3
_held: set[Path] = set()  # by this process


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Hold an output folder while the block runs; what a dead client left does not count.

    Raises
    ------
    BadInput
        Where another client has it.

    """
    place = folder / _NAME
    mine = json.dumps(
        {
            "user": _user(),
            "host": platform.node(),
            "process": os.getpid(),
            "mark": process_mark(),
            "since": datetime.now().astimezone().isoformat(timespec="seconds"),
            "token": secrets.token_hex(8),
        }
    )
    for _ in range(_TRIES):
        if _put(place, mine):
            break
        _clear_stale(place)
    else:
        raise _taken(place)
    _held.add(place)
    ended = threading.Event()
    beating = threading.Thread(
        target=_beat, args=(place, ended), name="napari-unet claim", daemon=True
    )
    beating.start()
    try:
        yield
    finally:
        ended.set()
        beating.join()
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
    """Remove the claim of a client that is gone; of two that find it so, one does."""
    try:
        before = place.read_bytes()
    except OSError:
        return
    if not _is_stale(place):
        return
    aside = place.with_name(f"{_NAME}.{secrets.token_hex(4)}.old")
    with contextlib.suppress(OSError):
        place.rename(aside)
        if aside.read_bytes() != before:  # somebody else's, who was faster: back
            with contextlib.suppress(FileExistsError):
                os.link(aside, place)
        aside.unlink()


def _is_stale(place: Path) -> bool:
    """Whether the client that has a folder is gone: no process here, or no sign of life."""
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


def _taken(place: Path) -> BadInput:
    content = _content(place)
    who = f"{content.get('user', 'somebody')} on {content.get('host', 'another machine')}"
    return BadInput(
        f"{place.parent} is being written by {who} since {content.get('since', 'some time')} "
        f"(process {content.get('process', 'unknown')})",
        "a folder of its own for each run on a cluster",
        "wait for the other one, or choose another --out",
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without users
        return "somebody"
