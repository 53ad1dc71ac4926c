"""OME-Zarr, as a folder or a zip, read by the package zarr (extra ``[zarr]``).

The finest level is read, a plane at a time, the others to be looked at; wells, fields and images in
a row are positions.
"""

from __future__ import annotations

import copy
import hashlib
import os
import zipfile
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.errors import BadInput, Notice, not_installed
from napari_unet.engine.stack.extras.plane_source import Planes, PlaneSource
from napari_unet.engine.stack.extras.zarr_tree import images_in, missing_wells, read_image
from napari_unet.engine.stack.file_source import CLOSER, stamp_of
from napari_unet.engine.stack.frame_numbers import NUMBERS_KEY
from napari_unet.engine.stack.kinds import zip_around
from napari_unet.engine.stack.source import Metadata, Source
from napari_unet.engine.text import counted

try:
    import zarr
    from zarr.errors import ContainsArrayError, GroupNotFoundError
    from zarr.storage import ZipStore
except ImportError as error:
    raise not_installed("an OME-Zarr", "zarr", "zarr") from error

_BLOCK = 64 << 20  # bytes of frames in one chunk that are kept, so that it is decoded once


class ZarrSource(PlaneSource):
    """One image of an OME-Zarr."""

    kind = "OME-Zarr"
    packed = ("zip",)
    _store: ZipStore | None = None
    _kept: tuple[tuple[Any, ...], NDArray[Any]] | None = None
    _part: tuple[slice, ...] = ()

    def __init__(self, path: Path, *, level: int = 0, **how: Any) -> None:
        self._level, self._how = level, how
        super().__init__(path, **how)

    def _open(self) -> None:
        if self._zip is not None:
            self._store = _open_zip(self._zip)
        place, inside = self._store or self.path, self._inside or None
        try:
            self._root = zarr.open_group(place, path=inside, mode="r", use_consolidated=False)
        except (GroupNotFoundError, ContainsArrayError) as error:
            raise self._no_group() from error

    def _no_group(self) -> BadInput:
        """Say what is there in place of a group."""
        within = (
            {name.split("/")[0] for name in zipfile.ZipFile(self._zip).namelist()}
            if (self._zip and not self._inside)
            else set()
        )
        if len(within) == 1:
            inner = f"{self.path}/{within.pop()}"
            return BadInput(
                f"{self.name} holds a folder", "an OME-Zarr at its top", f"give {inner}"
            )
        return BadInput(
            f"{self.name} is a Zarr array without metadata of OME, or no Zarr",
            "OME-Zarr 0.4 or 0.5: an image, a plate or a well",
            "choose the folder of the image, or write it as OME-Zarr",
        )

    def _shut(self) -> None:
        self._kept = None
        for one in self.__dict__.pop("coarser", ()):
            one.close()
        if self._store is not None:
            self._store.close()
            self._store = None

    def _describe(self, position: int) -> Planes:
        found = images_in(self._root)
        if not found:
            raise BadInput(
                f"{self.name} is a Zarr without an image that its attributes describe",
                "OME-Zarr 0.4 or 0.5: an image, a plate or a well",
                "choose the folder of the image, or write it as OME-Zarr",
            )
        self.check_position(position, len(found))
        image = read_image(self._root, found[position][0], self.name, self._level)
        self._image = image
        array = self._root[image.array]
        assert isinstance(array, zarr.Array)
        self._array: zarr.Array[Any] = array
        if len(image.axes) != array.ndim:
            raise self.damaged(f"{array.ndim} axes, of which {len(image.axes)} are named")
        order = sorted(range(array.ndim), key=lambda i: (image.axes[i] in "YXS", i))
        if order != list(range(array.ndim)):
            raise BadInput(
                f"{self.name} has its axes in the order {image.axes}",
                "the image (Y, X) last",
                "write it again with a program that follows OME-Zarr",
            )
        scale, n_inner = image.scale, sum(a in "YXS" for a in image.axes)
        return Planes(
            axes=image.axes,
            shape=tuple(int(n) for n in array.shape),
            n_inner=n_inner,
            dtype=np.dtype(array.dtype),
            metadata=Metadata(
                pixel_sizes=(scale["Y"], scale["X"]) if {"Y", "X"} <= set(scale) else None,
                frame_interval=scale.get("T"),
                z_step=scale.get("Z"),
                channel_names=image.channel_names,
                position_names=tuple(name for _, name in found),
                numbers=self._numbers(),
            ),
            notices=(*image.notices, *self._left_out()),
        )

    def _left_out(self) -> tuple[Notice, ...]:
        """Say which wells a plate names and has not."""
        if not (missing := missing_wells(self._root)):
            return ()
        named = f"{', '.join(missing[:6])}{', …' if len(missing) > 6 else ''}"
        line = f"{self.name} names {counted(len(missing), 'well')} that it has not ({named})"
        return (Notice("check", f"{line}: the acquisition was stopped, or it is a part"),)

    def _plane(self, index: Mapping[str, int]) -> NDArray[Any]:
        axes = self._image.axes
        at = tuple(index.get(axis, 0) for axis in axes if axis not in "YXS")
        return self._frames_around(axes.find("T"), at) if "T" in axes else self._decoded(at)

    def _frames_around(self, axis: int, at: tuple[int, ...]) -> NDArray[Any]:
        """Return a plane; of a chunk that holds several frames, all are kept."""
        depth = int(self._array.chunks[axis])
        n_bytes = int(np.prod(self._array.shape[len(at) :])) * self._array.dtype.itemsize
        if depth == 1 or depth * n_bytes > _BLOCK:
            return self._decoded(at)
        first = at[axis] // depth * depth
        key = (*at[:axis], first, *at[axis + 1 :])
        if self._kept is None or self._kept[0] != key:
            chunk = slice(first, first + depth)
            self._kept = key, self._decoded((*at[:axis], chunk, *at[axis + 1 :]))
        return np.asarray(self._kept[1][at[axis] - first])

    def _decoded(self, at: tuple[Any, ...]) -> NDArray[Any]:
        return np.asarray(self._array[(*at, *self._part)])

    def window(self, rows: slice, columns: slice) -> Source | None:
        """Return the source of a part of the image, of which only chunks that lie there are read.

        It reads as long as this one is open.
        """
        if not self.inner.startswith("YX"):
            return None
        height, width, *colours = self._inner_shape
        inside = (len(range(*rows.indices(height))), len(range(*columns.indices(width))), *colours)
        shape = (*self.shape[: len(self.shape) - len(inside)], *inside)
        part = copy.copy(self)
        vars(part).update(_part=(rows, columns), _kept=None, _inner_shape=inside, shape=shape)
        return part

    def _numbers(self) -> tuple[int, ...] | None:
        """Return the frames' numbers in the movie that labels of ours belong to."""
        group = self._root[self._image.place] if self._image.place else self._root
        said = group.attrs.get("napari-unet")
        numbers = said.get(NUMBERS_KEY) if isinstance(said, dict) else None
        return tuple(map(int, numbers)) if isinstance(numbers, list) else None

    @cached_property
    def coarser(self) -> tuple[Source, ...]:
        """Its coarser levels, as far as they have the same axes and the image alone is smaller."""
        found: list[Source] = [self]
        for level in range(self._level + 1, self._image.n_levels):
            try:
                one = ZarrSource(self.path, level=level, **self._how)
            except BadInput:  # it is for looking at only
                break
            if not _is_coarser(one, found[-1]):
                one.close()
                break
            found.append(one)
        return tuple(found[1:])

    # ---- what it holds, for the fingerprint ---------------------------------------------------

    @property
    def labels_folder(self) -> Path | None:
        """Where labels of this image lie, or may."""
        return self.path / self._image.place / "labels"

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the labels beside the image."""
        return self._image.labels

    def _check_there(self) -> None:
        self._zip, self._inside = zip_around(self.path)
        if self._zip is None and self.path.is_file():
            found, wanted = f"{self.path.name} is a file", "a folder, or a zip called .zarr.zip"
            raise BadInput(found, wanted, "open the folder, or give the file its own name")
        if self._zip is None and not self.path.is_dir():
            raise BadInput(f"{self.path} does not exist", "an OME-Zarr", "check the path")

    def samples(self) -> Iterator[bytes]:
        """Return the pixels of the first, middle and last frame: the same in folder and zip."""
        n = self.length("T")
        yield from (self._pixels(t, all_planes=False) for t in sorted({0, n // 2, n - 1}))

    @property
    def stamp(self) -> str | None:
        """When the files of the image were last saved, without those of its labels."""
        if self._zip is not None:
            return stamp_of(self._zip)
        digest = hashlib.sha256()
        for folder, folders, files in os.walk(self.path / self._image.array):
            folders.sort()
            for name in sorted(files):
                digest.update(f"{name}:{stamp_of(Path(folder, name))};".encode())
        return digest.hexdigest()

    @cached_property
    def content(self) -> str | None:
        """Digest of frames at even distances, 64 MB of them at most."""
        frame = int(np.prod(self.shape)) // self.length("T") * self.dtype.itemsize
        n = self.length("T")
        looked_at = np.unique(np.linspace(0, n - 1, min(n, max(CLOSER // frame, 1))).astype(int))
        digest = hashlib.sha256()
        for t in looked_at.tolist():
            digest.update(self._pixels(t, all_planes=True))
        return digest.hexdigest()

    def _pixels(self, t: int, *, all_planes: bool) -> bytes:
        index = {"T": t} if "T" in self.axes else {}
        if not all_planes:
            index |= {axis: 0 for axis in self.axes if axis not in "TYXS"}
        return self.read(index).tobytes()


def _is_coarser(one: Source, finer: Source) -> bool:
    """Whether an image has fewer pixels, of the same type, in as many frames and channels."""
    if (one.axes, one.dtype) != (finer.axes, finer.dtype):
        return False
    same = all(one.length(axis) == finer.length(axis) for axis in "TCS")
    return same and all(one.length(axis) < finer.length(axis) for axis in "YX")


def _open_zip(path: Path) -> ZipStore:
    if not zipfile.is_zipfile(path):
        raise BadInput(
            f"{path.name} is damaged or cut short, or no zip", "a zipped OME-Zarr", "copy it again"
        )
    return ZipStore(path, mode="r")
