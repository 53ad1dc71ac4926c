"""Sections that were segmented one by one as cells in 3D: the option --join."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from napari_unet.engine.jobs.export import Export

Join = Annotated[
    bool,
    typer.Option(
        "--join",
        help="With --z frames: cells that overlap from section to section become one, in 3D.",
    ),
]


def check_join(join: bool, z: int | str, *, archive: bool = False, before: bool = False) -> None:
    """Refuse to join what is no sections, or for what is made of sections alone."""
    if join and z != "frames":
        raise typer.BadParameter(f"--join: it joins sections, with --z frames, not --z {z}")
    if join and archive:
        raise typer.BadParameter("--join: it is not for an archive, which holds sections as frames")
    if join and before:
        raise typer.BadParameter("--join: it is not for --before, which compares frames")


def joined_export(job: Export, join: bool) -> Export:
    """Return an export of volumes where sections are to be joined."""
    if not join:
        return job
    from napari_unet.engine.jobs.joining.joined_export import joined

    return joined(job)
