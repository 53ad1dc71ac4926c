"""Labels and tables in the formats other programs open, and the names of the formats.

Every export streams frame by frame, yields the position it wrote and returns the path. It
writes to a temporary name and is renamed when whole, with a sidecar JSON beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine import ctc
from napari_unet.engine.errors import BadInput
from napari_unet.engine.label_files import (
    FrameWriter,
    ImageFolderWriter,
    ImageJWriter,
    OmeTiffWriter,
)
from napari_unet.engine.outputs import (
    FrameInfo,
    check_folder,
    check_frame,
    check_target,
    counted,
    output_file,
    output_folder,
    writing,
)
from napari_unet.engine.probability import decode
from napari_unet.engine.sidecar import Provenance, write_sidecar
from napari_unet.engine.table import write_table
from napari_unet.engine.tracking import Linker, link_frames

if TYPE_CHECKING:
    from napari_unet.engine.probabilities import Probabilities
    from napari_unet.engine.stack import Stack

__all__ = ["LABEL_FORMATS", "LabelFormat", "write_labels", "write_probabilities", "write_table"]

# Labels compress to a few percent; the space asked for is a tenth of the raw size.
_COMPRESSION = 10


@dataclass(frozen=True)
class LabelFormat:
    """One way to write labels: ``files`` is the pattern of its files where it is a folder."""

    name: str
    title: str
    suffix: str
    open: Callable[[Path, FrameInfo, Stack, Linker | None], FrameWriter]
    files: str | None = None
    links: bool = False


def _open_zarr(path: Path, info: FrameInfo, stack: Stack, _: Linker | None) -> FrameWriter:
    from napari_unet.engine.zarr_labels import ZarrWriter  # an extra

    return ZarrWriter(path, info, stack)


def _open_rois(path: Path, info: FrameInfo, _: Stack, __: Linker | None) -> FrameWriter:
    from napari_unet.engine.roi_zip import RoiZipWriter  # an extra

    return RoiZipWriter(path, info)


def _images(suffix: str) -> Callable[[Path, FrameInfo, Stack, Linker | None], FrameWriter]:
    return lambda path, info, *_: ImageFolderWriter(path, info, suffix=suffix)


_FORMATS = (
    LabelFormat("ome-tiff", "OME-TIFF", ".ome.tif", lambda p, i, *_: OmeTiffWriter(p, i)),
    LabelFormat("imagej", "ImageJ hyperstack", ".tif", lambda p, i, *_: ImageJWriter(p, i)),
    LabelFormat("zarr", "OME-Zarr", ".ome.zarr", _open_zarr, r"zarr\.json|0|labels"),
    LabelFormat(
        "ctc",
        "Cell Tracking Challenge",
        "_RES",
        lambda p, i, _, linker: ctc.CtcWriter(p, i, linker),
        ctc.OURS,
        links=True,
    ),
    LabelFormat("tiffs", "One TIFF for each frame", "_labels", _images(".tif"), r"t\d+\.tif"),
    LabelFormat("pngs", "One PNG for each frame", "_labels", _images(".png"), r"t\d+\.png"),
    LabelFormat("rois", "ImageJ ROIs", ".zip", _open_rois),
)
LABEL_FORMATS: dict[str, LabelFormat] = {f.name: f for f in _FORMATS}


def write_labels(
    path: str | Path,
    frames: Iterable[NDArray[Any]],
    stack: Stack,
    *,
    n: int | None = None,
    format: str = "ome-tiff",
    positions: Sequence[int] | None = None,
    semantic: bool = False,
    linker: Linker | None = None,
    overwrite: bool = False,
    provenance: Provenance | None = None,
) -> Generator[int, None, Path]:
    """Write labels, one frame (Y, X) after the other, for the frames of ``stack``.

    Parameters
    ----------
    path
        File, or folder for the formats that are one.
    frames
        Labels (Y, X), one for each of ``positions`` in order; never held together.
    n, positions
        How many frames are written, and which of the movie's; all by default.
    format
        A key of `LABEL_FORMATS`.
    semantic, linker
        Write 1 for every cell instead of its id, or ids that are constant through time; formats
        that always have those take their own linker where none is given.
    overwrite
        Replace an earlier export.
    provenance
        Goes into the sidecar.

    """
    kind = LABEL_FORMATS.get(format)
    if kind is None:
        raise BadInput(f"label format {format!r}", ", ".join(LABEL_FORMATS), "choose one of these")
    if semantic and kind.links:
        raise BadInput(
            f"1 for every cell in {kind.title}", "ids through time", "choose another format for it"
        )
    if positions is None and n is not None and n < len(stack):
        positions = range(n)
    info = FrameInfo.of(stack, positions)
    if n is not None and n != len(info):
        raise BadInput(f"{n} frames of labels", f"{len(info)}, as chosen", "give one for each")
    space = len(info) * info.shape[0] * info.shape[1] * 2 // _COMPRESSION
    if kind.files is None:
        target = check_target(path, overwrite, space)
    else:
        target = check_folder(path, overwrite, kind.files, space)
    cleaned = _cleaned(frames, info, semantic, None if kind.links else linker)
    return _stream(target, cleaned, stack, info, kind, provenance, linker)


def _cleaned(
    frames: Iterable[NDArray[Any]], info: FrameInfo, semantic: bool, linker: Linker | None
) -> Iterator[NDArray[Any]]:
    checked = (check_frame(f, info.shape) for f in frames)
    if semantic:
        return ((f > 0).astype(np.uint16) for f in checked)
    return checked if linker is None else link_frames(checked, linker, info.positions)


def write_probabilities(
    path: str | Path,
    probabilities: Probabilities,
    stack: Stack,
    *,
    as_float: bool = False,
    positions: Sequence[int] | None = None,
    overwrite: bool = False,
    provenance: Provenance | None = None,
) -> Generator[int, None, Path]:
    """Write probabilities as OME-TIFF, axes TCYX: uint8 (255 is 1) or float32 (0 to 1).

    The values are linear, unlike the codes that we keep: other programs know no logit scale.
    """
    info = FrameInfo.of(stack, positions)
    missing = [t for t in info.positions if not probabilities.computed[t]]
    if missing:
        raise BadInput(
            f"frame {missing[0]} is not segmented yet", "all chosen frames", "segment them first"
        )
    dtype = np.dtype(np.float32 if as_float else np.uint8)
    names = tuple(probabilities.outputs)
    n_values = len(info) * len(names) * info.shape[0] * info.shape[1]
    target = check_target(path, overwrite, n_values * dtype.itemsize // 2)
    kind = LabelFormat(
        "probabilities", "probabilities", ".ome.tif",
        lambda p, i, *_: OmeTiffWriter(p, i, dtype=dtype, channel_names=names),
    )  # fmt: skip
    values = decode(np.arange(256))
    table = values if as_float else np.rint(values * 255).astype(np.uint8)
    frames = (table[probabilities[t]] for t in info.positions)
    return _stream(target, frames, stack, info, kind, provenance)


def _stream(
    path: Path,
    frames: Iterable[NDArray[Any]],
    stack: Stack,
    info: FrameInfo,
    kind: LabelFormat,
    provenance: Provenance | None,
    linker: Linker | None = None,
) -> Generator[int, None, Path]:
    place = output_file(path) if kind.files is None else output_folder(path)
    with place as temporary, kind.open(temporary, info, stack, linker) as writer:
        for position, frame in zip(info.positions, counted(frames, len(info)), strict=True):
            with writing(path):
                writer.write(frame)
            yield position
    write_sidecar(path, stack, provenance, kind=kind.title, frames=list(info.positions))
    return path
