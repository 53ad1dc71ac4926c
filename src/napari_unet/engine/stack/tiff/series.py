"""Which images of a TIFF file are positions of one movie, and what their axes mean.

Letters are tifffile's: tiles, mosaics, rows and columns (R M J K, P where it is no phase) hold
positions. Thumbnails, labels and levels of a pyramid are none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from napari_unet.engine.errors import BadInput, Notice

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_POSITIONS = "RMPJK"
_PLAIN_KINDS = {"shaped", "generic", "uniform", "nih"}
_SLIDE_KINDS = {"svs", "scn", "qpi", "ndpi", "bif", "avs", "philips"}
_ASIDE = ("thumbnail", "label", "macro", "overview", "preview")
_DEEPEST = 8  # levels of a pyramid


class PlainPages(Exception):
    """Pages of one size, each described by itself: to be read as the frames of one movie."""


@dataclass(frozen=True)
class Position:
    """One position: a series of pages, and where in its axes of positions.

    ``axes`` and ``shape`` are those of the whole series; of the axes in ``fixed``, which hold
    positions, only that index belongs to this one. ``image`` is the number of the series.
    """

    series: tifffile.TiffPageSeries
    axes: str
    shape: tuple[int, ...]
    name: str
    image: int = 0
    fixed: Mapping[str, int] = field(default_factory=dict)


def positions_of(
    path: Path, tif: tifffile.TiffFile, wanted: str | None, chosen: bool
) -> tuple[list[Position], tuple[Notice, ...]]:
    """Return the positions of a file, and what was left out; ``BadInput`` for a mixed bag.

    ``wanted`` axes are a user's, ``chosen`` is whether a position was asked for.
    """
    series = list(tif.series)
    kept, notices = _worth_showing(path, series)
    if len(kept) > 1 and kept[0].kind in _PLAIN_KINDS:
        kept, more = _frames_or_refused(path, kept, chosen)
        notices += more
    numbers = {id(s): i for i, s in enumerate(series)}
    found: list[Position] = []
    for one in kept:
        axes, shape, said = _layout(path, tif, one, wanted)
        notices += said
        given = bool(wanted) and len(wanted or "") == len(shape)
        held = "" if given else "".join(a for a in axes if a in _POSITIONS)
        image = numbers.get(id(one), 0)
        found += _split(tif, one, axes, shape, held, image, len(kept) > 1)
    return found, notices


def _worth_showing(
    path: Path, series: list[tifffile.TiffPageSeries]
) -> tuple[list[tifffile.TiffPageSeries], tuple[Notice, ...]]:
    """Leave out thumbnails, levels of a pyramid and what a slide scanner adds."""
    if len(series) < 2:
        return series, ()
    first = series[0]
    if first.kind == "lsm" or first.kind in _SLIDE_KINDS:
        kept = series[:1]
    else:
        full = [s for s in series if not s.keyframe.is_reduced] or series
        kept = [s for s in full if not _is_aside(s) and not _is_level(s, full)] or full
    left = len(series) - len(kept)
    if not left or first.kind == "lsm":
        return kept, ()
    what = "a smaller copy" if left == 1 else f"{left} smaller copies"
    line = f"{path.name} also holds {what} or previews of the image, which are left out"
    return kept, (Notice("noted", line),)


def _is_aside(series: tifffile.TiffPageSeries) -> bool:
    name = (series.name or "").casefold()
    return any(word in name for word in _ASIDE) and len(series.pages) == 1


def _is_level(series: tifffile.TiffPageSeries, others: list[tifffile.TiffPageSeries]) -> bool:
    """Whether it is one of the others, halved once or more in height and width."""
    height, width = _size(series)
    for other in others:
        alike = other.dtype == series.dtype and _rest(other) == _rest(series)
        if other is series or not alike:
            continue
        full = _size(other)
        for k in range(1, _DEEPEST + 1):
            halves = [{n // 2**k, math.ceil(n / 2**k)} for n in full]
            if height in halves[0] and width in halves[1] and min(full) > 2**k:
                return True
    return False


def _size(series: tifffile.TiffPageSeries) -> tuple[int, int]:
    return int(series.keyframe.imagelength), int(series.keyframe.imagewidth)


def _rest(series: tifffile.TiffPageSeries) -> dict[str, int]:
    pairs = zip(series.axes, series.shape, strict=True)
    return {a: n for a, n in pairs if a not in "YX"}


def _frames_or_refused(
    path: Path, series: list[tifffile.TiffPageSeries], chosen: bool
) -> tuple[list[tifffile.TiffPageSeries], tuple[Notice, ...]]:
    """Pages of one size are frames; other images need a user's word for which is meant."""
    kind = series[0].kind
    looks = {(s.keyframe.shape, str(s.dtype), s.keyframe.photometric) for s in series}
    if len(looks) == 1 and kind == "shaped" and all(len(s.pages) == 1 for s in series):
        if all(math.prod(s.shape) == s.keyframe.size for s in series):
            raise PlainPages
        return series, ()
    if len(looks) == 1 and kind == "shaped":
        return series, ()
    if len(looks) == 1:  # the same but for how they are packed
        pages = sorted((p for s in series for p in s.pages if p is not None), key=_page_index)
        first = series[0].keyframe
        shape, axes = (len(pages), *first.shape), "I" + first.axes
        one = tifffile.TiffPageSeries(pages, shape, series[0].dtype, axes, kind="generic")
        return [one], ()
    if chosen:
        return series, ()
    what = _what_differs(series)
    said = (f"{len(s.pages)} of {_look(s, sizes_only=what == 'sizes')}" for s in series[:3])
    raise BadInput(
        f"{path.name} has pages of different {what}: {', '.join(said)}",
        "frames of one size, type and colour",
        f"say which of them is meant with a position from 0 to {len(series) - 1}, "
        "or save the movie alone in a file",
    )


