"""napari-unet merge: the corrections of two users of one movie, as one session."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from napari_unet.cli import options as o
from napari_unet.cli.notices import Noticed
from napari_unet.cli.progress import follow, say


def merge(
    movie: o.Movie,
    first: Annotated[
        Path, o.path_argument(metavar="SESSION", help="A session folder (MOVIE.unet).")
    ],
    second: Annotated[
        Path, o.path_argument(metavar="SESSION", help="Another user's session of that movie.")
    ],
    out: Annotated[Path, o.path_option("--out", metavar="DIR", help="The new session folder.")],
    axes: o.Axes = None,
    channel: o.Channel = None,
    z: o.Z = None,
    position: o.Position = None,
    as_json: o.AsJson = False,
) -> None:
    """Merge the corrections of two users of one movie, and say how far they agree.

    What only one of them drew or confirmed is taken in. Where they disagree the first one's cells
    stay, and `doubts MOVIE DIR` and the Review dock list the place.
    """
    from napari_unet.engine.session.users.merge_sessions import merge_sessions
    from napari_unet.engine.stack.stack import Stack

    with ExitStack() as files:
        noticed = files.enter_context(Noticed())
        wanted = o.selection(axes, channel, z, position, volumes=False)
        stack = files.enter_context(Stack.open(movie, wanted))
        noticed.of(stack.name, stack.notices)
        found = follow(merge_sessions(stack, first, second, out), "Merge", None)
    if as_json:
        typer.echo(json.dumps(found.to_values() | noticed.as_values(), indent=2))
        return
    typer.echo(found)
    for one in found.disputes:
        cells = f", {' + '.join(map(str, one.cells))}" if one.cells else ""
        say(f"Frame {one.frame}{cells}: {one.words}.")
