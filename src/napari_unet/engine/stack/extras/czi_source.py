"""Zeiss' CZI files, read by the package pylibCZIrw (extra ``[czi]``): scenes are positions.

The tiles of a mosaic are put together where the file says that they lie.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.engine.errors import BadInput, Notice, not_installed
from napari_unet.engine.stack.extras.czi_header import (
    CziHeader,
    has_whole_tiles,
    other_parts,
    read_time_stamps,
)
from napari_unet.engine.stack.extras.plane_source import Planes, PlaneSource
from napari_unet.engine.stack.source import Metadata
from napari_unet.engine.stack.units import timing

try:
    from pylibCZIrw import czi
except ImportError as error:
    raise not_installed("a Zeiss file (.czi)", "pylibCZIrw", "czi") from error

_OTHERS = {"H": "phases", "I": "illuminations", "V": "views", "R": "rotations", "B": "blocks"}
_TYPES = {
    "Gray8": np.uint8, "Gray16": np.uint16, "Gray32Float": np.float32,
    "Bgr24": np.uint8, "Bgr48": np.uint16, "Bgr96Float": np.float32,
}  # fmt: skip
_PLANE = tuple[int, int, int]  # frame, channel, section


class CziSource(PlaneSource):
    """One scene of a CZI file."""

    kind = "CZI"
    _file: czi.CziReader | None = None

    def _open(self) -> None:
        if not self.path.stat().st_size:
            raise self.damaged("it is empty")
        if not has_whole_tiles(self.path):
            raise self.damaged("a tile is longer than its place")
        if not self.wanted and (what := other_parts(self.path)):
            raise BadInput(
                f"{self.name} is {what}, which are not read together",
                "a movie in one .czi file",
                "save it as one in ZEN, or give the axes (for example TCZYX) to read what is here",
            )
        self._file = czi.CziReader(str(self.path))

    def _shut(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _describe(self, position: int) -> Planes:
        assert self._file is not None
        box = self._file.total_bounding_box_no_pyramid
        for axis, word in _OTHERS.items():
            if (n := box.get(axis, (0, 1))[1]) > 1:
                raise BadInput(
                    f"{self.name} has an axis of {n} {word}",
                    "frames, channels, sections and the image",
                    "save one of them alone in ZEN",
                )
        self._box = self._rectangle(position)
        header = CziHeader(self._file.raw_metadata)
        tiles = self._tiles()
        if not tiles:
            raise self.damaged("it has no images")
        ends = [(min(each), max(each)) for each in zip(*tiles, strict=True)]
        self._first = {axis: first for axis, (first, _) in zip("TCZ", ends, strict=True)}
        sizes = {a: last - first + 1 for a, (first, last) in zip("TCZ", ends, strict=True)}
        notices = self._missing(sizes, tiles, header.planned)
        colours = self._colours(range(ends[1][0], ends[1][1] + 1))
        inner = {"Y": self._box.h, "X": self._box.w, **({"S": 3} if colours else {})}
        heights = header.steps
        return Planes(
            axes="".join((*sizes, *inner)),
            shape=(*sizes.values(), *inner.values()),
            n_inner=len(inner),
            dtype=self._dtype,
            metadata=Metadata(
                pixel_sizes=(heights["Y"], heights["X"]) if {"Y", "X"} <= set(heights) else None,
                z_step=heights.get("Z") if sizes["Z"] > 1 else None,
                channel_names=header.channel_names(sizes["C"]) if not colours else (),
                position_names=header.scene_names(self._scenes),
                **self._times(header, sizes["T"]),
            ),
            notices=notices,
        )

    def _plane(self, index: Mapping[str, int]) -> NDArray[Any]:
        assert self._file is not None
        at = {axis: first + index.get(axis, 0) for axis, first in self._first.items()}
        plane = np.asarray(self._file.read(plane=at, roi=self._box, scene=self._scene))
        return plane[..., ::-1] if plane.shape[-1] == 3 else plane  # stored as blue, green, red

    def _rectangle(self, position: int) -> Any:
        """Return where a scene lies; the whole file is one where it names none."""
        assert self._file is not None
        scenes = self._file.scenes_bounding_rectangle_no_pyramid
        self._scenes = tuple(sorted(scenes)) or (0,)
        self.check_position(position, len(self._scenes))
        self._scene = self._scenes[position] if scenes else None
        if not scenes:
            return self._file.total_bounding_rectangle_no_pyramid
        return scenes[self._scenes[position]]

    def _colours(self, channels: range) -> bool:
        """Tell whether planes have three colours, and keep the type that holds all channels."""
        assert self._file is not None
        types = {self._file.get_channel_pixel_type(c) for c in channels}
        unknown = types - set(_TYPES)
        colours = {name.startswith("Bgr") for name in types}
        if unknown or len(colours) > 1 or (True in colours and len(channels) > 1):
            raise BadInput(
                f"{self.name} has pixels of type {', '.join(sorted(types))}",
                "grey levels, or one image in colour",
                "export it as OME-TIFF from ZEN",
            )
        self._dtype = np.result_type(*(_TYPES[name] for name in types))
        return True in colours

    def _missing(
        self, sizes: Mapping[str, int], tiles: Counter[_PLANE], planned: Mapping[str, int]
    ) -> tuple[Notice, ...]:
        """Say which frames and planes were never taken, and what is a mosaic."""
        notices: tuple[Notice, ...] = ()
        for axis, word in (("T", "frames"), ("Z", "sections")):
            if sizes[axis] < planned[axis]:
                of = f"{sizes[axis]} of the {planned[axis]} {word} that its header names"
                line = f"{self.name} holds {of}: the acquisition was stopped, or it is a part"
                notices += (Notice("check", line),)
        n_planes = math.prod(sizes.values())
        if (n_missing := n_planes - len(tiles)) > 0:
            line = f"{n_missing} of {n_planes} planes of {self.name} are missing and read as 0"
            notices += (Notice("check", line),)
        if (n := max(tiles.values())) > 1:
            line = f"{self.name} is a mosaic of {n} tiles here, put together as the file says"
            notices += (Notice("noted", f"{line}; 0 where there is none"),)
        return notices

    def _tiles(self) -> Counter[_PLANE]:
        """Count the tiles of each plane of the scene."""
        assert self._file is not None
        found: dict[_PLANE, set[int]] = defaultdict(set)

        def add(number: int, block: Any) -> bool:
            at = block.coordinate.to_dict()
            if self._scene is None or at.get("S", 0) == self._scene:
                plane = (at.get("T", 0), at.get("C", 0), at.get("Z", 0))
                found[plane].add(block.mIndex if block.is_mindex_valid() else 0)
            return True

        self._file.enumerate_subblocks_subset(add, only_layer0=True)
        return Counter({plane: len(tiles) for plane, tiles in found.items()})

    def _times(self, header: CziHeader, n: int) -> dict[str, Any]:
        """Seconds at which each frame was taken, and between frames."""
        stamps = read_time_stamps(self.path)
        if n < 2:
            return {}
        known = timing([stamp - stamps[0] for stamp in stamps]) if len(stamps) == n else {}
        return known or {"frame_interval": header.interval}
