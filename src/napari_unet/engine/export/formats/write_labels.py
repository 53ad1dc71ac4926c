"""Labels and tables in the formats other programs open.

Every export streams frame by frame, yields the position it wrote and returns the path. It
writes to a temporary name and is renamed when whole, with a sidecar JSON beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.formats.ctc import CtcWriter
from napari_unet.engine.export.formats.label_files import (
    FrameWriter,
    ImageFolderWriter,
    ImageJWriter,
    OmeTiffWriter,
)
from napari_unet.engine.export.formats.table import write_table
from napari_unet.engine.export.target.formats import LABEL_FORMATS, LabelFormat
from napari_unet.engine.export.target.outputs import (
    FrameInfo,
    check_folder,
    check_frame,
    check_target,
    counted,
    output_file,
    output_folder,
    writing,
)
from napari_unet.engine.export.target.sidecar import Provenance, sidecar_beside
from napari_unet.engine.labels.codes import decode
from napari_unet.engine.tracks.tracking import Linker, link_frames

if TYPE_CHECKING:
    from napari_unet.engine.prediction.probabilities import Probabilities
    from napari_unet.engine.stack.stack import Stack

__all__ = ["LABEL_FORMATS", "LabelFormat", "write_labels", "write_probabilities", "write_table"]

# Labels compress to a few percent; the space asked for is a tenth of the raw size.
_COMPRESSION = 10


def _open_writer(
    format: str, path: Path, info: FrameInfo, stack: Stack, linker: Linker | None
) -> FrameWriter:
    """Open the writer of a format; those of extras are imported here."""
    if format == "ome-tiff":
        return OmeTiffWriter(path, info)
    if format == "imagej":
        return ImageJWriter(path, info)
    if format == "ctc":
        return CtcWriter(path, info, linker)
    if format == "zarr":
        from napari_unet.engine.export.formats.zarr_labels import ZarrWriter

        return ZarrWriter(path, info, stack)
    if format == "rois":
        from napari_unet.engine.export.formats.roi_zip import RoiZipWriter

        return RoiZipWriter(path, info)
    return ImageFolderWriter(path, info, suffix=".png" if format == "pngs" else ".tif")


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
    kind = _kind_of(format, semantic)
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
    return _stream(
        target, cleaned, stack, info, kind, provenance,
        lambda temporary: _open_writer(format, temporary, info, stack, linker),
    )  # fmt: skip


def _kind_of(format: str, semantic: bool) -> LabelFormat:
    kind = LABEL_FORMATS.get(format)
    if kind is None:
        raise BadInput(f"label format {format!r}", ", ".join(LABEL_FORMATS), "choose one of these")
    if semantic and kind.links:
        raise BadInput(
            f"1 for every cell in {kind.title}", "ids through time", "choose another format for it"
        )
    return kind


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
    kind = LabelFormat("probabilities", "probabilities", ".ome.tif")
    values = decode(np.arange(256))
    table = values if as_float else np.rint(values * 255).astype(np.uint8)
    frames = (table[probabilities[t]] for t in info.positions)
    return _stream(
        target, frames, stack, info, kind, provenance,
        lambda temporary: OmeTiffWriter(temporary, info, dtype=dtype, channel_names=names),
    )  # fmt: skip


def _stream(
    path: Path,
    frames: Iterable[NDArray[Any]],
    stack: Stack,
    info: FrameInfo,
    kind: LabelFormat,
    provenance: Provenance | None,
    open_writer: Callable[[Path], FrameWriter],
) -> Generator[int, None, Path]:
    place = output_file(path) if kind.files is None else output_folder(path)
    frames_written = list(info.positions)
    sidecar = sidecar_beside(path, stack, provenance, kind=kind.title, frames=frames_written)
    with sidecar as note, place as temporary:
        with open_writer(temporary) as writer:
            for position, frame in zip(info.positions, counted(frames, len(info)), strict=True):
                with writing(path):
                    writer.write(frame)
                yield position
        note(temporary)
    return path
