"""Frames of a movie that are sent to a worker which does not see its file."""

from __future__ import annotations

import contextlib
import copy
from typing import TYPE_CHECKING, Any

from napari_unet.engine.errors import BadInput
from napari_unet.engine.stack.source import Metadata, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from napari_unet.engine.stack.stack import Stack


def source_of(stack: Stack) -> Source:
    """Return what the pixels of a movie come from, whatever of it is selected."""
    return stack._source  # noqa: SLF001 - all channels are sent, not those that are shown


class SentMovie(Source):
    """All channels and sections of some frames of a movie, in memory; the others are not here.

    Of ``samples`` those that cannot be read are left out.
    """

    path = None

    def __init__(self, stack: Stack, frames: Iterable[int], *, samples: bool = False) -> None:
        source = source_of(stack)
        self.name, self.axes, self.shape = source.name, source.axes, source.shape
        self.dtype, self.inner, self.inverted = source.dtype, source.inner, source.inverted
        self._metadata = source.metadata
        self._frames: dict[int, NDArray[Any]] = {}
        for t in dict.fromkeys(frames):
            with contextlib.suppress(*([BadInput] if samples else [])):
                self._frames[t] = source.read({"T": t} if "T" in source.axes else {})

    @property
    def metadata(self) -> Metadata:
        """What the movie says about itself."""
        return self._metadata

    @property
    def nbytes(self) -> int:
        """Size of the pixels that are sent."""
        return sum(frame.nbytes for frame in self._frames.values())

    def empty(self) -> SentMovie:
        """Return the movie without its frames."""
        movie = copy.copy(self)
        movie._frames = {}  # noqa: SLF001 - one of its own kind
        return movie

    def take(self, other: SentMovie) -> None:
        """Add the frames that another one holds."""
        self._frames |= other._frames

    def drop(self, frames: Iterable[int]) -> None:
        """Forget frames."""
        for t in frames:
            self._frames.pop(t, None)

    def read(self, index: Mapping[str, int]) -> NDArray[Any]:
        """Read a piece of a frame that was sent."""
        t = index.get("T", 0)
        if t not in self._frames:
            raise BadInput(f"frame {t} of {self.name} was not sent", "", "report this")
        inside = (index.get(axis, slice(None)) for axis in self.axes if axis != "T")
        piece: NDArray[Any] = self._frames[t][tuple(inside)].copy()
        return piece

    def samples(self) -> Iterator[bytes]:
        """Refuse: the fingerprint is the movie's, where its file is."""
        raise NotImplementedError
