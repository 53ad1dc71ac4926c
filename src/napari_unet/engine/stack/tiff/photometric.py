"""One rule for what brightness a stored number means: the one that every viewer shows.

White-is-zero, and look-up tables whose brightness falls all the way, are inverted; any other
palette leaves the numbers as they are, which for labels are the ids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.errors import BadInput, Notice

if TYPE_CHECKING:
    import tifffile

_LUMINANCE = (0.299, 0.587, 0.114)
_WHITE_IS_ZERO, _PALETTE = 0, 3  # TIFF: PhotometricInterpretation
_COLOURS = {
    "SEPARATED": "inks (CMYK)",
    "YCBCR": "brightness and two differences (YCbCr)",
    "CIELAB": "CIE L*a*b*",
    "ICCLAB": "CIE L*a*b*",
    "ITULAB": "CIE L*a*b*",
    "LOGLUV": "CIE Luv",
}
_MADE_RGB = {6, 7, 33003, 33005, 33007, 34712, 34892}  # TIFF: kinds of JPEG, decoded to RGB


def inverted_channels(
    tif: tifffile.TiffFile, page: Any, n_channels: int, name: str
) -> tuple[tuple[bool, ...], tuple[Notice, ...]]:
    """Return for each channel whether its numbers are inverted, and what there is to say."""
    if page.dtype is None or page.photometric is None:
        return (False,) * n_channels, ()
    if int(page.photometric) == _PALETTE and page.colormap is not None:
        falls = _falls(page.colormap)
        if falls:
            return (True,) * n_channels, _said(name, page, "has an inverting palette")
        line = f"{name} has a palette of colours; its numbers are taken, not their colours"
        return (False,) * n_channels, () if _is_grey(page.colormap) else (Notice("noted", line),)
    if int(page.photometric) == _WHITE_IS_ZERO:
        return (True,) * n_channels, _said(name, page, "is white-is-zero")
    found = _inverting_tables(tif, n_channels)
    if not any(found):
        return found, ()
    return found, _said(name, page, "has an inverting look-up table")


def refuse_colours(page: Any, axes: str, name: str) -> None:
    """Refuse colours whose numbers are no red, green and blue: inks, or brightness and hue."""
    kind = str(getattr(page.photometric, "name", "")).upper()
    decoded = kind == "YCBCR" and int(page.compression) in _MADE_RGB
    if "S" in axes and kind in _COLOURS and not decoded:
        raise BadInput(
            f"{name} has colours as {_COLOURS[kind]}",
            "grey levels, or red, green and blue",
            "save it as RGB or as grey levels, for example with Fiji",
        )


def invert(pixels: NDArray[Any], bits: int) -> NDArray[Any]:
    """Return numbers so that the largest becomes the least; floats change their sign."""
    if pixels.dtype.kind == "b":
        return np.asarray(~pixels)
    if pixels.dtype.kind == "u":
        return np.asarray(pixels ^ pixels.dtype.type(2**bits - 1))
    return np.asarray(~pixels if pixels.dtype.kind == "i" else -pixels)


def _said(name: str, page: Any, what: str) -> tuple[Notice, ...]:
    line = f"{name} {what}: its numbers are inverted, as viewers show them"
    if page.dtype.kind == "f":
        line = f"{name} {what}: its numbers change their sign, so that dark stays dark"
    return (Notice("check", line),)


def _inverting_tables(tif: tifffile.TiffFile, n_channels: int) -> tuple[bool, ...]:
    """Which channels of an ImageJ file have a look-up table that falls."""
    tables = (tif.imagej_metadata or {}).get("LUTs") if tif.is_imagej else None
    if not isinstance(tables, list) or not tables:
        return (False,) * n_channels
    found = [_falls(np.asarray(table)) for table in tables[:n_channels]]
    if len(tables) == 1:
        return (found[0],) * n_channels
    return (*found, *[False] * (n_channels - len(found)))


def _falls(table: NDArray[Any]) -> bool:
    """Whether a table (3, N) goes from bright to dark without turning back."""
    if table.ndim != 2 or table.shape[0] != 3 or table.shape[1] < 2:
        return False
    brightness = np.asarray(_LUMINANCE) @ table.astype(np.float64)
    return bool((np.diff(brightness) <= 0).all() and brightness[0] > brightness[-1])


def _is_grey(table: NDArray[Any]) -> bool:
    return bool((table == table[:1]).all())
