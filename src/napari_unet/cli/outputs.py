"""Where results go: checked before any work, so that hours are not lost at the end."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

from napari_unet.cli.progress import say
from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.atomic import make_folder

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def prepare_folder(folder: Path, names: Iterable[str], *, overwrite: bool) -> Path:
    """Make ``folder``; refuse one that cannot be written to or holds one of ``names`` already.

    Raises
    ------
    BadInput
        With the line a user reads.

    """
    there = [name for name in names if (folder / name).exists()]
    if there and not overwrite:
        raise BadInput(
            f"{folder.absolute()} already holds {', '.join(there)}",
            "a new name",
            "choose another, or add --overwrite",
        )
    make_folder(folder)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise BadInput(
            f"{folder} cannot be written to ({error.strerror})",
            "a folder you may write to",
            "choose another --out",
        ) from error
    return folder


def prepare_file(path: Path, suffix: str, *, overwrite: bool) -> Path:
    """Return ``path`` with ``suffix``; refuse it where it exists or its folder is not writable."""
    if path.suffix != suffix:
        path = path.with_name(path.name + suffix)
    if path.is_dir():
        raise BadInput(f"{path} is a folder", "the name of a file", "choose another name")
    prepare_folder(path.parent, [path.name], overwrite=overwrite)
    return path


def unused(path: Path) -> Path:
    """Return ``path``, or ``NAME-2`` and so on where another program wrote it meanwhile."""
    free, n = path, 1
    while free.exists():
        n += 1
        free = path.with_name(f"{path.stem}-{n}{path.suffix}")
    if n > 1:
        say(f"{path} was written by another program meanwhile: this goes into {free.name}.")
    return free
