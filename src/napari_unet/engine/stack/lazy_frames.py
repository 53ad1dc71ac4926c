"""LazyFrames: a stack as an array-like for napari's Image layer; frames are read when asked.

`LevelFrames` are those of one of several resolutions.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Protocol, Self

from napari_unet.engine.stack.lazy_array import LazyArray, whole_key

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CACHE_BYTES = 64_000_000
_LARGE = 16_000_000  # bytes of a frame from which on a part of it is read alone
_SMALL = 1 / 4  # of a frame: more of it, and all of it is read and kept

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
    def window(self, rows: slice, columns: slice) -> _Movie | None: ...


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
    Of a large frame a small part is read alone, where the movie's file can do that.
    """

    _window: tuple[Any, LazyFrames | None] | None = None  # the part asked for last

    def __getitem__(self, key: Any) -> Any:
        first, rest = whole_key(key, self.shape)
        if isinstance(first, slice) and first == slice(None):
            if all(isinstance(part, slice) for part in rest):
                return _PartOfFrames(self, rest)
        return super().__getitem__(key)

    def _read(self, frame: int, key: Any) -> Any:
        window = None if frame in self._frames else self._window_of(key)
        return super()._read(frame, key) if window is None else window[frame]

    def _window_of(self, key: Any) -> LazyFrames | None:
        """Return the frames of a part alone; None where whole frames are to be read."""
        whole = self.nbytes // len(self)
        if whole < _LARGE or len(key) != 2 or not all(_is_plain(one) for one in key):
            return None
        sides = zip(key, self.shape[1:], strict=True)
        if math.prod(len(range(*one.indices(n))) / n for one, n in sides) > _SMALL:
            return None
        known = self._window
        if known is None or known[0] != key:
            movie = self.movie.window(*key)
            known = self._window = key, None if movie is None else LazyFrames(movie)
        return known[1]


def _is_plain(part: Any) -> bool:
    """Whether a part of a key is a slice without a step."""
    return isinstance(part, slice) and part.step in (None, 1)


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