def _what_differs(series: list[tifffile.TiffPageSeries]) -> str:
    sizes, types = {_size(s) for s in series}, {str(s.dtype) for s in series}
    words = ["sizes"] * (len(sizes) > 1) + ["types"] * (len(types) > 1)
    return " and ".join(words) or "colours"


def _look(series: tifffile.TiffPageSeries, *, sizes_only: bool) -> str:
    """Say what a page is: ``(20, 24) uint16 white-is-zero``."""
    page, words = series.keyframe, {"miniswhite": "white-is-zero", "mask": "a mask"}
    kind = str(getattr(page.photometric, "name", "")).lower()
    more = "" if sizes_only else f" {page.dtype} {words.get(kind, '')}"
    return f"{page.shape}{more}".rstrip()


def _page_index(page: Any) -> tuple[int, ...]:
    index = page.index
    return tuple(index) if isinstance(index, tuple) else (index,)


def _layout(
    path: Path, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, wanted: str | None
) -> tuple[str, tuple[int, ...], tuple[Notice, ...]]:
    """Axes and shape of a series; of MetaMorph's, what its planes say of themselves."""
    if series.kind == "stk" and not wanted:
        return _metamorph(path, tif, series)
    return series.axes, tuple(int(n) for n in series.shape), ()


def _metamorph(
    path: Path, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries
) -> tuple[str, tuple[int, ...], tuple[Notice, ...]]:
    """Planes of an STK by what differs: wavelength, height, time."""
    meta, (n, *page) = tif.stk_metadata or {}, series.shape
    inner = series.axes[1:]
    if series.axes[0] not in "TZI" or len(series.shape) < 3:
        return series.axes, tuple(series.shape), ()
    colours = np.asarray(meta.get("Wavelengths", ()), dtype=float).reshape(-1)
    kinds = len(set(colours.tolist())) if len(colours) == n else 1
    period = colours[:kinds].tolist()
    each, left = divmod(n, kinds)
    if kinds > 1 and (left or len(set(period)) != kinds or colours.tolist() != period * each):
        raise BadInput(
            f"{path.name} has {n} planes of {kinds} wavelengths in no order that repeats",
            "planes of the wavelengths in turn",
            "save each wavelength alone, or give the axes, for example TYX",
        )
    heights = np.asarray(meta.get("AbsoluteZ", ()), dtype=float).reshape(-1)
    apart = np.asarray(meta.get("ZDistance", ()), dtype=float).reshape(-1)
    created = np.asarray(meta.get("TimeCreated", ()), dtype=float).reshape(-1)
    later = len(created) == n and bool((np.diff(created) != 0).any())
    deep = len(set(heights.tolist())) > 1 or (apart != 0).any()
    letter = "Z" if len(set(heights.tolist())) > 1 or (deep and not later) else "T"
    axes, shape = letter + inner, (n, *page)
    if kinds > 1:
        axes, shape = letter + "C" + inner, (each, kinds, *page)
    if not (deep and later) or each == 1:
        return axes, shape, ()
    word, other = ("sections", "frames") if letter == "Z" else ("frames", "sections")
    instead = axes.replace(letter, "TZ"["ZT".index(letter)])
    line = (
        f"{path.name} has planes at other times and heights; read as {word}; "
        f"if they are {other}, give the axes {instead}"
    )
    return axes, shape, (Notice("check", line),)


def _split(
    tif: tifffile.TiffFile,
    series: tifffile.TiffPageSeries,
    axes: str,
    shape: tuple[int, ...],
    letters: str,
    image: int,
    several: bool,
) -> list[Position]:
    """Return a position for each index of the axes that hold positions."""
    held = {a: n for a, n in zip(axes, shape, strict=True) if a in letters and n > 1}
    name = series.name or ("" if held else f"series {image}")
    if not held:
        return [Position(series, axes, shape, name, image)]
    count = math.prod(held.values())
    names = _stage_names(tif, series, count) or [f"position {i}" for i in range(count)]
    if several and name:
        names = [f"{name} {each}" for each in names]
    found = []
    for i, each in enumerate(names):
        index = np.unravel_index(i, tuple(held.values()))
        fixed = {a: int(k) for a, k in zip(held, index, strict=True)}
        found.append(Position(series, axes, shape, each, image, fixed))
    return found


def _stage_names(
    tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, count: int
) -> list[str] | None:
    """Names that Micro-Manager gave to the positions of the stage."""
    if series.kind != "mmstack":
        return None
    summary = (tif.micromanager_metadata or {}).get("Summary", {})
    given = summary.get("StagePositions") or summary.get("InitialPositionList") or ()
    names = [str(p.get("Label") or p.get("label") or "") for p in given if isinstance(p, dict)]
    return names if len(set(names)) == count == len(names) and all(names) else None
