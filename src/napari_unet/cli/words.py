"""An error as the one line that a user reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.engine.errors import BadInput

if TYPE_CHECKING:
    from pydantic import ValidationError


def in_words(error: Exception) -> str:
    """Say an error in one line; one that was not foreseen asks to be reported."""
    if isinstance(error, BadInput):
        return str(error)
    line = " ".join(f"{type(error).__name__}: {error}".split())
    return (
        f"{line}. This was not foreseen; please report it with the output of "
        "napari-unet --debug followed by the same command."
    )


def first_problem(error: ValidationError) -> str:
    """Say what is wrong with the first value that settings refused."""
    problem = error.errors()[0]["msg"]
    return f"{problem[:1].lower()}{problem[1:]}"
