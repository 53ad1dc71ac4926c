"""What sources have in common that a library reads a plane at a time: axes, errors, samples."""

from __future__ import annotations

import itertools
import threading
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.errors import BadInput, Notice
from napari_unet.engine.stack.axes import KNOWN, check_axes, fit_axes, say_shape
from napari_unet.engine.stack.file_source import FileSource, sampled
from napari_unet.engine.stack.kinds import refuse_other
from napari_unet.engine.stack.source import Metadata, check_dtype
from napari_unet.engine.stack.units import Stated, settle_sizes


@dataclass(frozen=True)
class Planes:
    """What a library says of one position, in the order of its axes.

    The last ``n_inner`` axes come with every plane; lengths of 1 may be among all.
    """

    axes: str
    shape: tuple[int, ...]
    n_inner: int
    dtype: np.dtype[Any]
    metadata: Metadata
    notices: tuple[Notice, ...] = ()


class PlaneSource(FileSource):
    """One position of a file; ``axes`` replaces what the file says.

    A subclass opens the file (`_open`), describes a position of it (`_describe`), reads one of
    its planes (`_plane`) and closes it (`_shut`); whatever its library raises becomes one line.
    """

    metadata: Metadata = Metadata()
    kind: ClassVar[str] = ""
    packed: ClassVar[tuple[str, ...]] = ()  # kinds of files that it may be packed in

    def __init__(
        self,
        path: Path,
        *,
        axes: str | None = None,
        position: int = 0,
        taken: str = "",
        chosen: bool = False,
    ) -> None:
        self.path, self.name, self.wanted = path, path.name, axes
        self._lock = threading.RLock()
        self._check_there()
        if path.is_file():
            refuse_other(path, self.kind, packed=self.packed)
        try:
            with self._suspicion("its header"):
                self._open()
                self._take(self._describe(position), check_axes(axes) if axes else None)
        except BaseException:
            self.close()
            raise

    def _check_there(self) -> None:
        """Refuse a path where there is nothing."""
        if not self.path.is_file():
            raise BadInput(f"{self.path} does not exist", f"a {self.kind} file", "check the path")

    @abstractmethod
    def _open(self) -> None:
        """Open the file."""

    @abstractmethod
    def _describe(self, position: int) -> Planes:
        """Say what a position holds; `check_position` refuses what there is not."""

    @abstractmethod
    def _plane(self, index: Mapping[str, int]) -> NDArray[Any]:
        """Read the plane at an index of each outer axis, under the lock."""

    @abstractmethod
    def _shut(self) -> None:
        """Close the file, which may not be open."""

    def check_position(self, position: int, n: int) -> None:
        """Refuse a position that the file does not have."""
        if position >= n:
            raise BadInput(
                f"there is no position {position} in {self.name}, which has {n}",
                f"a position from 0 to {n - 1}" if n > 1 else "position 0",
                "choose another position",
            )

    def read(self, index: Mapping[str, int]) -> NDArray[Any]:
        """Read the planes in question and put them together."""
        choices = [(index[ours],) if ours in index else range(n) for ours, _, n in self._outer]
        inside = tuple(index.get(axis, slice(None)) for axis in self.inner)
        kept = tuple(n for ours, _, n in self._outer if ours not in index)
        theirs = [axis for _, axis, _ in self._outer]
        pieces = [
            self._read_plane(dict(zip(theirs, at, strict=True)))[inside]
            for at in itertools.product(*choices)
        ]
        stacked = pieces[0] if len(pieces) == 1 else np.stack(pieces)
        return np.array(stacked.reshape(kept + pieces[0].shape), self.dtype)  # theirs may be mapped

    def samples(self) -> Iterator[bytes]:
        """Return the file's size, its head and tail, and some bytes in between."""
        with self.path.open("rb") as file:

            def read_at(n: int, offset: int) -> bytes:
                file.seek(offset)
                return file.read(n)

            yield from sampled(self.path.stat().st_size, read_at)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._shut()

    def _take(self, planes: Planes, wanted: str | None) -> None:
        """Settle axes, shape and dtype; axes of length 1 are dropped, Y and X stay."""
        self.dtype = check_dtype(planes.dtype, self.name)
        if 0 in planes.shape:
            raise BadInput(f"{self.name} has no pixels", "at least one image", "save it again")
        layout = list(zip(planes.axes, planes.shape, strict=True))
        theirs = [(a, n) for a, n in layout if n > 1 or a in "YX"]
        if wanted:
            theirs = _as_wanted(wanted, layout, theirs, self.name)
        ours = wanted or "".join(a for a, _ in theirs)
        if set(ours) - set(KNOWN) or not {"Y", "X"} <= set(ours):
            raise BadInput(
                f"{self.name} has the axes {say_shape(planes.axes, planes.shape)}",
                "frames (T), channels (C), sections (Z) and the image (Y, X)",
                "give the axes, or choose another position",
            )
        self.axes, self.shape = ours, tuple(n for _, n in theirs)
        inner = planes.axes[len(planes.axes) - planes.n_inner :]
        self._inner_shape = tuple(n for a, n in theirs if a in inner)
        named = [(o, t, n) for o, (t, n) in zip(ours, theirs, strict=True)]
        self._outer = [each for each in named if each[1] not in inner]
        self.inner = "".join(o for o, t, _ in named if t in inner)
        self.metadata = self._believed(planes.metadata)
        self.note(*planes.notices)

    def _believed(self, metadata: Metadata) -> Metadata:
        """Leave out sizes and names that cannot be."""
        sizes, notices = settle_sizes(metadata.pixel_sizes or (None, None), self.name)
        self.note(*notices)
        names = metadata.channel_names
        n_channels = self.length("C") if "C" in self.axes else self.length("S")
        stated, times, numbers = Stated(self.name), metadata.times, metadata.numbers
        good = times is not None and len(times) == self.length("T") > 1
        interval = stated.interval(metadata.frame_interval or None)
        self.note(*stated.notices)
        return replace(
            metadata,
            pixel_sizes=sizes,
            channel_names=names if len(names) == n_channels else (),
            frame_interval=interval,
            times=times if good else None,
            numbers=numbers if numbers and len(numbers) == self.length("T") else None,
        )

    def _read_plane(self, index: Mapping[str, int]) -> NDArray[Any]:
        with self._suspicion(" ".join(f"{a} {i}" for a, i in index.items()) or "its image"):
            with self._lock:
                plane = self._plane(index)
            return plane.reshape(self._inner_shape)

    @contextmanager
    def _suspicion(self, what: str) -> Iterator[None]:
        """Turn whatever the library raises into ``BadInput``."""
        try:
            yield
        except (BadInput, MemoryError):
            raise
        except PermissionError as error:
            raise BadInput(
                f"{self.path} cannot be read", "read permission", "ask its owner"
            ) from error
        except Exception as error:  # each library raises its own
            why = str(error).split("\n")[0] or type(error).__name__
            for name in (str(self.path.absolute()), str(self.path)):
                why = why.replace(name, "it")
            raise self.damaged(f"{what}: {why[:160]}") from error

    def damaged(self, why: str) -> BadInput:
        """Describe a file that is not whole."""
        return BadInput(
            f"{self.name} is damaged or cut short ({why})",
            f"a complete {self.kind}",
            "copy it again from where it was made",
        )


def _as_wanted(
    wanted: str, layout: list[tuple[str, int]], plain: list[tuple[str, int]], name: str
) -> list[tuple[str, int]]:
    """Return those of the file's own axes that the ``wanted`` ones stand for, in order."""
    kept = [(a, n) for a, n in layout if n > 1 or a in wanted]
    for found in (plain, layout, kept):
        if len(found) == len(wanted):
            return found
    fit_axes(wanted, [("".join(a for a, _ in plain), tuple(n for _, n in plain))], name)
    raise AssertionError("fit_axes refuses another number of axes")
