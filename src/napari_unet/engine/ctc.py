"""The Cell Tracking Challenge's result folder: ``mask000.tif …`` and ``res_track.txt``.

Format: https://celltrackingchallenge.net/datasets, rows ``L B E P`` (label, first frame, last
frame, parent or 0). Frames are numbered as in the movie's file names. Where numbers are missing,
tracks end and go on under a new id with the old one as parent, as the format asks for.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_unet.engine.errors import BadInput
from napari_unet.engine.tracking import Linker

if TYPE_CHECKING:
    from napari_unet.engine.outputs import FrameInfo

OURS = r"mask\d+\.tif|res_track\.txt"


class CtcWriter:
    """Links and writes frames in order into a folder."""

    def __init__(self, folder: Path, info: FrameInfo) -> None:
        self.folder, self.info = folder, info
        self.linker = Linker()
        self._n = 0
        self._digits = max(3, len(str(max(info.numbers))))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self._write_tracks()

    def write(self, frame: NDArray[Any]) -> None:
        """Link labels (Y, X) to the frame before and write them as uint16."""
        numbers, n = self.info.numbers, self._n
        gap = n > 0 and numbers[n] != numbers[n - 1] + 1
        linked = self.linker(frame, numbers[n], cut=gap)
        if linked.max(initial=0) > np.iinfo(np.uint16).max:
            raise BadInput(
                "more than 65,534 tracks",
                "fewer in a Cell Tracking Challenge folder",
                "export a shorter frame range",
            )
        name = f"mask{numbers[n]:0{self._digits}d}.tif"
        tifffile.imwrite(
            self.folder / name,
            linked.astype(np.uint16),
            photometric="minisblack",
            compression="zlib",
        )
        self._n += 1

    def _write_tracks(self) -> None:
        tracks = sorted(self.linker.tracks.values(), key=lambda t: t.id)
        lines = [f"{t.id} {t.first} {t.last} {t.parent}\n" for t in tracks]
        (self.folder / "res_track.txt").write_text("".join(lines), encoding="ascii")
