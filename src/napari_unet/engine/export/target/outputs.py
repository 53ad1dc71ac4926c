"""What every export shares: the frames it writes, the target it may write to, plain errors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.atomic import (
    atomic_folder,
    atomic_path,
    clear_leftovers,
    require_space,
)
from napari_unet.engine.files.names import printable
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.labels.objects import whole_labels

if TYPE_CHECKING:
    from napari_unet.engine.stack.stack import Stack


@dataclass(frozen=True)
class FrameInfo:
    """The frames of a movie that an export writes, with their scale in space and time.

    ``frames`` are those in the movie and ``numbers`` those of the file names or metadata,
    worth keeping in a file where it is ``numbered``: they differ from its own count of frames;
    ``times`` are in s, one for each frame, where they do not simply follow from
    ``frame_interval`` (s). ``pixel_size`` is in µm, ``pixel_sizes`` are height and width.
    ``shape`` is (Y, X), or (Z, Y, X) of volumes whose sections are ``z_step`` µm apart.
    """

    name: str
    shape: tuple[int, ...]
    frames: tuple[int, ...]
    numbers: tuple[int, ...]
    pixel_size: float | None = None
    pixel_sizes: tuple[float, float] | None = None
    frame_interval: float | None = None
    times: tuple[float, ...] | None = None
    numbered: bool = False
    z_step: float | None = None

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def axes(self) -> str:
        """``YX`` or ``ZYX``."""
        return "ZYX"[-len(self.shape) :]

    @property
    def sections(self) -> int:
        """Pages that a frame takes: 1, or as many as a volume has sections."""
        return prod(self.shape[:-2])

    @property
    def spacing(self) -> tuple[float, ...] | None:
        """µm from pixel to pixel along the axes of a frame; None where one is not known."""
        if len(self.shape) == 2:
            return self.scale
        return (self.z_step, *self.scale) if self.z_step and self.scale else None

    @property
    def scale(self) -> tuple[float, float] | None:
        """Height and width of a pixel in µm; None where they are not known."""
        return self.pixel_sizes or ((self.pixel_size,) * 2 if self.pixel_size else None)

    @classmethod
    def of(cls, stack: Stack, frames: Sequence[int] | None = None) -> FrameInfo:
        """Describe the frames of ``stack`` at ``frames``; all where that is None."""
        chosen = check_frames(frames, len(stack))
        interval, times = _time_scale(stack, chosen)
        return cls(
            name=printable(stack.name),
            shape=tuple(int(n) for n in stack.frame_shape),
            frames=chosen,
            numbers=tuple(int(stack.numbers[t]) for t in chosen),
            pixel_size=stack.pixel_size,
            pixel_sizes=stack.pixel_sizes,
            frame_interval=interval,
            times=times,
            numbered=stack.numbered or chosen != tuple(range(len(stack))),
            z_step=stack.z_step if len(stack.frame_shape) > 2 else None,
        )


def time_of(stack: Stack, frame: int) -> float | None:
    """Time of a frame in s: its own stamp where the file has one, else from the interval."""
    if stack.times is not None:
        return float(stack.times[frame])
    return None if stack.frame_interval is None else frame * stack.frame_interval


def check_frames(frames: Sequence[int] | None, n: int) -> tuple[int, ...]:
    """Return the chosen frames of a movie of ``n`` frames, refusing none, repeats and others."""
    chosen = tuple(range(n)) if frames is None else tuple(int(t) for t in frames)
    if not chosen:
        raise BadInput("no frame is chosen", "at least one", "choose the frames to export")
    outside = [t for t in chosen if not 0 <= t < n]
    if outside:
        raise BadInput(
            f"there is no frame {outside[0]}",
            f"frames 0 to {n - 1}, as in the movie",
            "choose other frames",
        )
    if sorted(set(chosen)) != list(chosen):
        raise BadInput("the frames are out of order", "each once, in order", "sort the frames")
    return chosen


def check_labels(given: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return labels of a shape, whole numbers from 0; background that was painted becomes 0."""
    labels = np.asarray(given)
    if labels.shape != shape:
        raise BadInput(
            f"the labels have {' x '.join(map(str, labels.shape))} pixels",
            f"{' x '.join(map(str, shape))}, as in the movie",
            "give labels of the same movie",
        )
    if labels.dtype == bool:
        return labels.astype(np.uint16)
    if labels.dtype.kind == "f":  # a later frame might hold fractions, with half the file written
        raise BadInput(f"the labels are of type {labels.dtype}", "whole numbers", "give labels")
    labels = whole_labels(labels, "a frame of the labels")
    if labels.dtype == np.uint16:
        reserved = labels == BACKGROUND_ID
        if reserved.any():
            labels = np.where(reserved, np.uint16(0), labels)
    return labels


