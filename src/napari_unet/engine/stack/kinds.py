"""Kinds of files that hold a movie: their names, what reads them, the extra that this needs.

Known without importing a reader, so that a dialog or a command's help opens at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from napari_unet.engine.stack.frame_numbers import PICTURE_SUFFIXES, TIFF_SUFFIXES


@dataclass(frozen=True)
class Kind:
    """A kind of file: how its name ends (small letters), and the package and extra to read it."""

    title: str
    suffixes: tuple[str, ...]
    positions: str = ""
    package: str = "tifffile"
    licence: str = "BSD-3-Clause"
    extra: str = ""


KINDS = (
    Kind("TIFF, OME-TIFF, ImageJ, Micro-Manager, STK, LSM", TIFF_SUFFIXES, "series, stage, tiles"),
    Kind("PNG, JPEG, BMP", PICTURE_SUFFIXES, "", "Pillow", "MIT-CMU"),
    Kind("Nikon ND2", (".nd2",), "stage positions", "nd2", "BSD-3-Clause", "nd2"),
    Kind("Zeiss CZI", (".czi",), "scenes", "pylibCZIrw", "LGPL-3.0", "czi"),
    Kind("Leica LIF", (".lif",), "images, tiles", "liffile", "BSD-3-Clause", "lif"),
)
MOVIE_SUFFIXES = tuple(suffix for kind in KINDS for suffix in kind.suffixes)
"""Names of files that may be movies, in small letters."""

WHOLE_SUFFIXES = tuple(s for s in MOVIE_SUFFIXES if s not in PICTURE_SUFFIXES)
"""Those of files that hold a movie each, whereas a picture is one frame of many."""
