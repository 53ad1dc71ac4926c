"""napari-unet links: what a user says of cells through time, listed and said in a session."""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_unet.cli import options as o
from napari_unet.cli.labels import open_with_movie
from napari_unet.cli.notices import Noticed
from napari_unet.cli.progress import say
from napari_unet.engine.errors import BadInput

if TYPE_CHECKING:
    from napari_unet.engine.session.live_labels import LiveLabels
    from napari_unet.engine.session.reviewing.cell_links import CellLinks
    from napari_unet.engine.stack.stack import Stack

    Cell = tuple[int, int]
    Act = tuple[str, list[Cell]]

_PAIR, _ONE = "FRAME:ID-FRAME:ID", "FRAME:ID"


def links(
    movie: o.Movie,
    session: Annotated[
        Path | None,
        o.path_argument(
            metavar="SESSION",
            help="A session folder (MOVIE.unet).",
            show_default="the session beside the movie",
        ),
    ] = None,
    link: Annotated[
        list[str] | None,
        typer.Option(metavar=_PAIR, help="These two are one cell, which does not divide between."),
    ] = None,
    unlink: Annotated[
        list[str] | None,
        typer.Option(metavar=_PAIR, help="These two have nothing to do with each other."),
    ] = None,
    mother: Annotated[
        list[str] | None,
        typer.Option(metavar=_PAIR, help="The first divides, and the second comes of it."),
    ] = None,
    leave: Annotated[
        list[str] | None,
        typer.Option(metavar=_ONE, help="Take back all that was said of a cell so."),
    ] = None,
    axes: o.Axes = None,
    channel: o.Channel = None,
    z: o.Z = None,
    position: o.Position = None,
    as_json: o.AsJson = False,
) -> None:
    """Say which cells are one, which are not, and which are mothers; list what was said.

    Cells are FRAME:ID, with ids as napari shows them. What is said is kept in the session, and
    stands in every export of it with ids through time. Each option may be given several times.
    """
    from napari_unet.engine.session.reviewing.cell_links import CellLinks

    acts = _acts(link, unlink, mother, leave)
    with ExitStack() as files:
        noticed = files.enter_context(Noticed())
        wanted = o.selection(axes, channel, z, position)
        given = open_with_movie(files, noticed, movie, wanted, session)
        if given.corrections is None:
            raise BadInput(f"{session} is no session", "a folder such as movie.unet", "give one")
        read = given.frames
        if acts:
            read = _to_write(session, read, given.stack)
        cells = CellLinks(read)
        for verb, named in acts:
            _do(cells, read, verb, named)
        listed = cells.listed()
    if as_json:
        values = {"links": [one.to_values() for one in listed]}
        typer.echo(json.dumps(values | noticed.as_values(), indent=2))
        return
    for one in listed:
        typer.echo(one.words)
    if not listed:
        say("No cells were linked by hand.")


def _acts(
    link: list[str] | None,
    unlink: list[str] | None,
    mother: list[str] | None,
    leave: list[str] | None,
) -> list[Act]:
    """Read all cells before anything is done, in the order in which it is done."""
    given = {
        "leave": ("--leave", leave, 1),
        "unlink": ("--unlink", unlink, 2),
        "link": ("--link", link, 2),
        "set_mother": ("--mother", mother, 2),
    }
    return [
        (verb, _cells(option, text, n))
        for verb, (option, texts, n) in given.items()
        for text in texts or ()
    ]


def _cells(option: str, text: str, n: int) -> list[Cell]:
    parts = text.split("-")
    if len(parts) != n or not all(re.fullmatch(r"\s*\d+:\d+\s*", part) for part in parts):
        like = f"{_PAIR}, such as 12:7-13:9" if n > 1 else f"{_ONE}, such as 12:7"
        raise typer.BadParameter(f"{option}: {text!r} is no {like}")
    return [(int(frame), int(cell)) for frame, cell in (part.split(":") for part in parts)]


def _do(cells: CellLinks, live: LiveLabels, verb: str, named: list[Cell]) -> None:
    before = live.corrections.n_done
    if verb == "leave":
        cells.leave(*named[0])
    else:
        getattr(cells, verb)(*named)
    words = live.corrections.last_done.words
    said = words if live.corrections.n_done > before else "it is so already"
    say(f"{said[:1].upper()}{said[1:]}.")


def _to_write(path: Path | None, read: LiveLabels, movie: Stack) -> LiveLabels:
    """Return the session's labels, to be corrected: each correction is kept."""
    from napari_unet.engine.session.live_labels import LiveLabels
    from napari_unet.engine.session.session_folder import SessionFolder
    from napari_unet.engine.session.users.hold import open_corrections, require_free

    folder = SessionFolder.find(movie) if path is None else SessionFolder(path, movie)
    assert folder is not None  # it was read before
    corrections = require_free(open_corrections(folder))
    return LiveLabels(read.shape, read.probabilities, read.settings, corrections, read.spacing)
