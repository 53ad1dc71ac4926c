"""What a user may read of an input: the one error, and notices of what was guessed or left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["check", "noted"]


@dataclass(frozen=True)
class Notice:
    """What was guessed in an input or left out of it, in one plain line that names it.

    ``level`` is ``"check"`` where the result is wrong if the guess is, ``"noted"`` where it is
    only good to know. Notices are values: the engine does not log them, whoever runs it shows them.
    """

    level: Level
    line: str

    def __str__(self) -> str:
        return f"{'Please check' if self.level == 'check' else 'Noted'}: {self.line}"


class BadInput(ValueError):
    """Input that cannot be worked with, said in one plain line.

    Parameters
    ----------
    found
        What is there, with its name: ``"labels.tif has 3 frames"``.
    expected
        What would have worked: ``"40, as in the movie"``; empty where ``found`` says it already.
    remedy
        What the user can do: ``"give a folder whose file names carry frame numbers"``.

    """

    def __init__(self, found: str, expected: str, remedy: str) -> None:
        super().__init__(found, expected, remedy)
        self.found, self.expected, self.remedy = found, expected, remedy

    def __str__(self) -> str:
        found = f"{self.found}; expected {self.expected}" if self.expected else self.found
        line = f"{found}. {self.remedy[:1].upper()}{self.remedy[1:]}"
        return " ".join(line.split()).rstrip(".") + "."


def not_installed(what: str, package: str, extra: str) -> BadInput:
    """Return the error for a package that comes with an extra: ``what`` it is that needs it."""
    install = f'pip install "napari-unet-live[{extra}]"'
    return BadInput(f"{what} needs {package}, which is not installed: {install}", "", "")
