"""The one error a user may read: what was found, what was expected, what to do."""

from __future__ import annotations


class BadInput(ValueError):
    """Input that cannot be worked with, said in one plain line.

    Parameters
    ----------
    found
        What is there, with its name: ``"labels.tif has 3 frames"``.
    expected
        What would have worked: ``"40, as in the movie"``.
    remedy
        What the user can do: ``"give a folder whose file names carry frame numbers"``.

    """

    def __init__(self, found: str, expected: str, remedy: str) -> None:
        super().__init__(found, expected, remedy)
        self.found, self.expected, self.remedy = found, expected, remedy

    def __str__(self) -> str:
        line = f"{self.found}; expected {self.expected}. {self.remedy[:1].upper()}{self.remedy[1:]}"
        return " ".join(line.split()).rstrip(".") + "."
