"""Which channel and sections are meant, and how colours become grey."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.errors import BadInput, Notice

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet.engine.settings import Selection, Z
    from napari_unet.engine.stack.source import Source

_LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601
RGB = ("red", "green", "blue")
_COLOURS = (*RGB, "alpha")


def name_channels(source: Source, axis: str | None) -> tuple[str, ...]:
    """Names from the metadata, the colours' names, or ``channel 0`` and so on."""
    n = source.length(axis) if axis else 1
    names = source.metadata.channel_names
    if len(names) == n:
        return names
    if axis == "S" and n in (3, 4):
        return _COLOURS[:n]
    return tuple(f"channel {i}" for i in range(n))


def resolve_channels(
    selection: Selection, names: tuple[str, ...], source: Source
) -> int | tuple[int, ...] | None:
    """Numbers of the channels asked for; None for colours as grey."""
    asked = selection.channel
    if asked is None:
        return None if "C" not in source.axes and "S" in source.axes else 0
    if isinstance(asked, str):
        same = [i for i, n in enumerate(names) if n.casefold() == asked.strip().casefold()]
        asked = same[0] if same else int(asked) if asked.strip().isdecimal() else -1
    channels = asked if isinstance(asked, tuple) else (asked,)
    if not channels or not all(0 <= c < len(names) for c in channels):
        raise BadInput(
            f"there is no channel {selection.channel} in {source.name}, which has "
            f"{', '.join(names)}",
            f"a number from 0 to {len(names) - 1} or a name",
            "choose another channel, or correct the axes",
        )
    return asked


def say_taken(
    selection: Selection, names: tuple[str, ...], channel: object, source: Source
) -> tuple[Notice, ...]:
    """Say which channel and section are taken where the selection leaves that open."""
    lines, n = [], source.length("Z")
    if selection.channel is None and channel is None and len(names) > 1:
        alpha = ", alpha is left out" if len(names) > 3 else ""
        lines.append(f"the colours of {source.name} are taken as grey{alpha}")
    elif selection.channel is None and len(names) > 1:
        lines.append(
            f"of the {len(names)} channels of {source.name} ({', '.join(names[:4])}"
            f"{' …' if len(names) > 4 else ''}) the first is taken; choose another with --channel"
        )
    if selection.z == "max" and n > 1:
        lines.append(f"of the {n} sections of {source.name} the maximum is taken")
    return tuple(Notice("noted", line) for line in lines)


def resolve_z(selection: Selection, source: Source) -> Z | None:
    """Return the section asked for, or ``volume`` or ``frames``; None for the maximum."""
    z, n = selection.z, source.length("Z")
    if z == "volume" and n == 1:
        raise BadInput(
            f"{source.name} has one section, which is no volume (its axes are {source.axes})",
            "two sections or more",
            "leave z out, or give the axes, such as ZYX, where its frames are sections",
        )
    if isinstance(z, int) and not 0 <= z < n:
        raise BadInput(
            f"there is no z {z} in {source.name}, which has {n} section{'s' * (n != 1)}",
            f"max or a number from 0 to {n - 1}",
            "choose another z, or correct the axes",
        )
    return None if z == "max" or n == 1 else z


def doubt_spacing(spacing: tuple[float, ...] | None, name: str) -> tuple[Notice, ...]:
    """Say that the sections of a volume are taken for as far apart as its pixels are wide."""
    if spacing is not None:
        return ()
    line = (
        f"{name} does not say how far apart its sections and its pixels are: both are taken for "
        "the same; give the pixel size and the section distance (--pixel-size, --z-step)"
    )
    return (Notice("check", line),)


def to_grey(colours: NDArray[Any]) -> NDArray[Any]:
    """(S, ...) to (...) in the same dtype: luminance of red, green, blue; alpha is left out."""
    if len(colours) < 3:
        return np.asarray(colours[0])
    grey = np.tensordot(np.array(_LUMINANCE), colours[:3].astype(np.float64), axes=1)
    if colours.dtype.kind in "ui":
        grey = np.rint(grey)
    return np.asarray(grey, dtype=colours.dtype)
