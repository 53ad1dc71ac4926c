"""What was guessed or left out: said together at the end of a run, *please check* first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from napari_unet.cli.progress import say
from napari_unet.engine.errors import Notice
from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_NAMED = 3  # movies of which the same is said


class Noticed:
    """The notices of a run by movie; leaving the block says them, however it is left."""

    def __init__(self) -> None:
        self._of: dict[str, list[Notice]] = {}

    def of(
        self, movie: str, notices: Iterable[Notice] = (), *, at_once: bool = False
    ) -> list[Notice]:
        """Add to a movie's notices and return them, a list that may grow.

        ``at_once``: what asks for a look is said now, too, before the hours that it may cost.
        """
        found = self._of.setdefault(movie, [])
        new = [notice for notice in dict.fromkeys(notices) if notice not in found]
        found += new
        for notice in new:
            if at_once and notice.level == "check":
                say(f"{notice}.")
        return found

    def as_values(self) -> dict[str, list[str]]:
        """Return the lines for JSON, by how much they matter."""
        return by_level(notice for found in self._of.values() for notice in found)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for level in ("check", "noted"):
            for line in self._lines(level):
                say(f"{line}.")

    def _lines(self, level: str) -> Iterator[str]:
        """Return a line for each notice of a level: once where it is the same of many movies."""
        movies: dict[Notice, list[str]] = {}
        for movie, found in self._of.items():
            for notice in dict.fromkeys(found):
                if notice.level == level:
                    alike = Notice(notice.level, notice.line.replace(movie, "\0", 1))
                    movies.setdefault(alike, []).append(movie)
        for notice, names in movies.items():
            line = notice.line
            if "\0" not in line and len(self._of) > 1:
                line = f"\0: {line}"
            if len(names) > 1:
                others = ", ".join(names[1 : 1 + _NAMED]) + (
                    " …" if len(names) > 1 + _NAMED else ""
                )
                line += f" (the same of {counted(len(names) - 1, 'other movie')}: {others})"
            yield str(Notice(notice.level, line.replace("\0", names[0], 1)))


def by_level(notices: Iterable[Notice]) -> dict[str, list[str]]:
    """Return lines for JSON: those that ask for a look, and those good to know."""
    found = list(dict.fromkeys(notices))
    levels = (("please_check", "check"), ("noted", "noted"))
    return {name: [n.line for n in found if n.level == level] for name, level in levels}
