"""TIFFs damaged by chance, and what became of reading them: for the tests and the fuzz campaign."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.errors import BadInput
from napari_unet.engine.stack.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_HEADER = 700  # bytes: where most of what can be misread lies


def _place(content: bytearray, chance: random.Random) -> int:
    return chance.randrange(chance.choice((len(content), min(_HEADER, len(content)))))


def cut(content: bytearray, chance: random.Random) -> None:
    """Lose the end."""
    del content[chance.randrange(len(content)) :]


def flip(content: bytearray, chance: random.Random) -> None:
    """Turn a few bits round."""
    for _ in range(chance.choice((1, 2, 4))):
        content[_place(content, chance)] ^= 1 << chance.randrange(8)


def zero(content: bytearray, chance: random.Random) -> None:
    """Set a run of bytes to zero, as a disk does that lost a block."""
    at, n = _place(content, chance), chance.choice((1, 4, 32, 512, 4096))
    content[at : at + n] = bytes(len(content[at : at + n]))


def insert(content: bytearray, chance: random.Random) -> None:
    """Put in bytes from somewhere else."""
    at, n = _place(content, chance), chance.choice((1, 2, 8, 512))
    content[at:at] = chance.randbytes(n)


DAMAGES: dict[str, Callable[[bytearray, random.Random], None]] = {
    "cut": cut,
    "flip": flip,
    "zero": zero,
    "insert": insert,
}


def outcome(path: Path, movie: np.ndarray) -> str:
    """Return what a user gets: ``refused``, ``right``, ``said``, ``other pixels`` or ``short``.

    ``said`` is another shape with a word of doubt; ``short`` is one without, which must not be.
    """
    try:
        with Stack.open(path) as stack:
            read = np.stack([stack[t] for t in range(len(stack))])
            doubted = any(notice.level == "check" for notice in stack.notices)
    except BadInput as error:
        assert "\n" not in str(error)
        return "refused"
    if read.shape == movie.shape:
        return "right" if np.array_equal(read, movie) else "other pixels"
    return "said" if doubted else "short"
