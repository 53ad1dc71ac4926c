"""napari-unet verify: the labels of an archive made again from all that is in it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_unet.cli import options as o
from napari_unet.cli.notices import Noticed
from napari_unet.cli.progress import follow
from napari_unet.cli.report import print_document
from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_unet.engine.jobs.archive.archive import Archive
    from napari_unet.engine.jobs.archive.verify import FrameDifference, Verified

_NAMED = 8  # cells of a frame


def verify(
    archive: Annotated[
        Path, o.path_argument(metavar="ZIP", help="What export --archive has written.")
    ],
    movie: o.Movie,
    device: o.RunOn = None,
    threads: o.Threads = None,
    as_json: o.AsJson = False,
) -> None:
    """Make the labels in an archive again from all that is in it, and compare.

    That is model, recipe and corrections. Frames and cells that differ are named, and versions that
    are others now. Exit code 1 where labels differ.
    """
    from napari_unet.engine.jobs.archive.archive import Archive
    from napari_unet.engine.jobs.archive.verify import verify as run
    from napari_unet.engine.jobs.archive.verify import verify_steps
    from napari_unet.engine.stack.stack import Stack

    found = Archive(archive)
    wanted = found.manifest.movie.selection
    with Noticed() as noticed, Stack.open(movie, wanted) as stack:
        steps = run(found, stack, device=device, threads=threads)
        noticed.of(stack.name, stack.notices)
        verified = follow(steps, "Verify", verify_steps(found))
    if as_json:
        print_document("verify", {**_values(found, stack.name, verified), **noticed.as_values()})
    else:
        for line in _lines(verified):
            typer.echo(line)
    if verified.differences:
        raise typer.Exit(1)


def _values(archive: Archive, movie: str, verified: Verified) -> dict[str, Any]:
    """Return for programs what differs."""
    return {
        "archive": str(archive.path),
        "movie": movie,
        "same": not verified.differences,
        "frames": list(verified.frames),
        "differences": [asdict(difference) for difference in verified.differences],
        "versions": {
            name: {"then": then, "now": now}
            for name, (then, now) in sorted(verified.versions.items())
        },
    }


def _lines(verified: Verified) -> Iterator[str]:
    for name, (then, now) in sorted(verified.versions.items()):
        yield f"{name}: {then or 'not there'} then, {now or 'not there'} now"
    for difference in verified.differences:
        yield _in_words(difference)
    n = counted(len(verified.frames), "frame")
    if verified.differences:
        yield f"The labels differ in {len(verified.differences)} of {n}."
    else:
        yield f"The labels of {n} were made again, and are the same."


def _in_words(difference: FrameDifference) -> str:
    parts = [
        f"{counted(len(cells), 'cell')} {what} ({_named(cells)})"
        for cells, what in (
            (difference.gone, "of the archive not made again"),
            (difference.new, "only made now"),
            (difference.renumbered, "with another id"),
        )
        if cells
    ]
    return f"frame {difference.frame}: {', '.join(parts)}; {counted(difference.pixels, 'pixel')}"


def _named(cells: Sequence[int]) -> str:
    more = "" if len(cells) <= _NAMED else ", …"
    return ", ".join(map(str, cells[:_NAMED])) + more
