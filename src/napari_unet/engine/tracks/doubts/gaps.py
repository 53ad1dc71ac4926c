"""Cells that are gone for some frames, that come from nowhere, and that vanish."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.labels.codes import decode
from napari_unet.engine.tracks.doubts.doubt import Doubt, Repair
from napari_unet.engine.tracks.doubts.parted import doubt_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_unet.engine.tracks.doubts.doubt import Reason
    from napari_unet.engine.tracks.doubts.seen import Seen

LONGEST = 4  # frames that a cell may be gone
BRIEF = 2  # frames: what comes from nowhere and lasts no longer is no cell
_REACH, _FURTHER = 0.5, 0.25  # diameters it may have moved: at all, and for each frame
_AREAS = 2.0  # times
_GONE, _INVENTED, _NEW, _LOST = 0.94, 0.85, 0.45, 0.4  # scores
_FAINT = 0.05  # probability: above, the model has seen something
_SISTER = 2.0  # diameters between daughters
_SHRANK = 0.8  # of the area before: a cell that divided


def gone(seen: Seen, t: int) -> Iterator[Doubt]:
    """Yield doubts about cells that end in frame ``t - 1``: gone for some frames, or for good."""
    before, links = seen.of(t - 1), seen.link(t - 1)
    if before is None or links is None:
        return
    for index in np.flatnonzero(links.on < 0).tolist():
        found = _found_again(seen, t - 1, index)
        if found is not None:
            yield from _gap(seen, t - 1, index, *found)
        elif not _leaves(seen, t - 1, index, t) and _age(seen, t - 1, index, -1) > BRIEF:
            yield _missing(seen, t, (t - 1, index), "vanishes", _LOST)


def appears(seen: Seen, t: int) -> Iterator[Doubt]:
    """Yield doubts about cells that come from nowhere in frame ``t``."""
    now, links = seen.of(t), seen.link(t - 1)
    if now is None or links is None:
        return
    for index in np.flatnonzero(links.origin < 0).tolist():
        if _leaves(seen, t, index, t - 1) or _was_lost(seen, t, index):
            continue
        age = _age(seen, t, index, 1)
        if age <= BRIEF and seen.link(t + age - 1) is not None:
            yield from _brief(seen, t, index, age)
        elif not _is_daughter(seen, t, index):
            at_end = age <= BRIEF  # the movie ends before it is known
            found = _missing(seen, t - 1, (t, index), "appears from nowhere", _NEW)
            if found.repair is not None and not at_end:
                yield found
            else:
                delete = Repair("delete") if at_end else None
                score = _NEW - 0.15
                yield doubt_of(seen, t, (index,), "appears from nowhere", delete, score)


def _found_again(seen: Seen, t: int, index: int) -> tuple[int, int] | None:
    """Return the frame and cell in which a cell that ends in frame t is found again."""
    for later in range(t + 2, t + 2 + LONGEST):
        links = seen.link(later - 1)
        if links is None:
            return None
        fresh = np.flatnonzero(links.origin < 0)
        best = _nearest(seen, (t, index), later, fresh)
        if best >= 0:
            return later, best
    return None


def _was_lost(seen: Seen, t: int, index: int) -> bool:
    """Whether a cell that begins in frame t is one that was lost before."""
    for earlier in range(t - 2, t - 2 - LONGEST, -1):
        links = seen.link(earlier)
        if links is None:
            return False
        lost = np.flatnonzero(links.on < 0)
        at = _nearest(seen, (t, index), earlier, lost)
        if at >= 0 and _found_again(seen, earlier, at) == (t, index):
            return True
    return False


def _nearest(seen: Seen, cell: tuple[int, int], frame: int, among: np.ndarray) -> int:
    """Return which of the cells of another frame is in reach of a cell and of its size; or -1."""
    here, there = seen.of(cell[0]), seen.of(frame)
    if here is None or there is None or not len(among):
        return -1
    place = _place(seen, *cell, frame)
    apart = np.hypot(*(there.centres[among] - place).T)
    factor = there.areas[among] / here.areas[cell[1]]
    reach = (_REACH + _FURTHER * abs(frame - cell[0])) * here.diameters[cell[1]]
    apart = np.where((factor < _AREAS) & (factor > 1 / _AREAS), apart, np.inf)
    nearest = int(apart.argmin())
    return int(among[nearest]) if apart[nearest] <= reach else -1


def _place(seen: Seen, frame: int, index: int, other: int) -> np.ndarray:
    """Return where a cell is looked for on another frame (y, x)."""
    cells = seen.of(frame)
    assert cells is not None
    return np.asarray(cells.centres[index] + seen.way(frame, other))


def _gap(seen: Seen, first: int, index: int, last: int, again: int) -> Iterator[Doubt]:
    """Yield a doubt for each frame between two on which a cell is found."""
    before, after = seen.of(first), seen.of(last)
    assert before is not None and after is not None
    start, end = before.centres[index], after.centres[again] - seen.way(first, last)
    score = _GONE - 0.04 * (last - first - 2)
    if before.leaves(index, seen.margin):
        score -= 0.15
    for frame in range(first + 1, last):
        if seen.of(frame) is None:
            continue
        part = (frame - first) / (last - first)
        way = part * (end - start) + seen.way(first, frame)
        nearer = (first, index, way)
        if part > 0.5:
            back = (part - 1) * (end - start) + seen.way(last, frame)
            nearer = (last, again, back)
        yield _absent(seen, frame, nearer, "gone for a frame", score)


def _absent(
    seen: Seen, frame: int, source: tuple[int, int, np.ndarray], reason: Reason, score: float
) -> Doubt:
    """Return a doubt about a cell that another frame has and this one lacks."""
    there = seen.of(source[0])
    assert there is not None
    way = (float(source[2][0]), float(source[2][1]))
    y, x = (there.centres[source[1]] + source[2]).tolist()
    repair = Repair("take", source[0], (int(there.ids[source[1]]),), way)
    return Doubt(frame, y, x, (), reason, repair, score, float(there.diameters[source[1]]))


def _leaves(seen: Seen, frame: int, index: int, other: int) -> bool:
    """Whether a cell may come or go at the edge, of its frame or of another where it is not."""
    cells = seen.of(frame)
    assert cells is not None
    if cells.leaves(index, seen.margin):
        return True
    y, x = _place(seen, frame, index, other).tolist()
    return cells.at_edge(y, x, seen.margin + float(cells.diameters[index]))


def _missing(
    seen: Seen, frame: int, source: tuple[int, int], reason: Reason, score: float
) -> Doubt:
    """Return a doubt about a place where the model may have seen a cell: taken in where it did."""
    way = seen.way(source[0], frame)
    found = _absent(seen, frame, (*source, way), reason, score)
    levels = seen.levels(frame)
    seen_there = 0.0
    if levels is not None:
        y, x, reach = round(found.y), round(found.x), max(1, round(found.size / 4))
        part = levels[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
        seen_there = float(decode(np.median(part).astype(np.uint8))) if part.size else 0.0
    if seen_there < _FAINT:
        return Doubt(frame, found.y, found.x, (), reason, None, score - 0.2, found.size)
    return Doubt(
        frame, found.y, found.x, (), reason, found.repair, score + 0.3 * seen_there, found.size
    )


def _age(seen: Seen, t: int, index: int, step: int) -> int:
    """Return on how many frames from t on a cell is found alone, as far as that matters."""
    for age in range(1, BRIEF + 1):
        index = seen.goes_on(t, index) if step > 0 else seen.came_from(t, index)
        t += step
        if index < 0:
            return age
    return BRIEF + 1


def _brief(seen: Seen, t: int, index: int, age: int) -> Iterator[Doubt]:
    """Yield doubts about what comes from nowhere and is gone at once: no cell, or part of one."""
    frame, now = t, index
    for _ in range(age):
        cells, links = seen.of(frame), seen.link(frame)
        assert cells is not None and links is not None
        whole = _rest_of(seen, frame, now)
        if whole:
            reason: Reason = "two cells here, one before and after"
            yield doubt_of(seen, frame, (whole[0], now), reason, Repair("merge"), 0.8)
        else:
            sure = float(cells.sure[now]) if np.isfinite(cells.sure[now]) else 0.8
            score = _INVENTED - 0.1 * (age - 1) + 0.2 * (0.8 - sure)
            score -= 0.4 * _is_daughter(seen, t, index)
            yield doubt_of(
                seen, frame, (now,), "appears from nowhere", Repair("delete"), min(score, 0.95)
            )
        if (now := int(links.on[now])) < 0:
            return
        frame += 1


def _rest_of(seen: Seen, frame: int, index: int) -> tuple[int, ...]:
    """Return the cell that lost what a brief one has; () where none did."""
    before, links, cells = seen.of(frame - 1), seen.link(frame - 1), seen.of(frame)
    assert before is not None and links is not None and cells is not None
    apart = np.hypot(*(cells.centres - cells.centres[index]).T)
    near = np.flatnonzero(apart < cells.diameters[index] + cells.diameters)
    for other in near.tolist():
        origin = int(links.origin[other]) if other != index else -1
        if origin < 0:
            continue
        was, mine, its = (
            float(v) for v in (before.areas[origin], cells.areas[index], cells.areas[other])
        )
        if its < _SHRANK * was and abs(mine + its - was) < 0.25 * was:
            return (other,)
    return ()


def _is_daughter(seen: Seen, t: int, index: int) -> bool:
    """Whether a cell nearby shrank at once, as a mother does whose other daughter this is."""
    before, links, cells = seen.of(t - 1), seen.link(t - 1), seen.of(t)
    assert before is not None and links is not None and cells is not None
    apart = np.hypot(*(cells.centres - cells.centres[index]).T)
    near = np.flatnonzero(apart < _SISTER * cells.diameters[index])
    for other in near.tolist():
        origin = int(links.origin[other])
        if other != index and origin >= 0:
            alike = 0.4 < cells.areas[other] / cells.areas[index] < 2.5
            if alike and cells.areas[other] < _SHRANK * before.areas[origin]:
                return True
    return False
