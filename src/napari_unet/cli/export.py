"""napari-unet export: labels, tables and overlay movies of a movie that is segmented already."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from napari_unet.cli import options as o
from napari_unet.cli.archive import (
    MadeBy,
    WithImage,
    WithNames,
    archive_part,
    require_archive,
)
from napari_unet.cli.assignment import assigned
from napari_unet.cli.check import with_check
from napari_unet.cli.figures import Figures, Part
from napari_unet.cli.join import Join, check_join, joined_export
from napari_unet.cli.labels import Labels, open_labels, open_same
from napari_unet.cli.notices import Noticed
from napari_unet.cli.only import Only, only_these
from napari_unet.cli.outputs import prepare_folder
from napari_unet.cli.progress import follow
from napari_unet.engine.errors import BadInput, Notice
from napari_unet.engine.export.target.formats import (
    ARCHIVE,
    IN_PLACE,
    labels_name,
    movie_name,
    still_name,
    table_name,
)
from napari_unet.engine.settings import OverlaySettings, TableSettings
from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from napari_unet.engine.export.target.writing import WriteOptions
    from napari_unet.engine.jobs.export import Export
    from napari_unet.engine.labels.label_frames import LabelFrames
    from napari_unet.engine.stack.stack import Stack

Format = Literal[
    "imagej",
    "ome-tiff",
    "zarr",
    "ctc",
    "geff",
    "trackmate-xml",
    "tiffs",
    "pngs",
    "rois",
    "nifti",
    "trackmate",
    "probabilities",
    "probabilities-float",
]
_MOVIES = {"mp4": ".mp4", "avi": ".avi", "pngs": ""}


def export(
    movie: o.Movie,
    out: Annotated[Path, o.path_option("--out", metavar="DIR", help="Folder for the results.")],
    labels: o.Labels = None,
    format: Annotated[
        Format | None,
        typer.Option(
            help="How labels are written; trackmate: the movie's channels, and labels as the last.",
            show_default="imagej; ome-tiff where ids have 32 bits",
        ),
    ] = None,
    in_place: Annotated[
        bool,
        typer.Option(
            "--in-place", help="Labels go into the movie's own OME-Zarr, beside the image."
        ),
    ] = False,
    archive: Annotated[
        bool,
        typer.Option(
            "--archive",
            help="Write one zip for a repository of data in place of single files: model, recipe, "
            "corrections, labels, table, versions, checksums, methods text.",
        ),
    ] = False,
    with_image: WithImage = False,
    with_names: WithNames = False,
    model: MadeBy = None,
    offset: o.Offset = None,
    checked: Annotated[
        Path | None,
        o.path_option(
            metavar="DIR",
            help="Where check drew windows: their error rate goes into sidecars and methods.",
        ),
    ] = None,
    values: Annotated[
        Literal["ids", "linked", "laptrack", "mask"],
        typer.Option(
            help="What the pixels hold: ids of each frame, ids through time, or 1 for every cell."
        ),
    ] = "ids",
    frames: o.Frames = None,
    done_only: Annotated[
        bool, typer.Option("--done-only", help="Only frames marked done in napari.")
    ] = False,
    only: Only = None,
    write_labels: Annotated[
        bool, typer.Option("--labels/--no-labels", help="Write labels.")
    ] = True,
    table: Annotated[
        bool, typer.Option("--table/--no-table", help="Write the table of all cells.")
    ] = True,
    table_format: Annotated[
        Literal["csv", "parquet"],
        typer.Option(help="objects.csv, or objects.parquet, which needs the parquet extra."),
    ] = "csv",
    ring: Annotated[float | None, o.option(TableSettings, "ring", metavar="UM")] = None,
    overlay: Annotated[bool, typer.Option("--movie/--no-movie", help="Write the movie.")] = True,
    movie_format: Annotated[
        Literal["mp4", "avi", "pngs"], typer.Option(help="H.264, Motion JPEG, or pictures.")
    ] = "mp4",
    still: Annotated[
        int | None, typer.Option(metavar="FRAME", help="Write this frame as PNG at 300 dpi, too.")
    ] = None,
    style: Annotated[
        str | None,
        o.option(
            OverlaySettings,
            "style",
            metavar="contours|filled|side_by_side|probability|before_after|comparison",
        ),
    ] = None,
    truth: Annotated[
        Path | None,
        o.path_option(
            metavar="LABELS",
            help="The labels that are right: comparison is a figure of some frames beside them.",
        ),
    ] = None,
    class_names: Annotated[
        str | None,
        typer.Option(metavar="NAME,...", help="Names of the classes in the figure's legend."),
    ] = None,
    probability_map: Annotated[
        int | None,
        typer.Option("--map", metavar="FRAME", help="Write a map of this frame's probabilities."),
    ] = None,
    colours: Annotated[
        Literal["viridis", "jet"], typer.Option(help="Colours of the map.")
    ] = "viridis",
    over_time: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN[,...]",
            help="Draw columns of the table against time, a curve for each track; with --only "
            "those of some cells.",
        ),
    ] = None,
    lineage: Annotated[
        Literal["png", "svg", "pdf"] | None,
        typer.Option(
            help="Draw the families in which a cell divides, a line for each track over time; "
            "with --only those of some cells."
        ),
    ] = None,
    before: Annotated[
        Path | None,
        o.path_option(metavar="LABELS", help="The labels that before_after compares with."),
    ] = None,
    fps: Annotated[float | None, o.option(OverlaySettings, "fps", metavar="F")] = None,
    length: Annotated[float | None, o.option(OverlaySettings, "length", metavar="S")] = None,
    line_width: Annotated[int | None, o.option(OverlaySettings, "line_width", metavar="PX")] = None,
    opacity: Annotated[float | None, o.option(OverlaySettings, "opacity", metavar="P")] = None,
    show_ids: Annotated[
        bool | None, o.option(OverlaySettings, "show_ids", "--ids/--no-ids")
    ] = None,
    tail: Annotated[int | None, o.option(OverlaySettings, "tail", metavar="N")] = None,
    show_time: Annotated[
        bool | None, o.option(OverlaySettings, "show_time", "--time/--no-time")
    ] = None,
    scale_bar: Annotated[
        bool | None, o.option(OverlaySettings, "show_scale_bar", "--scale-bar/--no-scale-bar")
    ] = None,
    title: Annotated[str | None, o.option(OverlaySettings, "title_text", "--title")] = None,
    crop: Annotated[
        str | None, o.option(OverlaySettings, "crop", "--crop", metavar="Y0,X0,Y1,X1")
    ] = None,
    zoom: Annotated[float | None, o.option(OverlaySettings, "zoom", metavar="F")] = None,
    section: Annotated[int | None, o.option(OverlaySettings, "section", metavar="N")] = None,
    quality: Annotated[int | None, o.option(OverlaySettings, "quality", metavar="N")] = None,
    others: o.Others = None,
    axes: o.Axes = None,
    channel: o.Channel = None,
    z: o.Z = None,
    join: Join = False,
    position: o.Position = None,
    pixel_size: o.PixelSize = None,
    z_step: o.ZStep = None,
    frame_interval: o.FrameInterval = None,
    overwrite: o.Overwrite = False,
) -> None:
    """Write labels, table and overlay movie of a movie whose labels are there already.

    Labels are a file, or what napari keeps beside the movie: the model's with all corrections.
    """
    wanted = o.selection(
        axes, channel, z, position, pixel_size=pixel_size, z_step=z_step, interval=frame_interval
    )
    compared = _is_comparison(style, truth)
    more = require_archive(archive, model, with_image=with_image, with_names=with_names)
    check_join(join, wanted.z, archive=archive, before=before is not None)
    look = o.build(
        OverlaySettings(), style=None if compared else style, fps=fps, length=length, zoom=zoom,
        line_width=line_width, opacity=opacity, show_ids=show_ids, tail=tail, show_time=show_time,
        show_scale_bar=scale_bar, title_text=title, crop=o.parts_of(crop), section=section,
        quality=quality,
    )  # fmt: skip
    look, columns = assigned(others, look, o.build(TableSettings(), ring=ring))
    from napari_unet.engine.stack.stack import Stack

    with ExitStack() as files:
        noticed = files.enter_context(Noticed())
        stack = files.enter_context(Stack.open(movie, wanted))
        found = noticed.of(stack.name, stack.notices)
        given = with_check(files.enter_context(open_labels(stack, labels, offset)), checked)
        noticed.of(stack.name, (*given.stack.taken, *given.notices))  # a session has its channel
        earlier = _earlier(before, stack, files, offset, noticed)
        options = _options(given, frames, done_only, overwrite, found)
        whole = _job(given, out, options, values, join=join)
        job = only_these(whole, only, ARCHIVE if archive else format)
        parts: dict[str, Part] = {}
        if archive:
            write_labels = table = overlay = False
            parts[ARCHIVE] = archive_part(given, job, columns, model, **more)
        if write_labels:
            chosen = _format(format, in_place, given)
            parts[_name(chosen, stack)] = partial(job.write_labels, chosen), len(job.frames)
        if table:
            parts |= _table(job, columns, table_format)
        if overlay and not compared:
            parts |= _overlay(job, look, _MOVIES[movie_format], earlier)
        if still is not None:
            parts[still_name(still)] = _still(job, look, still, earlier)
        right = open_same(truth, stack, files, offset) if truth else None
        figures = Figures(
            right, class_names, bool(frames), probability_map, colours, over_time, lineage
        )
        parts |= figures.parts(job, look)
        prepare_folder(out, parts, overwrite=overwrite)
        for name, (begin, n) in parts.items():
            typer.echo(follow(begin(), name, n))


def _table(job: Export, columns: TableSettings, format: str) -> dict[str, Part]:
    from napari_unet.engine.export.target.table_file import require_format

    name = table_name(format)
    require_format(name)
    return {name: (partial(job.write_table, columns, job.folder / name), len(job.frames))}


def _overlay(
    job: Export, look: OverlaySettings, kind: str, earlier: LabelFrames | None
) -> dict[str, Part]:
    write = partial(job.write_movie, look, _plain_look(), kind, earlier)
    job.check_movie(look, earlier)
    return {movie_name(kind): (write, job.movie_steps(look))}


def _still(job: Export, look: OverlaySettings, frame: int, earlier: LabelFrames | None) -> Part:
    from napari_unet.engine.export.target.outputs import check_frames

    check_frames([frame], len(job.stack))
    write = partial(job.write_still, look, _plain_look(), frame, earlier)
    return write, job.still_steps(look, frame)


def _format(format: Format | None, in_place: bool, given: Labels) -> str:
    """Return how labels are written."""
    if not in_place:
        return format or ("ome-tiff" if given.wide else "imagej")
    if format in (None, "zarr"):
        return IN_PLACE.name
    raise typer.BadParameter(f"--in-place: it is for --format zarr, not {format}")


def _name(chosen: str, stack: Stack) -> str:
    in_place = chosen == IN_PLACE.name
    return f"{IN_PLACE.title}: {stack.name}" if in_place else labels_name(stack.name, chosen)


def _is_comparison(style: str | None, truth: Path | None) -> bool:
    """Whether a figure is asked for; truth and style go together."""
    if (style == "comparison") == (truth is not None):
        return truth is not None
    if truth is None:
        raise typer.BadParameter("--style comparison: give the labels that are right, with --truth")
    raise typer.BadParameter("--truth: it is for --style comparison")


def _earlier(
    before: Path | None, stack: Stack, files: ExitStack, offset: int | None, noticed: Noticed
) -> LabelFrames | None:
    """Open the labels that before_after compares with."""
    if before is None:
        return None
    earlier = open_same(before, stack, files, offset)
    noticed.of(stack.name, earlier.notices)
    earlier.require_all()
    return earlier


def _plain_look() -> Any:
    from napari_unet.engine.export.overlay.look import PlainLook

    return PlainLook()


def _options(
    given: Labels, frames: str | None, done_only: bool, overwrite: bool, found: list[Notice]
) -> WriteOptions:
    """Choose the frames; what is odd about them joins the notices ``found``."""
    from napari_unet.engine.export.target.writing import WriteOptions

    chosen = _chosen(given, frames, done_only, found)
    if missing := given.unsegmented(chosen):
        line = f"{missing} of {counted(len(chosen), 'frame')} are not segmented yet"
        found.append(Notice("check", line))
    provenance = given.provenance
    notices = tuple(dict.fromkeys((*provenance.notices, *found)))
    return WriteOptions(chosen, overwrite, replace(provenance, notices=notices), found)


def _job(given: Labels, out: Path, options: WriteOptions, values: Any, *, join: bool) -> Export:
    from napari_unet.engine.jobs.export import Export
    from napari_unet.engine.tracks.by_hand import ByHand

    corrections = given.corrections
    job = Export(
        given.stack,
        given.frames,
        out,
        options,
        meaning=values,
        threshold=given.threshold,
        corrected=corrections.ids if corrections is not None else None,
        stated=corrections.states.of if corrections is not None and corrections.states else None,
        probabilities=given.probabilities,
        by_hand=partial(ByHand.of, corrections),
        classes=given.classes,
    )
    return joined_export(job, join)


def _chosen(
    given: Labels, frames: str | None, done_only: bool, found: list[Notice]
) -> tuple[int, ...]:
    from napari_unet.engine.stack.frame_numbers import parse_frames

    n = len(given.stack)
    known = tuple(range(n)) if given.known is None else given.known
    chosen = tuple(sorted(parse_frames(frames, n))) if frames else known
    if len(known) < n and not frames:
        line = f"{n - len(known)} of {counted(n, 'frame')} have no labels: they are left out"
        found.append(Notice("check", line))
    if not done_only:
        return chosen
    done = given.corrections.complete_frames if given.corrections is not None else ()
    marked = tuple(t for t in chosen if t in done)
    if not marked:
        raise BadInput(
            "none of these frames is marked done",
            "frames marked done in napari, in the session of this movie",
            "mark some there, or leave --done-only out",
        )
    return marked
