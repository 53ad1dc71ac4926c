"""Where a model contradicts itself: what it finds in a frame, and what in the same one mirrored."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage as ndi

from napari_unet.engine.labels.objects import diameter_in_plane, numbered, overlaps
from napari_unet.engine.tracks.doubts.runs import placed, scored

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.prediction.mirrored import Mirrored
    from napari_unet.engine.settings import LabelSettings
    from napari_unet.engine.tracks.doubts.doubt import Doubt, Reason
    from napari_unet.engine.tracks.doubts.measured.cells import FrameCells, Picture
    from napari_unet.engine.tracks.doubts.seen import Seen

    Floats = NDArray[np.float64]

FRAMES = 12
"""Frames that are looked at mirrored, where nobody says how many."""
_REASON: Reason = "the model contradicts itself"
_SAME = 0.5  # IoU: the same cell
_OTHERWISE = 0.2  # 1 - IoU, of the mean: another outline
_COVERED = 0.3  # of its area: a cell is there already
_LEAST = 0.15  # times the usual area: less is no cell
_LISTED = 0.25  # score: below, on movies that weights were fitted on, one in seven is an error
_MOST = 0.45  # score: on movies of which nothing was learned fewer than half were errors
_REACH = 0.5  # diameters from the margin: what is nearer may come and go


@dataclass(frozen=True)
class Views:
    """How a model labels a frame that it sees mirrored: labels of it for each way, turned back.

    ``own`` are its labels of the frame as it is, and ``codes`` those they are made from, where the
    labels that are looked at are not the model's.
    """

    labels: tuple[NDArray[Any], ...]
    own: NDArray[Any] | None = None
    codes: NDArray[np.uint8] | None = None

    @classmethod
    def of(cls, mirrored: Mirrored, t: int, settings: LabelSettings) -> Views | None:
        """Return what is kept of a frame, as labels; None where nothing is."""
        if t not in mirrored:
            return None
        labels = mirrored.labels(t, settings)
        if not mirrored.as_it_is:
            return cls(tuple(labels))
        return cls(tuple(labels[1:]), labels[0], mirrored.codes(t)[0])


def frames_to_mirror(doubts: Iterable[Doubt], known: Sequence[int], n: int) -> list[int]:
    """Return ``n`` of the ``known`` frames: half the worst by what is doubted, half of the rest.

    The latter evenly spread: an error that looks alike on all frames is on no list.
    """
    wrong: defaultdict[int, float] = defaultdict(float)
    for one in doubts:
        for t in one.frames:
            wrong[t] += one.score
    worst = sorted((t for t in known if wrong[t]), key=lambda t: (-wrong[t], t))[: (n + 1) // 2]
    others = [t for t in known if t not in set(worst)]
    few = min(n - len(worst), len(others))
    steps = (np.arange(few) + 0.5) * len(others) / max(few, 1)
    return [*worst, *(others[int(step)] for step in steps)]


def contradictions(
    seen: Seen, t: int, looked: tuple[FrameCells, Picture], views: Views
) -> Iterator[Doubt]:
    """Yield doubts about cells of frame ``t`` that a model finds otherwise where it is mirrored.

    And about ground where it finds one then.
    """
    cells, picture = looked
    best = np.stack([_alike(cells, picture, labels) for labels in views.labels])
    known = np.ones(len(cells), bool)
    if views.own is not None:
        known = _alike(cells, picture, views.own) >= _SAME
    lost = (best < _SAME).sum(axis=0)
    differs = 1 - best.mean(axis=0)
    usual = seen.usual_area or (float(np.median(cells.areas)) if len(cells) else 1.0)
    for index in np.flatnonzero(known & ((lost > 0) | (differs > _OTHERWISE))).tolist():
        place = cells.centres[index]
        if cells.cut[index] or cells.at_edge(place.tolist(), 0.0, seen.margin):
            continue
        evidence = cells.by_model([index]) | {
            "lost": float(lost[index]) / len(best),
            "differs": float(differs[index]),
            "size": abs(cells.doublings(float(cells.areas[index]) / usual)),
        }
        size = float(cells.diameters[index])
        ids = (int(cells.ids[index]),)
        detail = "mirrored, it draws another outline"
        if lost[index]:
            found = len(best) - int(lost[index])
            detail = f"mirrored, it finds this cell {_times(found)} in {len(best)}"
        one = placed(seen, t, place, size, ids, _REASON, None)
        yield from _listed(one, detail, ("contradicted", evidence))
    yield from _unfound(seen, t, looked, views, usual)


def _alike(cells: FrameCells, picture: Picture, labels: NDArray[Any]) -> Floats:
    """Return the best IoU of each cell with one of other labels, (n,)."""
    _, areas, dense = numbered(labels)
    rows, columns, overlap = overlaps(picture.dense, dense)
    best = np.zeros(len(cells))
    np.maximum.at(best, rows, overlap / (cells.areas[rows] + areas[columns] - overlap))
    return best


def _unfound(
    seen: Seen, t: int, looked: tuple[FrameCells, Picture], views: Views, usual: float
) -> Iterator[Doubt]:
    """Yield doubts about ground of frame ``t`` where most views have a cell."""
    cells, picture = looked
    here = picture.dense > 0
    if views.own is not None:
        here = here | (views.own > 0)
    votes = np.zeros(here.shape, np.int64)
    for labels in views.labels:
        _, areas, dense = numbered(labels)
        covered = np.bincount(dense[here], minlength=len(areas) + 1)[1:]
        votes += np.append(False, covered < _COVERED * areas)[dense]
    pieces, n = ndi.label(2 * votes > len(views.labels))
    if not n:
        return
    every = np.arange(1, n + 1)
    sizes = np.bincount(pieces.reshape(-1), minlength=n + 1)[1:]
    share = np.atleast_1d(ndi.mean(votes, pieces, every)) / len(views.labels)
    most = np.atleast_1d(ndi.maximum(votes, pieces, every))
    centres = np.array(ndi.center_of_mass(pieces > 0, pieces, every)) * seen.steps
    for index in np.flatnonzero(sizes >= cells.of_sizes(_LEAST) * usual).tolist():
        size = diameter_in_plane(float(sizes[index]), seen.steps)
        if cells.at_edge(centres[index].tolist(), _REACH * size, seen.margin):
            continue
        evidence = {
            "predicted": float(cells.shaded),
            "share": float(share[index]) - 0.5,
            "size": abs(cells.doublings(float(sizes[index]) / usual)),
        }
        detail = f"mirrored, it finds a cell here {_times(int(most[index]))}"
        detail += f" in {len(views.labels)}"
        one = placed(seen, t, centres[index], size, (), _REASON, None)
        yield from _listed(one, detail, ("unfound", evidence))


def _listed(one: Doubt, detail: str, evidence: tuple[str, dict[str, float]]) -> Iterator[Doubt]:
    found = scored(one, evidence)
    if found.score >= _LISTED:
        yield replace(found, score=min(found.score, _MOST), detail=detail)


def _times(n: int) -> str:
    return {0: "not once", 1: "once", 2: "twice"}.get(n, f"{n} times")
