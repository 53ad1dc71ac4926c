"""What a TIFF file says about itself: pixel size, times, names, in OME, ImageJ or plain tags."""

from __future__ import annotations

import itertools
import math
import statistics
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from napari_unet.engine.stack.frame_numbers import decode_numbers
from napari_unet.engine.stack.source import Metadata

if TYPE_CHECKING:
    import tifffile

_MICROMETRES = {
    "µm": 1.0, "μm": 1.0, "um": 1.0, "micron": 1.0, "microns": 1.0, "micrometer": 1.0,
    "micrometre": 1.0, "nm": 1e-3, "mm": 1e3, "cm": 1e4, "m": 1e6, "å": 1e-4, "pm": 1e-6,
    "inch": 25400.0, "in": 25400.0, "\\u00b5m": 1.0,
}  # fmt: skip
_SECONDS = {
    "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "msec": 1e-3, "µs": 1e-6,
    "μs": 1e-6, "us": 1e-6, "min": 60.0, "minute": 60.0, "minutes": 60.0, "h": 3600.0,
    "hour": 3600.0, "hours": 3600.0, "hr": 3600.0, "d": 86400.0, "day": 86400.0,
}  # fmt: skip
_RESOLUTION_UNITS = {2: 25400.0, 3: 1e4}  # TIFF: inch, centimetre
_PLAUSIBLE = (0.005, 20.0)  # µm: 72 or 300 dots per inch are a printer's, not a microscope's


def read_metadata(
    tif: tifffile.TiffFile, position: int, n_frames: int, n_channels: int
) -> Metadata:
    """Collect what the file says; ``position`` is the image series."""
    description = _first_description(tif)
    numbers = decode_numbers(description)
    if numbers is None and tif.imagej_metadata:
        numbers = decode_numbers(str(tif.imagej_metadata.get("Info", "")))
    if numbers is not None and len(numbers) != n_frames:
        numbers = None
    names = tuple(s.name or f"series {i}" for i, s in enumerate(tif.series))
    found: dict[str, Any] = {}
    if tif.is_ome:
        found = _from_ome(tif.ome_metadata or "", position, n_frames)
    elif tif.is_imagej:
        found = _from_imagej(tif)
    pixel_size = found.get("pixel_size") or (None if tif.is_imagej else _from_tags(tif))
    channel_names = found.get("channel_names", ())
    return Metadata(
        pixel_size=float(f"{pixel_size:.6g}") if pixel_size else None,
        frame_interval=found.get("frame_interval"),
        times=found.get("times"),
        channel_names=channel_names if len(channel_names) == n_channels else (),
        position_names=names,
        numbers=numbers,
    )


def _first_description(tif: tifffile.TiffFile) -> str:
    return str(tif.pages.first.description or "")


def _from_ome(xml: str, position: int, n_frames: int) -> dict[str, Any]:
    try:
        root = ET.fromstring(xml)  # noqa: S314
    except ET.ParseError:
        return {}
    images = [e for e in root if _tag(e) == "Image"]
    if position >= len(images):
        return {}
    pixels = next((e for e in images[position] if _tag(e) == "Pixels"), None)
    if pixels is None:
        return {}
    channels = [e.get("Name") or "" for e in pixels if _tag(e) == "Channel"]
    times = _plane_times(pixels, n_frames)
    interval = _scaled(pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s"), _SECONDS)
    if interval is None and times and len(times) > 1:
        interval = _positive(statistics.median(b - a for a, b in itertools.pairwise(times)))
    return {
        "pixel_size": _scaled(
            pixels.get("PhysicalSizeX"), pixels.get("PhysicalSizeXUnit", "µm"), _MICROMETRES
        ),
        "frame_interval": interval,
        "times": times,
        "channel_names": tuple(n or f"channel {i}" for i, n in enumerate(channels)),
    }


def _plane_times(pixels: ET.Element, n_frames: int) -> tuple[float, ...] | None:
    """Time of each frame, from its first plane; None unless every frame has one."""
    times: dict[int, float] = {}
    for plane in pixels:
        if _tag(plane) != "Plane" or plane.get("DeltaT") is None:
            continue
        factor = _SECONDS.get(plane.get("DeltaTUnit", "s").lower())
        t, value = plane.get("TheT", ""), _number(plane.get("DeltaT"))
        if factor and value is not None and t.isdigit():
            times.setdefault(int(t), value * factor)
    if n_frames < 2 or set(times) != set(range(n_frames)):
        return None
    return tuple(times[t] for t in range(n_frames))


def _from_imagej(tif: tifffile.TiffFile) -> dict[str, Any]:
    meta = tif.imagej_metadata or {}
    factor = _MICROMETRES.get(str(meta.get("unit", "")).lower())
    per_unit = _resolution(tif)
    labels = meta.get("Labels") or ()
    return {
        "pixel_size": _positive(factor / per_unit) if factor and per_unit else None,
        "frame_interval": _scaled(
            meta.get("finterval"), str(meta.get("tunit", "s")) or "s", _SECONDS
        ),
        "channel_names": tuple(str(n) for n in labels) if len(labels) > 1 else (),
    }


def _from_tags(tif: tifffile.TiffFile) -> float | None:
    """Pixel size from the resolution tags, where it is a microscope's."""
    unit = tif.pages.first.tags.valueof("ResolutionUnit")
    factor, per_unit = _RESOLUTION_UNITS.get(int(unit or 0)), _resolution(tif)
    if not factor or not per_unit:
        return None
    size = factor / per_unit
    return size if _PLAUSIBLE[0] <= size <= _PLAUSIBLE[1] else None


def _resolution(tif: tifffile.TiffFile) -> float | None:
    """Pixels per unit along X."""
    value = tif.pages.first.tags.valueof("XResolution")
    if not isinstance(value, tuple) or len(value) != 2 or not value[1]:
        return None
    return _positive(value[0] / value[1])


def _scaled(value: Any, unit: str, units: dict[str, float]) -> float | None:
    number, factor = _number(value), units.get(unit.strip().lower())
    return _positive(number * factor) if number is not None and factor else None


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _positive(value: float) -> float | None:
    return value if math.isfinite(value) and value > 0 else None


def _tag(element: ET.Element) -> str:
    return element.tag.rsplit("}", 1)[-1]
