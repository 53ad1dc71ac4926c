"""A PNG, JPEG or BMP file as a source: one frame, grey or coloured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_unet.engine.errors import BadInput, Notice
from napari_unet.engine.stack.axes import check_axes, fit_axes
from napari_unet.engine.stack.file_source import FileSource
from napari_unet.engine.stack.kinds import refuse_other
from napari_unet.engine.stack.source import Metadata, check_dtype

_MODES = {"1": "YX", "L": "YX", "I;16": "YX", "I": "YX", "P": "YX"}
_MODES |= {"LA": "YXS", "RGB": "YXS", "RGBA": "YXS"}
_DEEP_COLOURS = {2, 4, 6}  # PNG colour types whose 16 bits Pillow would cut to 8
_PNG_HEAD = b"\x89PNG\r\n\x1a\n"
_AS_TIFF = "save it as TIFF, for example with Fiji"


class PictureSource(FileSource):
    """One picture, decoded when it is read; numbers of a palette are taken, not their colours.

    ``axes`` replaces YX or YXS; the other arguments are those of a TIFF, of which it has one.
    """

    metadata = Metadata()

    def __init__(
        self,
        path: Path,
        *,
        axes: str | None = None,
        position: int = 0,
        taken: str = "",
        chosen: bool = False,
    ) -> None:
        self.path, self.name = path, path.name
        if not path.is_file():
            raise BadInput(f"{path} does not exist", "a PNG, JPEG or BMP file", "check the path")
        if position:
            raise BadInput(
                f"there is no position {position} in {self.name}", "position 0", "leave it out"
            )
        picture = self._pixels
        self.dtype = check_dtype(picture.dtype, self.name)
        self.axes, self.shape = "YXS"[: picture.ndim], picture.shape
        if axes:
            wanted = check_axes(axes)
            self.shape = fit_axes(wanted, [(self.axes, self.shape)], self.name)
            self.axes = wanted
        self.inner = self.axes

    def read(self, index: Mapping[str, int]) -> NDArray[Any]:
        """Decode the picture, and take what is asked for."""
        where = tuple(index.get(axis, slice(None)) for axis in self.axes)
        return np.ascontiguousarray(self._pixels.reshape(self.shape)[where], dtype=self.dtype)

    def close(self) -> None:
        """Let go of the pixels."""
        self.__dict__.pop("_pixels", None)

    def samples(self) -> Iterator[bytes]:
        """Return the file's size and all of its content: it is small."""
        content = self.path.read_bytes()
        yield len(content).to_bytes(8, "little")
        yield content

    @cached_property
    def _pixels(self) -> NDArray[Any]:
        """Decode; ``BadInput`` where it is damaged, animated, or would lose bits."""
        refuse_other(self.path, "PNG", "JPEG", "BMP")
        try:
            _refuse_deep_colours(self.path)
            with Image.open(self.path, formats=("PNG", "JPEG", "BMP")) as picture:
                if (n := int(getattr(picture, "n_frames", 1))) > 1:
                    raise BadInput(f"{self.name} holds {n} pictures", "one a file", _AS_TIFF)
                if picture.mode not in _MODES:
                    found = f"{self.name} has pixels of mode {picture.mode}"
                    raise BadInput(found, "grey levels or RGB", _AS_TIFF)
                if picture.mode == "P":
                    line = f"{self.name} has a palette of colours; its numbers are taken, not their"
                    self.note(Notice("noted", f"{line} colours"))
                pixels = np.asarray(picture)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            if isinstance(error, BadInput):
                raise
            raise BadInput(
                f"{self.name} is damaged or no picture ({str(error).splitlines()[0]})",
                "a whole PNG, JPEG or BMP file",
                "copy it again from where it came from",
            ) from error
        return pixels.astype(np.uint16) if pixels.dtype == np.int32 else pixels


def _refuse_deep_colours(path: Path) -> None:
    """Refuse a PNG whose colours have 16 bits: decoded, they would have 8."""
    with path.open("rb") as file:
        head = file.read(26)
    if head.startswith(_PNG_HEAD) and head[24] == 16 and head[25] in _DEEP_COLOURS:
        found = f"{path.name} has colours of 16 bits, which would be cut to 8"
        raise BadInput(found, "colours of 8 bits, or grey levels", _AS_TIFF)
