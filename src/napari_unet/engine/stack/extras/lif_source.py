"""Leica's LIF files, read by the package liffile (extra ``[lif]``): its images are positions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.errors import BadInput, Notice, not_installed
from napari_unet.engine.stack.extras.plane_source import Planes, PlaneSource
from napari_unet.engine.stack.source import Metadata
from napari_unet.engine.stack.units import timing

if TYPE_CHECKING:
    from xml.etree import ElementTree as ET

try:
    import liffile
except ImportError as error:
    raise not_installed("a Leica file (.lif)", "liffile", "lif") from error

_TILES = "M"
_MEANS = {"λ": "C", "Λ": "C", "Q": "T", "L": "T"}  # wavelengths are channels, loops are time
_METRES = {"m": 1e6, "mm": 1e3, "µm": 1.0, "um": 1.0, "nm": 1e-3}
_IDS = {"X": "1", "Y": "2", "Z": "3", "T": "4"}  # of dimensions in its XML


class LifSource(PlaneSource):
    """One image of a LIF file, or one tile of it."""

    kind = "LIF"
    _file: liffile.LifFile | None = None

    def _open(self) -> None:
        self._file = liffile.LifFile(self.path)

    def _shut(self) -> None:
        if self._file is not None:
            self._file.close()

    def _describe(self, position: int) -> Planes:
        image, self._tile = self._choose(position)
        self._image = image
        self._refuse_elsewhere(image)
        self._refuse_short(image)
        sizes = {axis: n for axis, n in image.sizes.items() if axis != _TILES}
        inner = {axis: n for axis, n in image.frames.frame_sizes.items() if axis != _TILES}
        outer = {axis: n for axis, n in sizes.items() if axis not in inner}
        axes, notices = self._letters("".join((*outer, *inner)))
        self._theirs = dict(zip(axes, (*outer, *inner), strict=True))
        element = image.xml_element
        y_axis = self._theirs.get("Y", "Y")
        return Planes(
            axes=axes,
            shape=(*outer.values(), *inner.values()),
            n_inner=len(inner),
            dtype=image.dtype,
            metadata=Metadata(
                pixel_sizes=_both(_step(element, y_axis), _step(element, "X")),
                z_step=_step(element, "Z") if y_axis == "Y" else None,
                channel_names=_channel_names(element),
                position_names=self._names,
                **_times(image, element),
            ),
            notices=(*notices, *self._said),
        )

    def _plane(self, index: Mapping[str, int]) -> NDArray[Any]:
        theirs = {self._theirs[axis]: i for axis, i in index.items()}
        if self._tile is not None:
            theirs[_TILES] = self._tile
        return self._image.frame(out=None, **theirs)

    def _choose(self, position: int) -> tuple[liffile.LifImage, int | None]:
        """Return the image and the tile of it that a position stands for."""
        assert self._file is not None
        images = [image for image in self._file.images if isinstance(image, liffile.LifImage)]
        found = [
            (image, tile)
            for image in images
            for tile in (range(image.sizes[_TILES]) if _TILES in image.sizes else (None,))
        ]
        if not found:
            raise BadInput(
                f"{self.name} has no images", "an image or a series", "export it from LAS X again"
            )
        self.check_position(position, len(found))
        self._names = tuple(
            image.path if tile is None else f"{image.path} tile {tile}" for image, tile in found
        )
        tiled = [image.path for image in images if _TILES in image.sizes]
        line = f"the tiles of {', '.join(tiled[:3])} in {self.name} are positions, one each"
        self._said = (Notice("noted", line),) if tiled else ()
        return found[position]

    def _letters(self, axes: str) -> tuple[str, tuple[Notice, ...]]:
        """Name axes as we do; a scan in x and z is an image, too."""
        for letter, ours in _MEANS.items():
            if letter in axes and ours not in axes:
                axes = axes.replace(letter, ours)
        if "Y" in axes or "Z" not in axes:
            return axes, ()
        line = f"{self.name} is a scan in x and z here: its depth is shown as the height"
        return axes.replace("Z", "Y"), (Notice("noted", line),)

    def _refuse_elsewhere(self, image: liffile.LifImage) -> None:
        """Refuse an image of which the file has the name alone, as where it ends before that."""
        try:
            image.memory_block  # noqa: B018 - looks for it
        except KeyError as error:
            what = f"it names {image.path}, and has no pixels of it"
            raise self.damaged(f"{what}, which another file may hold") from error

    def _refuse_short(self, image: liffile.LifImage) -> None:
        """Refuse a file that ends before the pixels of the image do."""
        block, size = image.memory_block, self.path.stat().st_size
        if block.offset >= 0 and block.offset + block.size > size:
            raise self.damaged(f"{size} bytes of {block.offset + block.size}")


def _dimension(element: ET.Element, axis: str) -> ET.Element | None:
    found = element.iterfind(
        "./Data/Image/ImageDescription/Dimensions/DimensionDescription"
        f"[@DimID='{_IDS.get(axis, '')}']"
    )
    return next(found, None)


def _step(element: ET.Element, axis: str) -> float | None:
    """Return µm from one pixel to the next along an axis; None where it is not said."""
    found = _dimension(element, axis)
    if found is None or (n := int(found.get("NumberOfElements", "1"))) < 2:
        return None
    length = abs(float(found.get("Length", "0"))) * _METRES.get(found.get("Unit", ""), 0)
    return length / (n - 1) if length and math.isfinite(length) else None


def _both(height: float | None, width: float | None) -> tuple[float, float] | None:
    one = height or width
    return (height or one, width or one) if one else None


def _channel_names(element: ET.Element) -> tuple[str, ...]:
    """Names of dyes where each channel has one of its own, else those of the colour tables."""
    channels = element.findall("./Data/Image/ImageDescription/Channels/ChannelDescription")
    channels.sort(key=lambda channel: int(channel.get("BytesInc", "0")))
    dyes = [
        next(
            (
                str(entry.findtext("Value") or "")
                for entry in channel.findall("ChannelProperty")
                if entry.findtext("Key") == "DyeName"
            ),
            "",
        )
        for channel in channels
    ]
    tables = [channel.get("LUTName", "") for channel in channels]
    for names in (dyes, tables):
        if all(names) and len(set(names)) == len(names):
            return tuple(names)
    return ()


def _times(image: liffile.LifImage, element: ET.Element) -> dict[str, Any]:
    """Seconds from the first frame to each, and between frames."""
    n = image.sizes.get("T", 1)
    if n < 2:
        return {}
    stamps = image.timestamps
    if stamps is not None and next(iter(image.sizes)) == "T" and len(stamps) % n == 0:
        first = stamps[:: len(stamps) // n]
        if known := timing(((first - first[0]) / np.timedelta64(1, "s")).tolist()):
            return known
    found = _dimension(element, "T")
    seconds = found is not None and found.get("Unit") == "s"
    length = abs(float(found.get("Length", "0"))) if found is not None and seconds else 0.0
    return {"frame_interval": length / (n - 1)} if length else {}
