"""Writers, what all of them are told, and the one pass over the frames that feeds them.

A writer is a generator that takes ``(frame, labels)`` by ``send()`` and ``None`` at the end, when
it gives its file its name and returns the path. Fed that way, labels, table and movie are made
from labels that are there once, and nothing is read back.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from napari_unet.engine.export.target.outputs import check_frames, counted
from napari_unet.engine.export.target.sidecar import Provenance

if TYPE_CHECKING:
    from napari_unet.engine.errors import Notice
    from napari_unet.engine.stack.stack import Stack

Labelled = tuple[int, NDArray[Any]]  # a frame of the movie and its labels (Y, X)
Writer = Generator[None, Labelled | None, Path]


@dataclass(frozen=True)
class WriteOptions:
    """What every writer is told: which frames, whether over an earlier file, and what it notes.

    ``frames`` are those of the movie, in order; all where that is None. ``provenance`` goes into
    the sidecar. What a writer had to leave out joins ``found``, for whoever runs it to say.
    """

    frames: Sequence[int] | None = None
    overwrite: bool = False
    provenance: Provenance = field(default_factory=Provenance)
    found: list[Notice] = field(default_factory=list)

    def chosen(self, stack: Stack) -> tuple[int, ...]:
        """Return the frames of ``stack`` that are meant; `BadInput` where it has them not."""
        return check_frames(self.frames, len(stack))


def write_all(
    writers: Sequence[Writer], labelled: Iterable[Labelled]
) -> Generator[int, None, tuple[Path, ...]]:
    """Hand each frame to all writers as it comes; yield its number, return their paths.

    A writer that fails leaves the others to finish: a movie without its encoder costs nobody the
    labels. Its error is raised at the end. Closing the generator leaves earlier files as they were.
    """
    feed = _Feed(writers)
    try:
        feed.send(None)  # runs each up to where it takes the first frame: its file is open
        for frame, labels in labelled:
            feed.send((frame, labels))
            yield frame
        feed.send(None)
        return feed.result()
    finally:
        for writer in writers:
            writer.close()


def write_one(
    writer: Writer, frames: Sequence[int], labels: Iterable[NDArray[Any]]
) -> Generator[int, None, Path]:
    """Feed a single writer with one array for each of ``frames``; yield them, return its path."""
    pairs = zip(frames, counted(labels, len(frames)), strict=True)
    (path,) = yield from write_all([writer], pairs)
    return path


class _Feed:
    """The writers that still take frames, what the others returned, and what went wrong first."""

    def __init__(self, writers: Sequence[Writer]) -> None:
        self._taking, self._paths = dict(enumerate(writers)), dict[int, Path]()
        self._error: Exception | None = None

    def send(self, given: Labelled | None) -> None:
        """Give a frame, or the end; raise once there is no writer left to do its part."""
        for i, writer in list(self._taking.items()):
            try:
                writer.send(given)
            except StopIteration as end:
                self._paths[i] = end.value
                del self._taking[i]
            except Exception as error:  # noqa: BLE001 - raised when the others are done
                self._error = self._error or error
                del self._taking[i]
        if not self._taking:
            self.result()

    def result(self) -> tuple[Path, ...]:
        """Return the paths in the writers' order; raises what went wrong."""
        if self._error is not None:
            raise self._error
        return tuple(path for _, path in sorted(self._paths.items()))
