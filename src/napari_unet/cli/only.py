"""Chosen cells and their daughters alone: the option --only of the export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from napari_unet.cli.progress import follow, say
from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.target.formats import ARCHIVE, PROBABILITIES
from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from napari_unet.engine.jobs.export import Export

Only = Annotated[
    str | None,
    typer.Option(
        "--only",
        metavar="FRAME:ID[,...]",
        help="Only these cells, on all frames of their tracks, and their daughters.",
    ),
]


def only_these(job: Export, only: str | None, format: str | None) -> Export:
    """Return a job whose labels are of chosen cells and their daughters; the same without any.

    Archives and probabilities are of all cells.
    """
    if only is None:
        return job
    if format == ARCHIVE or format in PROBABILITIES:
        what = "an archive" if format == ARCHIVE else "probabilities"
        raise typer.BadParameter(f"--only: it is not for {what}: all cells are in it")
    from napari_unet.engine.tracks.families import Families, parse_cells

    try:
        cells = parse_cells(only)
    except BadInput as error:
        raise typer.BadParameter(f"--only: {error.found}") from error
    chosen = follow(job.of_cells(cells), "Linking cells", len(job.frames))
    assert isinstance(chosen.labels, Families)
    n = chosen.labels.n_tracks
    say(f"{counted(n, 'track')} of the chosen cells and their daughters.")
    return chosen
