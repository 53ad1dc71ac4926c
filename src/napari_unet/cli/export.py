"""napari-unet export: labels, table and overlay movie from labels that are there already."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_unet.cli import options as o
from napari_unet.cli.outputs import prepare_folder
from napari_unet.cli.progress import follow
from napari_unet.cli.results import LABELS, MOVIE, TABLE
from napari_unet.engine.errors import BadInput
from napari_unet.engine.settings import OverlaySettings

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari_unet.engine.stack import Stack


def export(
    movie: o.Movie,
    labels: Annotated[Path, typer.Argument(metavar="LABELS", help="Labels of its frames.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results.")],
    write_labels: Annotated[
        bool, typer.Option("--labels/--no-labels", help="Write labels.tif (OME-TIFF).")
    ] = True,
    table: Annotated[bool, typer.Option("--table/--no-table", help="Write objects.csv.")] = True,
    overlay: Annotated[bool, typer.Option("--movie/--no-movie", help="Write overlay.mp4.")] = True,
    style: Annotated[
        str | None, o.option(OverlaySettings, "style", metavar="contours|filled|side_by_side")
    ] = None,
    fps: Annotated[float | None, o.option(OverlaySettings, "fps", metavar="F")] = None,
    axes: o.Axes = None,
    channel: o.Channel = None,
    z: o.Z = None,
    position: o.Position = None,
    overwrite: o.Overwrite = False,
) -> None:
    """Write labels, table and overlay movie of a movie whose labels are there already."""
    wanted = o.selection(axes, channel, z, position)
    look = o.build(OverlaySettings(), style=style, fps=fps)
    parts = {LABELS: write_labels, TABLE: table, MOVIE: overlay}
    names = [name for name, asked in parts.items() if asked]

    from napari_unet.engine.stack import Stack

    with Stack.open(movie, wanted) as stack, Stack.open(labels) as given:
        _check(stack, given)
        prepare_folder(out, names, overwrite=overwrite)
        for name in names:
            follow(_writer(name, out / name, stack, given, look), name, len(stack))
            typer.echo(out / name)


def _check(stack: Stack, labels: Stack) -> None:
    if labels.shape != stack.shape[:1] + stack.frame_shape:
        raise BadInput(
            f"the labels {labels.name} are {_size(labels)}",
            f"{_size(stack)}, as the movie {stack.name}",
            "give labels of all frames of this movie",
        )


def _size(stack: Stack) -> str:
    return f"{len(stack)} frames of {stack.frame_shape[0]} x {stack.frame_shape[1]} pixels"


def _writer(
    name: str, path: Path, stack: Stack, labels: Stack, look: OverlaySettings
) -> Generator[int, None, Path]:
    from napari_unet.engine.export import write_labels
    from napari_unet.engine.movie import write_movie
    from napari_unet.engine.table import write_table

    frames = (labels[t] for t in range(len(labels)))
    if name == LABELS:
        return write_labels(path, frames, stack, n=len(labels), overwrite=True)
    if name == TABLE:
        return write_table(path, frames, stack, overwrite=True)
    return write_movie(path, stack, labels, look, overwrite=True)
