"""napari-unet check: how good labels are, from random windows that a user looks at."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from napari_unet.cli import options as o
from napari_unet.cli.labels import open_with_movie
from napari_unet.cli.notices import Noticed
from napari_unet.cli.progress import follow, say
from napari_unet.engine.errors import BadInput
from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from numpy.typing import NDArray

    from napari_unet.cli.labels import Labels

N_WINDOWS = 20


def check(
    movie: o.Movie,
    out: Annotated[
        Path, o.path_option("--out", metavar="DIR", help="Folder for pictures and table.")
    ],
    labels: o.Labels = None,
    windows: Annotated[
        int, typer.Option("--windows", metavar="N", min=2, help="How many windows are drawn.")
    ] = N_WINDOWS,
    size: Annotated[
        int | None,
        typer.Option(
            metavar="PX", min=8, help="Their side.", show_default="six diameters of a cell"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Another draws other windows.")] = 0,
    offset: o.Offset = None,
    axes: o.Axes = None,
    channel: o.Channel = None,
    z: o.Z = None,
    position: o.Position = None,
    as_json: o.AsJson = False,
) -> None:
    """Draw random windows to look at, or say the error rate of those that were looked at.

    The first time it writes pictures of windows with their cells, and sample.csv: count in it what
    is wrong, missed or invented. Called again it says the rate of errors, with its 95 % interval.
    """
    from napari_unet.engine.jobs.check.sheet import TABLE, read_sheet

    with ExitStack() as files:
        noticed = files.enter_context(Noticed())
        wanted = o.selection(axes, channel, z, position, volumes=False)
        given = open_with_movie(files, noticed, movie, wanted, labels, offset)
        if not (out / TABLE).exists():
            _draw(given, out, windows, size, seed)
            return
        rate, left = read_sheet(out, _frames(given))
    if as_json:
        values = {"left": left, **(asdict(rate) if rate else {}), **noticed.as_values()}
        typer.echo(json.dumps(values, indent=2))
    else:
        typer.echo(rate or f"Fewer than two windows are filled in: count errors in {out / TABLE}.")
    if left:
        say(f"{counted(left, 'window')} not looked at: nothing is filled in.")


def _draw(given: Labels, out: Path, n: int, size: int | None, seed: int) -> None:
    from napari_unet.engine.export.overlay.look import PlainLook
    from napari_unet.engine.jobs.check.sheet import write_sheet
    from napari_unet.engine.jobs.check.windows import draw_windows, labels_mark, usual_size
    from napari_unet.engine.settings import OverlaySettings

    if given.classes:
        raise BadInput("these labels are classes of pixels", "cells", "give labels of cells")
    stack, frames = given.stack, given.labelled
    if not frames:
        raise BadInput("no frame has labels", "labels", "segment the movie first")
    height, width = stack.frame_shape
    side = size or usual_size(given.frames, frames)
    drawn = draw_windows((int(height), int(width)), frames, n, side, seed)
    look = PlainLook().measured(stack, OverlaySettings(), frames)
    mark = labels_mark(_frames(given))
    steps = write_sheet(out, stack, given.frames, drawn, look, mark)
    typer.echo(follow(steps, "Windows", len(drawn)))
    say(
        f"Look at {counted(len(drawn), 'picture')} in {out} and count in the table what is wrong, "
        "missed or invented, 0 where nothing is; then run this again."
    )


def _frames(given: Labels) -> Iterator[NDArray[Any]]:
    return (np.asarray(given.frames[t]) for t in given.labelled)


def with_check(given: Labels, folder: Path | None) -> Labels:
    """Add to what is known of labels the rate of errors that was found in windows of them."""
    if folder is None:
        return given
    from napari_unet.engine.jobs.check.sheet import read_sheet

    rate, _ = read_sheet(folder, _frames(given))
    if rate is None:
        raise BadInput(
            f"fewer than two windows of {folder} are filled in",
            "windows that were looked at",
            "count errors in its table",
        )
    return replace(given, provenance=replace(given.provenance, check=asdict(rate)))
