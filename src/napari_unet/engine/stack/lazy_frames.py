"""LazyFrames: a stack as an array-like for napari's Image layer; frames are read when asked.

`LevelFrames` are those of one of several resolutions.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Protocol, Self

from napari_unet.engine.stack.lazy_array import LazyArray, whole_key

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CACHE_BYTES = 64_000_000

logger = logging.getLogger(__name__)


class _Movie(Protocol):
    """What frames are read from: a `Stack`."""

    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    def __getitem__(self, t: int, /) -> NDArray[Any]: ...


class LazyFrames(LazyArray):
    """Array-like of shape (T, Y, X) or (T, C, Y, X); frames it gives are read-only.

    Frames seen last are kept, up to 64 MB. Whoever has a layer's data finds the opened movie in
    ``movie``.
    """

    def __init__(self, movie: _Movie) -> None:
        self.movie, self.shape, self.dtype = movie, movie.shape, movie.dtype
        self._frames: OrderedDict[int, NDArray[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"LazyFrames({self.movie.name}, {self.shape}, {self.dtype})"

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Duplicating a layer shares the movie: nothing in here changes."""
        return self

    def _read(self, frame: int, key: Any) -> Any:
        with self._lock:
            pixels = self._frames.get(frame)
            if pixels is not None:
                self._frames.move_to_end(frame)
        if pixels is None:  # read without the lock: napari's threads do not wait for each other
            pixels = self.movie[frame]
            pixels.flags.writeable = False
            self._keep(frame, pixels)
        return pixels[key]

    def _keep(self, frame: int, pixels: NDArray[Any]) -> None:
        with self._lock:
            self._frames[frame] = pixels
            keep = max(1, _CACHE_BYTES // max(pixels.nbytes, 1))
            while len(self._frames) > keep:
                self._frames.popitem(last=False)

    def _too_many(self, frames: int) -> None:
        logger.warning(
            "%s: %d frames at once are too many to show; step through the frames one at a time",
            self.movie.name,
            frames,
        )


class LevelFrames(LazyFrames):
    """Frames (T, Y, X) of one of several resolutions, of which napari asks for what is on screen.

    It asks for that part of all frames, and then for one of them: such a part reads nothing yet.
    """

    def __getitem__(self, key: Any) -> Any:
        first, rest = whole_key(key, self.shape)
        if isinstance(first, slice) and first == slice(None):
            if all(isinstance(part, slice) for part in rest):
                return _PartOfFrames(self, rest)
        return super().__getitem__(key)


class _PartOfFrames(LazyArray):
    """Rows and columns of all frames, which are read one by one."""

    def __init__(self, frames: LevelFrames, part: tuple[slice, ...]) -> None:
        self._frames, self._part, self.dtype = frames, part, frames.dtype
        sizes = (len(range(*one.indices(n))) for one, n in zip(part, frames.shape[1:], strict=True))
        self.shape = (len(frames), *sizes)

    def _read(self, frame: int, key: Any) -> Any:
        return self._frames[(frame, *self._part)][key]

    def _too_many(self, frames: int) -> None:
        self._frames._too_many(frames)  # noqa: SLF001 - one of its own kind
