"""Who has a session: one program at a time writes to it, others read it."""

from __future__ import annotations

import logging
import threading
import weakref
from collections import Counter
from typing import TYPE_CHECKING, Any

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.claim import Claim, computer_user, holder

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.engine.annotations.corrections import Corrections
    from napari_unet.engine.session.session_folder import SessionFolder

logger = logging.getLogger(__name__)
NAME = "in-use.json"
_here: weakref.WeakValueDictionary[Path, Claim] = weakref.WeakValueDictionary()  # by folder
_lock = threading.Lock()


def open_corrections(folder: SessionFolder, author: str = "") -> Corrections:
    """Return the corrections of a session, to be added to; to read where others have it open.

    They hold the session as long as they are there: windows of this program share it, another
    program reads a copy, whose ``read_only`` says who has it. ``author`` makes the corrections;
    the computer's user where nobody is named.
    """
    author = author.strip() or computer_user()
    try:
        claim = _claimed(folder.path.resolve(), author)
    except OSError as error:  # a folder to read: what is changed is refused when it is written
        logger.info("%s is not claimed: %s", folder.path, error)
        found = folder.corrections()
    else:
        if claim is None:
            found, lost = folder.read_corrections()
            folder.notices += lost
            who = holder(folder.path / NAME)
            found.read_only = f"{folder.path.name} is open with {who}: read only here"
        else:
            found = folder.corrections()
            found.claim = claim
    found.author = author
    return found


def require_free(corrections: Corrections) -> Corrections:
    """Return corrections that may be added to; `BadInput` where another program has the session."""
    if corrections.read_only:
        raise BadInput(
            corrections.read_only,
            "a session that no other program has open",
            "close the movie there, and try again",
        )
    return corrections


def authorship(corrections: Corrections) -> dict[str, Any]:
    """Return who corrected, and who reviewed how many frames; {} where nobody said."""
    reviewers = (corrections.reviewed_by(t) for t in corrections.complete_frames)
    reviewed = Counter(name for name in reviewers if name)
    if not corrections.authors:
        return {}
    return {"corrected_by": list(corrections.authors), "reviewed_by": dict(reviewed)}


def _claimed(folder: Path, author: str) -> Claim | None:
    """Return this program's claim on a folder; None where another program has it."""
    with _lock:
        claim = _here.get(folder)
        if claim is None and (claim := Claim.take(folder / NAME, author)) is not None:
            _here[folder] = claim
        return claim