def check_target(path: str | Path, overwrite: bool, n_bytes: int = 0) -> Path:
    """Refuse a file that exists unless ``overwrite``, and a disk without ``n_bytes`` free."""
    path = Path(path).absolute()
    clear_leftovers(path.parent)
    if path.exists() and not path.is_dir() and not overwrite:
        raise BadInput(
            f"{path} exists already",
            "a new file name",
            "choose another, or allow it to be replaced",
        )
    require_space(path.parent, n_bytes)
    return path


def check_folder(path: str | Path, overwrite: bool, ours: str, n_bytes: int = 0) -> Path:
    """Refuse a folder with files in it, unless ``overwrite`` and all match the pattern ``ours``."""
    path = Path(path).absolute()
    clear_leftovers(path.parent)
    if path.exists() and not path.is_dir():
        raise BadInput(f"{path} is a file", "the name of a folder", "choose another name")
    names = sorted(p.name for p in path.iterdir()) if path.is_dir() else []
    if names and not overwrite:
        raise BadInput(
            f"{path} has files in it", "a new folder", "choose another, or allow it to be replaced"
        )
    others = [name for name in names if not re.fullmatch(ours, name)]
    if others:
        raise BadInput(
            f"{path} holds {others[0]}, which this export did not write",
            "a new folder",
            "choose another: nothing of yours is deleted",
        )
    require_space(path.parent, n_bytes)
    return path


@contextmanager
def output_file(path: Path, overwrite: bool = True) -> Iterator[Path]:
    """Return a temporary file that becomes ``path`` when the block ends without an error.

    What another program wrote there meanwhile is not replaced unless ``overwrite``.
    """
    with atomic_path(path) as temporary:
        yield temporary
        if not overwrite and path.exists():
            raise BadInput(
                f"{path} was written by another program meanwhile",
                "a file of this one alone",
                "choose another, or allow it to be replaced",
            )


@contextmanager
def output_folder(path: Path, overwrite: bool = True) -> Iterator[Path]:
    """Yield a temporary folder that becomes ``path`` at the end, replacing an earlier one.

    What of an earlier one is ours was asked before, by `check_folder`.
    """
    with atomic_folder(path, replace=overwrite) as temporary:
        yield temporary


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say an OSError of writing ``path`` in one plain line; reading the movie stays outside."""
    try:
        yield
    except OSError as error:
        if not path.parent.exists():
            found = f"the folder {path.parent} has vanished"
        else:
            found = f"{path} cannot be written ({error.strerror or error})"
        raise BadInput(
            found,
            "a disk with room and a folder to write in",
            "free some space, or choose another folder",
        ) from error


def counted(frames: Iterable[Any], n: int) -> Iterator[Any]:
    """Return exactly ``n`` frames; fewer or more are refused rather than written as if complete."""
    count = 0
    for frame in frames:
        count += 1
        if count > n:
            raise BadInput(
                f"there are more than {n} frames of labels", f"{n}", "give one for each frame"
            )
        yield frame
    if count < n:
        raise BadInput(f"there are {count} frames of labels", f"{n}", "give one for each frame")


def _time_scale(
    stack: Stack, frames: tuple[int, ...]
) -> tuple[float | None, tuple[float, ...] | None]:
    """Interval between the chosen frames (s), and their times where those are uneven."""
    steps = set(np.diff(frames).tolist()) or {1}
    even = len(steps) == 1
    interval = stack.frame_interval
    if stack.times is None and (interval is None or even):
        return (None if interval is None else interval * steps.pop()), None
    times = [time_of(stack, t) for t in frames]
    known = tuple(t for t in times if t is not None)
    return (interval * steps.pop() if even and interval is not None else None), known
