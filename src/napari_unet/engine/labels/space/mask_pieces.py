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
    """Pieces of a mask ``(Y, X)`` or ``(Z, Y, X)`` whose pixels touch by side or corner, from 0.

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
        height, width = mask.shape[-2:]
        wide = width + 1  # with a column that is never inside: no run goes on in the next row
        high = height if mask.ndim == 2 else height + 1  # nor does a section with a row
        sections = mask.size // max(1, height * width)
        padded = np.zeros(sections * high * wide + 1, bool)
        padded[1:].reshape(sections, high, wide)[:, :height, :width] = mask
        edges = np.flatnonzero(padded[1:] != padded[:-1])
        first, end = edges[::2], edges[1::2]
        rows = (1,) if mask.ndim == 2 else (1, high - 1, high, high + 1)
        graph = _touching(first, end, rows[0] * wide)
        for row in rows[1:]:
            graph = graph + _touching(first, end, row * wide)
        n, of = connected_components(graph, directed=False)
        lengths = end - first
        sizes = np.bincount(of, weights=lengths, minlength=n).astype(np.intp)
        starts = first - first // wide
        if mask.ndim > 2:
            starts -= width * (starts // (high * width))
        return cls(starts, lengths, of, sizes)

    def pixels(self, chosen: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        """Return flat indices of the pixels of ``chosen`` pieces ``(n,)``, and their pieces."""
        runs = np.flatnonzero(chosen[self.of])
        lengths = self.lengths[runs]
        before = np.cumsum(lengths) - lengths
        where = np.arange(int(lengths.sum())) + np.repeat(self.starts[runs] - before, lengths)
        return where, np.repeat(self.of[runs], lengths)


def _touching(first: NDArray[np.intp], end: NDArray[np.intp], further: int) -> csr_array:
    """Return which runs touch which of those in the row that begins ``further`` pixels behind.

    Those follow each other.
    """
    low = np.searchsorted(end, first + further - 1, side="right")
    touching = np.searchsorted(first, end + further + 1) - low
    begin = np.concatenate(([0], np.cumsum(touching)))
    there = np.arange(begin[-1]) + np.repeat(low - begin[:-1], touching)
    return csr_array((np.ones(len(there), bool), there, begin), shape=(len(first),) * 2)
