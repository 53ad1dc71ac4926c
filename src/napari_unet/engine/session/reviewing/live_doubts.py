"""The doubts about live labels, kept up as cells are corrected and the threshold moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.session.reviewing.aside import codes_of, labels_aside
from napari_unet.engine.session.reviewing.settled import unsettled
from napari_unet.engine.session.users.disputed import disputed
from napari_unet.engine.tracks.doubts.contradictions import Views, frames_to_mirror
from napari_unet.engine.tracks.doubts.finder import DoubtFinder
from napari_unet.engine.tracks.doubts.runs import in_pixels
from napari_unet.engine.tracks.doubts.whole_frames import whole_frames

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.prediction.mirrored import Mirrored
    from napari_unet.engine.session.live_labels import LiveLabels
    from napari_unet.engine.settings import LabelSettings
    from napari_unet.engine.stack.quality.findings import Finding
    from napari_unet.engine.tracks.doubts.doubt import Doubt


class LiveDoubts:
    """Doubts about one movie's labels, of one model at one threshold.

    Frames are read aside, so that those on screen stay at hand; ``find`` may run in any thread, in
    one at a time.
    """

    def __init__(self, live: LiveLabels) -> None:
        self._live, self._probabilities = live, live.probabilities
        self._settings: LabelSettings = live.settings
        self._steps = live.steps
        self._whole_frames: tuple[Doubt, ...] = ()
        self._predicted = np.zeros(len(live), bool)  # when they were read
        self._mirrored: Mirrored | None = None
        self._finder = DoubtFinder(
            len(live),
            self._labels,
            lambda t: codes_of(live, t),
            live.settings.edge,
            live.steps,
        )

    def fits(self, live: LiveLabels) -> bool:
        """Whether these are of such labels, corrections apart: same model, threshold, lengths."""
        same = live.probabilities is self._probabilities and live.settings == self._settings
        return live is self._live and same and live.steps == self._steps

    @property
    def key(self) -> Mapping[str, Any] | None:
        """What the probabilities depend on; None where there are none."""
        return None if self._probabilities is None else self._probabilities.key

    @property
    def n_predicted(self) -> int:
        """How many of the frames that were looked at had been segmented."""
        return int(self._predicted.sum())

    def fresh(self) -> set[int]:
        """Return the frames that were segmented since they were looked at."""
        if self._probabilities is None:
            return set()
        return set(np.flatnonzero(self._probabilities.computed & ~self._predicted).tolist())

    def _labels(self, t: int) -> NDArray[np.uint16] | None:
        self._predicted[t] = self._live.computed(t)
        return None if self._live.classes else labels_aside(self._live, t)

    def find(self, frames: Iterable[int] | None = None) -> Generator[int, None, None]:
        """Look at all frames, or again at those that changed; yields each that is read."""
        changed = None if frames is None else set(frames)
        yield from self._finder.look(changed)
        for t in sorted(self._finder.contradicted & (changed or set())):
            self._contradict(t)
            yield t

    def contradict(self, mirrored: Mirrored, n: int) -> Generator[int, None, None]:
        """Look for what the model contradicts on ``n`` frames that it sees mirrored.

        The worst by what was found until now, and some others. Yields after each prediction.
        """
        self._mirrored = mirrored
        corrections, live = self._live.corrections, self._live
        known = [t for t in range(len(live)) if live.computed(t) and not corrections.is_complete(t)]
        for t in frames_to_mirror(self.doubts(), known, n):
            for _ in mirrored.predict(t):
                yield t
            self._contradict(t)
            yield t

    def _contradict(self, t: int) -> None:
        """Compare a frame with what is kept of it mirrored: nothing is predicted here."""
        if self._mirrored is not None:
            self._finder.contradict(t, Views.of(self._mirrored, t, self._settings))

    def take_findings(self, findings: Iterable[Finding]) -> None:
        """Take in what is wrong with whole frames."""
        self._whole_frames = tuple(whole_frames(findings, self._live.shape[1:]))

    def way(self, frame: int, other: int) -> tuple[float, ...]:
        """Return how far the stage jumped from a frame to another, px; in any thread."""
        seen = self._finder.seen
        return in_pixels(seen, seen.way(frame, other))

    def doubts(self, fine: Sequence[tuple[str, int]] = ()) -> list[Doubt]:
        """Return the doubts that no user has settled, worst first.

        ``fine`` are reasons and frames of whole frames that are fine as they are.
        """
        corrections = self._live.corrections
        found = self._finder.doubts(self._whole_frames)
        return disputed(corrections) + unsettled(found, corrections, fine)
