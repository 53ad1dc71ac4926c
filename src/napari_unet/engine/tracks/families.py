"""Chosen cells and all that comes of them: which objects of each frame those are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.errors import BadInput
from napari_unet.engine.tracks.track_objects import measure_objects

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.stack.source import Frames
    from napari_unet.engine.tracks.tracking import Linker

    Ints = NDArray[np.int64]
    Cell = tuple[int, int]  # a frame, and an id on it


def parse_cells(text: str) -> tuple[Cell, ...]:
    """Return the cells of a line such as ``12:7, 12:9``, each once; `BadInput` where it is none."""
    return tuple(dict.fromkeys(_cell(part.strip()) for part in text.split(",")))


def say_cells(cells: Iterable[Cell]) -> list[str]:
    """Return each cell as it is typed: its frame, a colon, its id there."""
    return [f"{frame}:{cell}" for frame, cell in cells]


class Families:
    """Labels by frame of chosen cells and their daughters alone; everything else is ground.

    A cell counts on all frames of its track, those before it was chosen on included; of its
    mother there is nothing.
    """

    def __init__(self, labels: Frames, kept: dict[int, Ints], n_tracks: int) -> None:
        self._labels, self._kept = labels, kept
        self.n_tracks = n_tracks

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, frame: int) -> NDArray[Any]:
        found = np.asarray(self._labels[frame])
        mine = np.isin(found, self._kept.get(frame, ()))
        return np.where(mine, found, found.dtype.type(0))


def find_families(
    labels: Frames, frames: Sequence[int], cells: Sequence[Cell], linker: Linker
) -> Generator[int, None, Families]:
    """Link the labels of some frames, and return those of ``cells`` (frame, id) and daughters.

    Yields each frame that was looked at.

    Raises
    ------
    BadInput
        Where one of the cells is not there.

    """
    ids: dict[int, tuple[Ints, Ints]] = {}
    for t in frames:
        objects = measure_objects(np.asarray(labels[t]))
        linker.link(objects, t)
        ids[t] = objects.ids, objects.track
        yield t
    parents = {track.id: (track.parent,) for track in linker.tracks.values()}
    wanted = with_daughters({_track_of(ids, frame, cell) for frame, cell in cells}, parents)
    kept = {t: own[np.isin(tracks, sorted(wanted))] for t, (own, tracks) in ids.items()}
    return Families(labels, kept, len(wanted))


def with_daughters(tracks: Collection[int], parents: Mapping[int, Iterable[int]]) -> set[int]:
    """Return tracks and all that descend from them; ``parents`` are those of each track."""
    daughters: dict[int, list[int]] = {}
    for track, mothers in parents.items():
        for mother in mothers:
            daughters.setdefault(mother, []).append(track)
    found, waiting = set(tracks), list(tracks)
    while waiting:
        new = [one for one in daughters.get(waiting.pop(), ()) if one not in found]
        found.update(new)
        waiting += new
    return found


def family_of(
    rows: NDArray[np.float64], graph: dict[int, list[int]], frame: int, place: tuple[float, ...]
) -> tuple[NDArray[np.float64], dict[int, list[int]]]:
    """Return the rows (id, t, y, x) and the graph of the cell nearest to a place and its daughters.

    Of its mother there is nothing. Empty where the frame has no cell.
    """
    here = rows[rows[:, 1] == frame]
    if not len(here):
        return here, {}
    nearest = np.argmin(np.linalg.norm(here[:, -len(place) :] - place, axis=1))
    root = int(here[nearest, 0])
    wanted = with_daughters({root}, graph)
    of_them = rows[np.isin(rows[:, 0], sorted(wanted))]
    return of_them, {t: mothers for t, mothers in graph.items() if t in wanted and t != root}


def _track_of(ids: dict[int, tuple[Ints, Ints]], frame: int, cell: int) -> int:
    own, tracks = ids.get(frame, (np.zeros(0, np.int64),) * 2)
    found = tracks[own == cell]
    if not len(found):
        raise BadInput(
            f"there is no cell {cell} on frame {frame}",
            "cells by frame and id, on the frames that are exported",
            "choose others",
        )
    return int(found[0])


def _cell(text: str) -> Cell:
    frame, _, cell = text.partition(":")
    if not (frame.isdecimal() and cell.isdecimal()):
        raise BadInput(
            f"{text!r} is no FRAME:ID, such as 12:7",
            "cells by frame and id, with commas between them",
            "correct it",
        )
    return int(frame), int(cell)
