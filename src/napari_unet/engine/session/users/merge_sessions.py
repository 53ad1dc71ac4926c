"""Two session folders of one movie, made by two users, as one new folder."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from napari_unet.engine.annotations.corrections import Corrections
from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.atomic import atomic_folder
from napari_unet.engine.files.claim import computer_user
from napari_unet.engine.files.journal import Journal
from napari_unet.engine.session.session_folder import SessionFolder
from napari_unet.engine.session.users.merge_corrections import merge_corrections

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from napari_unet.engine.session.users.agreement import Agreement
    from napari_unet.engine.stack.stack import Stack

_STATE = "session.json"


def merge_sessions(
    movie: Stack, first: Path, second: Path, out: Path
) -> Generator[int, None, Agreement]:
    """Merge the sessions of two users into a new folder; yields each frame.

    Model, threshold, probabilities and history are the first one's; what the second user did is
    one step upon them.

    Raises
    ------
    BadInput
        Where one is no session of this movie, or the new folder holds something already.

    """
    mine, theirs = (_session(path, movie) for path in (first, second))
    other, _ = theirs.read_corrections()
    with atomic_folder(out) as new:
        shutil.copy(mine.path / _STATE, new)
        if mine.journal_path.exists():
            journal = Journal(mine.journal_path).copy_to(new)
        else:
            journal = Journal(new / mine.journal_path.name)
        into = Corrections(other.shape, journal, computer_user())
        agreement = yield from merge_corrections(into, other)
        journal.flush()
        for path in sorted(mine.probability_files(), key=lambda path: path.stat().st_mtime)[-1:]:
            shutil.copy(path, new)
    return agreement


def _session(path: Path, movie: Stack) -> SessionFolder:
    if not (path / _STATE).is_file():
        raise BadInput(f"{path} is no session", "a folder such as movie.unet", "correct the path")
    folder = SessionFolder(path, movie)
    if not folder.fits(movie):
        raise BadInput(
            f"{path} is the session of another movie", f"one of {movie.name}", "choose another"
        )
    if folder.is_new:
        raise BadInput(
            f"{path} keeps nothing of position {movie.selection.position}, z {movie.selection.z}",
            "a session in which something was done",
            "give --position and --z as in napari",
        )
    return folder
