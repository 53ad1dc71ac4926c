"""Frames that the model sees mirrored, in the worker that looks for doubts, while no job runs."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from napari_unet.engine.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from napari_unet.engine.network.model import Model
    from napari_unet.engine.prediction.mirrored import Mirrored
    from napari_unet.engine.session.reviewing.live_doubts import LiveDoubts
    from napari_unet.engine.settings import PredictSettings
    from napari_unet.engine.stack.stack import Stack

_MOST_PIXELS = 50_000_000  # of all frames together: a few minutes of one core
_THREADS = 1  # the window and its other workers go first


@dataclass(frozen=True, eq=False)
class Seeing:
    """What model sees which movie, and how many of its frames mirrored."""

    stack: Stack
    model: Model
    settings: PredictSettings
    frames: int

    @property
    def bounded(self) -> int:
        """How many frames: fewer of large ones."""
        return min(self.frames, max(1, _MOST_PIXELS // prod(self.stack.frame_shape)))

    def is_like(self, other: Seeing | None) -> bool:
        """Whether the same model sees the same movie in the same way."""
        if other is None or other.stack is not self.stack or other.model is not self.model:
            return False
        return (other.settings, other.frames) == (self.settings, self.frames)

    def open(self, key: Mapping[str, Any]) -> Mirrored:
        """Make the model ready, as for the movie's probabilities."""
        from napari_unet.engine.prediction.mirrored import open_mirrored

        return open_mirrored(self.stack, self.model, self.settings.replace(threads=_THREADS), key)


class Mirroring:
    """Lets a model see frames mirrored, a prediction at a time; what it saw is kept.

    ``free`` is set in the main thread: nothing is predicted while it is not.
    """

    def __init__(self) -> None:
        self.free = True
        self._seeing: Seeing | None = None
        self._opened: tuple[Seeing, Mapping[str, Any], Mirrored] | None = None
        self._steps: Generator[int, None, None] | None = None
        self._under_way: tuple[LiveDoubts, Seeing, int] | None = None
        self._seen: tuple[LiveDoubts, Seeing, int] | None = None  # of so many predicted frames

    def take(self, seeing: Seeing | None) -> None:
        """Take which model is at hand; None where none is."""
        if seeing is None or not seeing.is_like(self._seeing):
            self._seeing = seeing

    def wants(self, of: LiveDoubts) -> bool:
        """Whether something is left to be predicted, and may be now."""
        seeing = self._seeing
        if not self.free or seeing is None or not seeing.frames or of.key is None:
            return False
        return self._seen != (of, seeing, of.n_predicted)

    def look(self, of: LiveDoubts) -> bool:
        """Predict a frame in one way, in a worker; False where there is nothing to do."""
        seeing = self._seeing
        if seeing is None or not self.wants(of):
            return False
        now = of, seeing, of.n_predicted
        try:
            if self._steps is None or self._under_way != now:
                self._steps = of.contradict(self._mirrored(seeing, of), seeing.bounded)
                self._under_way = now
            if next(self._steps, None) is not None:
                return True
        except BadInput:  # another model's, or no memory for it: the list does without
            pass
        self._steps, self._seen = None, now
        if self._opened is not None:
            self._opened[2].close()
        return False

    def _mirrored(self, seeing: Seeing, of: LiveDoubts) -> Mirrored:
        key = of.key
        assert key is not None
        if self._opened is None or self._opened[0] is not seeing or self._opened[1] != key:
            self._opened = seeing, key, seeing.open(key)
        return self._opened[2]
