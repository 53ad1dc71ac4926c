"""Paths as users write them and names as disks have them: not every one is text."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# For ``errors=`` when JSON is written as UTF-8: a byte of a name that is no UTF-8 is kept as
# ``\udcfc``, which JSON reads back as it was.
ANY_NAME = "backslashreplace"


def user_path(text: str | Path) -> Path:
    """Return the path that is meant: ``~`` and ``~name`` in front are somebody's home.

    A shell expands it at the start of a word only, so that ``--out=~/res`` and quoted words arrive
    as they are. A name such as ``~draft.tif``, where nobody is called so, is a name.
    """
    return Path(os.path.expanduser(text))  # noqa: PTH111 - Path's own raises for ~draft.tif


def printable(name: str) -> str:
    """Return a name as text that any file can hold: what is no UTF-8 in it becomes ``�``."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


@contextmanager
def readable_name(path: Path) -> Iterator[Path]:
    """Yield a path that is text, for libraries that open nothing else: a link where need be."""
    if printable(str(path)) == str(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder, f"link{printable(path.suffix)}")
        link.symlink_to(path.absolute())
        yield link
