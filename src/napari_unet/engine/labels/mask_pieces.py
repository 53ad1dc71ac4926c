"""The connected pieces of a mask, by the runs of its rows: a frame has far fewer than pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class MaskPieces:
    """Pieces of a mask ``(Y, X)`` whose pixels touch by side or corner, numbered from 0.

    ``starts`` (flat indices) and ``lengths`` are those of the runs, row by row; ``of`` says which
    piece each is part of, ``sizes`` how many pixels each piece has.
    """

    starts: NDArray[np.intp]
    lengths: NDArray[np.intp]
    of: NDArray[np.int32]
    sizes: NDArray[np.intp]

    @classmethod
    def find(cls, mask: NDArray[np.bool_]) -> MaskPieces:
        """Return the pieces of ``mask``."""
        height, width = mask.shape
        wide = width + 1  # with a column that is never inside: no run goes on in the next row
        padded = np.zeros(height * wide + 1, bool)
        padded[1:].reshape(height, wide)[:, :width] = mask
        edges = np.flatnonzero(padded[1:] != padded[:-1])
        first, end = edges[::2], edges[1::2]
        # of the next row, the runs that a run touches: they follow each other
        low = np.searchsorted(end, first + wide - 1, side="right")
        touching = np.searchsorted(first, end + wide + 1) - low
        begin = np.concatenate(([0], np.cumsum(touching)))
        below = np.arange(begin[-1]) + np.repeat(low - begin[:-1], touching)
        graph = csr_array((np.ones(len(below), bool), below, begin), shape=(len(first),) * 2)
        n, of = connected_components(graph, directed=False)
        lengths = end - first
        sizes = np.bincount(of, weights=lengths, minlength=n).astype(np.intp)
        return cls(first - first // wide, lengths, of, sizes)

    def pixels(self, chosen: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        """Return flat indices of the pixels of ``chosen`` pieces ``(n,)``, and their pieces."""
        runs = np.flatnonzero(chosen[self.of])
        lengths = self.lengths[runs]
        before = np.cumsum(lengths) - lengths
        where = np.arange(int(lengths.sum())) + np.repeat(self.starts[runs] - before, lengths)
        return where, np.repeat(self.of[runs], lengths)
