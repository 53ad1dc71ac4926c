"""The machine's objects of one frame, less what a user took: model < threshold < user."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.labels.codes import decode, threshold_code
from napari_unet.engine.labels.ids import LAST_ID
from napari_unet.engine.labels.labels import Basins, object_ids

if TYPE_CHECKING:
    from napari_unet.engine.annotations.edit_masks import EditMask
    from napari_unet.engine.settings import LabelSettings
    from napari_unet.engine.stack.lazy_array import Box

_ALL = (slice(None), slice(None))
_MOST = 0.5  # a basin with more of its weight under the user's ground is the user's


class PredictedObjects:
    """Basins of one frame that still are the machine's, and the ids they show.

    A basin is taken when the user's ground (painted, erased, claimed) covers most of it,
    weighted by its levels: the same at every threshold, and with any model. On a complete frame
    all are taken. An id is the basin's number, or the next free one from 65534 down where a
    user's object has that number already.
    """

    def __init__(self, basins: Basins, mask: EditMask | None, complete: bool) -> None:
        self.basins = basins
        self._complete = complete
        self._total = basins.weights(_ALL, np.ones(basins.ids.shape, bool)) if mask else None
        self._covered = np.zeros(basins.n + 1)
        self._taken_ids: frozenset[int] = frozenset()
        self._shown: tuple[LabelSettings, NDArray[np.uint16]] | None = None
        if mask is not None:
            self._covered = basins.weights(_ALL, mask.blocked())
        self._settle()

    def name(self, user: NDArray[np.intp], reserved: frozenset[int]) -> bool:
        """Keep the machine's ids clear of the user's on this frame and of ``reserved`` ones.

        Tells whether an id changed by it.
        """
        taken = reserved.union(user.tolist())
        if taken == self._taken_ids:
            return False
        self._taken_ids, was = taken, self._names
        self._settle()
        return not np.array_equal(was[self.alive], self._names[self.alive])

    def cover(self, box: Box, before: EditMask, after: EditMask) -> NDArray[np.intp]:
        """Note what a user changed in a box; gives the basins taken or given back by it."""
        if self._total is None:
            self._total = self.basins.weights(_ALL, np.ones(self.basins.ids.shape, bool))
        gained, lost = after.blocked(), before.blocked()
        self._covered += self.basins.weights(box, gained & ~lost)
        self._covered -= self.basins.weights(box, lost & ~gained)
        was = self.alive
        self._settle()
        return np.flatnonzero(was != self.alive)

    def shown(self, settings: LabelSettings) -> NDArray[np.uint16]:
        """Id that each basin shows, (n + 1,); 0 for those left out or taken."""
        if self._shown is None or self._shown[0] != settings:
            objects = object_ids(self.basins, settings, self.alive)
            self._shown = settings, self._names[objects]
        return self._shown[1]

    def paint(self, settings: LabelSettings, box: Box = _ALL) -> NDArray[np.uint16]:
        """Label a box of the frame with the machine's objects."""
        code = threshold_code(settings.threshold)
        labels = np.take(self.shown(settings), self.basins.ids[box], mode="clip")
        return np.multiply(labels, self.basins.levels[box] >= code, out=labels)

    def count_curve(self, settings: LabelSettings, hidden: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Count the objects at each threshold a code can tell apart, (256,).

        Those of which nothing is left to see beside the ``hidden`` pixels (Y, X) do not count.
        """
        seen = np.zeros_like(self.basins.sizes)
        part = replace(self.basins, ids=np.where(hidden, np.int32(0), self.basins.ids)).sizes
        seen[: len(part)] = part
        counts = np.zeros(256, dtype=np.int64)
        for below, threshold in enumerate(decode(np.arange(255))):
            at = settings.replace(threshold=float(threshold))
            ids = object_ids(self.basins, at, self.alive)[seen[:, below + 1] > 0]
            counts[below] = np.count_nonzero(np.unique(ids))
        return counts

    def members(self, label: int, settings: LabelSettings) -> NDArray[np.intp]:
        """Basins that make up the object shown with an id."""
        return np.flatnonzero(self.shown(settings) == label)

    def footprint(self, members: NDArray[np.intp]) -> tuple[Box, NDArray[np.bool_]]:
        """Bounding box of some basins, and their ground in it."""
        boxes = [self.basins.boxes[i - 1] for i in members]
        rows, columns = zip(*(box for box in boxes if box is not None), strict=True)
        box = (
            slice(min(s.start for s in rows), max(s.stop for s in rows)),
            slice(min(s.start for s in columns), max(s.stop for s in columns)),
        )
        return box, np.isin(self.basins.ids[box], members)

    def _settle(self) -> None:
        self.alive = np.ones(self.basins.n + 1, dtype=bool)
        if self._total is not None:
            self.alive = self._covered <= _MOST * self._total
        if self._complete:
            self.alive[:] = False
        self.alive[0] = False
        self._names = self._free_names()
        self._shown = None

    def _free_names(self) -> NDArray[np.uint16]:
        names = np.arange(self.basins.n + 1)
        clashes = [i for i in self._taken_ids if i <= self.basins.n and self.alive[i]]
        step = max(self.basins.n, 1)
        for basin in clashes:
            spare = LAST_ID - basin
            while spare in self._taken_ids or 0 < spare <= self.basins.n:
                spare -= step
            names[basin] = max(spare, 0)
        return names.astype(np.uint16)
