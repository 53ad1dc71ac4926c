"""Which movies go with which labels: words, --labels, or a table with a row for each movie."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from napari_unet.cli.options import selection
from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.names import user_path
from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from napari_unet.engine.settings import Selection

_NEEDED = ("movie", "labels")
_COLUMNS = (*_NEEDED, "frames", "position", "channel")


@dataclass(frozen=True)
class Given:
    """A movie and labels of it, as a user named them; ``frames`` as typed, None for all."""

    movie: Path
    labels: Path
    selection: Selection
    frames: str | None = None


def given_movies(
    words: Sequence[Path],
    labels: Sequence[Path] | None,
    table: Path | None,
    wanted: Selection,
    frames: str | None,
) -> list[Given]:
    """Return each movie with its labels: MOVIE LABELS, MOVIE… --labels LABELS…, or a table's rows.

    ``wanted`` and ``frames`` are of every movie, unless its row says otherwise.
    """
    if table is not None:
        if words or labels:
            raise typer.BadParameter("--table: it names movies and labels, so leave them out")
        return [_of_row(row, table, wanted, frames) for row in _rows(table)]
    movies = list(words)
    if labels is None:
        if len(movies) < 2:
            missing = "LABELS" if movies else "MOVIE"
            raise typer.BadParameter(f"{missing} is missing")
        if len(movies) > 2:
            raise typer.BadParameter(
                f"{counted(len(movies), 'path')} in place of a movie and its labels: "
                "of several movies give the labels by --labels, in the order of the movies"
            )
        movies, labels = movies[:1], movies[1:]
    if len(movies) != len(labels):
        raise typer.BadParameter(
            f"--labels: {counted(len(labels), 'path')} for {counted(len(movies), 'movie')}; "
            "one for each, in the same order"
        )
    return [Given(*pair, wanted, frames) for pair in zip(movies, labels, strict=True)]


def _rows(table: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield the rows of a table with their line, as a spreadsheet writes it: by , or ; or tabs."""
    try:
        text = table.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise BadInput(
            f"the table {table} cannot be read ({why})",
            "a CSV or TSV file with the columns movie and labels",
            "correct the path, or save it as CSV",
        ) from error
    head, *_ = text.splitlines() or [""]
    mark = max("\t;,", key=head.count)
    rows = csv.DictReader(text.splitlines(), delimiter=mark, skipinitialspace=True)
    rows.fieldnames = names = [name.strip().lower() for name in rows.fieldnames or ()]
    odd = [name for name in names if name and name not in _COLUMNS]
    if odd or not {*_NEEDED} <= {*names}:
        raise BadInput(
            f"the columns of {table.name} are {', '.join(filter(None, names)) or 'none'}",
            "movie and labels, and as you like frames, position, channel",
            f"{'leave ' + ', '.join(odd) + ' out' if odd else 'name them in the first row'}",
        )
    found = False
    for row in rows:
        if any(isinstance(value, str) and value.strip() for value in row.values()):
            found = True
            if None in row:
                raise BadInput(
                    f"line {rows.line_num} of {table.name} has more cells than there are columns",
                    "frames in quotes where they hold commas",
                    'write "0,3-5", or 0 3-5',
                )
            yield rows.line_num, {k: (v or "").strip() for k, v in row.items() if k}
    if not found:
        raise BadInput(f"{table.name} has no row", "a row for each movie", "add some")


def _of_row(
    row: tuple[int, Mapping[str, str]], table: Path, wanted: Selection, frames: str | None
) -> Given:
    line, cells = row
    empty = [name for name in _NEEDED if not cells[name]]
    position = cells.get("position", "")
    if empty or not (position.isdecimal() or not position):
        found = f"no {empty[0]}" if empty else f"the position {position}"
        raise BadInput(
            f"line {line} of {table.name} has {found}",
            "a movie and labels in each row, and positions counted from 0",
            "correct that row",
        )
    movie, labels = (table.parent / user_path(cells[name]) for name in _NEEDED)
    chosen = selection(
        channel=cells.get("channel") or None, position=int(position) if position else None
    )
    said = {name: getattr(chosen, name) for name in chosen.model_fields_set}
    of_row = re.sub(r"[;,\s]+", ",", cells.get("frames", "")).strip(",")
    return Given(movie, labels, wanted.replace(**said), of_row or frames)
