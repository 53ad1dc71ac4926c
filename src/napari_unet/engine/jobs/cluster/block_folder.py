"""The blocks of a movie that are done, as files: what a rerun does not do again."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_unet.engine.files.atomic import atomic_path, clear_leftovers, make_folder
from napari_unet.engine.jobs.cluster.block import BlockDone, frames_in

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_TOKEN = "seen.txt"  # noqa: S105 - no secret: who reads the same words sees the same folder


class BlockFolder:
    """A folder of blocks that were made of a movie, by the model and settings of ``key``.

    A block is whole or not there. Those of other keys are other folders.
    """

    def __init__(self, beside: Path, key: Mapping[str, Any]) -> None:
        text = json.dumps(key, sort_keys=True).encode()
        self.path = make_folder(beside / f"blocks-{hashlib.sha256(text).hexdigest()[:16]}")
        clear_leftovers(self.path)
        self.token = secrets.token_hex(8)
        (self.path / _TOKEN).write_text(self.token, "ascii")

    def index(self) -> dict[int, tuple[Path, bool]]:
        """Return for each frame in which file it is, and whether its codes are there, too."""
        found: dict[int, tuple[Path, bool]] = {}
        for path in sorted(self.path.glob("[0-9]*.npz")):
            frames, coded = frames_in(path)
            for t in frames:
                if coded or t not in found:
                    found[t] = (path, coded)
        return found

    def keep(self, name: str, content: bytes) -> Path:
        """Write the content of a block that was sent here."""
        return write_block(self.path / name, content)

    def without_codes(self, path: Path, block: BlockDone) -> None:
        """Keep only the labels of a block: its codes lie with the movie's probabilities now."""
        if block.codes is not None:
            write_block(path, replace(block, codes=None).packed())

    def clear(self) -> None:
        """Delete all: what was made of them is written."""
        shutil.rmtree(self.path, ignore_errors=True)


def is_seen(folder: Path, token: str) -> bool:
    """Whether a folder is here the same as where the token was written."""
    try:
        return (folder / _TOKEN).read_text("ascii") == token
    except (OSError, UnicodeDecodeError):
        return False


def write_block(path: Path, content: bytes) -> Path:
    """Write the file of a block, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
    return path
