"""NIfTI labels, one frame or volume after the other: x is the first axis, time the fourth.

Needs the extra ``[nifti]``. Labels of a movie that is NIfTI have its geometry, to lie on it.
"""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.errors import not_installed
from napari_unet.engine.export.formats.label_files import LARGEST_16, check_ids
from napari_unet.engine.stack.kinds import NIFTI_SUFFIXES

try:
    import nibabel
except ImportError as error:
    raise not_installed("NIfTI export", "nibabel", "nifti") from error

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.engine.export.target.outputs import FrameInfo
    from napari_unet.engine.stack.stack import Stack

_LONGEST = 32767  # of an axis, as NIfTI-1 counts
_BEGIN = {False: 352, True: 544}  # byte of the first voxel, behind the header of NIfTI-1 or 2
_LEVEL = 4  # of gzip: labels get hardly smaller above


class NiftiWriter:
    """``.nii.gz``: uint16, µm and s; marked as labels, so that no axis is taken for channels."""

    def __init__(self, path: Path, info: FrameInfo, stack: Stack) -> None:
        self._file = path.open("wb")
        # without name and time: same labels, same bytes
        self._packed = gzip.GzipFile("", "wb", _LEVEL, self._file, mtime=0)
        self._packed.write(_header(info, stack))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self._packed.close()
        finally:
            self._file.close()

    def write(self, frame: NDArray[Any]) -> None:
        """Append labels of a frame; ids above 65,535 do not fit, as most programs read them."""
        check_ids(frame, LARGEST_16, "in a NIfTI file")
        self._packed.write(np.ascontiguousarray(frame, "<u2").data)


def _header(info: FrameInfo, stack: Stack) -> bytes:
    """Return all that comes before the voxels: the movie's own where it is NIfTI, but for these."""
    shape = tuple(reversed(info.shape))
    shape = (*shape, *[1] * (3 - len(shape)), *([len(info)] if len(info) > 1 else []))
    wide = max(shape) > _LONGEST
    kind: Any = nibabel.Nifti2Header if wide else nibabel.Nifti1Header
    header = kind(endianness="<")
    known = _of_movie(info, stack)
    if known is not None:
        header = kind.from_header(known).as_byteswapped("<")
        header.extensions.clear()
        header["cal_min"], header["cal_max"] = 0, 0  # how the image was shown
    header.set_data_dtype(np.uint16)
    header.set_data_shape(shape)
    header.set_slope_inter(1, 0)
    header.set_intent("label", name="cells")
    header["descrip"] = b"U-Net Live"
    if known is None:
        _say_sizes(header, info)
    if len(info) > 1:
        zooms = header.get_zooms()[:3]
        header.set_zooms((*zooms, info.frame_interval or 1.0))
        header.set_xyzt_units(header.get_xyzt_units()[0], "sec" if info.frame_interval else None)
    header["magic"], header["vox_offset"] = header.single_magic, _BEGIN[wide]
    content: bytes = header.binaryblock
    return content.ljust(_BEGIN[wide], b"\0")  # no extension follows


def _say_sizes(header: Any, info: FrameInfo) -> None:
    """Say how large a voxel is and that the axes run as they do in the file, from its corner."""
    height, width = info.scale or (1.0, 1.0)
    steps = (width, height, info.z_step or 1.0)
    header.set_qform(np.diag([*steps, 1.0]), code="scanner")
    header.set_sform(None, code=0)
    header.set_xyzt_units("micron" if info.scale else None)


def _of_movie(info: FrameInfo, stack: Stack) -> Any:
    """Return the header of a movie that is NIfTI, where frames are its volumes; else None."""
    path = stack.path
    if path is None or not path.name.lower().endswith(NIFTI_SUFFIXES):
        return None
    known: Any = nibabel.load(path)
    same = tuple(known.shape[:3]) == tuple(reversed(info.shape))
    return known.header if same else None
