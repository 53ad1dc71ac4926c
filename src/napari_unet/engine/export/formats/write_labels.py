"""Labels and probabilities in the formats other programs open.

Every export streams frame by frame, yields the frame it wrote and returns the path. It
writes to a temporary name and is renamed when whole, with a sidecar JSON beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from math import prod
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
from napari_unet.engine.export.target.formats import (
    IN_PLACE,
    LABEL_FORMATS,
    TRACKMATE,
    LabelFormat,
    label_format,
)
from napari_unet.engine.export.target.outputs import (
    FrameInfo,
    check_folder,
    check_labels,
    check_target,
    output_file,
    output_folder,
    writing,
)
from napari_unet.engine.export.target.sidecar import sidecar_beside
from napari_unet.engine.export.target.writing import WriteOptions, Writer, write_one
from napari_unet.engine.labels.codes import decode

if TYPE_CHECKING:
    from napari_unet.engine.prediction.probabilities import Probabilities
    from napari_unet.engine.stack.stack import Stack
    from napari_unet.engine.tracks.tracking import Linker

# Labels compress to a few percent; the space asked for is a tenth of the raw size.
_COMPRESSION = 10


def _open_file(
    format: str, path: Path, info: FrameInfo, stack: Stack, linker: Linker | None
) -> FrameWriter:
    """Open the file of a format; those of extras are imported here."""
    if format == "ome-tiff":
        return OmeTiffWriter(path, info)
    if format == "imagej":
        return ImageJWriter(path, info)
    if format == "ctc":
        return CtcWriter(path, info, linker)
    if format == "zarr":
        from napari_unet.engine.export.formats.zarr_labels import ZarrWriter

        return ZarrWriter(path, info, stack)
    if format == TRACKMATE.name:
        from napari_unet.engine.export.formats.trackmate import TrackMateWriter

        return TrackMateWriter(path, info, stack)
    if format == "geff":
        from napari_unet.engine.export.formats.geff import GeffWriter

        return GeffWriter(path, info, linker)
    if format == "trackmate-xml":
        from napari_unet.engine.export.formats.trackmate_xml import TrackMateXmlWriter

        return TrackMateXmlWriter(path, info, stack, linker)
    if format == "rois":
        from napari_unet.engine.export.formats.roi_zip import RoiZipWriter

        return RoiZipWriter(path, info)
    if format == "nifti":
        from napari_unet.engine.export.formats.nifti_labels import NiftiWriter

        return NiftiWriter(path, info, stack)
    return ImageFolderWriter(path, info, suffix=".png" if format == "pngs" else ".tif")


def write_labels(
    path: str | Path,
    frames: Iterable[NDArray[Any]],
    stack: Stack,
    options: WriteOptions | None = None,
    **how: Any,
) -> Generator[int, None, Path]:
    """Write labels, one frame (Y, X) or volume (Z, Y, X) after the other, of ``stack``.

    ``frames`` holds one array for each frame that ``options`` choose, and they are never held
    together; ``how`` as `labels_writer` takes it.
    """
    options = options or WriteOptions()
    writer = labels_writer(path, stack, options, **how)
    return write_one(writer, options.chosen(stack), frames)


def labels_writer(
    path: str | Path,
    stack: Stack,
    options: WriteOptions | None = None,
    *,
    format: str = "ome-tiff",
    semantic: bool = False,
    linker: Linker | None = None,
) -> Writer:
    """Return the writer of labels in a format.

    Parameters
    ----------
    path
        File, or folder for the formats that are one.
    stack, options
        The movie that the labels are of, and which of its frames.
    format
        A key of `LABEL_FORMATS`; ``trackmate``, with the movie's channels before the labels;
        ``zarr-in-place``, for which there is no path, beside the image.
    semantic, linker
        Write 1 for every cell instead of its id, or ids that are constant through time; formats
        that always have those take their own linker where none is given.

    """
    options = options or WriteOptions()
    kind = _kind_of(path, format, semantic)
    info = FrameInfo.of(stack, options.frames)
    through_time = None if kind.links else linker

    def clean(frame: int, given: NDArray[Any]) -> NDArray[Any]:
        labels = check_labels(given, info.shape)
        if semantic:
            return (labels > 0).astype(np.uint16)
        return labels if through_time is None else through_time(labels, frame)

    if kind is IN_PLACE:
        from napari_unet.engine.export.formats.zarr_in_place import in_place_writer

        return in_place_writer(stack, info, options, clean)
    space = _space(kind, info, stack)
    if kind.files is None:
        target = check_target(path, options.overwrite, space)
    else:
        target = check_folder(path, options.overwrite, kind.files, space)
    return _writer(
        target, stack, info, kind, options, clean,
        lambda temporary: _open_file(format, temporary, info, stack, linker),
    )  # fmt: skip


def _space(kind: LabelFormat, info: FrameInfo, stack: Stack) -> int:
    """Return how many bytes labels will take, about."""
    pixels = len(info) * prod(info.shape)
    space = pixels * 2 // _COMPRESSION
    if kind is TRACKMATE:  # pictures compress to a half or so
        space += pixels * max(1, len(stack.channel_names))
    return space


def _kind_of(path: str | Path, format: str, semantic: bool) -> LabelFormat:
    kind = label_format(format)
    if kind is None:
        raise BadInput(
            f"there is no label format {format!r}", ", ".join(LABEL_FORMATS), "choose one of these"
        )
    if format == "nifti" and not str(path).lower().endswith(kind.suffix):
        raise BadInput(f"labels named {path}", f"a name that ends in {kind.suffix}", "rename them")
    if semantic and kind.links:
        raise BadInput(
            f"{kind.title} cannot hold a mask, with 1 for every cell",
            "ids through time",
            "choose another format for the mask",
        )
    return kind


def write_probabilities(
    path: str | Path,
    probabilities: Probabilities,
    stack: Stack,
    options: WriteOptions | None = None,
    *,
    as_float: bool = False,
) -> Generator[int, None, Path]:
    """Write probabilities as OME-TIFF, axes TCYX or TCZYX: uint8 (255 is 1) or float32 (0 to 1).

    The values are linear, unlike the codes that we keep: other programs know no logit scale.
    """
    options = options or WriteOptions()
    info = FrameInfo.of(stack, options.frames)
    missing = [t for t in info.frames if not probabilities.computed[t]]
    if missing:
        raise BadInput(
            f"frame {missing[0]} is not segmented yet",
            "labels of all chosen frames",
            "segment them first",
        )
    dtype = np.dtype(np.float32 if as_float else np.uint8)
    names = tuple(probabilities.outputs)
    n_values = len(info) * len(names) * prod(info.shape)
    target = check_target(path, options.overwrite, n_values * dtype.itemsize // 2)
    kind = LabelFormat("probabilities", "probabilities", ".ome.tif")
    values = decode(np.arange(256))
    table = values if as_float else np.rint(values * 255).astype(np.uint8)
    writer = _writer(
        target, stack, info, kind, options, lambda _, codes: table[codes],
        lambda temporary: OmeTiffWriter(temporary, info, dtype=dtype, channel_names=names),
    )  # fmt: skip
    return write_one(writer, info.frames, (probabilities[t] for t in info.frames))


def _writer(
    path: Path,
    stack: Stack,
    info: FrameInfo,
    kind: LabelFormat,
    options: WriteOptions,
    clean: Callable[[int, NDArray[Any]], NDArray[Any]],
    open_file: Callable[[Path], FrameWriter],
) -> Writer:
    output = output_file if kind.files is None else output_folder
    place = output(path, options.overwrite)
    frames = list(info.frames)
    sidecar = sidecar_beside(path, stack, options.provenance, kind=kind.title, frames=frames)
    with sidecar as note, place as temporary:
        with writing(path), open_file(temporary) as file:
            while (given := (yield)) is not None:
                file.write(clean(*given))
        note(temporary)
    return path
