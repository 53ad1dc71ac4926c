"""Ids through time, found piece by piece and kept, and the tails that are drawn of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.export.target.outputs import check_labels
from napari_unet.engine.tracks.by_hand import ByHand
from napari_unet.engine.tracks.track_objects import Objects, measure_objects
from napari_unet.engine.tracks.tracking import Linker

if TYPE_CHECKING:
    from napari_unet.engine.export.target.formats import Meaning
    from napari_unet.engine.stack.source import Frames


Floats = NDArray[np.float64]


class Links:
    """Links of the labels of a movie at ``frames``, up to the frame that is asked for.

    ``advance(frame)`` reads on until that frame is linked, or for so many seconds; then
    ``labels`` and ``tails`` are those of the exported movie. Overlap linking needs the frames
    before, LapTrack needs all of them. ``n_read`` of ``n_needed`` frames were read so far.
    """

    def __init__(
        self,
        labels: Frames,
        shape: tuple[int, ...],
        frames: Sequence[int],
        meaning: Meaning = "linked",
        by_hand: Callable[[], ByHand] = ByHand,
        spacing: tuple[float, ...] | None = None,
    ) -> None:
        self.frames, self.meaning = tuple(frames), meaning
        self._labels, self._shape, self._ask_by_hand = labels, shape, by_hand
        self._spacing = spacing
        self._index = {t: i for i, t in enumerate(self.frames)}
        self._measured: list[Objects] = []  # for LapTrack, which links all frames together
        self.n_read = 0
        self._linker: Linker | None = None
        self._tracks: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}

    @cached_property
    def _by_hand(self) -> ByHand:
        return self._ask_by_hand()  # reads what was corrected: not before it is needed

    def __contains__(self, frame: int) -> bool:
        return frame in self._index

    @property
    def reached(self) -> int:
        """The last frame that was read; -1 where none was."""
        return self.frames[self.n_read - 1] if self.n_read else -1

    def n_needed(self, frame: int) -> int:
        """How many frames must be read for the one at ``frame``."""
        return len(self.frames) if self.meaning == "laptrack" else self._index[frame] + 1

    def advance(self, frame: int, seconds: float = inf) -> bool:
        """Read on for so many seconds, a frame at least; True once ``frame`` is linked."""
        end = time.monotonic() + seconds
        while self.n_read < self.n_needed(frame):
            self._read_one()
            if time.monotonic() > end:
                break
        if self.n_read < self.n_needed(frame):
            return False
        if self.meaning == "laptrack" and self._linker is None:
            self._link_all()
        return True

    def labels(self, frame: int) -> NDArray[Any]:
        """Return the labels of a linked frame with ids through time."""
        found = check_labels(self._labels[frame], self._shape)
        ids, tracks = self._tracks[frame]
        if not len(ids):
            return found
        where = np.minimum(np.searchsorted(ids, found), len(ids) - 1)
        return np.where(ids[where] == found, tracks[where], found).astype(np.int32)

    def linked(self) -> Frames:
        """Return the labels by frame with ids through time, of frames that are linked by then."""
        return _Linked(self, len(self._labels))

    def tails(self, frame: int, length: int) -> dict[int, list[tuple[float, float]]] | None:
        """Return where each cell of a linked frame was before, by its id through time."""
        return Tails(self.rows(), length).at(frame)

    def rows(self) -> Floats:
        """Rows (id, t, y, x) of the frames linked so far; of volumes (id, t, z, y, x)."""
        return self._linker.points()[0] if self._linker is not None else np.zeros((0, 4))

    def _read_one(self) -> None:
        frame = self.frames[self.n_read]
        objects = measure_objects(check_labels(self._labels[frame], self._shape))
        if self.meaning == "laptrack":
            self._measured.append(objects.without_pixels(self._by_hand.places(frame)))
        else:
            self._linker = self._linker or Linker(by_hand=self._by_hand, spacing=self._spacing)
            self._link(self._linker, objects, frame)
        self.n_read += 1

    def _link_all(self) -> None:
        from napari_unet.engine.tracks.laptrack_linker import LaptrackLinker  # an extra

        self._linker = LaptrackLinker.from_objects(
            self._measured, self.frames, by_hand=self._by_hand, spacing=self._spacing
        )
        for frame, objects in zip(self.frames, self._measured, strict=True):
            self._link(self._linker, objects, frame)

    def _link(self, linker: Linker, objects: Objects, frame: int) -> None:
        linker.link(objects, frame)
        self._tracks[frame] = objects.ids, objects.track


class _Linked:
    """Labels by frame with one id per cell through time."""

    def __init__(self, links: Links, n: int) -> None:
        self._links, self._n = links, n

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, frame: int) -> NDArray[Any]:
        return self._links.labels(frame)


class Tails:
    """Where each cell of a frame was before, from rows (id, t, y, x) or (id, t, z, y, x)."""

    def __init__(self, tracks: NDArray[np.float64] | None, length: int) -> None:
        self.length = length if tracks is not None else 0
        self.paths: dict[int, NDArray[np.float64]] = {}
        if tracks is not None and self.length:
            rows = tracks[np.lexsort((tracks[:, 1], tracks[:, 0]))]
            ids, starts = np.unique(rows[:, 0], return_index=True)
            self.paths = {
                int(i): part[:, 1:] for i, part in zip(ids, np.split(rows, starts[1:]), strict=True)
            }

    def at(self, t: int) -> dict[int, list[tuple[float, float]]] | None:
        """Return the paths that end in frame ``t``, by id."""
        if not self.length:
            return None
        found = {}
        for label, path in self.paths.items():
            if path[0, 0] <= t <= path[-1, 0]:
                end = int(np.searchsorted(path[:, 0], t, side="right"))
                start = int(np.searchsorted(path[:, 0], t - self.length))
                found[label] = [(float(y), float(x)) for *_, y, x in path[start:end]]
        return found
