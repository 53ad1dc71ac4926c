"""One call to write one thing of labels that are at hand: what a notebook uses of an export.

Each checks its arguments at the call, yields a `WrittenFrame` for each step and returns the path.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.overlay.look import PlainLook
from napari_unet.engine.export.overlay.write_movie import Beside, movie_writer
from napari_unet.engine.export.target.formats import LABEL_FORMATS, PROBABILITIES
from napari_unet.engine.export.target.sidecar import Provenance
from napari_unet.engine.export.target.writing import WriteOptions
from napari_unet.engine.files.names import user_path
from napari_unet.engine.jobs.export import Export
from napari_unet.engine.jobs.segmentation import Segmentation, chosen_frames
from napari_unet.engine.jobs.steps import told
from napari_unet.engine.settings import OverlaySettings, TableSettings

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from napari_unet.engine.export.target.formats import Meaning
    from napari_unet.engine.stack.source import Frames
    from napari_unet.engine.stack.stack import Stack

_BY_SUFFIX = {
    ".tif": "ome-tiff",
    ".tiff": "ome-tiff",
    ".zarr": "zarr",
    ".zip": "rois",
    ".geff": "geff",
    ".xml": "trackmate-xml",
    ".gz": "nifti",
    "": "tiffs",
}


@dataclass(frozen=True)
class WrittenFrame:
    """A frame that was written, or read to be linked: the ``step``-th of ``steps``, from 1."""

    frame: int
    step: int
    steps: int
    title: str


def write_labels(
    path: str | Path,
    labels: Frames,
    movie: Stack,
    *,
    format: str | None = None,
    values: Meaning = "ids",
    frames: Sequence[int] | None = None,
    overwrite: bool = False,
) -> Generator[WrittenFrame, None, Path]:
    """Write the labels of a movie.

    Parameters
    ----------
    path
        File, or folder where the format is one.
    labels, movie
        What `segment` gave, a Stack or an array ``(T, Y, X)``, and the movie they are of.
    format
        ``ome-tiff``, ``imagej``, ``zarr``, ``ctc``, ``geff``, ``trackmate-xml``, ``tiffs``,
        ``pngs``, ``rois``, ``nifti``, ``probabilities`` or ``probabilities-float``; by the end of
        the name where it is left out.
    values
        ``ids`` of each frame, ``linked`` or ``laptrack`` ids through time, or a ``mask``.
    frames, overwrite
        Only these frames; in place of an earlier export.

    """
    path = user_path(path)
    export = _export(path, labels, movie, values, frames, overwrite)
    chosen = format or _BY_SUFFIX.get(path.suffix.lower(), path.suffix)
    if chosen not in (*LABEL_FORMATS, *PROBABILITIES):
        known = ", ".join((*LABEL_FORMATS, *PROBABILITIES))
        raise BadInput(f"labels named {path.name}", f"a format: {known}", "give format=")
    if chosen in LABEL_FORMATS:
        _check_paths(export, LABEL_FORMATS[chosen].links)
        export.labels_writer(chosen, path)  # made to be refused now, not when it begins
    steps = len(export.frames) + (values == "laptrack")
    return _steps(export.write_labels(chosen, path), path, steps)


def write_table(
    path: str | Path,
    labels: Frames,
    movie: Stack,
    settings: TableSettings | None = None,
    *,
    values: Meaning = "ids",
    frames: Sequence[int] | None = None,
    overwrite: bool = False,
) -> Generator[WrittenFrame, None, Path]:
    """Write a table with a row for each cell and frame: place, size, brightness, track.

    As CSV, or as Parquet where the name ends in ``.parquet``. Arguments as of `write_labels`.
    """
    path = user_path(path)
    export = _export(path, labels, movie, values, frames, overwrite)
    _check_paths(export)
    export.table_writer(settings, path)
    steps = len(export.frames) + (values == "laptrack")
    return _steps(export.write_table(settings, path), path, steps)


def write_movie(
    path: str | Path,
    movie: Stack,
    labels: Frames,
    settings: OverlaySettings | None = None,
    *,
    before: Frames | None = None,
    values: Meaning = "ids",
    frames: Sequence[int] | None = None,
    overwrite: bool = False,
) -> Generator[WrittenFrame, None, Path]:
    """Write an overlay movie: ``.mp4``, ``.avi``, or a folder for one PNG for each frame.

    ``before`` are the labels that the style ``before_after`` compares with. Arguments as of
    `write_labels`.
    """
    path, settings = user_path(path), settings or OverlaySettings()
    export = _export(path, labels, movie, values, frames, overwrite)
    _check_paths(export, settings.tail > 0)
    export.check_movie(settings, before)
    flat = export.flat(settings)
    beside = Beside(flat.codes_of(export.probabilities), flat.labels_of(before))
    movie_writer(path, flat.stack, settings, export.options, beside)
    steps = export.movie_steps(settings)
    writing = export.write_movie(settings, PlainLook(), before=before, path=path)
    return _steps(writing, path, steps)


def _check_paths(export: Export, wanted: bool = False) -> None:
    if wanted or export.linked:
        export.check_cells()


def _export(
    path: Path,
    labels: Frames,
    movie: Stack,
    values: Meaning,
    frames: Sequence[int] | None,
    overwrite: bool,
) -> Export:
    if len(labels) != len(movie):
        raise BadInput(
            f"labels of {len(labels)} frames",
            f"{len(movie)}, as {movie.name} has",
            "give labels of the same movie",
        )
    mine = labels if isinstance(labels, Segmentation) else None
    made_by = mine.provenance if mine else Provenance()
    options = WriteOptions(chosen_frames(labels, frames), overwrite, made_by)
    options.chosen(movie)
    return Export(
        movie,
        labels,
        path.parent,
        options,
        meaning=values,
        threshold=mine.settings.threshold if mine else None,
        probabilities=mine.probabilities if mine else None,
        classes=bool(mine and mine.classes),
    )


def _steps(
    writing: Generator[int, None, Path], path: Path, steps: int
) -> Generator[WrittenFrame, None, Path]:
    number = itertools.count(1)
    return told(writing, lambda frame: WrittenFrame(frame, next(number), steps, path.name))
