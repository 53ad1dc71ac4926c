"""TIFF files as seven writers make them, for the tests of Stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tifffile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np


def _with(**options) -> Callable[[Path, np.ndarray], None]:
    def write(path: Path, movie: np.ndarray) -> None:
        tifffile.imwrite(path, movie, **options)

    return write


def _pages(path: Path, movie: np.ndarray) -> None:
    """Page by page with nothing said about the whole, as acquisition programs do."""
    with tifffile.TiffWriter(path) as tif:
        for frame in movie:
            tif.write(frame, contiguous=False, metadata=None)


WRITERS: dict[str, Callable[[Path, np.ndarray], None]] = {
    "plain": _with(metadata={"axes": "TYX"}),
    "ome": _with(ome=True, metadata={"axes": "TYX"}),
    "imagej": _with(imagej=True, metadata={"axes": "TYX"}),
    "bigtiff tiled": _with(
        bigtiff=True, tile=(16, 16), metadata={"axes": "TYX"}, compression="zlib"
    ),
    "ome zlib": _with(ome=True, compression="zlib", metadata={"axes": "TYX"}),
    "lzw": _with(compression="lzw", rowsperstrip=8, metadata={"axes": "TYX"}),
    "big-endian": _with(byteorder=">", metadata={"axes": "TYX"}),
    "pages": _pages,
}
