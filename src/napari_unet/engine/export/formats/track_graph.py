"""Cells of all frames and the links between them: what files of tracks are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_unet.engine.tracks.track_objects import measure_objects
from napari_unet.engine.tracks.tracking import Linker

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Node(NamedTuple):
    """A cell of one frame; ``track`` is its id through time, the ``place`` in px from 0."""

    number: int
    frame: int
    label: int
    track: int
    area: int
    place: tuple[float, ...]  # y, x; of volumes z, y, x


class TrackGraph:
    """Nodes and edges, as labels come frame by frame; each node has one edge to it at most.

    ``tracklets`` and ``lineages`` hold a number from 1 for each node: of a cell between divisions,
    and of all cells that come from one. They follow the edges, also where a user gave one id to
    two cells.
    """

    def __init__(self, linker: Linker | None = None) -> None:
        self.linker = linker or Linker()
        self.edges: list[tuple[int, int]] = []
        self.lineages: list[int] = []
        self._latest: dict[int, int] = {}  # node of each track that was seen last
        self._n_lineages = 0

    def __len__(self) -> int:
        return len(self.lineages)

    def add(self, labels: NDArray[Any], frame: int) -> list[Node]:
        """Link the labels of a frame to the frames before; return their cells."""
        objects = measure_objects(labels)
        self.linker.link(objects, frame)
        found = []
        columns = objects.ids, objects.track, objects.areas, objects.centroids
        for label, track, area, place in zip(*(each.tolist() for each in columns), strict=True):
            node = Node(len(self), frame, label, track, area, tuple(place))
            self._join(node)
            found.append(node)
        self._latest |= {node.track: node.number for node in found}
        return found

    def tracklets(self) -> NDArray[np.int64]:
        """Return the number of the tracklet of each node."""
        before = np.full(len(self), -1)
        n_after = np.zeros(len(self), np.int64)
        for source, target in self.edges:
            before[target] = source
            n_after[source] += 1
        numbers = np.zeros(len(self), np.int64)
        n = 0
        for node, source in enumerate(before.tolist()):  # sources come before their targets
            if source >= 0 and n_after[source] == 1:
                numbers[node] = numbers[source]
            else:
                n += 1
                numbers[node] = n
        return numbers

    def _join(self, node: Node) -> None:
        """Draw the edge to the cell that this one was, or came from."""
        origin = self.linker.origins[node.track]
        source = self._latest.get(origin, self._latest.get(node.track))
        if source is None:
            self._n_lineages += 1
            self.lineages.append(self._n_lineages)
        else:
            self.edges.append((source, node.number))
            self.lineages.append(self.lineages[source])
