"""What a TIFF file says about itself: pixel size, times, names, in OME, ImageJ or plain tags."""

from __future__ import annotations

import itertools
import math
import statistics
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from napari_unet.engine.stack.frame_numbers import decode_numbers
from napari_unet.engine.stack.source import Metadata
from napari_unet.engine.stack.units import Sizes, Stated, as_number, seconds, settle_sizes

if TYPE_CHECKING:
    import tifffile

    from napari_unet.engine.errors import Notice

_SIZES = ("a pixel height", "a pixel width")
_RESOLUTION_UNITS = {2: 25400.0, 3: 1e4, 4: 1e3, 5: 1.0}  # TIFF: inch, cm; some write mm, µm


def read_metadata(
    tif: tifffile.TiffFile, image: int, n_frames: int, n_channels: int
) -> tuple[Metadata, tuple[Notice, ...]]:
    """Collect what the file says, and what of it is not believed; ``image`` is the series."""
    description = _first_description(tif)
    numbers = decode_numbers(description)
    if numbers is None and tif.imagej_metadata:
        numbers = decode_numbers(str(tif.imagej_metadata.get("Info", "")))
    if numbers is not None and len(numbers) != n_frames:
        numbers = None
    stated = Stated(tif.filename)
    found = _found(tif, image, n_frames, stated)
    said: Sizes = found.get("sizes", (None, None))
    sizes, notices = settle_sizes(said, tif.filename)
    if said == (None, None) and not tif.is_imagej:
        sizes, more = settle_sizes(_from_tags(tif), tif.filename, silent=True)
        notices += more
    channel_names = found.get("channel_names", ())
    metadata = Metadata(
        pixel_sizes=sizes,
        z_step=stated.z_step(found.get("z_step")),
        frame_interval=stated.interval(found.get("frame_interval")),
        times=found.get("times"),
        channel_names=channel_names if len(channel_names) == n_channels else (),
        numbers=numbers,
    )
    return metadata, (*notices, *stated.notices)


def _found(tif: tifffile.TiffFile, image: int, n_frames: int, stated: Stated) -> dict[str, Any]:
    """Return what the file's own format says."""
    if tif.is_lsm:
        return _from_lsm(tif, stated)
    if tif.is_ome:
        return _from_ome(tif.ome_metadata or "", image, len(tif.series), n_frames, stated)
    if tif.is_imagej:
        return _from_imagej(tif, stated)
    if tif.is_stk:
        return _from_stk(tif, n_frames, stated)
    if tif.is_micromanager:
        return _from_micromanager(tif, stated)
    return {}


def _first_description(tif: tifffile.TiffFile) -> str:
    return str(tif.pages.first.description or "")


