"""Stack: a time-lapse with named axes; ``stack[t]`` is one frame, read when asked."""

from __future__ import annotations

import functools
import hashlib
import operator
import weakref
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.files.names import user_path
from napari_unet.engine.settings import Selection
from napari_unet.engine.stack.array_source import ArraySource
from napari_unet.engine.stack.channels import (
    RGB,
    doubt_spacing,
    name_channels,
    resolve_channels,
    resolve_z,
    say_taken,
    to_grey,
)
from napari_unet.engine.stack.extras.extra_reader import reader_of
from napari_unet.engine.stack.lazy_frames import LazyFrames, LevelFrames
from napari_unet.engine.stack.source import Metadata, Source, Users

if TYPE_CHECKING:
    from napari_unet.engine.errors import Notice


class Stack:
    """A movie: frames of one position, channel and z. Made by ``open`` or ``from_array``.

    ``stack[t]`` is ``(Y, X)``, of volumes ``(Z, Y, X)``, with C in front where
    ``selection.channel`` is a tuple, in the source's dtype; from any thread. Nothing else is kept.
    """

    def __init__(self, source: Source, selection: Selection, users: Users | None = None) -> None:
        self._source, self.selection = source, selection
        self._channel_axis = next((a for a in "CS" if a in source.axes), None)
        self.channel_names = name_channels(source, self._channel_axis)
        self._channels = resolve_channels(selection, self.channel_names, source)
        self._told = self._channels  # by the fingerprint
        self._z = resolve_z(selection, source)
        self._sections = self.n_z if self._z == "frames" else 1  # that are frames
        self._users = users or Users(source)
        self._users.join()
        self._release = weakref.finalize(self, self._users.leave)

    @classmethod
    def open(cls, path: str | Path, selection: Selection | None = None) -> Self:
        """Open a file of one of the ``KINDS`` (TIFF, ND2, CZI …), or a folder of numbered ones.

        Raises ``BadInput`` where there is none, where it is damaged or cut short, and where the
        selection asks for what it does not have.
        """
        selection, path = selection or Selection(), user_path(path)
        chosen = "position" in selection.model_fields_set
        source = reader_of(path)(
            path, axes=selection.axes, position=selection.position, chosen=chosen
        )
        return cls._of(source, selection)

    @classmethod
    def from_array(
        cls,
        array: Any,
        selection: Selection | None = None,
        *,
        axes: str | None = None,
        name: str = "array",
        pixel_size: float | None = None,
        z_step: float | None = None,
        frame_interval: float | None = None,
        channel_names: tuple[str, ...] | None = None,
        numbers: tuple[int, ...] | None = None,
    ) -> Self:
        """Take any array-like: numpy, dask, zarr, h5py, memmap. ``axes`` such as ``"TCYX"``."""
        selection = selection or Selection()
        metadata = Metadata(
            pixel_sizes=(pixel_size, pixel_size) if pixel_size else None,
            z_step=z_step,
            frame_interval=frame_interval,
            channel_names=tuple(channel_names or ()),
            numbers=None if numbers is None else tuple(int(n) for n in numbers),
        )
        source = ArraySource(
            array,
            axes=selection.axes or axes,
            name=name,
            metadata=metadata,
            position=selection.position,
        )
        source.check_numbers()
        return cls._of(source, selection)

    @classmethod
    def _of(cls, source: Source, selection: Selection) -> Self:
        try:
            return cls(source, selection)
        except BaseException:
            source.close()
            raise

    # --- what it is ---

    @property
    def name(self) -> str:
        """Name of the file, folder or array."""
        return self._source.name

    @property
    def path(self) -> Path | None:
        """File or folder; None for arrays."""
        return self._source.path

    @property
    def source_axes(self) -> str:
        """Axes of the source, as used: read from it, guessed or given."""
        return self._source.axes

    @property
    def position_names(self) -> tuple[str, ...]:
        """Names of the image series in the file."""
        return self._source.metadata.position_names

    @property
    def n_z(self) -> int:
        """Number of sections."""
        return self._source.length("Z")

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What was guessed or left out when it was opened, each line once."""
        doubts = doubt_spacing(self.spacing, self.name) if self.dims == 3 else ()
        return (*self._source.notices, *doubts)

    def note(self, notice: Notice) -> None:
        """Keep what whoever opened it guessed."""
        self._source.note(notice)

    @property
    def taken(self) -> tuple[Notice, ...]:
        """Which channel and sections were taken where nobody chose: for who runs unseen."""
        return say_taken(self.selection, self.channel_names, self._channels, self._source)

    @property
    def pixel_size(self) -> float | None:
        """Width of a pixel in µm: as selected, else as the source says."""
        sizes = self.pixel_sizes
        return sizes[1] if sizes else None

    @property
    def pixel_sizes(self) -> tuple[float, float] | None:
        """Height and width of a pixel in µm, which differ where pixels are oblong."""
        if self.selection.pixel_size:
            return (self.selection.pixel_size, self.selection.pixel_size)
        return self._source.metadata.pixel_sizes

    @property
    def labels_folder(self) -> Path | None:
        """Where labels lie, or may, beside the image of an OME-Zarr; None for all others."""
        return self._source.labels_folder

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the labels that lie beside the image."""
        return self._source.label_names

    @property
    def z_step(self) -> float | None:
        """µm from section to section: as selected, else as the source says."""
        return self.selection.z_step or self._source.metadata.z_step

    @property
    def dims(self) -> int:
        """Dimensions of a frame in space: 3 of volumes."""
        return 3 if self._z == "volume" else 2

    @property
    def spacing(self) -> tuple[float, ...] | None:
        """µm from pixel to pixel along each of them; None where one is not known."""
        if self.dims == 2 or not self.pixel_sizes:
            return self.pixel_sizes
        return (self.z_step, *self.pixel_sizes) if self.z_step else None

    @property
    def inverted(self) -> bool:
        """Whether the file stores white as zero, so that frames are read inverted."""
        return self._source.inverted

    @property
    def frame_interval(self) -> float | None:
        """Seconds between frames: as selected, else as the source says."""
        said = self._source.metadata.frame_interval if self._sections == 1 else None
        return self.selection.frame_interval or said

    @property
    def times(self) -> tuple[float, ...] | None:
        """Seconds at which each frame was taken, where the file says and nobody says otherwise."""
        otherwise = self.selection.frame_interval or self._sections > 1
        return None if otherwise else self._source.metadata.times

    @property
    def selected_channels(self) -> tuple[str, ...]:
        """Names of the channels that frames show; () of colours shown as grey."""
        chosen = self._channels if isinstance(self._channels, tuple) else (self._channels,)
        return tuple(self.channel_names[c] for c in chosen if c is not None)

    @property
    def numbered(self) -> bool:
        """Whether the frames' numbers come from their file names or metadata."""
        return self._source.metadata.numbers is not None and self._sections == 1

    @property
    def numbers(self) -> tuple[int, ...]:
        """Number of each frame in its file name or metadata; its position otherwise."""
        said = self._source.metadata.numbers if self.numbered else None
        return said or tuple(range(len(self)))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels, in native byte order."""
        return self._source.dtype

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """``(Y, X)``, of volumes ``(Z, Y, X)``."""
        return tuple(self._source.length(axis) for axis in "ZYX"[-self.dims :])

    @property
    def channels(self) -> int:
        """How many channels a frame has; 1 where it has no axis for them."""
        return len(self._channels) if isinstance(self._channels, tuple) else 1

    @property
    def shape(self) -> tuple[int, ...]:
        """``(T, Y, X)`` or ``(T, Z, Y, X)``, with C after T where the channel is a tuple."""
        channels = (self.channels,) if isinstance(self._channels, tuple) else ()
        return (len(self), *channels, *self.frame_shape)

    @cached_property
    def fingerprint(self) -> str:
        """Hex digest of the source's size and samples of its content, and of the selection.

        The same wherever the source lies and however the selection was written.
        """
        digest = hashlib.sha256()
        what = (self.source_axes, self._source.shape, str(self.dtype), self._told, self._z)
        digest.update(repr((*what, self.selection.position)).encode())
        for sample in self._source.samples():
            digest.update(sample)
        return digest.hexdigest()

    @property
    def stamp(self) -> str | None:
        """When its files were last saved; None where they are gone. A copy has another."""
        try:
            return self._source.stamp
        except OSError:
            return None

    @property
    def content(self) -> str | None:
        """Hex digest of a closer look than the fingerprint's, for where the stamp has changed.

        Up to 64 MB are read, once; None where it is no file, or the files are gone.
        """
        try:
            return self._source.content
        except OSError:
            return None

    def first(self, n: int) -> Stack | None:
        """Return the first ``n`` frames of a folder, as it was before it grew; None for others."""
        source = self._source.first(n) if 0 < n < len(self) and self._sections == 1 else None
        return None if source is None else type(self)(source, self.selection)

    def __len__(self) -> int:
        return self._source.length("T") * self._sections

    def __repr__(self) -> str:
        shape = " x ".join(str(n) for n in self.shape)
        return f"Stack({self.name}: {shape} {self.dtype}, axes {self.source_axes})"

    # --- pixels ---

    def __getitem__(self, t: int) -> NDArray[Any]:
        t = operator.index(t)
        if not -len(self) <= t < len(self):
            raise IndexError(f"frame {t} of {len(self)}")
        if not self._release.alive:
            raise ValueError(f"{self!r} is closed")
        places = dict(zip("TZ", divmod(t % len(self), self._sections), strict=True))
        kept = "TZ" if self._sections > 1 else "T"
        index = {axis: places[axis] for axis in kept if axis in self._source.axes}
        if isinstance(self._channels, tuple):
            return self._read_channels(index, self._channels)
        if self._channel_axis and self._channels is not None:
            index[self._channel_axis] = self._channels
        return self._read(index)

    def _read_channels(self, index: dict[str, int], channels: tuple[int, ...]) -> NDArray[Any]:
        """Read several channels, (C, Y, X): at once where a page holds them all."""
        axis = self._channel_axis
        if axis is None:
            return np.stack([self._read(index)] * len(channels))
        if axis in self._source.inner:
            return self._read(index, grey=False)[list(channels)]
        return np.stack([self._read({**index, axis: c}) for c in channels])

    def _read(self, index: dict[str, int], *, grey: bool = True) -> NDArray[Any]:
        """Read one frame; Z is projected, chosen or kept, colours become grey; others in front."""
        axes = self._source.axes
        if isinstance(self._z, int) and "Z" in axes:
            index = {**index, "Z": self._z}
        elif "Z" in axes and "Z" not in self._source.inner and "Z" not in index:
            planes = (self._read_plane({**index, "Z": z}, grey) for z in range(self.n_z))
            if self.dims == 3:
                return np.stack(list(planes), axis=-3)
            return functools.reduce(lambda a, b: np.fmax(a, b, out=a), planes)  # NaN gives way
        return self._read_plane(index, grey)

    def _read_plane(self, index: dict[str, int], grey: bool) -> NDArray[Any]:
        plane, left = self._source.read(index), [a for a in self._source.axes if a not in index]
        order = sorted(range(len(left)), key=lambda i: "SCTZYX".index(left[i]))
        plane = plane.transpose(order)
        if "Z" in left and self.dims == 2:
            plane = np.fmax.reduce(plane, axis=-3)
        if grey and "S" in left:
            plane = to_grey(plane)
        return np.ascontiguousarray(plane)

    def lazy(self) -> LazyFrames:
        """Array-like of the shape of this stack, for an Image layer."""
        return LazyFrames(self)

    def levels(self) -> list[LazyFrames]:
        """Array-likes for an Image layer, the finest first, at all resolutions that there are."""
        coarser = [one for one in map(self._at, self._source.coarser) if len(one) == len(self)]
        return [LevelFrames(one) for one in (self, *coarser)] if coarser else [self.lazy()]

    def _at(self, coarser: Source) -> Stack:
        z = self.selection.z
        if isinstance(z, int):
            z = z * coarser.length("Z") // self.n_z
        return type(self)(coarser, self.selection.replace(z=z), self._users)

    def window(self, rows: slice, columns: slice) -> Stack | None:
        """Return the movie of a part of each frame; None where that would read all of it."""
        part = self._source.window(rows, columns)
        return None if part is None else self._at(part)

    def reopens(self, **changes: Any) -> bool:
        """Whether ``select`` with these changes opens the source again: that takes its time."""
        wanted, ours = self.selection.replace(**changes), self.selection
        return (wanted.axes, wanted.position) != (ours.axes, ours.position)

    def select(self, **changes: Any) -> Stack:
        """Return the same source with another selection (fields of ``Selection``)."""
        selection = self.selection.replace(**changes)
        if not self.reopens(**changes):
            return type(self)(self._source, selection, self._users)
        if self.path is not None:
            return type(self).open(self.path, selection)
        assert isinstance(self._source, ArraySource)
        return self._of(self._source.replace(selection.axes, selection.position), selection)

    def seen_by(self, channels: int) -> Stack:
        """Return the movie as a network of so many channels takes it.

        Colours where it takes three and nobody chose a channel: to the user, and by its
        fingerprint, it is the same movie. One that does not fit is returned as it is.
        """
        coloured = self._channels is None and self.channel_names[:3] == RGB
        return self._colours if coloured and channels == len(RGB) else self

    @cached_property
    def _colours(self) -> Stack:
        seen = self.select(channel=tuple(range(len(RGB))))
        seen._told = self._told  # noqa: SLF001 - one of its own kind
        return seen

    def close(self) -> None:
        """Release the file once no other selection of it is open."""
        if seen := self.__dict__.pop("_colours", None):
            seen.close()
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
