"""Opening TIFF files with suspicion: whatever tifffile only logs, and then reads short, is said.

A truncated file makes tifffile log an error and return fewer frames; metadata that declare
other frames than there are make it log a warning and return zeros. Both become ``BadInput``.
"""

from __future__ import annotations

import html
import logging
import math
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_unet.engine.errors import BadInput, Notice
from napari_unet.engine.stack.frame_numbers import TIFF_SUFFIXES
from napari_unet.engine.stack.kinds import COMPANIONS, refuse_other
from napari_unet.engine.stack.tiff.series import PlainPages, Position, positions_of
from napari_unet.engine.text import say_bytes

_SERIOUS = re.compile(
    r"missing data are zeroed|expected \d+ frames|index out of range|invalid TiffData"
    r"|corrupt|does not match|do not match|discontiguous|missing files|is missing \d+ pages"
    r"|not found|failed to read|incompletely written|not stitched|no keyframe|is empty",
    re.IGNORECASE,
)
_UNREADABLE = re.compile(r"series (metadata invalid|raised \w*(Parse|Value|Key|Index)Error)")
_EXPORT = "export it as OME-TIFF first, for example with Fiji (File > Import > Bio-Formats)"
_AS_PAGES = ("ome", "imagej", "shaped", "mmstack", "ndtiff", "stk", "lsm", "fluoview")
_PLAIN: dict[str, Any] = {f"is_{kind}": False for kind in _AS_PAGES}
_TRAILER = 2048  # bytes that may follow the last page
_MISSING = re.compile(r"failed to read '([^']+)'.*FileNotFoundError")
_SUBSET = re.compile(r"Returning subset \(([\d, ]+)\) of \(([\d, ]+)\)")


@dataclass(frozen=True)
class Opened:
    """An open file, the position of it that is meant, the names of all, and what was guessed."""

    tif: tifffile.TiffFile
    position: Position
    names: tuple[str, ...]
    notices: tuple[Notice, ...]


def open_tiff(path: Path, position: int, axes: str | None, *, chosen: bool = False) -> Opened:
    """Open a file and one of its positions; ``BadInput`` unless it is whole.

    With ``axes`` given, a file whose metadata are wrong is read as plain pages. ``chosen`` is
    whether a user asked for the position: only then may pages differ.
    """
    if not path.is_file():
        if path.is_symlink():
            raise BadInput(f"{path} is a link to a file that is gone", "a TIFF file", "mend it")
        raise BadInput(f"{path} does not exist", "a TIFF file or a folder", "check the path")
    try:
        return _open_series(path, position, {}, axes, chosen)
    except _WrongMetadata as error:
        if axes is None and (part := _MISSING.search(str(error))):
            what = f"is one of several files of a movie, of which {part[1]}"
            raise _without(path, what, part[1]) from error
        if axes is None:
            raise damaged(path, str(error), remedy=_GIVE_AXES) from error
    except PlainPages:
        pass
    try:
        return _open_series(path, position, _PLAIN, axes, chosen)
    except _WrongMetadata as error:
        raise damaged(path, str(error)) from error


def damaged(path: Path, why: str, remedy: str = "copy it again from where it was made") -> BadInput:
    """Describe a file that is not whole."""
    return BadInput(f"{path.name} is damaged or cut short ({why})", "a complete TIFF file", remedy)


_GIVE_AXES = "copy it again, or give its axes (for example TYX) to read the pages that are there"


class _WrongMetadata(Exception):
    """Metadata and pages contradict each other."""


def _open_series(
    path: Path, position: int, flags: dict[str, Any], axes: str | None, chosen: bool
) -> Opened:
    tif = None
    with tifffile_complaints() as complaints:
        try:
            tif = tifffile.TiffFile(path, **flags)
            if not flags:
                tif = _whole_set(path, tif)
            n_pages = len(tif.pages)  # walks through the file: finds out where it is cut
            _ = tif.series
        except BadInput:
            raise
        except PermissionError as error:
            raise BadInput(f"{path} cannot be read", "read permission", "ask its owner") from error
        except Exception as error:
            if tif is not None:
                tif.close()
            raise _refused(path, error, is_tiff=tif is not None) from error
        try:
            return _chosen(path, tif, position, n_pages, complaints, axes, chosen)
        except Exception as error:
            tif.close()
            if isinstance(error, (BadInput, PlainPages, _WrongMetadata)):
                raise
            raise _refused(path, error, is_tiff=True) from error  # tifffile raises anything


def _chosen(
    path: Path,
    tif: tifffile.TiffFile,
    position: int,
    n_pages: int,
    complaints: list[tuple[int, str]],
    axes: str | None,
    chosen: bool,
) -> Opened:
    """Return the position asked for, once nothing speaks against the file."""
    for _, message in complaints:
        if _UNREADABLE.search(message):  # an error to tifffile; the pages may be whole
            raise _WrongMetadata(message)
    refuse_errors(path, complaints)
    notices = _believed(path, tif, complaints)
    if not tif.series:
        raise damaged(path, "it has no images")
    _check_pages(tif.series, n_pages)
    found, said = positions_of(path, tif, axes, chosen or position > 0)
    if position >= len(found):
        raise BadInput(
            f"there is no position {position} in {path.name}, which has {len(found)}",
            f"a position from 0 to {len(found) - 1}",
            "choose another position",
        )
    one = found[position]
    if any(page is None for page in one.series.pages):
        raise _WrongMetadata("planes that its metadata name are missing")
    notices += _unclaimed(path, tif, one.series)
    return Opened(tif, one, tuple(p.name for p in found), (*notices, *said))


