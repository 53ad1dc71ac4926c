"""Nikon's ND2 files, read by the package nd2 (extra ``[nd2]``): positions of the stage are ours."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from napari_unet.engine.errors import BadInput, Notice, not_installed
from napari_unet.engine.stack.extras.plane_source import Planes, PlaneSource
from napari_unet.engine.stack.source import Metadata
from napari_unet.engine.stack.units import timing

try:
    import nd2
except ImportError as error:
    raise not_installed("a Nikon file (.nd2)", "nd2", "nd2") from error


class Nd2Source(PlaneSource):
    """One position of an ND2 file; the channels of a plane lie side by side in it."""

    kind = "ND2"
    _file: nd2.ND2File | None = None

    def _open(self) -> None:
        if nd2.is_legacy(self.path):
            raise BadInput(
                f"{self.name} is an ND2 file of the old kind, whose planes are JPEG 2000",
                "an ND2 file of the kind that is written today",
                "export it as OME-TIFF, for example with Fiji (File > Import > Bio-Formats)",
            )
        self._file = nd2.ND2File(self.path)

    def _shut(self) -> None:
        if self._file is not None:
            self._file.close()

    def _describe(self, position: int) -> Planes:
        assert self._file is not None
        file = self._file
        sizes = dict(file.sizes)
        inner = {a: sizes.pop(a) for a in "CYXS" if a in sizes}
        self._loops = dict(sizes)
        n_positions = sizes.pop("P", 1)
        self.check_position(position, n_positions)
        self._position = position
        notices = self._cut_short(sizes)
        if "U" in sizes and "T" not in sizes:  # a loop of the user's own
            self._loops = {"T" if a == "U" else a: n for a, n in self._loops.items()}
            sizes = {"T" if a == "U" else a: n for a, n in sizes.items()}
            line = f"{self.name} repeats in a way of its user's own, which is taken for time"
            notices += (Notice("check", line),)
        voxel = file.voxel_size()
        return Planes(
            axes="".join((*sizes, *inner)),
            shape=(*sizes.values(), *inner.values()),
            n_inner=len(inner),
            dtype=file.dtype,
            metadata=Metadata(
                pixel_sizes=(voxel.y, voxel.x) if file.metadata.channels else None,
                z_step=voxel.z if sizes.get("Z", 1) > 1 and voxel.z > 0 else None,
                channel_names=tuple(c.channel.name for c in file.metadata.channels or ()),
                position_names=_stage_names(file, n_positions),
                **self._times(sizes.get("T", 1)),
            ),
            notices=notices,
        )

    def _plane(self, index: Mapping[str, int]) -> NDArray[Any]:
        assert self._file is not None
        return self._file.read_frame(self._number({**index, "P": self._position}))

    def _number(self, index: Mapping[str, int]) -> int:
        """Count planes in the order in which they were taken."""
        number = 0
        for axis, n in self._loops.items():
            number = number * n + index.get(axis, 0)
        return number

    def _cut_short(self, sizes: dict[str, int]) -> tuple[Notice, ...]:
        """Leave frames out of ``sizes`` that a stopped acquisition never took."""
        assert self._file is not None
        there, planned = self._file.attributes.sequenceCount, math.prod(self._loops.values())
        if not there or there >= planned:
            return ()
        what = f"{self.name} holds {there} of {planned} planes"
        if next(iter(self._loops), "") != "T" or not (n := there * self._loops["T"] // planned):
            raise self.damaged(what)
        sizes["T"] = n
        line = f"{what}: the acquisition was stopped, and its last frames are left out"
        return (Notice("check", line),)

    def _times(self, n: int) -> dict[str, Any]:
        """Seconds at which the first plane of each frame was taken, and between frames."""
        assert self._file is not None
        taken = {
            int(event["Index"]): float(event["Time [s]"])
            for event in self._file.events()
            if event.get("Index") is not None and event.get("Time [s]") is not None
        }
        numbers = [self._number({"T": t, "P": self._position}) for t in range(n)]
        if n < 2 or not set(numbers) <= set(taken):
            return {}
        return timing([taken[i] for i in numbers])


def _stage_names(file: nd2.ND2File, n: int) -> tuple[str, ...]:
    """Names of the positions of the stage."""
    for loop in file.experiment:
        points = getattr(loop.parameters, "points", None)
        if points is not None and len(points) == n:
            return tuple(p.name or f"position {i}" for i, p in enumerate(points))
    return ("",) if n == 1 else tuple(f"position {i}" for i in range(n))
