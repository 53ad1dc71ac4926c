"""Labels of a file, a layer or an array, frame by frame: one reader for every command and dock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from napari_unet.engine.errors import BadInput, Notice
from napari_unet.engine.labels.objects import whole_labels
from napari_unet.engine.labels.read_labels import components, guess_kind
from napari_unet.engine.stack.channels import doubt_spacing
from napari_unet.engine.stack.lazy_array import LazyArray
from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.labels.read_labels import Kind
    from napari_unet.engine.stack.stack import Stack

T = TypeVar("T")
_LOOKED_AT = 8  # frames


class LabelStack:
    """Labels as whole numbers: ``labels[t]`` is ``(Y, X)`` or ``(Z, Y, X)``, checked when read.

    ``notices`` say what was guessed of its axes; `doubts` what is odd about its numbers.
    """

    def __init__(
        self,
        read: Callable[[int], NDArray[Any]],
        name: str,
        shape: tuple[int, ...],
        numbers: tuple[int, ...] | None = None,
        notices: Sequence[Notice] = (),
        *,
        from_any_thread: bool = False,
    ) -> None:
        self._read, self.name, self.shape = read, name, shape
        self.from_any_thread = from_any_thread
        self.numbered = numbers is not None
        self.numbers = numbers or tuple(range(shape[0]))
        self.notices = tuple(notices)
        self._is_mask = False

    @classmethod
    def of(cls, labels: Stack, movie: Stack | None = None) -> LabelStack:
        """Read the labels of a stack; ``movie`` tells whether sections or channels are frames."""
        labels, notices = _along_time(labels, movie)
        numbers = labels.numbers if labels.numbered else None
        shape = (len(labels), *labels.frame_shape)
        apart = doubt_spacing(labels.spacing, labels.name)  # which nothing of labels depends on
        said = (*(one for one in labels.notices if one not in apart), *notices)
        return cls(_reader(labels), labels.name, shape, numbers, said, from_any_thread=True)

    @classmethod
    def of_array(cls, data: Any, name: str, dims: int = 2) -> LabelStack:
        """Read any array-like of frames, of 3 ``dims`` where they are volumes.

        Axes of length 1 in front of those do not matter.

        Raises
        ------
        BadInput
            Where more than one axis in front is longer than 1.

        """
        shape = tuple(int(n) for n in data.shape)
        long = [axis for axis, n in enumerate(shape[:-dims]) if n != 1]
        if len(shape) < dims or len(long) > 1 or 0 in shape:
            raise BadInput(
                f"the labels {name} are {' x '.join(map(str, shape))}",
                f"frames of {'Z x ' * (dims - 2)}Y x X pixels",
                "choose labels of one channel" + " and section" * (dims == 2),
            )
        time = long[0] if long else None

        def read(t: int) -> NDArray[Any]:
            if len(shape) == dims + 1:
                return np.array(data[t])
            front = range(len(shape) - dims)
            return np.array(data[tuple(t if axis == time else 0 for axis in front)])

        n = 1 if time is None else shape[time]
        flat = len(shape) == dims
        return cls(
            (lambda _: np.array(data)) if flat else read,
            name,
            (n, *shape[-dims:]),
            from_any_thread=isinstance(data, LazyArray | np.ndarray),
        )

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """``(Y, X)``, of volumes ``(Z, Y, X)``."""
        return self.shape[1:]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, t: int) -> NDArray[np.unsignedinteger[Any]]:
        frame = np.asarray(self._read(t))
        if frame.ndim != len(self.frame_shape):
            raise BadInput(
                f"a frame of the labels {self.name} is {' x '.join(map(str, frame.shape))}",
                f"{'Z x ' * (len(self.frame_shape) - 2)}Y x X pixels",
                "choose labels of one channel and section",
            )
        labels = whole_labels(frame, f"the labels {self.name}")
        return components(labels > 0).astype(np.uint32) if self._is_mask else labels

    def __str__(self) -> str:
        return f"{counted(len(self), 'frame')} of {in_words(self.frame_shape)}"

    def part_mask(self) -> None:
        """Read a mask as its connected pieces from now on, as training does.

        A mask is one number, 1 or the largest of its type, in several pieces.
        """
        some = self._looked_at(None)
        numbers = np.unique(np.concatenate([np.unique(frame) for frame in some]))
        largest = np.iinfo(some[0].dtype).max
        if set(numbers.tolist()) - {0} in ({1}, {255}, {int(largest)}):
            if any(components(frame > 0).max(initial=0) > 1 for frame in some):
                self._is_mask = True
                line = f"{self.name} is a mask: its connected pieces are taken for the cells"
                self.notices += (Notice("noted", line),)

    def kind(self, wanted: Sequence[int] | None = None) -> Kind:
        """Guess from some frames what the numbers are."""
        return guess_kind(self._looked_at(wanted))

    def doubts(
        self,
        kind: Kind = "auto",
        *,
        strokes: bool = False,
        wanted: Sequence[int] | None = None,
        frames: Sequence[NDArray[Any]] | None = None,
    ) -> tuple[Notice, ...]:
        """Look at some ``frames``, or those ``wanted``, and say what is odd about them.

        Nobody doubts ``classes`` that a user chose.
        """
        some = self._looked_at(wanted) if frames is None else _some(frames)
        if kind == "auto":
            kind = guess_kind(some, strokes=strokes)
        elif kind == "classes":
            return ()
        from napari_unet.engine.labels.label_doubts import label_doubts  # half a second

        return label_doubts(some, kind, self.name)

    def _looked_at(self, wanted: Sequence[int] | None) -> list[NDArray[Any]]:
        return [self[t] for t in _some(range(len(self)) if wanted is None else wanted)]


def both_as_volumes(labels: Stack, truth: Stack) -> tuple[Stack, Stack]:
    """Return labels and their truth as volumes where both have as many sections; else as they are.

    Pages without an axis are sections, too, where the other is one volume of as many.
    """
    for mine, other in ((labels, truth), (truth, labels)):
        if mine.n_z > 1 and mine.n_z in (other.n_z, len(other) if len(mine) == 1 else 0):
            volumes = mine if mine.dims == 3 else mine.select(z="volume")
            others = other if other.dims == 3 else _as_volumes(other, volumes)[0]
            return (volumes, others) if mine is labels else (others, volumes)
    return labels, truth


def in_words(shape: tuple[int, ...]) -> str:
    """Say the size of a frame: ``256 x 320 pixels``, ``16 x 256 x 320 voxels``."""
    return f"{' x '.join(map(str, shape))} {'pixels' if len(shape) == 2 else 'voxels'}"


def _some(frames: Sequence[T]) -> Sequence[T]:
    return frames[:: max(1, -(-len(frames) // _LOOKED_AT))]


def _along_time(labels: Stack, movie: Stack | None) -> tuple[Stack, list[Notice]]:
    """Return labels with their frames along T, and what was taken for what."""
    if movie is not None and movie.dims == 3 and labels.dims == 2:
        return _as_volumes(labels, movie)
    n_z = labels.n_z if labels.dims == 2 else 1
    n_c = len(labels.channel_names) if "C" in labels.source_axes else 1
    if movie is not None and len(labels) == 1 < len(movie):
        for letter, n, other, words in (("Z", n_z, n_c, "sections"), ("C", n_c, n_z, "channels")):
            if n == len(movie) and other == 1:
                axes = labels.source_axes.replace("T", "").replace(letter, "T")
                line = f"the {n} {words} of the labels {labels.name} are taken for frames"
                return labels.select(axes=axes), [Notice("noted", line)]
    notices = []
    if n_z > 1:
        z = movie.selection.z if movie is not None and movie.n_z == n_z else "max"
        if z != "max":
            labels = labels.select(z=z)
            which = "each section" if z == "frames" else f"section {z}"
            notices.append(Notice("noted", f"{which} of the labels {labels.name} is taken"))
        else:
            line = f"of the {n_z} sections of the labels {labels.name} the largest number is taken"
            notices.append(Notice("check", line))
    if n_c > 1 and labels.selection.channel is None:
        line = f"of the {n_c} channels of the labels {labels.name} the first is taken"
        notices.append(Notice("check", line))
    return labels, notices


def _as_volumes(labels: Stack, movie: Stack) -> tuple[Stack, list[Notice]]:
    """Return labels of volumes; pages without an axis are sections where the movie has as many."""
    if labels.n_z > 1:
        return labels.select(z="volume"), []
    if len(movie) == 1 and len(labels) == movie.n_z:
        axes = labels.source_axes.replace("T", "Z")
        line = f"the {len(labels)} frames of the labels {labels.name} are taken for sections"
        return labels.select(axes=axes, z="volume"), [Notice("noted", line)]
    return labels, []


def _reader(labels: Stack) -> Callable[[int], NDArray[Any]]:
    """Return what reads a frame; colours must be greys, which are the same in each."""
    colours = "S" in labels.source_axes and "C" not in labels.source_axes
    if not colours or labels.selection.channel is not None or len(labels.channel_names) < 3:
        return labels.__getitem__
    all_three = labels.select(channel=(0, 1, 2))

    def read(t: int) -> NDArray[Any]:
        frame = np.asarray(all_three[t])
        if not (frame == frame[:1]).all():
            raise BadInput(
                f"the labels {labels.name} are in colour (RGB)",
                "an image of numbers, one for each cell, 0 as background",
                "save the numbers themselves, as 8 or 16 bit",
            )
        return np.asarray(frame[0])

    return read