def _believed(
    path: Path, tif: tifffile.TiffFile, complaints: list[tuple[int, str]]
) -> tuple[Notice, ...]:
    """Refuse what tifffile says of missing parts, and note what else it says."""
    stopped: tuple[Notice, ...] = ()
    left = [message for _, message in complaints]
    for message in list(left):
        if subset := _SUBSET.search(message):
            stopped = (_stopped(path, tif, subset),)
            left = [m for m in left if m is not message and "file name is invalid" not in m]
        elif _SERIOUS.search(message):
            raise _WrongMetadata(message)
    if stopped or not left:
        return stopped
    return (Notice("noted", f"{path.name} is not quite as its format has it ({left[0]})"),)


def _stopped(path: Path, tif: tifffile.TiffFile, subset: re.Match[str]) -> Notice:
    """Say that a stopped acquisition is shorter than its summary; refuse a part of one."""
    meta = tif.micromanager_metadata or {}
    here, planned = (math.prod(int(n) for n in g.split(",") if n.strip()) for g in subset.groups())
    first = np.asarray(meta["IndexMap"])[:, :4].min(axis=0)
    prefix = meta["Summary"].get("Prefix") or path.name.split("_MMStack")[0]
    what = f"{path.name} holds {here} of the {planned} planes that its summary names"
    if first.any():
        raise _WrongMetadata(
            f"{what}, and not the first ones; the files {prefix}_MMStack*.tif are missing"
        )
    line = f"{what}: the acquisition was stopped, or other files {prefix}_MMStack*.tif are missing"
    return Notice("check", line)


def _whole_set(path: Path, tif: tifffile.TiffFile) -> tifffile.TiffFile:
    """Follow a file whose OME metadata lie in another one; ``BadInput`` where that is missing."""
    named = _BINARY_ONLY.search(tif.ome_metadata or "") if tif.is_ome else None
    if named is None:
        return tif
    name = html.unescape(named[1])
    other = path.parent / name
    tif.close()
    if not other.is_file():
        raise _without(path, f"has its metadata in {name}, which", name)
    if other.suffix.lower() in (".tif", ".tiff", ".tf8", ".btf"):
        return tifffile.TiffFile(other)
    return tifffile.TiffFile(path, omexml=other.read_text(encoding="utf-8"))


def _without(path: Path, what: str, name: str) -> BadInput:
    """Describe a file that belongs to another one, which is not there."""
    return BadInput(
        f"{path.name} {what} is not in its folder",
        "all files of the movie in one folder",
        f"copy {name} beside it, or give the axes (for example TYX) to read what is there",
    )


_BINARY_ONLY = re.compile(r"<(?:\w+:)?BinaryOnly\b[^>]*\bMetadataFile=\"([^\"]+)\"")


def _refused(path: Path, error: Exception, *, is_tiff: bool) -> BadInput:
    if is_tiff:
        return damaged(path, str(error) or type(error).__name__)
    if path.stat().st_size == 0:
        return BadInput(f"{path.name} is empty", "a TIFF file", "copy it again")
    try:
        refuse_other(path, "TIFF")
    except BadInput as other:
        return other
    if path.suffix.lower() in TIFF_SUFFIXES:
        return BadInput(
            f"{path.name} is not a TIFF file in spite of its name, or its beginning is damaged",
            "a TIFF file",
            "copy it again from where it was made",
        )
    for suffix, instead in COMPANIONS.items():
        if path.name.lower().endswith(suffix):
            what = f"{path.name} belongs to a movie and is none by itself"
            return BadInput(what, instead, "open that")
    return BadInput(
        f"{path.name} is not a TIFF file", "TIFF, OME-TIFF or a folder of TIFFs", _EXPORT
    )


def _check_pages(series: list[tifffile.TiffPageSeries], n_pages: int) -> None:
    """Every page must belong to a series where one text describes them all."""
    kinds = {s.kind for s in series}
    if not kinds <= {"imagej", "shaped", "uniform", "generic"}:
        return
    planes = sum(math.prod(s.shape) // max(s.keyframe.size, 1) for s in series)
    if n_pages > planes:
        raise _WrongMetadata(f"it has {n_pages} pages and describes {planes}")


def _unclaimed(
    path: Path, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries
) -> tuple[Notice, ...]:
    """Doubt plain pages that are followed by room for more: a chain of pages may be broken."""
    if series.kind not in ("generic", "uniform"):
        return ()
    ends = [0]
    for page in (tif.pages.first, tif.pages[len(tif.pages) - 1]):
        ends += [a + n for a, n in zip(page.dataoffsets, page.databytecounts, strict=False)]
        ends.append(page.offset)
        tags = getattr(page, "tags", ())
        ends += [tag.valueoffset + tag.valuebytecount for tag in tags]
    left = tif.filehandle.size - max(ends)
    if left < max(sum(series.keyframe.databytecounts), _TRAILER):
        return ()
    line = (
        f"the last {say_bytes(left)} of {path.name} belong to no page: frames may be missing "
        f"after the {len(tif.pages)} that are there"
    )
    return (Notice("check", line),)


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