def _from_ome(xml: str, image: int, n_images: int, n_frames: int, stated: Stated) -> dict[str, Any]:
    try:
        root = ET.fromstring(xml)  # noqa: S314
    except ET.ParseError:
        return {}
    images = [e for e in root if _tag(e) == "Image"]
    if image >= len(images) or len(images) != n_images:
        return {}
    pixels = next((e for e in images[image] if _tag(e) == "Pixels"), None)
    if pixels is None:
        return {}
    channels = [e.get("Name") or "" for e in pixels if _tag(e) == "Channel"]
    taken = stated.times(_plane_times(pixels, n_frames))
    said = stated.time(pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s"))
    z_step, height, width = (
        stated.length(
            pixels.get(f"PhysicalSize{a}"), pixels.get(f"PhysicalSize{a}Unit", "µm"), what
        )
        for a, what in zip("ZYX", ("a distance of sections", *_SIZES), strict=True)
    )
    return {
        "sizes": (height, width),
        "z_step": z_step,
        "frame_interval": said or taken.get("frame_interval"),
        "times": taken.get("times"),
        "channel_names": tuple(n or f"channel {i}" for i, n in enumerate(channels)),
    }


def _plane_times(pixels: ET.Element, n_frames: int) -> tuple[float, ...] | None:
    """Time of each frame, from its first plane; None unless every frame has one."""
    times: dict[int, float] = {}
    for plane in pixels:
        if _tag(plane) != "Plane" or plane.get("DeltaT") is None:
            continue
        factor = seconds(plane.get("DeltaTUnit", "s"))
        t, value = plane.get("TheT", ""), as_number(plane.get("DeltaT"))
        if factor and value is not None and t.isdigit():
            times.setdefault(int(t), value * factor)
    if n_frames < 2 or set(times) != set(range(n_frames)):
        return None
    return tuple(times[t] for t in range(n_frames))


def _from_imagej(tif: tifffile.TiffFile, stated: Stated) -> dict[str, Any]:
    meta = tif.imagej_metadata or {}
    width_unit = str(meta.get("unit", ""))
    units = (str(meta.get("yunit") or width_unit), width_unit)
    labels = meta.get("Labels") or ()
    return {
        "sizes": tuple(
            stated.length(1 / per_unit, unit, what) if per_unit else None
            for per_unit, unit, what in zip(_resolution(tif), units, _SIZES, strict=True)
        ),
        "z_step": stated.length(
            meta.get("spacing"), str(meta.get("zunit") or width_unit), "a distance of sections"
        ),
        "frame_interval": stated.time(meta.get("finterval"), str(meta.get("tunit", "s")) or "s"),
        "channel_names": tuple(str(n) for n in labels) if len(labels) > 1 else (),
    }


def _from_stk(tif: tifffile.TiffFile, n_frames: int, stated: Stated) -> dict[str, Any]:
    meta = tif.stk_metadata or {}
    unit = str(meta.get("CalibrationUnits") or "")
    sizes = tuple(stated.length(meta.get(f"{a}Calibration"), unit) for a in "YX")
    created = meta.get("TimeCreated")
    seconds = [float(ms) / 1000 for ms in created] if created is not None else []
    steps = [b - a for a, b in itertools.pairwise(seconds)]
    even = len(seconds) == n_frames > 1 and all(step > 0 for step in steps)
    return {"sizes": sizes, "frame_interval": statistics.median(steps) if even else None}


def _from_lsm(tif: tifffile.TiffFile, stated: Stated) -> dict[str, Any]:
    meta = tif.lsm_metadata or {}
    return {
        "sizes": tuple(stated.length(meta.get(f"VoxelSize{a}"), "m") for a in "YX"),
        "z_step": stated.length(meta.get("VoxelSizeZ"), "m"),
        "frame_interval": stated.time(meta.get("TimeIntervall"), "s"),
    }


def _from_micromanager(tif: tifffile.TiffFile, stated: Stated) -> dict[str, Any]:
    summary = (tif.micromanager_metadata or {}).get("Summary") or {}
    size = stated.length(summary.get("PixelSize_um"), "µm")
    names = summary.get("ChNames") or ()
    return {
        "sizes": (size, size),
        "z_step": stated.length(summary.get("z-step_um"), "µm"),
        "frame_interval": stated.time(summary.get("Interval_ms"), "ms"),
        "channel_names": tuple(map(str, names)) if isinstance(names, list) else (),
    }


def _from_tags(tif: tifffile.TiffFile) -> Sizes:
    """Pixel sizes from the resolution tags."""
    factor = _RESOLUTION_UNITS.get(int(tif.pages.first.tags.valueof("ResolutionUnit") or 0))
    height, width = (factor / n if factor and n else None for n in _resolution(tif))
    return height, width


def _resolution(tif: tifffile.TiffFile) -> Sizes:
    """Pixels per unit along Y and X."""
    found: list[float | None] = []
    for tag in ("YResolution", "XResolution"):
        value = tif.pages.first.tags.valueof(tag)
        whole = isinstance(value, tuple) and len(value) == 2 and value[1]
        found.append(_positive(value[0] / value[1]) if whole else None)
    return found[0], found[1]


def _positive(value: float) -> float | None:
    return value if math.isfinite(value) and value > 0 else None


def _tag(element: ET.Element) -> str:
    return element.tag.rsplit("}", 1)[-1]
