"""The Cell Tracking Challenge's result folder: ``mask000.tif …`` and ``res_track.txt``.

Format: https://celltrackingchallenge.net/datasets, rows ``L B E P`` (label, first frame, last
frame, parent or 0). Frames are numbered as in the movie's file names, so that ``mask031.tif``
belongs to ``man_seg031.tif``; a number that the movie lacks gets an empty mask, since some programs
count files instead of reading their names. Before such a gap tracks end, and go on after it under
a new id with the old one as parent, as the format asks for.
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
_LARGEST_NUMBER = 9999


class CtcWriter:
    """Links and writes frames in order into a folder."""

    def __init__(self, folder: Path, info: FrameInfo) -> None:
        self.folder = folder
        self.linker = Linker()
        # A number such as a date is no count of frames; positions then stand in for it.
        counts = max(info.numbers) <= _LARGEST_NUMBER
        self._numbers = info.numbers if counts else tuple(range(len(info)))
        self._digits = max(3, len(str(max(self._numbers))))
        self._empty = np.zeros(info.shape, np.uint16)
        self._n = 0
        self._next = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self._write_tracks()

    def write(self, frame: NDArray[Any]) -> None:
        """Link labels (Y, X) to the frame before and write them as uint16."""
        number = self._numbers[self._n]
        linked = self.linker(frame, number, cut=self._n > 0 and number != self._next)
        if linked.max(initial=0) > np.iinfo(np.uint16).max:
            raise BadInput(
                "more than 65,534 tracks",
                "fewer in a Cell Tracking Challenge folder",
                "export a shorter frame range",
            )
        for missing in range(self._next, number):
            self._save(self._empty, missing)
        self._save(linked.astype(np.uint16), number)
        self._n, self._next = self._n + 1, number + 1

    def _save(self, mask: NDArray[np.uint16], number: int) -> None:
        path = self.folder / f"mask{number:0{self._digits}d}.tif"
        tifffile.imwrite(path, mask, photometric="minisblack", compression="zlib")

    def _write_tracks(self) -> None:
        tracks = sorted(self.linker.tracks.values(), key=lambda t: t.id)
        lines = [f"{t.id} {t.first} {t.last} {t.parent}\n" for t in tracks]
        (self.folder / "res_track.txt").write_text("".join(lines), encoding="ascii")
