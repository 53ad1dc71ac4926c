"""A source that is one file: when it was saved, and what is in it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

from napari_unet.engine.stack.source import Source

CLOSER, _PIECE = 64 << 20, 64 << 10  # bytes of a closer look at a file, and of each piece
_HEAD, _SAMPLE, _PARTS = 65536, 4096, 16  # bytes at both ends and between parts, for fingerprints


class FileSource(Source):
    """An image in a file of its own."""

    path: Path

    @property
    def stamp(self) -> str | None:
        """Size of the file and when it was last saved."""
        return stamp_of(self.path)

    @cached_property
    def content(self) -> str | None:
        """Digest of the file, whole up to 64 MB, else of pieces all over it."""
        digest = hashlib.sha256()
        look_closer(self.path, CLOSER, digest)
        return digest.hexdigest()


def sampled(size: int, read_at: Callable[[int, int], bytes]) -> Iterator[bytes]:
    """Return a file's size, its head and tail, and some bytes in between.

    ``read_at`` gives so many bytes from an offset.
    """
    yield size.to_bytes(8, "little")
    yield read_at(_HEAD, 0)
    yield read_at(_HEAD, max(size - _HEAD, 0))
    for i in range(1, _PARTS):
        yield read_at(_SAMPLE, size * i // _PARTS)


def stamp_of(path: Path) -> str:
    """Size of a file and when it was last saved."""
    status = path.stat()
    return f"{status.st_size}:{status.st_mtime_ns}"


def look_closer(path: Path, n_bytes: int, digest: hashlib._Hash) -> None:
    """Digest a file whole, or ``n_bytes`` of it in pieces at even distances."""
    size = path.stat().st_size
    n_pieces = -(-min(size, n_bytes) // _PIECE)
    step = max(size // max(n_pieces, 1), _PIECE) if size > n_bytes else _PIECE
    with path.open("rb") as file:
        for i in range(n_pieces):
            file.seek(i * step)
            digest.update(file.read(_PIECE))
