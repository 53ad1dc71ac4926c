"""Doubts of a movie from end to end: its frames and its labels looked at, repairs put into them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.annotations.corrections import Corrections
from napari_unet.engine.annotations.edit_masks import EditMask
from napari_unet.engine.errors import BadInput
from napari_unet.engine.jobs.quality import check_quality
from napari_unet.engine.labels.ids import LAST_ID
from napari_unet.engine.labels.space.neighbours import steps_of
from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.engine.tracks.doubts.contradictions import FRAMES, Views, frames_to_mirror
from napari_unet.engine.tracks.doubts.doubt import left_of, worst_first
from napari_unet.engine.tracks.doubts.finder import DoubtFinder
from napari_unet.engine.tracks.doubts.whole_frames import whole_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.prediction.mirrored import Mirrored
    from napari_unet.engine.settings import LabelSettings
    from napari_unet.engine.stack.source import Frames
    from napari_unet.engine.stack.stack import Stack
    from napari_unet.engine.tracks.doubts.doubt import Doubt
    from napari_unet.engine.tracks.doubts.finder import Levels


@dataclass(frozen=True)
class Contradict:
    """A model that sees so many frames mirrored, and how labels are made of what it predicts."""

    mirrored: Mirrored
    settings: LabelSettings
    frames: int = FRAMES

    def find(self, finder: DoubtFinder, known: Sequence[int]) -> Generator[int, None, None]:
        """Look for what it contradicts on some of the known frames; yields after each prediction.

        Yields the frame.
        """
        for t in frames_to_mirror(finder.doubts(), known, self.frames):
            for _ in self.mirrored.predict(t):
                yield t
            finder.contradict(t, Views.of(self.mirrored, t, self.settings))


def check_doubts(
    movie: Stack,
    labels: Callable[[int], NDArray[Any] | None],
    levels: Levels | None = None,
    *,
    margin: float = 0.0,
    known_diameter: float | None = None,
    labelled: Sequence[int] | None = None,
    contradict: Contradict | None = None,
) -> Generator[int, None, list[Doubt]]:
    """Find what is doubtful in a movie and its labels, worst first.

    ``labels(t)`` (Y, X), of volumes (Z, Y, X), None of a frame that has none, and ``levels(t)``,
    codes of probability.
    Cells that lie wholly within ``margin`` px of the frame's edge have no label; a model knows
    cells of ``known_diameter`` px; only the frames ``labelled`` are counted. Yields each frame
    twice, and where a model is to ``contradict`` itself after each of its predictions.
    """
    n = len(movie)
    of = range(n) if labelled is None else labelled
    apart = steps_of(movie.spacing if movie.dims == 3 else None, movie.dims)
    finder = DoubtFinder(n, labels, levels, margin, apart)

    def steps() -> Generator[int, None, list[Doubt]]:
        quality = yield from check_quality(movie, known_diameter=known_diameter)
        for count, t in enumerate(finder.look()):
            if count < n:
                yield t
        if contradict is not None:
            yield from contradict.find(finder, of)
        known = set(of)
        found = finder.doubts(tuple(whole_frames(quality.findings, movie.frame_shape)))
        left = (left_of(one, lambda part: part.whole_frame or part.frame in known) for one in found)
        return worst_first(one for one in left if one is not None)

    return steps()


def editable(
    labels: Frames,
    doubts: Iterable[Doubt],
    highest: int = 0,
    spacing: tuple[float, ...] | None = None,
) -> LiveLabels:
    """Return labels of the frames that the repairs of some doubts go by or change, to be changed.

    New cells get numbers above the ``highest`` of the movie. Other frames are empty. ``spacing`` is
    that of volumes.

    Raises
    ------
    BadInput
        Where numbers are above 65,534.

    """
    parts = [(part, part.repair) for one in doubts for part in one.parts]
    needed = {t for part, how in parts if how for t in (part.frame, how.source) if t >= 0}
    first = np.asarray(labels[min(needed)]) if needed else np.zeros((1, 1), np.uint16)
    shape = (len(labels), *first.shape)
    corrections = Corrections(shape)
    for t in sorted(needed):
        frame = np.asarray(labels[t])
        highest = max(highest, int(frame.max(initial=0)))
        if highest >= LAST_ID:
            raise BadInput(
                f"the labels have the number {highest}",
                f"numbers below {LAST_ID}, so that there are some for new cells",
                "number the cells of each frame from 1",
            )
        whole = tuple(slice(0, n) for n in first.shape)
        mask = EditMask(frame.astype(np.uint16), np.zeros(frame.shape, np.uint8))
        corrections.write(t, whole, mask)
    corrections.new_id(highest)
    return LiveLabels(shape, None, None, corrections, spacing)


class Repaired:
    """Labels by frame, those of some frames as they are after repairs."""

    def __init__(self, labels: Frames, live: LiveLabels, frames: Iterable[int]) -> None:
        self._labels, self._live, self._frames = labels, live, frozenset(frames)

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, t: int) -> NDArray[Any]:
        if t in self._frames:
            return np.asarray(self._live[t])
        return np.asarray(self._labels[t])
