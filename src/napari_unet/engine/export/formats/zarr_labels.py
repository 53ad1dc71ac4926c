"""OME-Zarr 0.5: the movie as an image and its labels in the group beside it; a chunk is a frame.

Needs the extra ``[zarr]``. Specification: https://ngff.openmicroscopy.org/0.5
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.errors import not_installed
from napari_unet.engine.stack.frame_numbers import NUMBERS_KEY

try:
    import zarr

    from napari_unet.engine.export.formats.zarr_writes import settled
except ImportError as error:
    raise not_installed("OME-Zarr export", "zarr", "zarr") from error

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.engine.export.target.outputs import FrameInfo
    from napari_unet.engine.stack.stack import Stack

_LABELS = "cells"


class ZarrWriter:
    """Writes image and labels of each frame into a folder ``….ome.zarr``."""

    @settled()
    def __init__(self, folder: Path, info: FrameInfo, stack: Stack) -> None:
        self.folder, self.info, self.stack = folder, info, stack
        root = zarr.open_group(folder, mode="w", zarr_format=3)
        labels = root.create_group("labels")
        cells = labels.create_group(_LABELS)
        channels, space = stack.shape[1 : -len(info.shape)], info.axes.lower()
        axes = f"tc{space}" if channels else f"t{space}"
        self._image = _array(root, axes, (len(info), *channels, *info.shape), stack.dtype)
        self._labels = _array(cells, f"t{space}", (len(info), *info.shape), np.dtype(np.uint32))
        root.attrs["ome"] = {
            "version": "0.5",
            "multiscales": [_multiscale(info.name, axes, info)],
        }
        root.attrs["napari-unet"] = {NUMBERS_KEY: list(info.numbers)}
        labels.attrs["ome"] = {"version": "0.5", "labels": [_LABELS]}
        cells.attrs["ome"] = {
            "version": "0.5",
            "multiscales": [_multiscale(_LABELS, f"t{space}", info)],
            "image-label": {"source": {"image": "../../"}},
        }
        self._n = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    @settled()
    def write(self, labels: NDArray[Any]) -> None:
        """Write labels and the movie's frame as the next chunks."""
        if not (self.folder / "zarr.json").exists():  # zarr would make the folder again, half empty
            raise FileNotFoundError(errno.ENOENT, "the folder has vanished", str(self.folder))
        self._image[self._n] = self.stack[self.info.frames[self._n]]
        self._labels[self._n] = labels.astype(np.uint32)
        self._n += 1


def _array(group: zarr.Group, axes: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    chunks = (1,) * (len(shape) - 2) + shape[-2:]
    return group.create_array(
        "0", shape=shape, chunks=chunks, dtype=dtype, dimension_names=tuple(axes)
    )


def _multiscale(name: str, axes: str, info: FrameInfo) -> dict[str, Any]:
    units = {}
    if info.frame_interval:
        units["t"] = "second"
    if info.pixel_size:
        units |= {"y": "micrometer", "x": "micrometer"}
    if info.z_step:
        units["z"] = "micrometer"
    steps = {"t": info.frame_interval or 1.0, "c": 1.0, "z": info.z_step or 1.0}
    steps |= dict(zip("yx", info.scale or (1.0, 1.0), strict=True))
    scale = [float(steps[a]) for a in axes]
    kinds = {"t": "time", "c": "channel"}
    described = [{"name": a, "type": kinds.get(a, "space")} for a in axes]
    for axis in described:
        if axis["name"] in units:
            axis["unit"] = units[axis["name"]]
    transformation = {"type": "scale", "scale": scale}
    datasets = [{"path": "0", "coordinateTransformations": [transformation]}]
    return {"name": name, "axes": described, "datasets": datasets}
