"""Measurements of cells against time: curves of tracks, as numbers and as a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.errors import BadInput
from napari_unet.engine.export.plots.curves import Curve, Panel, plot_curves
from napari_unet.engine.export.target.table_file import write_columns
from napari_unet.engine.files.atomic import atomic_path
from napari_unet.engine.tracks.families import with_daughters

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_NO_QUANTITY = {
    "position", "frame", "time_s", "label", "track_id", "parent_id", "touches_border",
    "hand_corrected", "threshold",
}  # fmt: skip
_UNITS = {"um": "µm", "um2": "µm²", "um3": "µm³"}


class CellsOverTime:
    """The columns of a table of cells, by track; an entry for each cell and frame."""

    def __init__(self, columns: Mapping[str, NDArray[Any]]) -> None:
        order = np.lexsort((columns["frame"], columns["track_id"])) if columns else ()
        self.columns = {name: column[order] for name, column in columns.items()}
        tracks = self.columns.get("track_id", np.zeros(0, np.int64))
        self._tracks, first = np.unique(tracks, return_index=True)
        self._ends = np.append(first, len(tracks))
        frames = np.unique(self.columns.get("frame", tracks))
        self._step = int(np.diff(frames).min(initial=1 << 31))  # of some frames only, it may be 5

    @property
    def quantities(self) -> tuple[str, ...]:
        """The columns that can be drawn: numbers that are known of some cell."""
        return tuple(
            name
            for name, column in self.columns.items()
            if name not in _NO_QUANTITY and column.dtype.kind in "fiu" and _known(column)
        )

    @property
    def timed(self) -> bool:
        """Whether the time of the frames is known."""
        return bool(self.columns) and _known(self.columns["time_s"])

    @property
    def tracks(self) -> list[int]:
        """Every track, from the lowest number up."""
        return [int(track) for track in self._tracks]

    def tracks_of(self, frame: int, labels: Collection[int]) -> list[int]:
        """Return the tracks of cells of a frame, in their order."""
        here = np.flatnonzero(self.columns["frame"] == frame) if self.columns else ()
        own = {int(self.columns["label"][i]): int(self.columns["track_id"][i]) for i in here}
        return list(dict.fromkeys(own[label] for label in labels if label in own))

    def with_daughters(self, tracks: Sequence[int]) -> list[int]:
        """Return tracks and all that descend from them."""
        parents = {
            int(track): (int(self.columns["parent_id"][start]),)
            for track, start in zip(self._tracks, self._ends[:-1], strict=True)
        }
        later = with_daughters(tracks, parents) - set(tracks)
        return [*tracks, *sorted(later)]

    def curve(self, track: int, quantity: str, *, minutes: bool = False) -> tuple[Floats, Floats]:
        """Return x (frames, or min) and y of a track in the order of time; NaN where it is gone."""
        x, y = self._xs(track, minutes=minutes), self.columns[quantity][self._rows(track)]
        gone = np.flatnonzero(np.diff(self.columns["frame"][self._rows(track)]) > self._step) + 1
        return np.insert(x, gone, x[gone]), np.insert(y.astype(np.float64), gone, np.nan)

    def cell_at(self, track: int, x: float, *, minutes: bool = False) -> tuple[int, int]:
        """Return frame and label of a track's cell nearest to an x."""
        xs = self._xs(track, minutes=minutes)
        row = self._rows(track).start + int(np.abs(xs - x).argmin())
        return int(self.columns["frame"][row]), int(self.columns["label"][row])

    def of(self, tracks: Iterable[int]) -> dict[str, NDArray[Any]]:
        """Return the columns of some tracks alone, track by track."""
        rows = np.concatenate([np.r_[self._rows(track)] for track in tracks])
        return {name: column[rows] for name, column in self.columns.items()}

    def _xs(self, track: int, *, minutes: bool) -> Floats:
        rows = self._rows(track)
        xs = self.columns["time_s"][rows] / 60 if minutes else self.columns["frame"][rows]
        found: Floats = xs.astype(np.float64)
        return found

    def _rows(self, track: int) -> slice:
        at = int(np.searchsorted(self._tracks, track))
        return slice(int(self._ends[at]), int(self._ends[at + 1]))


def write_over_time(
    path: Path,
    cells: CellsOverTime,
    tracks: Sequence[int],
    quantities: Sequence[str],
    *,
    minutes: bool = False,
) -> Path:
    """Write tracks as a figure where the name ends in ``.png``, else all columns as a table.

    Raises
    ------
    BadInput
        Where a quantity is not measured, or not known of these cells.

    """
    if not tracks:
        raise BadInput("there is no cell", "cells, on some frame", "choose others")
    for name in quantities:
        if name not in cells.quantities:
            raise BadInput(
                f"{name} is not known of these cells",
                f"one of {', '.join(cells.quantities)}",
                "name a column of the table",
            )
    if path.suffix.lower() != ".png":
        write_columns(path, cells.of(tracks))
        return path
    with atomic_path(path.absolute()) as temporary:
        temporary.write_bytes(_figure(cells, tracks, quantities, minutes=minutes))
    return path


def in_words(column: str) -> str:
    """Return the name of a column as it is read: ``area µm²``."""
    return " ".join(_UNITS.get(part, part) for part in column.split("_"))


def _figure(
    cells: CellsOverTime, tracks: Sequence[int], quantities: Sequence[str], *, minutes: bool
) -> bytes:
    def curve(track: int, name: str) -> Curve:
        xs, ys = cells.curve(track, name, minutes=minutes)
        points = zip(xs.tolist(), ys.tolist(), strict=True)
        return Curve(f"track {track}", list(points))

    panels = [Panel(in_words(name), [curve(t, name) for t in tracks]) for name in quantities]
    return plot_curves(panels, "min" if minutes else "frame")


def _known(column: NDArray[Any]) -> bool:
    return bool(np.isfinite(column.astype(np.float64)).any())
