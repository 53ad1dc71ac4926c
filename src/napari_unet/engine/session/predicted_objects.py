"""The machine's objects of one frame, less what a user took: model < threshold < user."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.labels.codes import decode, threshold_code
from napari_unet.engine.labels.ids import LAST_ID
from napari_unet.engine.labels.labels import Basins, object_ids
from napari_unet.engine.labels.space.boxes import hull, size_of
from napari_unet.engine.session.leftovers import Leftover, leftover

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_unet.engine.annotations.edit_masks import EditMask
    from napari_unet.engine.settings import LabelSettings
    from napari_unet.engine.stack.lazy_array import Box

_ALL = (slice(None),)
_MOST = 0.5  # a basin with more of its weight under the user's ground is the user's
_AT_ONCE = 1 << 18  # pixels painted at a time: what numpy makes of them stays in the cache


class PredictedObjects:
    """Basins of one frame that still are the machine's, and the ids they show.

    A basin is taken when the user's ground (painted, erased, claimed) covers most of it,
    weighted by its levels: the same at every threshold, and with any model. On a complete frame
    all are taken. One that was robbed of less stays, without the pixels: its pieces are objects
    of their own, its crumbs below the smallest size are left out.

    An id is the basin's number, or the next free one where that is a user's already.
    """

    def __init__(self, basins: Basins, mask: EditMask | None, complete: bool) -> None:
        self.basins = basins
        self._complete = complete
        self._total = basins.weight if mask else None
        self._covered = np.zeros(basins.n + 1)
        self._robbed = np.zeros(basins.n + 1, np.intp)  # pixels of each that are the user's
        self._edited = np.zeros(basins.ids.shape, bool) if mask is None else mask.edited()
        self._taken_ids: tuple[frozenset[int], frozenset[int]] = frozenset(), frozenset()
        self._numbers = np.arange(basins.n + 1)
        self._shown: tuple[LabelSettings, NDArray[np.uint16]] | None = None
        self._leftovers: dict[int, tuple[Box, Leftover]] = {}
        self._cut_at: LabelSettings | None = None
        self._cut: tuple[NDArray[np.intp], NDArray[np.uint16]] | None = None
        self._pieces: dict[int, int] = {}  # id of a piece: the object it is of
        if mask is not None:
            self._covered = basins.weights(_ALL, mask.blocked())
            self._robbed += self._count(_ALL, self._edited)
        self._settle()

    def name(self, user: NDArray[np.intp], reserved: frozenset[int]) -> bool:
        """Keep the machine's ids clear of the user's on this frame and of ``reserved`` ones.

        Tells whether an id changed by it.
        """
        taken = frozenset(user.tolist()), reserved
        if taken == self._taken_ids:
            return False
        was = self._names
        if reserved != self._taken_ids[1]:
            self._numbers = self._numbered(reserved)
        self._taken_ids = taken
        self._settle()
        alike = np.array_equal(was[self.alive], self._names[self.alive])
        return not alike or not self._pieces.keys().isdisjoint(taken[0] | taken[1])

    def cover(self, box: Box, before: EditMask, after: EditMask) -> NDArray[np.intp]:
        """Note what a user changed in a box; gives the basins that look otherwise by it."""
        if self._total is None:
            self._total = self.basins.weight
        gained, lost = after.blocked(), before.blocked()
        self._covered += self.basins.weights(box, gained & ~lost)
        self._covered -= self.basins.weights(box, lost & ~gained)
        now, then = after.edited(), before.edited()
        gone, back = self._count(box, now & ~then), self._count(box, then & ~now)
        self._robbed += gone - back
        self._edited[box] = now
        was = self.alive
        self._settle()
        changed = np.flatnonzero((was != self.alive) | (self.alive & (gone + back > 0)))
        if len(self.basins.joins):
            self._leftovers.clear()
        for basin in changed.tolist():
            self._leftovers.pop(basin, None)
        return changed

    @property
    def highest(self) -> int:
        """The highest id that was given to an object here."""
        return max(int(self._names.max(initial=0)), *self._pieces, 0)

    def shown(self, settings: LabelSettings) -> NDArray[np.uint16]:
        """Id that each basin shows, (n + 1,); 0 for those left out or taken."""
        if self._shown is None or self._shown[0] != settings:
            objects = object_ids(self.basins, settings, self.alive)
            self._shown, self._cut = (settings, self._names[objects]), None
        return self._shown[1]

    def paint(self, settings: LabelSettings, box: Box = _ALL) -> NDArray[np.uint16]:
        """Label a box of the frame with the machine's objects."""
        code, shown = threshold_code(settings.threshold), self.shown(settings)
        basins, levels = self.basins.ids[box], self.basins.levels[box]
        labels = np.empty(basins.shape, shown.dtype)
        rows_at_once = max(1, _AT_ONCE // max(1, prod(basins.shape[1:])))
        for first in range(0, len(basins), rows_at_once):
            part = slice(first, first + rows_at_once)
            np.take(shown, basins[part], mode="clip", out=labels[part])
            np.multiply(labels[part], levels[part] >= code, out=labels[part])
        places, ids = self._pieces_at(settings)
        if places.size:
            at = np.unravel_index(places, self.basins.ids.shape)
            ends = [s.indices(n) for s, n in zip(box, self.basins.ids.shape, strict=False)]
            ends += [(0, n, 1) for n in self.basins.ids.shape[len(ends) :]]
            here = np.ones(len(places), bool)
            for on, (start, stop, _) in zip(at, ends, strict=True):
                here &= (on >= start) & (on < stop)
            inner = tuple(on[here] - start for on, (start, _, _) in zip(at, ends, strict=True))
            labels[inner] = ids[here]
        return labels

    def count_curve(self, settings: LabelSettings, hidden: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Count the objects at each threshold a code can tell apart, (256,).

        Those of which too little is left to see beside the ``hidden`` pixels do not count; one
        that is seen in pieces counts once.
        """
        seen = np.zeros_like(self.basins.sizes)
        part = replace(self.basins, ids=np.where(hidden, np.int32(0), self.basins.ids)).sizes
        seen[: len(part)] = part
        robbed = self.alive & (self._robbed > 0)
        counts = np.zeros(256, dtype=np.int64)
        for below, threshold in enumerate(decode(np.arange(255))):
            at = settings.replace(threshold=float(threshold))
            ids = object_ids(self.basins, at, self.alive)
            left = np.bincount(ids, weights=seen[:, below + 1], minlength=len(ids))
            least = np.ones(len(ids))
            least[ids[robbed]] = max(settings.min_size, 1)
            counts[below] = np.count_nonzero((left >= least)[1:])
        return counts

    def members(self, label: int, settings: LabelSettings) -> NDArray[np.intp]:
        """Basins that make up the object shown with an id, or of which that is a piece."""
        self._pieces_at(settings)
        return np.flatnonzero(self.shown(settings) == self._pieces.get(label, label))

    def ids_of(self, members: NDArray[np.intp], settings: LabelSettings) -> NDArray[np.intp]:
        """Ids that the pieces of an object show."""
        main = int(self.shown(settings)[members[0]])
        return np.array([main, *(i for i, of in self._pieces.items() if of == main)])

    def footprint(self, members: NDArray[np.intp]) -> tuple[Box, NDArray[np.bool_]]:
        """Bounding box of some basins, and their ground in it."""
        box = self.around(members)
        return box, np.isin(self.basins.ids[box], members)

    def around(self, members: NDArray[np.intp]) -> Box:
        """Return the bounding box of some basins."""
        return hull([b for i in members if (b := self.basins.boxes[i - 1]) is not None])

    def _count(self, box: Box, mask: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Count the pixels of each basin in the ``mask`` of a box, (n + 1,)."""
        counts = np.bincount(self.basins.ids[box][mask], minlength=self.basins.n + 1)
        counts[0] = 0
        return counts

    def _settle(self) -> None:
        self.alive = np.ones(self.basins.n + 1, dtype=bool)
        if self._total is not None:
            self.alive = self._covered <= _MOST * self._total
        if self._complete:
            self.alive[:] = False
        self.alive[0] = False
        self._names = self._free_names()
        self._moved = set(self._names[self._names > self.basins.n].tolist())
        self._shown = self._cut = None

    def _numbered(self, reserved: frozenset[int]) -> NDArray[np.intp]:
        """Return the number of each basin, or the next free number where one is reserved.

        Whichever basins are alive: no number changes under the user.
        """
        numbers = np.arange(self.basins.n + 1)
        moved = np.array(sorted(i for i in reserved if i <= self.basins.n), np.intp)
        numbers[moved] = _free(self.basins.n, len(moved), reserved)
        return numbers

    def _free_names(self) -> NDArray[np.uint16]:
        """Return the id of each basin, (n + 1,); clear of the user's on this frame, too."""
        user, reserved = self._taken_ids
        names = self._numbers.copy()
        if user:
            clashes = np.flatnonzero(self.alive & np.isin(names, list(user)))
            names[clashes] = _free(int(names.max()), len(clashes), user | reserved)
        return names.astype(np.uint16)

    def _pieces_at(self, settings: LabelSettings) -> tuple[NDArray[np.intp], NDArray[np.uint16]]:
        """Pixels of the frame that show not their basin's id, as flat indices, and what they do."""
        names = self.shown(settings)
        if self._cut is not None:
            return self._cut
        if self._cut_at != settings:
            self._leftovers.clear()
            self._cut_at = settings
        self._pieces, done = {}, {0}
        places = [np.empty(0, np.intp)]
        ids = [0]
        for basin in np.flatnonzero(self.alive & (self._robbed > 0)).tolist():
            label = int(names[basin])
            if label in done:
                continue
            done.add(label)
            crumbs, others = self._left_of(basin, label, settings)
            spare = self._spare_ids(basin)
            given = [next(spare, label) for _ in others]
            self._pieces.update(dict.fromkeys(given, label))
            places += [crumbs, *others]
            ids += [0, *given]
        self._cut = (
            np.concatenate(places),
            np.repeat(np.array(ids, np.uint16), [len(place) for place in places]),
        )
        return self._cut

    def _spare_ids(self, basin: int) -> Iterator[int]:
        """Yield ids for the second, third, … piece of an object.

        They depend on the basin alone, so that they stay whatever happens to other objects.
        """
        user, reserved = self._taken_ids
        for spare in range(basin + self.basins.n, LAST_ID + 1, self.basins.n):
            if spare not in user and spare not in reserved and spare not in self._moved:
                yield spare

    def _left_of(
        self, basin: int, label: int, settings: LabelSettings
    ) -> tuple[NDArray[np.intp], list[NDArray[np.intp]]]:
        """Crumbs and further pieces of a robbed object, as flat indices of the frame."""
        if basin not in self._leftovers:
            box, ground = self.footprint(np.flatnonzero(self.shown(settings) == label))
            levels = self.basins.levels[box]
            left = ground & (levels >= threshold_code(settings.threshold)) & ~self._edited[box]
            self._leftovers[basin] = box, leftover(left, levels, settings.min_size)
        box, found = self._leftovers[basin]
        size, shape = size_of(box), self.basins.ids.shape

        def on_frame(flat: NDArray[np.intp]) -> NDArray[np.intp]:
            at = np.unravel_index(flat, size)
            places = tuple(on + side.start for on, side in zip(at, box, strict=True))
            return np.asarray(np.ravel_multi_index(places, shape), np.intp)

        return on_frame(found.crumbs), [on_frame(piece) for piece in found.others]


def _free(above: int, n: int, taken: frozenset[int]) -> NDArray[np.intp]:
    """Return the next ``n`` ids above one that are not ``taken``; 0 where there are no more."""
    found: list[int] = []
    spare = above
    while len(found) < n and spare < LAST_ID:
        spare += 1
        if spare not in taken:
            found.append(spare)
    return np.array(found + [0] * (n - len(found)), np.intp)
