"""What the model nearly saw: pieces of low probability that are part of no cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage as ndi

from napari_unet.engine.labels.codes import decode, threshold_code
from napari_unet.engine.tracks.doubts.measured.seams import apart, form_of, moments_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float32]

_LEVELS = tuple(threshold_code(p) for p in (0.05, 0.15, 0.3))
_LEAST, _MOST = 0.15, 2.5  # times the median area of the frame's cells
_PEAK = threshold_code(0.1)  # what is nowhere above is nothing
_RIM = 1  # px around a cell that are its rim
_ROUND = 0.75  # of an ellipse with the same moments


@dataclass(frozen=True)
class Faint:
    """Faint pieces of a frame, an entry each; ``peak`` is their highest probability."""

    areas: Ints
    centres: Floats  # (n, 2) or (n, 3), as those of cells
    peak: Floats

    def __len__(self) -> int:
        return len(self.areas)

    def nearest(self, place: NDArray[Any], reach: float) -> int:
        """Return the piece nearest to a place, within ``reach`` px; -1 for none."""
        if not len(self):
            return -1
        ways = apart(self.centres - place)
        at = int(ways.argmin())
        return at if ways[at] <= reach else -1

    @classmethod
    def none(cls, ndim: int) -> Faint:
        """Return no pieces of a frame of 2 axes, or of a volume."""
        none = np.zeros(0, np.float32)
        return cls(np.zeros(0, np.int64), np.zeros((0, ndim), np.float32), none)


def faint_pieces(
    levels: NDArray[np.uint8] | None,
    dense: NDArray[np.int32],
    usual_area: float,
    steps: tuple[float, ...],
) -> Faint:
    """Return what lies in no cell of ``dense``, each at the lowest level at which it is one.

    The rims of cells, which are faint as well, are no ellipses. Voxels are ``steps`` apart.
    """
    if levels is None or not usual_area:
        return Faint.none(dense.ndim)
    known = ndi.binary_dilation(dense > 0, iterations=_RIM)
    found, power = [], dense.ndim / 2
    for level in _LEVELS:
        pieces, n = ndi.label((levels >= level) & ~known)
        if not n:
            continue
        some = _measured(levels, pieces, n)
        areas = some.moments[:, 0]
        good = (areas >= _LEAST**power * usual_area) & (areas <= _MOST**power * usual_area)
        good &= (form_of(some.moments) >= _ROUND) & (some.peak >= _PEAK)
        if good.any():
            found.append((some.moments[good], some.peak[good]))
            known |= np.append(False, good)[pieces]
    if not found:
        return Faint.none(dense.ndim)
    moments, peak = (np.concatenate(some) for some in zip(*found, strict=True))
    centres = moments[:, 1 : 1 + dense.ndim] / moments[:, :1] * steps
    return Faint(moments[:, 0].astype(np.int64), centres.astype(np.float32), decode(peak))


@dataclass(frozen=True)
class _Pieces:
    moments: NDArray[np.float64]  # as `moments_of` gives them
    peak: NDArray[np.uint8]


def _measured(levels: NDArray[np.uint8], pieces: NDArray[np.int32], n: int) -> _Pieces:
    where = np.flatnonzero(pieces)
    owner = pieces.reshape(-1)[where] - 1
    places = np.unravel_index(where, pieces.shape)
    peak = np.zeros(n, np.uint8)
    np.maximum.at(peak, owner, levels.reshape(-1)[where])
    return _Pieces(moments_of(owner, places, n), peak)
