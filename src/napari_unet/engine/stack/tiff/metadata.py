"""What a TIFF file says about itself: pixel size, times, names, in OME, ImageJ or plain tags."""

from __future__ import annotations

import itertools
import math
import statistics
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from napari_unet.engine.errors import Notice
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
_THICKEST = 500.0  # µm from section to section
LONGEST = 31 * 86400.0  # s from frame to frame
_SQUARE = 1e-3  # pixels are square where height and width differ by less than this part

Sizes = tuple[float | None, float | None]
"""Height and width of a pixel in µm, each None where it is not said."""


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
    found = _found(tif, image, n_frames)
    said: Sizes = found.get("sizes", (None, None))
    sizes, notices = settle_sizes(said, tif.filename)
    if said == (None, None) and not tif.is_imagej:
        sizes, more = settle_sizes(_from_tags(tif), tif.filename, silent=True)
        notices += more
    interval = found.get("frame_interval")
    channel_names = found.get("channel_names", ())
    z_step = found.get("z_step")
    metadata = Metadata(
        pixel_sizes=sizes,
        z_step=z_step if z_step and _PLAUSIBLE[0] <= z_step <= _THICKEST else None,
        frame_interval=interval if interval and interval <= LONGEST else None,
        times=found.get("times"),
        channel_names=channel_names if len(channel_names) == n_channels else (),
        numbers=numbers,
    )
    return metadata, notices


def settle_sizes(
    sizes: Sizes, name: str, *, silent: bool = False
) -> tuple[tuple[float, float] | None, tuple[Notice, ...]]:
    """Believe in sizes that a microscope can have; one of the two stands for both.

    ``silent`` about others, where they are no one's statement but a printer's default.
    """
    known = [size for size in sizes if size is not None]
    if not known:
        return None, ()
    height, width = (float(f"{size or known[0]:.6g}") for size in sizes)
    if not all(_PLAUSIBLE[0] <= size <= _PLAUSIBLE[1] for size in (height, width)):
        line = f"{name} says that a pixel is {width:.4g} µm wide, as no microscope's: not taken"
        return None, () if silent else (Notice("noted", line),)
    if len(known) == 1:
        said, other = ("height", "width") if sizes[0] is not None else ("width", "height")
        only = f"{name} says the {said} of a pixel only ({width:.4g} µm)"
        line = f"{only}: taken for its {other}, too"
        return (width, width), () if silent else (Notice("noted", line),)
    if abs(height / width - 1) < _SQUARE:
        return (width, width), ()
    line = (
        f"{name} has oblong pixels, {width:.4g} µm wide and {height:.4g} µm high: "
        "areas and places in µm take both"
    )
    return (height, width), (Notice("check", line),)


def _found(tif: tifffile.TiffFile, image: int, n_frames: int) -> dict[str, Any]:
    """Return what the file's own format says."""
    if tif.is_lsm:
        return _from_lsm(tif)
    if tif.is_ome:
        return _from_ome(tif.ome_metadata or "", image, len(tif.series), n_frames)
    if tif.is_imagej:
        return _from_imagej(tif)
    if tif.is_stk:
        return _from_stk(tif, n_frames)
    if tif.is_micromanager:
        return _from_micromanager(tif)
    return {}


def _first_description(tif: tifffile.TiffFile) -> str:
    return str(tif.pages.first.description or "")


def _from_ome(xml: str, image: int, n_images: int, n_frames: int) -> dict[str, Any]:
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
    times = _plane_times(pixels, n_frames)
    interval = _scaled(pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s"), _SECONDS)
    if interval is None and times and len(times) > 1:
        interval = _positive(statistics.median(b - a for a, b in itertools.pairwise(times)))
    z_step, height, width = (
        _scaled(
            pixels.get(f"PhysicalSize{a}"), pixels.get(f"PhysicalSize{a}Unit", "µm"), _MICROMETRES
        )
        for a in "ZYX"
    )
    return {
        "sizes": (height, width),
        "z_step": z_step,
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
    width_unit = str(meta.get("unit", ""))
    units = (str(meta.get("yunit") or width_unit), width_unit)
    labels = meta.get("Labels") or ()
    return {
        "sizes": tuple(
            _scaled(1 / per_unit, unit, _MICROMETRES) if per_unit else None
            for per_unit, unit in zip(_resolution(tif), units, strict=True)
        ),
        "z_step": _scaled(meta.get("spacing"), str(meta.get("zunit") or width_unit), _MICROMETRES),
        "frame_interval": _scaled(
            meta.get("finterval"), str(meta.get("tunit", "s")) or "s", _SECONDS
        ),
        "channel_names": tuple(str(n) for n in labels) if len(labels) > 1 else (),
    }


def _from_stk(tif: tifffile.TiffFile, n_frames: int) -> dict[str, Any]:
    meta = tif.stk_metadata or {}
    unit = str(meta.get("CalibrationUnits") or "")
    sizes = tuple(_scaled(meta.get(f"{a}Calibration"), unit, _MICROMETRES) for a in "YX")
    created = meta.get("TimeCreated")
    seconds = [float(ms) / 1000 for ms in created] if created is not None else []
    steps = [b - a for a, b in itertools.pairwise(seconds)]
    even = len(seconds) == n_frames > 1 and all(step > 0 for step in steps)
    return {"sizes": sizes, "frame_interval": statistics.median(steps) if even else None}


def _from_lsm(tif: tifffile.TiffFile) -> dict[str, Any]:
    meta = tif.lsm_metadata or {}
    return {
        "sizes": tuple(_scaled(meta.get(f"VoxelSize{a}"), "m", _MICROMETRES) for a in "YX"),
        "z_step": _scaled(meta.get("VoxelSizeZ"), "m", _MICROMETRES),
        "frame_interval": _scaled(meta.get("TimeIntervall"), "s", _SECONDS),
    }


def _from_micromanager(tif: tifffile.TiffFile) -> dict[str, Any]:
    summary = (tif.micromanager_metadata or {}).get("Summary") or {}
    size = _scaled(summary.get("PixelSize_um"), "µm", _MICROMETRES)
    names = summary.get("ChNames") or ()
    return {
        "sizes": (size, size),
        "z_step": _scaled(summary.get("z-step_um"), "µm", _MICROMETRES),
        "frame_interval": _scaled(summary.get("Interval_ms"), "ms", _SECONDS),
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


def _scaled(value: Any, unit: str, units: dict[str, float]) -> float | None:
    number, factor = _number(value), units.get(unit.strip().lower())
    return _positive(number * factor) if number is not None and factor else None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _positive(value: float) -> float | None:
    return value if math.isfinite(value) and value > 0 else None


def _tag(element: ET.Element) -> str:
    return element.tag.rsplit("}", 1)[-1]
