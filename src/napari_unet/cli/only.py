"""Chosen cells and their daughters alone: the option --only of the export."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from napari_unet.cli.progress import follow, say
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
    from napari_unet.engine.tracks.families import find_families
    from napari_unet.engine.tracks.tracking import Linker

    job.check_cells()
    cells = [_cell(text) for text in only.split(",")]
    linker = Linker(by_hand=job.by_hand(), spacing=job.stack.spacing)
    steps = find_families(job.labels, job.frames, cells, linker)
    found = follow(steps, "Linking cells", len(job.frames))
    say(f"{counted(found.n_tracks, 'track')} of the chosen cells and their daughters.")
    made_by = job.options.provenance
    details = {**made_by.details, "only": [f"{frame}:{cell}" for frame, cell in cells]}
    options = replace(job.options, provenance=replace(made_by, details=details))
    return replace(job, labels=found, options=options)


def _cell(text: str) -> tuple[int, int]:
    frame, _, cell = text.strip().partition(":")
    if not (frame.isdecimal() and cell.isdecimal()):
        raise typer.BadParameter(f"--only: {text.strip()!r} is no FRAME:ID, such as 12:7")
    return int(frame), int(cell)
