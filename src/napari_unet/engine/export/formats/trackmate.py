"""*For TrackMate*: one ImageJ hyperstack with the raw channels and the labels as the last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_unet.engine.export.formats.label_files import (
    LARGEST_16,
    ZLIB,
    check_ids,
    check_room,
    imagej_scale,
    resolution_of,
)
from napari_unet.engine.stack.frame_numbers import NUMBERS_KEY, encode_numbers

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.engine.export.target.outputs import FrameInfo
    from napari_unet.engine.stack.stack import Stack

NAME = "labels"
_LARGEST_EXACT = 1 << 24  # that a float32 holds
_GOLDEN = 0.61803398875


class TrackMateWriter:
    """Channels of the movie as they are, then labels: uint16, or float32 where they do not fit.

    TrackMate's *Label image detector* takes the last channel.
    """

    def __init__(self, path: Path, info: FrameInfo, stack: Stack) -> None:
        self.info = info
        n = len(stack.channel_names)
        self._raw = stack.select(channel=tuple(range(n))) if n > 1 else stack
        self._names = (*(self._raw.selected_channels or ("image",)), NAME)
        whole = np.dtype(self._raw.dtype).kind == "u" and np.dtype(self._raw.dtype).itemsize <= 2
        self._dtype = np.dtype(np.uint16 if whole else np.float32)
        self._n = 0
        self._tiff = tifffile.TiffWriter(path, bigtiff=False, byteorder=">")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._tiff.close()

    def write(self, frame: NDArray[Any]) -> None:
        """Append the channels of the next frame, and its labels."""
        largest = LARGEST_16 if self._dtype == np.uint16 else _LARGEST_EXACT
        check_ids(frame, largest, "beside this movie's channels")
        raw = np.asarray(self._raw[self.info.frames[self._n]])
        channels = [*(raw if raw.ndim > frame.ndim else raw[None]), frame]
        n_bytes = sum(channel.size for channel in channels) * self._dtype.itemsize
        check_room(self._tiff, n_bytes, "channels and labels", "export fewer frames")
        sections = [channel.reshape(-1, *channel.shape[-2:]) for channel in channels]
        planes = [each[z] for z in range(len(sections[0])) for each in sections]
        for i, plane in enumerate(planes):
            first = self._n == 0 and i == 0
            self._tiff.write(
                np.ascontiguousarray(plane, dtype=self._dtype),
                photometric="minisblack",
                description=self._description() if first else None,
                extratags=self._extra(channels) if first else (),
                metadata=None,
                contiguous=False,
                resolution=resolution_of(self.info, per="um"),
                resolutionunit="NONE",
                **ZLIB,
            )
        self._n += 1

    def _description(self) -> bytes:
        *sections, height, width = self.info.shape
        shape = (len(self.info), *sections, len(self._names), height, width)
        axes = f"T{self.info.axes[:-2]}CYX"
        text = tifffile.tifffile.imagej_description(
            shape, axes=axes, hyperstack=True, mode="composite", **imagej_scale(self.info)
        )
        return text.encode("ascii")

    def _extra(self, channels: list[NDArray[Any]]) -> Any:
        """Name the channels, and give each its contrast and colours."""
        n = len(self._names)
        numbers = self.info.numbers
        ranges = [float(x) for plane in channels[:-1] for x in (_least(plane), _most(plane))]
        said: dict[str, Any] = {
            "Labels": [
                f"{name} t{t:03d}"
                for t in numbers
                for _ in range(self.info.sections)
                for name in self._names
            ],
            "Ranges": [*ranges, 0.0, 255.0],
            "LUTs": [_grey()] * (n - 1) + [_many_colours()],
        }
        if self.info.numbered:
            said["Info"] = f"{NUMBERS_KEY}={encode_numbers(numbers)}"
        return tifffile.tifffile.imagej_metadata_tag(said, ">")


def _least(plane: NDArray[Any]) -> float:
    finite = plane[np.isfinite(plane)]
    return float(finite.min()) if finite.size else 0.0


def _most(plane: NDArray[Any]) -> float:
    finite = plane[np.isfinite(plane)]
    return float(finite.max()) if finite.size else 1.0


def _grey() -> NDArray[np.uint8]:
    return np.tile(np.arange(256, dtype=np.uint8), (3, 1))


def _many_colours() -> NDArray[np.uint8]:
    """Return a colour for each number (3, 256): black, then neighbours far apart in hue."""
    import colorsys

    colours = [colorsys.hsv_to_rgb(i * _GOLDEN % 1, 0.75, 1.0) for i in range(256)]
    table: NDArray[np.uint8] = np.rint(np.array(colours).T * 255).astype(np.uint8)
    table[:, 0] = 0
    return table
