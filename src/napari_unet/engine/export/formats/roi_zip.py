"""ImageJ ROIs: a polygon for each object and frame, or section, in a zip for Fiji's ROI Manager.

Needs the extra ``[roi]``. Polygons run half-way between pixels of the object and others, so the
mask that ImageJ makes of one is the object, with its holes filled; an object in several pieces
has one ROI for each.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any, Self

from numpy.typing import NDArray

from napari_unet.engine.errors import not_installed
from napari_unet.engine.export.formats.outlines import object_outlines

try:
    import roifile
except ImportError as error:
    raise not_installed("the export of ImageJ ROIs", "roifile", "roi") from error

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.engine.export.target.outputs import FrameInfo


class RoiZipWriter:
    """Writes the ROIs of each frame into a zip; ``t`` of a ROI counts frames from 1, as ImageJ."""

    def __init__(self, path: Path, info: FrameInfo) -> None:
        self.info = info
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED)
        self._n = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._zip.close()

    def write(self, frame: NDArray[Any]) -> None:
        """Append the ROIs of labels (Y, X), or of each section of a volume."""
        number = self.info.numbers[self._n]
        self._n += 1
        several = frame.ndim > 2
        for z, section in enumerate(frame if several else frame[None]):
            for identity, outline in object_outlines(section):
                name = f"t{number:03d}-" + (f"z{z:03d}-" if several else "") + str(identity)
                at = {"z": z} if several else {}
                roi = roifile.ImagejRoi.frompoints(outline, name=name, t=self._n - 1, **at)
                roi.roitype = roifile.ROI_TYPE.POLYGON
                self._zip.writestr(_unused(self._zip, name), roi.tobytes())


def _unused(archive: zipfile.ZipFile, name: str) -> str:
    """Return a file name that the zip does not have: pieces of one object share its name."""
    candidate, n = f"{name}.roi", 1
    while candidate in archive.NameToInfo:
        n += 1
        candidate = f"{name}-{n}.roi"
    return candidate
