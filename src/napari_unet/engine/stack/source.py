"""Source: where pixels come from. What TIFF files, folders and arrays have in common."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from numpy.typing import NDArray

from napari_unet.engine.errors import BadInput, Notice

if TYPE_CHECKING:
    import numpy as np


class Frames(Protocol):
    """Frames by number: a Stack, LiveLabels, Probabilities, a list or an array."""

    def __getitem__(self, t: int, /) -> Any: ...
    def __len__(self) -> int: ...


@dataclass(frozen=True)
class Metadata:
    """What a source says about itself; None or empty where it says nothing."""

    pixel_sizes: tuple[float, float] | None = None  # µm, (Y, X)
    frame_interval: float | None = None  # s
    times: tuple[float, ...] | None = None  # s, one a frame
    channel_names: tuple[str, ...] = ()
    position_names: tuple[str, ...] = ("",)
    numbers: tuple[int, ...] | None = None
    z_step: float | None = None  # µm from section to section


class Source(ABC):
    """An image of known axes that can be read a piece at a time, from any thread.

    ``notices`` are what had to be guessed or left out, one line each.

    ``axes`` holds each of T C Z Y X S at most once; ``inner`` are those that come with every
    read anyway (the axes of a page), so that reading one index of them saves nothing.
    """

    path: Path | None
    name: str
    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    inner: str = "YX"
    notices: tuple[Notice, ...] = ()
    inverted: bool = False

    @property
    @abstractmethod
    def metadata(self) -> Metadata:
        """What the source says about itself."""

    @abstractmethod
    def read(self, index: Mapping[str, int]) -> NDArray[Any]:
        """Read at the given index of some axes; the other axes stay, in the source's order."""

    def window(self, rows: slice, columns: slice) -> Source | None:
        """Return the source of a part of each image; None where that would read all of it."""
        return None

    @abstractmethod
    def samples(self) -> Iterator[bytes]:
        """Return some of the content, the same wherever the source lies, for the fingerprint."""

    @property
    def stamp(self) -> str | None:
        """When it was last saved, of all its files; None where it is no file."""
        return None

    @property
    def content(self) -> str | None:
        """Return a digest of far more of its content than the samples; None where it is no file."""
        return None

    @property
    def labels_folder(self) -> Path | None:
        """Where labels lie, or may, beside the image, in formats that have such a place."""
        return None

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the labels beside the image."""
        return ()

    @property
    def coarser(self) -> tuple[Source, ...]:
        """The same image at coarser resolutions, the finest of those first; closed with it."""
        return ()

    def first(self, n: int) -> Source | None:
        """Return the first ``n`` frames as they were before others came; None for one file."""
        return None

    def note(self, *notices: Notice) -> None:
        """Keep what was guessed or left out; the same line once."""
        self.notices = tuple(dict.fromkeys((*self.notices, *notices)))

    def close(self) -> None:  # noqa: B027
        """Release files, where there are any; nothing is read afterwards."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def length(self, axis: str) -> int:
        """Length of an axis; 1 where there is none."""
        return self.shape[self.axes.index(axis)] if axis in self.axes else 1


def check_dtype(dtype: np.dtype[Any], name: str) -> np.dtype[Any]:
    """Return the dtype in native byte order; ``BadInput`` where pixels are not plain numbers."""
    if dtype.kind not in "buif":
        raise BadInput(
            f"{name} has pixels of type {dtype}",
            "whole or floating point numbers",
            "convert it to 8, 16 or 32 bit first",
        )
    return dtype.newbyteorder("=")


class Users:
    """Counts the stacks that read from one source; it is closed when the last one leaves."""

    def __init__(self, source: Source) -> None:
        self._source, self._count, self._lock = source, 0, threading.Lock()

    def join(self) -> None:
        """One more."""
        with self._lock:
            self._count += 1

    def leave(self) -> None:
        """One less."""
        with self._lock:
            self._count -= 1
            last = self._count == 0
        if last:
            self._source.close()
