"""Some cells and their daughters, found piece by piece and kept, for a picture of a movie."""

from __future__ import annotations

import time
from math import inf
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.export.tracks.links import Links
    from napari_unet.engine.stack.source import Frames


class FamilyLinks:
    """What `Links` is, of labels that a ``search`` has to find first, over all ``frames``.

    ``search`` yields for each frame and returns the labels; ``follow`` makes the links of them,
    where ids through time or tails are wanted.
    """

    def __init__(
        self,
        frames: Sequence[int],
        search: Generator[int, None, Frames],
        follow: Callable[[Frames], Links] | None = None,
    ) -> None:
        self.frames = tuple(frames)
        self._search, self._follow = search, follow
        self._found: Frames | None = None
        self._links: Links | None = None
        self._failed: Exception | None = None
        self._n = 0

    @property
    def n_read(self) -> int:
        """How many frames were read so far, to find the cells and to link them."""
        return self._n + (self._links.n_read if self._links is not None else 0)

    @property
    def reached(self) -> int:
        """The last frame that what was found depends on; -1 where none was read."""
        return self.frames[-1] if self._n else -1

    def n_needed(self, frame: int) -> int:
        """How many frames must be read for the one at ``frame``."""
        if self._follow is None:
            return len(self.frames)
        return len(self.frames) + self.frames.index(frame) + 1

    def advance(self, frame: int, seconds: float = inf) -> bool:
        """Read on for so many seconds, a frame at least; True once ``frame`` is known.

        Raises
        ------
        BadInput
            Where one of the cells is not there; again each time.

        """
        end = time.monotonic() + seconds
        while self._found is None:
            self._look_on()
            if self._found is None and time.monotonic() > end:
                return False
        return self._links is None or self._links.advance(frame, max(0.0, end - time.monotonic()))

    def labels(self, frame: int) -> NDArray[Any]:
        """Return the labels of a known frame; with ids through time where those are followed."""
        assert self._found is not None
        return self._found[frame] if self._links is None else self._links.labels(frame)

    def tails(self, frame: int, length: int) -> dict[int, list[tuple[float, float]]] | None:
        """Return where each cell of a known frame was before, by its id through time."""
        return None if self._links is None else self._links.tails(frame, length)

    def _look_on(self) -> None:
        if self._failed is not None:
            raise self._failed
        try:
            next(self._search)
            self._n = min(self._n + 1, len(self.frames))
        except StopIteration as done:
            self._found = done.value
            self._links = self._follow(done.value) if self._follow is not None else None
        except Exception as error:  # a generator that failed would say next that it is through
            self._failed = error
            raise
