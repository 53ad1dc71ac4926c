"""The person's words: counts, and errors as the one line they read."""

from __future__ import annotations

from napari_unet.engine.errors import BadInput


def counted(n: int, noun: str) -> str:
    """Say ``1 movie``, ``12 movies``."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def in_words(error: Exception) -> str:
    """Say an error in one line; one that was not foreseen asks to be reported."""
    if isinstance(error, BadInput):
        return str(error)
    line = " ".join(f"{type(error).__name__}: {error}".split())
    return (
        f"{line}. This was not foreseen; please report it with the output of "
        "napari-unet --debug followed by the same command."
    )
