"""NIfTI volumes, read by the package nibabel (extra ``[nifti]``): voxels as they are stored.

A file's first axis runs along x, its fourth is time or channels. Nothing is turned or mirrored by
the header's matrix, so that labels of another file lie where they do there.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.errors import Notice, not_installed
from napari_unet.engine.stack.extras.plane_source import Planes, PlaneSource
from napari_unet.engine.stack.source import Metadata

try:
    import nibabel
except ImportError as error:
    raise not_installed("a NIfTI file (.nii)", "nibabel", "nifti") from error

_MICROMETRES = {"mm": 1000.0, "micron": 1.0, "meter": 1e6}
_SECONDS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6}
_FEW = 5  # volumes along a fourth axis up to which they are taken for channels
_MOST_KEPT = 1 << 28  # bytes of volumes that are kept: each is decoded once for all its sections


class NiftiSource(PlaneSource):
    """One file; a plane is a volume ``(Z, Y, X)``, as compressed files are read from their start.

    Values that the header scales are float32.
    """

    kind = "NIfTI"
    packed = ("gzip",)

    def _open(self) -> None:
        self._image: Any = nibabel.load(self.path)
        self._kept: OrderedDict[tuple[int, ...], NDArray[Any]] = OrderedDict()

    def _shut(self) -> None:
        self._image, self._kept = None, OrderedDict()

    def _describe(self, position: int) -> Planes:
        self.check_position(position, 1)
        stored = [int(n) for n in self._image.shape]
        stored += [1] * (3 - len(stored))
        self._beyond, notices = self._further_axes(stored[3:])
        named = dict(zip("XYZ", stored, strict=False))
        named |= {a: n for a, n in zip(self._beyond, stored[3:], strict=True) if a}
        axes = "".join(axis for axis in "TCZYX" if axis in named)
        metadata, unknown = self._sizes()
        data = self._image.dataobj
        scaled = (data.slope, data.inter) != (1, 0)
        return Planes(
            axes=axes,
            shape=tuple(named[axis] for axis in axes),
            n_inner=3,
            dtype=np.dtype(np.float32) if scaled else np.dtype(data.dtype),
            metadata=metadata,
            notices=(*notices, *unknown),
        )

    def _further_axes(self, lengths: list[int]) -> tuple[tuple[str, ...], tuple[Notice, ...]]:
        """Name the axes behind the third, empty where one is of length 1; and what was guessed.

        The fourth is time where it is long or of labels, the fifth are channels.
        """
        long = [place for place, n in enumerate(lengths) if n != 1]
        if any(place > 1 for place in long):
            raise self.damaged(f"{len(lengths) + 3} axes, of which five have a meaning")
        names = ["T", "C"]
        notices: tuple[Notice, ...] = ()
        of_labels = self._image.header.get_intent()[0] == "label"  # which have no channels
        if long == [0] and lengths[0] <= _FEW and not of_labels:
            names[0] = "C"
            line = (
                f"the fourth axis of {self.name}, of {lengths[0]}, is taken for channels; if these "
                "are frames, give the axes TZYX"
            )
            notices = (Notice("check", line),)
        found = tuple(names[place] if place in long else "" for place in range(len(lengths)))
        return found, notices

    def _sizes(self) -> tuple[Metadata, tuple[Notice, ...]]:
        """Return µm and s from voxel to voxel, and what is not clear about them."""
        header = self._image.header
        steps = [float(f"{step:.6g}") for step in header.get_zooms()]
        unit, of_time = header.get_xyzt_units()
        lengths = steps[:3]
        if not all(math.isfinite(step) and step > 0 for step in lengths):
            line = f"{self.name} says no true distance from voxel to voxel: not taken"
            return Metadata(), (Notice("noted", line),)
        along = [step * _MICROMETRES.get(unit, _MICROMETRES["mm"]) for step in lengths]
        notices: tuple[Notice, ...] = ()
        if unit not in _MICROMETRES:
            said = " x ".join(f"{step:.4g}" for step in lengths)
            line = f"{self.name} has voxels of {said} without a unit: taken for mm"
            notices = (Notice("check", line),)
        interval = steps[3] * _SECONDS.get(of_time, 0.0) if "T" in self._beyond else 0.0
        found = Metadata(
            pixel_sizes=(along[1], along[0]),
            z_step=along[2] if len(along) > 2 else None,
            frame_interval=interval or None,
        )
        return found, notices

    def _believed(self, metadata: Metadata) -> Metadata:
        """Take voxels of scanners, too, which are a millimetre wide as no microscope's are."""
        believed = super()._believed(replace(metadata, pixel_sizes=None))
        return replace(believed, pixel_sizes=metadata.pixel_sizes)

    def _plane(self, index: Mapping[str, int]) -> NDArray[Any]:
        at = tuple(index.get(axis, 0) for axis in self._beyond)
        if at in self._kept:
            self._kept.move_to_end(at)
            return self._kept[at]
        rank = self._image.ndim
        stored = np.asarray(self._image.dataobj[(*(slice(None),) * min(rank, 3), *at)])
        volume = np.ascontiguousarray(stored.T, dtype=self.dtype)
        self._kept[at] = volume
        while len(self._kept) > 1 and sum(v.nbytes for v in self._kept.values()) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return volume
