"""Who has a session: one program at a time writes to it, others read it."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.claim import Claim, computer_user, holder

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.engine.annotations.corrections import Corrections
    from napari_unet.engine.errors import Notice
    from napari_unet.engine.session.session_folder import SessionFolder

NAME = "in-use.json"
_here: weakref.WeakValueDictionary[Path, Claim] = weakref.WeakValueDictionary()  # by folder
_lock = threading.Lock()


def open_corrections(
    folder: SessionFolder, author: str = ""
) -> tuple[Corrections, tuple[Notice, ...]]:
    """Return the corrections of a session, to be added to; to read where others have it open.

    They hold the session as long as they are there: windows of this program share it, another
    program reads a copy, whose ``read_only`` says who has it. ``author`` makes the corrections;
    the computer's user where nobody is named.
    """
    author = author.strip() or computer_user()
    claim = _claim(folder.path, author)
    if claim is None:
        found, notices = folder.read_corrections()
        found.read_only = f"{folder.path.name} is open with {holder(folder.path / NAME)}"
    else:
        before = len(folder.notices)
        found = folder.corrections()
        notices = folder.notices[before:]
        found.claim = claim
    found.author = author
    return found, notices


def require_free(corrections: Corrections) -> Corrections:
    """Return corrections that may be added to; `BadInput` where another program has the session."""
    if corrections.read_only:
        raise BadInput(
            corrections.read_only,
            "a session that no other program has open",
            "close the movie there, and try again",
        )
    return corrections


def _claim(folder: Path, author: str) -> Claim | None:
    folder = folder.resolve()
    with _lock:
        claim = _here.get(folder)
        if claim is None and (claim := Claim.take(folder / NAME, author)) is not None:
            _here[folder] = claim
        return claim
