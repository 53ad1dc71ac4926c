"""GEFF: cells as nodes and their links as edges of a graph, in a Zarr folder.

Needs the extra ``[zarr]``. Specification: https://liveimagetrackingtools.org/geff. A node has the
cell's place, its id in the labels of its frame (``seg_id``) and its id through time
(``track_id``), by which it is found in labels that were written with such ids. The folder is of
Zarr format 2, as the specification's own package writes it.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from napari_unet.engine.errors import not_installed
from napari_unet.engine.export.formats.track_graph import Node, TrackGraph
from napari_unet.engine.files.versions import PROGRAM, versions
from napari_unet.engine.tracks.tracking import Linker

try:
    import zarr

    from napari_unet.engine.export.formats.zarr_writes import settled
except ImportError as error:
    raise not_installed("GEFF export", "zarr", "zarr") from error

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_unet.engine.export.target.outputs import FrameInfo

    Columns = dict[str, NDArray[Any]]

_VERSION = "1.3"  # of the specification
_CHUNK = 1 << 18  # values


class GeffWriter:
    """Links frames in order; writes the graph when the last has come."""

    def __init__(self, folder: Path, info: FrameInfo, linker: Linker | None = None) -> None:
        self.folder, self.info = folder, info
        self.graph = TrackGraph(linker or Linker(spacing=info.spacing))
        self._columns: list[NDArray[np.float64]] = []
        self._n = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self._write()

    def write(self, labels: NDArray[Any]) -> None:
        """Add the cells of the next frame."""
        if not self.folder.is_dir():  # zarr would make it again
            raise FileNotFoundError(errno.ENOENT, "the folder has vanished", str(self.folder))
        nodes = self.graph.add(labels, self.info.frames[self._n])
        self._n += 1
        self._columns.append(np.array([(*node[:5], *node.place) for node in nodes], np.float64))

    @settled()
    def _write(self) -> None:
        if not self.folder.is_dir():
            raise FileNotFoundError(errno.ENOENT, "the folder has vanished", str(self.folder))
        names = (*Node._fields[:5], *self.info.axes.lower())
        columns = [each.reshape(-1, len(names)) for each in self._columns]
        of = dict(zip(names, np.concatenate(columns).T, strict=True))
        props: Columns = {
            "t": of["frame"].astype(np.int64),
            **{axis: of[axis] for axis in self.info.axes.lower()},
            "seg_id": of["label"].astype(np.uint64),
            "track_id": of["track"].astype(np.uint64),
            "tracklet_id": self.graph.tracklets().astype(np.uint64),
            "lineage_id": np.array(self.graph.lineages, np.uint64),
            "area": of["area"].astype(np.uint64),
        }
        root = zarr.open_group(self.folder, mode="w", zarr_format=2)
        nodes, edges = root.create_group("nodes"), root.create_group("edges")
        _array(nodes, "ids", of["number"].astype(np.uint64))
        _array(edges, "ids", np.array(self.graph.edges, np.uint64).reshape(-1, 2))
        edges.create_group("props")
        described = nodes.create_group("props")
        for name, values in props.items():
            _array(described.create_group(name), "values", values)
        root.attrs["geff"] = _metadata(props, self.info)


def _array(group: zarr.Group, name: str, values: NDArray[Any]) -> None:
    n = max(1, min(len(values), _CHUNK))
    array = group.create_array(
        name, shape=values.shape, dtype=values.dtype, chunks=(n, *values.shape[1:])
    )
    array[:] = values


def _metadata(props: Columns, info: FrameInfo) -> dict[str, Any]:
    units = {"area": f"pixel^{len(info.shape)}"}
    return {
        "geff_version": _VERSION,
        "directed": True,
        "axes": _axes(props, info),
        "node_props_metadata": {
            name: {
                "identifier": name,
                "dtype": values.dtype.name,
                "varlength": False,
                "unit": units.get(name),
            }
            for name, values in props.items()
        },
        "edge_props_metadata": {},
        "track_node_props": {"lineage": "lineage_id", "tracklet": "tracklet_id"},
        "display_hints": {
            "display_horizontal": "x",
            "display_vertical": "y",
            "display_time": "t",
            **({"display_depth": "z"} if "z" in props else {}),
        },
        "extra": {PROGRAM: {"version": versions().get(PROGRAM), "movie": info.name}},
    }


def _axes(props: Columns, info: FrameInfo) -> list[dict[str, Any]]:
    """Describe t, y and x: frames and pixels, and what one of each measures where it is known."""
    height, width = info.scale or (None, None)
    scales = {"t": info.frame_interval, "z": info.z_step, "y": height, "x": width}
    axes = []
    for name in f"t{info.axes.lower()}":
        scale = scales[name]
        time, values = name == "t", props[name]
        axis: dict[str, Any] = {"name": name, "type": "time" if time else "space"}
        axis["unit"] = "frame" if time else "pixel"
        if len(values):
            axis |= {"min": float(values.min()), "max": float(values.max())}
        if scale:
            axis |= {"scale": scale, "scaled_unit": "second" if time else "micrometer"}
        axes.append(axis)
    return axes
