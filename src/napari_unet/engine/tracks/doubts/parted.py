"""One cell where there are two before and after, or two where there is one: merged, cut in two.

Cells never fuse. Where two become one, the labels are wrong before or after; how long each lasts
until they agree with what lies on the other side tells which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.tracks.doubts.doubt import Doubt, Repair

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_unet.engine.tracks.doubts.doubt import Reason
    from napari_unet.engine.tracks.doubts.seen import Seen

REACH = 6  # frames on which an error is followed
_TWO_CELLS, _ONE_CELL = 1.45, 1.25  # times the usual area
_CRUMB = 0.25  # of the usual area: less beside a cell is no second one
_MERGED, _CUT, _FUSED = 0.96, 0.92, 0.6  # scores, where one frame is wrong
_LONGER = 0.04  # less for each further frame

Run = list[tuple[int, tuple[int, ...]]]  # frames, with the indices of the cells on them


def merged_or_cut(seen: Seen, t: int) -> Iterator[Doubt]:
    """Yield doubts that begin where two cells of frame ``t - 1`` become one in frame ``t``."""
    links = seen.link(t - 1)
    if links is None:
        return
    for one, several in links.fused:
        ones, ends = _as_one(seen, t, one)
        twos, begins = _as_several(seen, t - 1, several)
        if ends and (not begins or len(ones) <= len(twos)):
            last, parts = ends
            yield from _split(seen, ones, (t - 1, several), (last, parts), _MERGED)
        elif begins:
            yield from _merge(seen, twos, _CUT, "two cells here, one before and after", begins)
        else:
            yield from _fused(seen, ones, twos)


def _as_one(seen: Seen, t: int, index: int) -> tuple[Run, tuple[int, tuple[int, ...]] | None]:
    """Return the run of one cell from frame t on, and the frame and parts it comes apart into."""
    run: Run = [(t, (index,))]
    for frame in range(t, t + REACH):
        links = seen.link(frame)
        if links is None:
            break
        parts = links.parts_of(index)
        if parts:
            return run, (frame + 1, parts)
        index = int(links.on[index])
        if index < 0:
            break
        run.append((frame + 1, (index,)))
    return run[:REACH], None


def _as_several(seen: Seen, t: int, several: tuple[int, ...]) -> tuple[Run, tuple[int, int] | None]:
    """Return the run of several cells up to frame t, and the frame and cell they came from."""
    run: Run = [(t, several)]
    for frame in range(t, t - REACH, -1):
        links = seen.link(frame - 1)
        if links is None:
            break
        origins = tuple(int(links.origin[index]) for index in several)
        if min(origins) < 0:
            break
        if len(set(origins)) == 1:
            return run, (frame - 1, origins[0])
        if len(set(origins)) < len(origins):
            break
        several = origins
        run.append((frame - 1, several))
    return run[:REACH], None


def _split(
    seen: Seen,
    ones: Run,
    before: tuple[int, tuple[int, ...]],
    after: tuple[int, tuple[int, ...]] | None,
    score: float,
    reason: Reason = "one cell here, two before and after",
) -> Iterator[Doubt]:
    """Yield a doubt for each frame on which several cells are one, split as on the nearest."""
    score -= _LONGER * (len(ones) - 1)
    for frame, (index,) in ones:
        nearer = after is not None and after[0] - frame < frame - before[0]
        source, parts = after if nearer and after is not None else before
        there = seen.of(source)
        if there is None:
            continue
        repair = Repair("split", source, _ids(there.ids, parts))
        yield doubt_of(seen, frame, (index,), reason, repair, score)


def _merge(
    seen: Seen, twos: Run, score: float, reason: Reason, one: tuple[int, int]
) -> Iterator[Doubt]:
    """Yield a doubt for each frame on which ``one`` cell of another frame is several."""
    score -= _LONGER * (len(twos) - 1)
    there = seen.of(one[0])
    assert there is not None
    repair = Repair("merge", one[0], (int(there.ids[one[1]]),))
    for frame, several in twos:
        yield doubt_of(seen, frame, several, reason, repair, score)


def _fused(seen: Seen, ones: Run, twos: Run) -> Iterator[Doubt]:
    """Yield doubts where two become one and nothing else says which is right, but their sizes."""
    frame, (index,) = ones[0]
    before, several = twos[0]
    here, there = seen.of(frame), seen.of(before)
    if here is None or there is None or not seen.usual_area:
        return
    size = float(here.areas[index]) / seen.usual_area
    parts = there.areas[list(several)] / seen.usual_area
    long = len(twos) - len(ones)  # the side that lasts longer is more likely right
    if parts.min() < _CRUMB:
        yield from _merge(seen, twos[:1], _FUSED - 0.1, "two cells become one", (frame, index))
    elif size > _TWO_CELLS or (size > _ONE_CELL and long >= 0):
        reason: Reason = "two cells become one"
        yield from _split(seen, ones, (before, several), None, _FUSED + 0.1, reason)
    elif size < _ONE_CELL and long < 0:
        yield from _merge(seen, twos, _FUSED - 0.1, "two cells become one", (frame, index))
    else:
        yield doubt_of(seen, frame, (index,), "two cells become one", None, _FUSED - 0.2)


def doubt_of(
    seen: Seen,
    frame: int,
    indices: Sequence[int],
    reason: Reason,
    repair: Repair | None,
    score: float,
) -> Doubt:
    """Return a doubt about cells of a frame, by their indices; it lies in their middle."""
    cells = seen.of(frame)
    assert cells is not None
    which = list(indices)
    y, x = cells.centres[which].mean(axis=0).tolist()
    size = float(np.sqrt(np.square(cells.diameters[which]).sum()))
    return Doubt(frame, y, x, _ids(cells.ids, which), reason, repair, max(score, 0.05), size)


def _ids(ids: np.ndarray, indices: Sequence[int]) -> tuple[int, ...]:
    return tuple(int(ids[index]) for index in indices)
