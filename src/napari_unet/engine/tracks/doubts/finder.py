"""Finding doubts, frame after frame; what changed is found again, with what lies around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.errors import BadInput
from napari_unet.engine.tracks.doubts.contradictions import contradictions
from napari_unet.engine.tracks.doubts.doubt import Doubt, distinct
from napari_unet.engine.tracks.doubts.gaps import LONGEST, appears, gone, nearly
from napari_unet.engine.tracks.doubts.measured.cells import measure, same_cells
from napari_unet.engine.tracks.doubts.measured.links import link
from napari_unet.engine.tracks.doubts.outlines import unsure_outlines
from napari_unet.engine.tracks.doubts.parted import merged_or_cut
from napari_unet.engine.tracks.doubts.runs import REACH
from napari_unet.engine.tracks.doubts.seen import Seen
from napari_unet.engine.tracks.doubts.shapes import one_in_two, specks, two_in_one

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.tracks.doubts.contradictions import Views
    from napari_unet.engine.tracks.doubts.measured.cells import FrameCells, Picture

    Levels = Callable[[int], NDArray[np.uint8] | None]

_FINDERS = (
    merged_or_cut, gone, appears, nearly, unsure_outlines, two_in_one, one_in_two, specks
)  # fmt: skip
_AROUND = max(REACH + 1, LONGEST + 2)  # frames on which a change may be felt


class DoubtFinder:
    """Doubts of one movie, kept frame by frame.

    ``labels(t)`` gives those of a frame (Y, X), None where it has none; ``levels(t)`` its codes of
    probability (Y, X), or with those of a border (C, Y, X), None where nothing is predicted. Both
    are asked in whichever thread looks. Of volumes each has Z before Y; voxels are ``steps`` apart
    along z, y and x, in the width of one.
    """

    def __init__(
        self,
        n: int,
        labels: Callable[[int], NDArray[Any] | None],
        levels: Levels | None = None,
        margin: float = 0.0,
        steps: tuple[float, ...] = (1.0, 1.0),
    ) -> None:
        self._labels, self._levels = labels, levels or (lambda _: None)
        self.seen = Seen(n, margin, steps)
        self._of: list[tuple[Doubt, ...]] = [()] * n
        self._contradicted: dict[int, tuple[Doubt, ...]] = {}
        self._last: tuple[int, tuple[FrameCells, Picture] | None] = (-2, None)

    def look(self, frames: Iterable[int] | None = None) -> Generator[int, None, None]:
        """Look at all frames, or again at some that changed; yields each frame that is read."""
        n = len(self.seen)
        changed = set(range(n) if frames is None else (t for t in frames if 0 <= t < n))
        waiting = sorted(changed, reverse=True)
        self._last = (-2, None)  # it may be another since
        while waiting:
            t = waiting.pop()
            if self._is_other(t - 1):  # changed meanwhile, or not told: links are to what is seen
                changed.add(t - 1)
                waiting += [t, t - 1]
                continue
            self._measure(t)
            yield t
            if t + 1 < n and t + 1 not in changed:  # linked anew to what follows
                before = self.seen.of(t + 1)
                self._measure(t + 1)
                yield t + 1
                if not same_cells(before, self.seen.of(t + 1)):  # changed meanwhile, or not told
                    changed.add(t + 1)
                    waiting.append(t + 1)
        if frames is None or not self.seen.usual_area:
            self.seen.settle()
        felt = {
            t for one in changed for t in range(max(0, one - _AROUND), min(n, one + _AROUND + 1))
        }
        for count, t in enumerate(sorted(felt)):
            self._of[t] = tuple(one for find in _FINDERS for one in find(self.seen, t))
            if count % 16 == 15:
                yield t

    @property
    def contradicted(self) -> frozenset[int]:
        """The frames of which is known how a model labels them mirrored."""
        return frozenset(self._contradicted)

    def contradict(self, t: int, views: Views | None) -> None:
        """Take in how a model labels a frame mirrored; None where that is not known any more."""
        labels = self._labels(t)
        if views is None or labels is None:
            self._contradicted.pop(t, None)
            return
        codes = self._levels(t) if views.codes is None else views.codes
        looked = measure(labels, codes, self.seen.steps)
        self._contradicted[t] = tuple(contradictions(self.seen, t, looked, views))

    def doubts(self, whole_frames: Sequence[Doubt] = ()) -> list[Doubt]:
        """Return all doubts, worst first; each cell only for the worst reason."""
        by_frame = (*self._of, *self._contradicted.values())
        return distinct([*whole_frames, *(one for found in by_frame for one in found)])

    def _measure(self, t: int) -> None:
        """Measure a frame, and link the one before to it."""
        before = self._kept(t - 1)
        now = self._read(t)
        self.seen.cells[t] = now[0] if now is not None else None
        if t > 0:
            self.seen.connect(t - 1, link(before, now) if before and now else None)
        self._last = (t, now)

    def _is_other(self, t: int) -> bool:
        """Whether a frame has other cells now than were seen on it."""
        now = self._kept(t)
        return t >= 0 and not same_cells(self.seen.of(t), now[0] if now is not None else None)

    def _kept(self, t: int) -> tuple[FrameCells, Picture] | None:
        if t < 0:
            return None
        if self._last[0] != t:
            self._last = (t, self._read(t))
        return self._last[1]

    def _read(self, t: int) -> tuple[FrameCells, Picture] | None:
        labels = self._labels(t)
        if labels is None:
            return None
        if labels.ndim != len(self.seen.steps):
            raise BadInput(
                f"the labels of a frame have {labels.ndim} axes",
                "2 (Y, X), or 3 (Z, Y, X) of volumes",
                "give labels as the movie is taken",
            )
        return measure(labels, self._levels(t), self.seen.steps)


def find_doubts(
    labels: Sequence[NDArray[Any]] | Callable[[int], NDArray[Any] | None],
    n: int | None = None,
    levels: Levels | None = None,
    margin: float = 0.0,
    steps: tuple[float, ...] | None = None,
) -> Generator[int, None, list[Doubt]]:
    """Find the doubts about labels (T, Y, X), worst first; yields each frame that was looked at.

    ``labels`` may be a function of the frame that gives None where there are none, of ``n``
    frames; the rest is as `DoubtFinder` takes it. Without ``steps`` voxels of (T, Z, Y, X) are
    cubes.
    """
    if callable(labels):
        finder = DoubtFinder(int(n or 0), labels, levels, margin, steps or (1.0, 1.0))
    else:
        frames = labels
        by = steps or ((1.0,) * np.ndim(frames[0]) if len(frames) else (1.0, 1.0))
        finder = DoubtFinder(len(frames), lambda t: np.asarray(frames[t]), levels, margin, by)

    def looked() -> Generator[int, None, list[Doubt]]:
        yield from finder.look()
        return finder.doubts()

    return looked()
