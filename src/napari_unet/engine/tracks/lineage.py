"""Cells through time as lines of a tree: from where to where, of which mother, in which row."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.annotations.states import state_colours
from napari_unet.engine.tracks.families import with_daughters
from napari_unet.engine.tracks.track_objects import measure_objects

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterable, Mapping, Sequence

    from napari_unet.engine.stack.source import Frames
    from napari_unet.engine.tracks.tracking import Linker

    Cell = tuple[int, int]  # a frame, and an id on it


@dataclass(frozen=True)
class TrackedCell:
    """A cell of a track on a frame: its id there, and its place (y, x), of a volume (z, y, x)."""

    frame: int
    id: int
    place: tuple[float, ...]
    state: str = ""


@dataclass(frozen=True)
class TrackLine:
    """A track with its cells in order, its mother's track (0 for none), and its daughters'."""

    track: int
    parent: int
    cells: tuple[TrackedCell, ...]
    daughters: tuple[int, ...] = ()

    @property
    def first(self) -> int:
        """Its first frame."""
        return self.cells[0].frame

    @property
    def last(self) -> int:
        """Its last frame."""
        return self.cells[-1].frame

    def at(self, frame: int) -> TrackedCell:
        """Return its cell on a frame, or the nearest one."""
        return min(self.cells, key=lambda cell: abs(cell.frame - frame))


@dataclass(frozen=True)
class Lineage:
    """The tracks of a movie as a forest; ``rows`` are those of each track, from 0.

    A part of it keeps the ``colours`` that states have in the whole.
    """

    lines: dict[int, TrackLine]
    frames: tuple[int, ...] = ()
    rows: dict[int, float] = field(default_factory=dict)
    colours: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        lines: Iterable[TrackLine],
        frames: Sequence[int],
        colours: Mapping[str, str] | None = None,
    ) -> Lineage:
        """Lay lines out: daughters on either side of their mother, families in order of time."""
        by_track = {line.track: line for line in lines}
        daughters: dict[int, list[int]] = {}
        for line in by_track.values():
            if line.parent in by_track:
                daughters.setdefault(line.parent, []).append(line.track)
        known = {
            track: TrackLine(track, line.parent, line.cells, tuple(daughters.get(track, ())))
            for track, line in by_track.items()
        }
        if colours is None:
            colours = state_colours(c.state for line in by_track.values() for c in line.cells)
        return cls(known, tuple(frames), _rows(known), colours)

    def __bool__(self) -> bool:
        return bool(self.lines)

    @cached_property
    def _tracks(self) -> dict[Cell, int]:
        lines = self.lines.items()
        return {(cell.frame, cell.id): track for track, line in lines for cell in line.cells}

    @cached_property
    def states(self) -> list[str]:
        """The states that some cell has, in the order of letters."""
        return sorted({c.state for line in self.lines.values() for c in line.cells} - {""})

    @property
    def n_rows(self) -> int:
        """How many rows it takes."""
        return 1 + int(max(self.rows.values(), default=-1))

    @property
    def n_divisions(self) -> int:
        """How many tracks have two daughters or more."""
        return sum(1 for line in self.lines.values() if len(line.daughters) > 1)

    def track_of(self, frame: int, cell: int) -> int:
        """Return the track of a cell; 0 where it is not among them."""
        return self._tracks.get((frame, cell), 0)

    def root_of(self, track: int) -> int:
        """Return the first track of the family that a track is of."""
        while (parent := self.lines[track].parent) in self.lines:
            track = parent
        return track

    def family(self, *tracks: int) -> Lineage:
        """Return tracks with all that they come from and that come of it."""
        return self._only({self.root_of(track) for track in tracks if track in self.lines})

    def dividing(self) -> Lineage:
        """Return the families in which a cell has a daughter."""
        roots = {self.root_of(t) for t, line in self.lines.items() if line.daughters}
        return self._only(roots)

    def of_cells(self, cells: Collection[Cell]) -> Lineage:
        """Return the tracks of chosen cells and of all that come of them."""
        return self._only({self.track_of(*cell) for cell in cells} - {0})

    def _only(self, roots: Collection[int]) -> Lineage:
        parents = {track: (line.parent,) for track, line in self.lines.items()}
        kept = with_daughters(roots, parents)
        lines = (line for t, line in self.lines.items() if t in kept)
        return Lineage.of(lines, self.frames, self.colours)


def find_lineage(
    labels: Frames, frames: Sequence[int], linker: Linker, states: Any = None
) -> Generator[int, None, Lineage]:
    """Link the labels of some frames and return the tree; yields each frame that was looked at.

    ``states`` gives the states of a frame's cells by id, as `States.of` does.
    """
    cells: dict[int, list[TrackedCell]] = {}
    for t in frames:
        found = np.asarray(labels[t])
        objects = measure_objects(found)
        linker.link(objects, t)
        said = states(t, found) if states is not None else {}
        rows = zip(
            objects.ids.tolist(), objects.track.tolist(), objects.centroids.tolist(), strict=True
        )
        for own, track, place in rows:
            one = TrackedCell(t, own, tuple(place), said.get(own, ""))
            cells.setdefault(track, []).append(one)
        yield t
    parents = {track.id: track.parent for track in linker.tracks.values()}
    lines = (TrackLine(t, parents.get(t, 0), tuple(found)) for t, found in cells.items())
    return Lineage.of(lines, tuple(frames))


def _rows(lines: dict[int, TrackLine]) -> dict[int, float]:
    """Return the row of each track: ends of families one below the other, mothers between."""
    rows: dict[int, float] = {}
    n = 0
    roots = [t for t, line in lines.items() if line.parent not in lines]
    for root in sorted(roots, key=lambda t: (lines[t].first, t)):
        waiting = [root]
        while waiting:
            track = waiting[-1]
            daughters = lines[track].daughters
            open_ones = [d for d in daughters if d not in rows]
            if open_ones:
                waiting.append(open_ones[0])
                continue
            if daughters:
                rows[track] = (rows[daughters[0]] + rows[daughters[-1]]) / 2
            else:
                rows[track] = float(n)
                n += 1
            waiting.pop()
    return rows
