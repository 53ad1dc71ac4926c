"""Opening TIFF files with suspicion: whatever tifffile only logs, and then reads short, is said.

A truncated file makes tifffile log an error and return fewer frames; metadata that declare
other frames than there are make it log a warning and return zeros. Both become ``BadInput``.
"""

from __future__ import annotations

import logging
import math
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tifffile

from napari_unet.engine.errors import BadInput

_SERIOUS = re.compile(
    r"missing data are zeroed|expected \d+ frames|index out of range|invalid TiffData"
    r"|corrupt|does not match page shape|discontiguous",
    re.IGNORECASE,
)
_EXPORT = "export it as OME-TIFF first, for example with Fiji (File > Import > Bio-Formats)"
_PLAIN: dict[str, Any] = {"is_ome": False, "is_imagej": False, "is_shaped": False}


def open_tiff(
    path: Path, position: int, axes: str | None
) -> tuple[tifffile.TiffFile, tifffile.TiffPageSeries]:
    """Open a file and one of its image series; ``BadInput`` unless it is whole.

    With ``axes`` given, a file whose metadata are wrong is read as plain pages.
    """
    if not path.is_file():
        raise BadInput(f"{path} does not exist", "a TIFF file or a folder", "check the path")
    try:
        return _open_series(path, position, {})
    except _WrongMetadata as error:
        if axes is None:
            raise damaged(path, str(error), remedy=_GIVE_AXES) from error
    try:
        return _open_series(path, position, _PLAIN)
    except _WrongMetadata as error:
        raise damaged(path, str(error)) from error


def damaged(path: Path, why: str, remedy: str = "copy it again from where it was made") -> BadInput:
    """Describe a file that is not whole."""
    return BadInput(f"{path.name} is damaged or cut short ({why})", "a complete TIFF file", remedy)


_GIVE_AXES = "copy it again, or give its axes (for example TYX) to read the pages that are there"


class _WrongMetadata(Exception):
    """Metadata and pages contradict each other."""


def _open_series(
    path: Path, position: int, flags: dict[str, Any]
) -> tuple[tifffile.TiffFile, tifffile.TiffPageSeries]:
    tif = None
    with tifffile_complaints() as complaints:
        try:
            tif = tifffile.TiffFile(path, **flags)
            n_pages = len(tif.pages)  # walks through the file: finds out where it is cut
            series = tif.series
        except BadInput:
            raise
        except PermissionError as error:
            raise BadInput(f"{path} cannot be read", "read permission", "ask its owner") from error
        except Exception as error:
            if tif is not None:
                tif.close()
            raise _refused(path, error, is_tiff=tif is not None) from error
    try:
        refuse_errors(path, complaints)
        for _, message in complaints:
            if _SERIOUS.search(message):
                raise _WrongMetadata(message)
        chosen = _choose(path, series, position)
        _check_pages(path, series, n_pages)
        if chosen.kind == "ome" and any(page is None for page in chosen.pages):
            raise _WrongMetadata("planes that its metadata name are missing")
    except BaseException:
        tif.close()
        raise
    return tif, chosen


def _refused(path: Path, error: Exception, *, is_tiff: bool) -> BadInput:
    if is_tiff:
        return damaged(path, str(error) or type(error).__name__)
    if path.stat().st_size == 0:
        return BadInput(f"{path.name} is empty", "a TIFF file", "copy it again")
    if path.suffix.lower() in (".tif", ".tiff", ".btf", ".tf8"):
        return BadInput(
            f"{path.name} is not a TIFF file in spite of its name, or its beginning is damaged",
            "a TIFF file",
            "copy it again from where it was made",
        )
    return BadInput(
        f"{path.name} is not a TIFF file", "TIFF, OME-TIFF or a folder of TIFFs", _EXPORT
    )


def _choose(
    path: Path, series: list[tifffile.TiffPageSeries], position: int
) -> tifffile.TiffPageSeries:
    if not series:
        raise damaged(path, "it has no images")
    if len(series) > 1 and series[0].kind in ("generic", "uniform"):
        sizes = ", ".join(f"{len(s.pages)} of {s.keyframe.shape}" for s in series[:3])
        raise BadInput(
            f"{path.name} has pages of different sizes: {sizes}",
            "frames of one size",
            "save the movie alone in a file",
        )
    if position >= len(series):
        raise BadInput(
            f"there is no position {position} in {path.name}, which has {len(series)}",
            f"a position from 0 to {len(series) - 1}",
            "choose another position",
        )
    return series[position]


def _check_pages(path: Path, series: list[tifffile.TiffPageSeries], n_pages: int) -> None:
    """Every page must belong to a series where one text describes them all."""
    kinds = {s.kind for s in series}
    if not kinds <= {"imagej", "shaped", "uniform", "generic"}:
        return
    planes = sum(math.prod(s.shape) // max(s.keyframe.size, 1) for s in series)
    if n_pages > planes:
        raise _WrongMetadata(f"it has {n_pages} pages and describes {planes}")


def refuse_errors(path: Path, complaints: list[tuple[int, str]]) -> None:
    """Raise ``BadInput`` for the first error that tifffile logged."""
    for level, message in complaints:
        if level >= logging.ERROR:
            raise damaged(path, message)


@contextmanager
def tifffile_complaints() -> Iterator[list[tuple[int, str]]]:
    """Collect what tifffile logs in this thread, and keep it from being printed."""
    complaints: list[tuple[int, str]] = []
    here = threading.get_ident()

    def collect(record: logging.LogRecord) -> bool:
        if record.thread != here or record.levelno < logging.WARNING:
            return True
        message = re.sub(r"<tifffile\.[^>]*>\s*|<TiffTag\S* ?", "", record.getMessage())
        complaints.append((record.levelno, " ".join(message.split())[:160]))
        return False

    logger = logging.getLogger("tifffile")
    logger.addFilter(collect)
    try:
        yield complaints
    finally:
        logger.removeFilter(collect)
