"""What reads a file or folder; readers of extras are imported once such a file is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.engine.stack.folder_source import FolderSource
from napari_unet.engine.stack.frame_numbers import PICTURE_SUFFIXES
from napari_unet.engine.stack.kinds import NIFTI_SUFFIXES, is_zarr, refuse_address
from napari_unet.engine.stack.picture_source import PictureSource
from napari_unet.engine.stack.tiff.tiff_source import TiffSource

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_unet.engine.stack.source import Source


def reader_of(path: Path) -> Callable[..., Source]:
    """Return what reads a file or folder; what is no kind of ours is taken for a TIFF."""
    refuse_address(path)
    if (of_extra := extra_reader(path)) is not None:
        return of_extra
    if path.is_dir():
        return FolderSource
    return PictureSource if path.suffix.lower() in PICTURE_SUFFIXES else TiffSource


def extra_reader(path: Path) -> Callable[..., Source] | None:
    """Return what reads a file or folder that needs an extra; None for all others.

    Raises
    ------
    BadInput
        Where the extra is not installed.

    """
    if is_zarr(path):
        from napari_unet.engine.stack.extras.zarr_source import ZarrSource

        return ZarrSource
    if path.is_dir():
        return None
    if path.name.lower().endswith(NIFTI_SUFFIXES):
        from napari_unet.engine.stack.extras.nifti_source import NiftiSource

        return NiftiSource
    suffix = path.suffix.lower()
    if suffix == ".nd2":
        from napari_unet.engine.stack.extras.nd2_source import Nd2Source

        return Nd2Source
    if suffix == ".czi":
        from napari_unet.engine.stack.extras.czi_source import CziSource

        return CziSource
    if suffix == ".lif":
        from napari_unet.engine.stack.extras.lif_source import LifSource

        return LifSource
    return None
