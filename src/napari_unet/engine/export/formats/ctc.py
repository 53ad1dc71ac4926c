"""The Cell Tracking Challenge's result folder: ``mask000.tif …`` and ``res_track.txt``.

Volumes are TIFFs of several pages, as theirs are.
Format: https://celltrackingchallenge.net/datasets, rows ``L B E P`` (label, first frame, last
frame, parent or 0). Frames are numbered as in the movie's file names, so that ``mask031.tif``
belongs to ``man_seg031.tif``; a number that the movie lacks gets an empty mask, since some programs
count files instead of reading their names. A track has no gaps and ends before its daughters
begin: what comes back after a gap goes on under a new id with the old one as parent, as the format
asks for, be the gap one of the movie's numbers, of the linking, or between two objects to which a
user gave the same id.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_unet.engine.errors import BadInput
from napari_unet.engine.tracks.tracking import Linker, Track

if TYPE_CHECKING:
    from napari_unet.engine.export.target.outputs import FrameInfo

_LARGEST_NUMBER = 9999


class CtcWriter:
    """Links and writes frames in order into a folder; ``linker`` knows the ids of a user."""

    def __init__(self, folder: Path, info: FrameInfo, linker: Linker | None = None) -> None:
        self.folder, self.info = folder, info
        self.linker = linker or Linker(spacing=info.spacing)
        self.tracks: dict[int, Track] = {}  # as written, in the numbers of the frames
        self._now: dict[int, int] = {}  # id that each track of the linker has in the last frame
        self._latest: dict[int, int] = {}  # and the one it had last
        # A number such as a date is no count of frames; the count from 0 then stands in for it.
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

    def write(self, labels: NDArray[Any]) -> None:
        """Link labels of a frame to the one before and write them as uint16, sections as pages."""
        frame, number = self.info.frames[self._n], self._numbers[self._n]
        linked = self.linker(labels, frame)
        table = np.zeros(int(linked.max(initial=0)) + 1, np.int64)
        for track, written in self._follow(frame, number).items():
            table[track] = written
        if table.max() >= np.iinfo(np.uint16).max:
            raise BadInput(
                "there are more than 65,534 tracks",
                "at most that many in a Cell Tracking Challenge folder",
                "export fewer frames",
            )
        for missing in range(self._next, number):
            self._save(self._empty, missing)
        self._save(table[linked].astype(np.uint16), number)
        self._n, self._next = self._n + 1, number + 1

    def _follow(self, frame: int, number: int) -> dict[int, int]:
        """Return for each track of the frame the id it is written with, and note its row."""
        before = self._now if number == self._next else {}
        going_on = {t: before[t] for t in self.linker.origins if t in before}
        for written in going_on.values():
            self.tracks[written].last = number
        self._now = dict(going_on)
        for track in sorted(self.linker.origins.keys() - going_on.keys()):
            again = track in self._latest
            written = self.linker.begin(frame) if again else track
            self.tracks[written] = Track(written, number, number, self._parent(track, number))
            self._now[track] = written
        self._latest |= self._now
        return self._now

    def _parent(self, track: int, number: int) -> int:
        """Return the id a track comes from, or had before the gap; 0 where that still lives."""
        for origin in (self.linker.origins[track], self.linker.tracks[track].parent, track):
            written = self._latest.get(origin, 0)
            if written and self.tracks[written].last < number:
                return written
        return 0

    def _save(self, mask: NDArray[np.uint16], number: int) -> None:
        path = self.folder / f"mask{number:0{self._digits}d}.tif"
        tifffile.imwrite(path, mask, photometric="minisblack", compression="zlib")

    def _write_tracks(self) -> None:
        tracks = sorted(self.tracks.values(), key=lambda t: t.id)
        lines = [f"{t.id} {t.first} {t.last} {t.parent}\n" for t in tracks]
        (self.folder / "res_track.txt").write_text("".join(lines), encoding="ascii")
