"""Label files of one frame after the other: OME-TIFF, ImageJ hyperstack, folders of images."""

from __future__ import annotations

import uuid
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
import tifffile
from numpy.typing import DTypeLike, NDArray
from PIL import Image

from napari_unet.engine.errors import BadInput
from napari_unet.engine.stack.frame_numbers import NUMBERS_KEY, encode_numbers

if TYPE_CHECKING:
    from napari_unet.engine.export.target.outputs import FrameInfo

LARGEST_16 = 65535
_NAMESPACE = "napari-unet"
CLASSIC_TIFF = 2**32 - 2**26  # bytes, with room for tags
ZLIB: dict[str, Any] = {"compression": "zlib", "compressionargs": {"level": 6}}


class FrameWriter(Protocol):
    """Writes frames in order to a temporary path; used as a context manager."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *error: object) -> None: ...
    def write(self, frame: NDArray[Any]) -> None:
        """Append the next frame (Y, X), or volume (Z, Y, X)."""


class OmeTiffWriter:
    """OME-TIFF, zlib, axes TYX (TCYX, TZYX, TCZYX), with spacing, interval and frame numbers.

    uint16 until an id above 65,535 comes; the frames so far are then copied as uint32.
    """

    def __init__(
        self,
        path: Path,
        info: FrameInfo,
        *,
        dtype: DTypeLike = np.uint16,
        channel_names: tuple[str, ...] = (),
    ) -> None:
        self.path, self.info, self.channel_names = path, info, channel_names
        self.dtype = np.dtype(dtype)
        self._n_pages = 0
        self._tiff = self._open(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._tiff.close()

    def write(self, frame: NDArray[Any]) -> None:
        """Append labels of a frame, with C in front where there are channel names."""
        if (
            self.dtype == np.uint16
            and np.dtype(frame.dtype).itemsize > 2
            and frame.max() > LARGEST_16
        ):
            self._widen()
        for plane in frame.reshape(-1, *frame.shape[-2:]):
            self._write_page(plane)

    def _open(self, path: Path) -> tifffile.TiffWriter:
        n_frames = len(self.info) * max(len(self.channel_names), 1)
        n_bytes = n_frames * prod(self.info.shape) * self.dtype.itemsize
        return tifffile.TiffWriter(path, bigtiff=n_bytes > CLASSIC_TIFF)

    def _write_page(self, plane: NDArray[Any]) -> None:
        first = self._n_pages == 0
        self._tiff.write(
            np.ascontiguousarray(plane, dtype=self.dtype),
            photometric="minisblack",
            description=self._description() if first else None,
            metadata=None,
            contiguous=False,
            resolution=resolution_of(self.info),
            resolutionunit="CENTIMETER" if self.info.pixel_size else None,
            **ZLIB,
        )
        self._n_pages += 1

    def _description(self) -> bytes:
        info, n_channels = self.info, len(self.channel_names)
        shape = (len(info), *([n_channels] if n_channels else []), *info.shape)
        metadata = ome_metadata(info, max(n_channels, 1))
        if n_channels:
            metadata["Channel"] = {"Name": list(self.channel_names)}
        ome = tifffile.OmeXml(UUID=_uuid(shape, metadata))
        pages = len(info) * max(n_channels, 1) * info.sections
        height, width = info.shape[-2:]
        stored = (pages, 1, 1, height, width, 1)
        axes = ("TC" if n_channels else "T") + info.axes
        ome.addimage(self.dtype, shape, stored, axes=axes, **metadata)
        return ome.tostring(declaration=True).encode()

    def _widen(self) -> None:
        """Start again as uint32, copying the pages written so far."""
        self._tiff.close()
        narrow = self.path.with_suffix(".16bit" + self.path.suffix)
        self.path.rename(narrow)
        try:
            self.dtype, n_pages, self._n_pages = np.dtype(np.uint32), self._n_pages, 0
            self._tiff = self._open(self.path)
            if n_pages:
                with tifffile.TiffFile(narrow, is_ome=False) as pages:
                    for page in pages.pages:
                        self._write_page(page.asarray())
        finally:
            narrow.unlink()


def _uuid(*described: Any) -> str:
    """Return the UUID that a file with this description always has: same labels, same bytes."""
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, repr(described))}"


def check_ids(frame: NDArray[Any], largest: int, where: str) -> None:
    """Refuse labels whose ids are above the largest that a file holds."""
    top = int(frame.max()) if frame.size else 0
    if top > largest:
        expected = f"ids up to {largest:,} {where}"
        raise BadInput(f"there is an id of {top}", expected, "choose OME-TIFF")


def check_room(tiff: tifffile.TiffWriter, n_bytes: int, what: str, remedy: str) -> None:
    """Refuse what would make a hyperstack larger than ImageJ reads."""
    if tiff.filehandle.tell() + n_bytes > CLASSIC_TIFF:
        expected = "less, which is all an ImageJ hyperstack can hold"
        raise BadInput(f"{what} take over 4 GB", expected, remedy)


class ImageJWriter:
    """ImageJ hyperstack (uint16, zlib): Fiji shows T, Z, µm, seconds and the frame numbers."""

    def __init__(self, path: Path, info: FrameInfo) -> None:
        self.info = info
        self._first = True
        self._tiff = tifffile.TiffWriter(path, bigtiff=False, byteorder=">")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._tiff.close()

    def write(self, frame: NDArray[Any]) -> None:
        """Append labels of a frame; ids above 65,535 do not fit this format."""
        check_ids(frame, LARGEST_16, "in an ImageJ hyperstack")
        check_room(self._tiff, frame.size * 2, "the labels", "choose OME-TIFF")
        for plane in frame.reshape(-1, *frame.shape[-2:]):
            self._tiff.write(
                np.ascontiguousarray(plane, dtype=np.uint16),
                photometric="minisblack",
                description=self._description() if self._first else None,
                extratags=self._slice_names() if self._first else (),
                metadata=None,
                contiguous=False,
                resolution=resolution_of(self.info, per="um"),
                resolutionunit="NONE",
                **ZLIB,
            )
            self._first = False

    def _description(self) -> bytes:
        info = self.info
        scale = {"loop": False, "min": 0, "max": 255} | imagej_scale(info)
        text = tifffile.tifffile.imagej_description(
            (len(info), *info.shape), axes=f"T{info.axes}", hyperstack=True, **scale
        )
        return text.encode("ascii")

    def _slice_names(self) -> tuple[Any, ...]:
        if not self.info.numbered:
            return ()
        names = [
            f"t{number:03d}" for number in self.info.numbers for _ in range(self.info.sections)
        ]
        numbers = f"{NUMBERS_KEY}={encode_numbers(self.info.numbers)}"
        return tifffile.tifffile.imagej_metadata_tag({"Info": numbers, "Labels": names}, ">")


class ImageFolderWriter:
    """One PNG or TIFF for each frame, ``t031.tif``: uint16, or uint32 TIFFs for larger ids."""

    def __init__(self, folder: Path, info: FrameInfo, *, suffix: str, stem: str = "t") -> None:
        self.folder, self.info, self.suffix, self.stem = folder, info, suffix, stem
        self._n = 0
        self._digits = max(3, len(str(max(info.numbers))))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def write(self, frame: NDArray[Any]) -> None:
        """Write labels of a frame as the next file, sections as its pages."""
        name = f"{self.stem}{self.info.numbers[self._n]:0{self._digits}d}{self.suffix}"
        top = int(frame.max()) if frame.size else 0
        if self.suffix == ".png":
            if frame.ndim > 2:
                raise BadInput("the labels are volumes", "a single section in a PNG", "choose TIFF")
            if top > LARGEST_16:
                raise BadInput(
                    f"there is an id of {top}", "ids up to 65,535 in a PNG", "choose TIFF"
                )
            Image.fromarray(frame.astype(np.uint16)).save(self.folder / name, compress_level=4)
        else:
            wide = np.uint32 if top > LARGEST_16 else np.uint16
            tifffile.imwrite(
                self.folder / name,
                frame.astype(wide),
                photometric="minisblack",
                resolution=resolution_of(self.info),
                resolutionunit="CENTIMETER" if self.info.pixel_size else None,
                **ZLIB,
            )
        self._n += 1


def ome_metadata(info: FrameInfo, n_channels: int = 1) -> dict[str, Any]:
    """Return name, scale, time and source frame numbers as tifffile's OME-XML takes them."""
    metadata: dict[str, Any] = {"Name": info.name}
    if info.numbered:
        metadata["MapAnnotation"] = {
            "Namespace": _NAMESPACE,
            NUMBERS_KEY: encode_numbers(info.numbers),
        }
    if info.scale:
        for axis, size in zip("YX", info.scale, strict=True):
            metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": "µm"}
    if info.z_step:
        metadata |= {"PhysicalSizeZ": info.z_step, "PhysicalSizeZUnit": "µm"}
    if info.frame_interval:
        metadata |= {"TimeIncrement": info.frame_interval, "TimeIncrementUnit": "s"}
    if info.times:
        stamps = [t for t in info.times for _ in range(n_channels * info.sections)]
        metadata["Plane"] = {"DeltaT": stamps, "DeltaTUnit": ["s"] * len(stamps)}
    return metadata


def imagej_scale(info: FrameInfo) -> dict[str, Any]:
    """Return what ImageJ's description says of µm and seconds."""
    scale: dict[str, Any] = {"loop": False}
    if info.pixel_size:
        scale["unit"] = "micron"
    if info.spacing and info.sections > 1:
        scale["spacing"] = info.z_step
    if info.frame_interval:
        scale |= {"finterval": info.frame_interval, "tunit": "sec"}
    return scale


def resolution_of(info: FrameInfo, per: str = "cm") -> tuple[float, float] | None:
    """Pixels per cm (or µm) as a TIFF resolution tag."""
    if not info.scale:
        return None
    height, width = (1 / size * (1e4 if per == "cm" else 1) for size in info.scale)
    return width, height
