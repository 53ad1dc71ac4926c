"""Cells that are gone for some frames, that come from nowhere, that vanish, and that nearly are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.labels.objects import diameter_in_plane
from napari_unet.engine.tracks.doubts.doubt import Repair, joined
from napari_unet.engine.tracks.doubts.measured.seams import apart
from napari_unet.engine.tracks.doubts.runs import (
    REACH,
    doubt_of,
    ids_of,
    in_pixels,
    is_listed,
    placed,
    scored,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_unet.engine.tracks.doubts.doubt import Doubt, Reason
    from napari_unet.engine.tracks.doubts.seen import Seen

    Floats = np.ndarray

LONGEST = 4  # frames that a cell may be gone
BRIEF = 2  # frames: what comes from nowhere and lasts no longer is no cell
_REACH, _FURTHER = 0.5, 0.25  # diameters it may have moved: at all, and for each frame
_AREAS = 2.0  # times
_FAINT_AREAS = 4.0  # times: less of a cell is seen where it is faint
_SHOWN = 0.25  # diameters: so near to the margin's rim a cell may be beyond it
_SISTER, _SISTERS = 2.0, 2.5  # diameters between daughters; times one's area, at most
_SHRANK = 0.8  # of the area before: a cell that divided
_MOTHER, _DAUGHTERS = 1.25, 2  # diameters of a daughter to where her mother was; how many

_FEW = 0.02  # score: less is no doubt, where cells come and go for good


def gone(seen: Seen, t: int) -> Iterator[Doubt]:
    """Yield doubts about cells that end in frame ``t - 1``: gone for some frames, or for good."""
    before, links = seen.of(t - 1), seen.link(t - 1)
    if before is None or links is None:
        return
    for index in np.flatnonzero(links.on < 0).tolist():
        found = _found_again(seen, t - 1, index)
        if found is not None:
            if not seen.is_sliver(t - 1, index):
                yield from joined(_gap(seen, t - 1, index, *found))
        elif not _leaves(seen, t - 1, index, t):
            yield from _traced(seen, (t - 1, index), 1, "vanishes")


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
            yield from joined(_brief(seen, t, index, age))
        elif not _is_daughter(seen, t, index):
            yield from _traced(seen, (t, index), -1, "appears from nowhere")


def nearly(seen: Seen, t: int) -> Iterator[Doubt]:
    """Yield doubts about places where, from frame ``t`` on, the model nearly sees a cell.

    Not where one is found before or after: that is told there.
    """
    cells = seen.of(t)
    if cells is None or not seen.usual_area:
        return
    reach = _REACH * diameter_in_plane(seen.usual_area, seen.steps)
    for at in range(len(cells.faint)):
        if cells.at_edge(cells.faint.centres[at].tolist(), reach, seen.margin):
            continue
        place = cells.faint.centres[at] + seen.way(t, t - 1)
        if t % REACH and _faint_at(seen, t - 1, place, reach) >= 0:
            continue
        yield from joined(_faint_run(seen, t, at, reach))


def _faint_run(seen: Seen, t: int, at: int, reach: float) -> Iterator[Doubt]:
    """Yield a doubt for each frame on which a faint piece is found again, where no cell is."""
    run, cells = [(t, at)], seen.of(t)
    assert cells is not None
    while (t + 1) % REACH:
        there = seen.of(t)
        assert there is not None
        at = _faint_at(seen, t + 1, there.faint.centres[at] + seen.way(t, t + 1), reach)
        if at < 0:
            break
        t += 1
        run.append((t, at))
    ends = [(run[0], -1), (run[-1], 1)]
    if any(_cell_at(seen, frame, which, step, reach) for (frame, which), step in ends):
        return
    faint = [(frame, there.faint, which) for frame, which in run if (there := seen.of(frame))]
    area = float(np.mean([one.areas[which] for _, one, which in faint]))
    evidence = {
        "predicted": float(all(there.shaded for frame, _ in run if (there := seen.of(frame)))),
        "n": len(run) - 1.0,
        "peak": float(np.mean([one.peak[which] for _, one, which in faint])) - 0.5,
        "size": abs(cells.doublings(area / seen.usual_area)),
    }
    for frame, one, which in faint:
        size = diameter_in_plane(float(one.areas[which]), seen.steps)
        found = placed(seen, frame, one.centres[which], size, (), "nearly seen", Repair("take"))
        found = scored(found, ("nearly", evidence))
        if is_listed(found):
            yield found


def _faint_at(seen: Seen, frame: int, place: Floats, reach: float) -> int:
    cells = seen.of(frame)
    return -1 if cells is None else cells.faint.nearest(place, reach)


def _cell_at(seen: Seen, frame: int, at: int, step: int, reach: float) -> bool:
    """Whether there is a cell beside a faint piece in time, so that it is that one."""
    cells, there = seen.of(frame), seen.of(frame + step)
    if cells is None or there is None or not len(there):
        return False
    place = cells.faint.centres[at] + seen.way(frame, frame + step)
    return bool((apart(there.centres - place) <= reach).any())


def _traced(seen: Seen, cell: tuple[int, int], step: int, reason: Reason) -> Iterator[Doubt]:
    """Yield a doubt about frames before or after a cell on which the model nearly saw it.

    Where it saw nothing, about the end of the cell.
    """
    frame, index = cell
    cells = seen.of(frame)
    assert cells is not None
    size, area = float(cells.diameters[index]), float(cells.areas[index])
    place, found, peaks = cells.centres[index].astype(float), [], []
    age = float(_age(seen, frame, index, -step) - 1)
    for now in range(frame + step, frame + step * (REACH + 1), step):
        there = seen.of(now)
        if there is None:
            break
        place = place + seen.way(now - step, now)
        at = there.faint.nearest(place, _REACH * size)
        least, most = cells.of_sizes(1 / _FAINT_AREAS), cells.of_sizes(_AREAS)
        if at < 0 or not least < there.faint.areas[at] / area < most:
            break
        place = there.faint.centres[at].astype(float)
        peaks.append(float(there.faint.peak[at]))
        found.append((now, place - cells.centres[index]))
    evidence = {"age": age, "size": abs(cells.doublings(area / (seen.usual_area or area)))}
    if not found:
        if seen.of(frame + step) is None or _age(seen, frame, index, -step) <= BRIEF:
            return
        evidence |= cells.by_model([index])
        beside = frame + step if step > 0 else frame
        if beside == frame:
            one = doubt_of(seen, frame, (index,), reason, None, ("ends", evidence))
            one = replace(one, repair=_to_its_mother(seen, frame, index))
        else:
            way = seen.way(frame, beside)
            one = _absent(seen, beside, (frame, index, way), reason, ("ends", evidence))
        if one.score >= _FEW:
            yield one if step < 0 else one.with_score(one.score, False, ("ends", evidence))
        return
    evidence |= {"n": len(found) - 1.0, "peak": float(np.mean(peaks)) - 0.5}
    evidence |= cells.by_model([index])
    kind = ("traced", evidence)
    yield from joined(_absent(seen, now, (frame, index, way), reason, kind) for now, way in found)


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
    factor, most = there.areas[among] / here.areas[cell[1]], here.of_sizes(_AREAS)
    reach = (_REACH + _FURTHER * abs(frame - cell[0])) * here.diameters[cell[1]]
    ways = apart(there.centres[among] - place)
    ways = np.where((factor < most) & (factor > 1 / most), ways, np.inf)
    nearest = int(ways.argmin())
    return int(among[nearest]) if ways[nearest] <= reach else -1


def _place(seen: Seen, frame: int, index: int, other: int) -> np.ndarray:
    """Return where a cell is looked for on another frame."""
    cells = seen.of(frame)
    assert cells is not None
    return np.asarray(cells.centres[index] + seen.way(frame, other))


def _gap(seen: Seen, first: int, index: int, last: int, again: int) -> Iterator[Doubt]:
    """Yield a doubt for each frame between two on which a cell is found."""
    before, after = seen.of(first), seen.of(last)
    assert before is not None and after is not None
    start, end = before.centres[index], after.centres[again] - seen.way(first, last)
    frames = [t for t in range(first + 1, last) if seen.of(t) is not None]
    placed, peaks = [], []
    for frame in frames:
        part = (frame - first) / (last - first)
        place = start + part * (end - start) + seen.way(first, frame)
        there = seen.of(frame)
        assert there is not None
        if there.at_edge(place.tolist(), -_SHOWN * float(before.diameters[index]), seen.margin):
            continue  # it may lie in the margin, where cells have no labels
        at = there.faint.nearest(place, _REACH * float(before.diameters[index]))
        if at >= 0:
            place = there.faint.centres[at]
        peaks.append(float(there.faint.peak[at]) if at >= 0 else 0.0)
        nearer, which, cells = (last, again, after) if part > 0.5 else (first, index, before)
        placed.append((frame, nearer, which, place - cells.centres[which]))
    if not placed:
        return
    evidence = {
        "n": len(placed) - 1.0,
        "peak": float(np.mean(peaks)),
        "size": abs(before.doublings(before.areas[index] / after.areas[again])),
        "edge": float(before.leaves(index, seen.margin)),
        "area": before.doublings(before.areas[index] / (seen.usual_area or 1.0)),
    } | before.by_model([index])
    for frame, source, which, way in placed:
        where = (source, which, way)
        yield _absent(seen, frame, where, "gone for a frame", ("gap", evidence))


def _absent(
    seen: Seen,
    frame: int,
    source: tuple[int, int, Floats],
    reason: Reason,
    evidence: tuple[str, dict[str, float]],
) -> Doubt:
    """Return a doubt about a cell that another frame has and this one lacks."""
    there = seen.of(source[0])
    assert there is not None
    which = ids_of(seen, source[0], source[1:2])
    repair = Repair("take", source[0], which, in_pixels(seen, source[2]))
    place, size = there.centres[source[1]] + source[2], float(there.diameters[source[1]])
    return scored(placed(seen, frame, place, size, (), reason, repair), evidence)


def _leaves(seen: Seen, frame: int, index: int, other: int) -> bool:
    """Whether a cell may come or go at the edge, of its frame or of another where it is not."""
    cells = seen.of(frame)
    assert cells is not None
    if cells.leaves(index, seen.margin):
        return True
    place = _place(seen, frame, index, other).tolist()
    return cells.at_edge(place, float(cells.diameters[index]), seen.margin)


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
    daughter = float(_is_daughter(seen, t, index))
    for _ in range(age):
        cells, links = seen.of(frame), seen.link(frame)
        assert cells is not None and links is not None
        size = cells.doublings(cells.areas[now] / (seen.usual_area or cells.areas[now]))
        evidence = {"n": age - 1.0, "size": size, "daughter": daughter} | cells.by_model([now])
        whole = _rest_of(seen, frame, now)
        if whole:
            reason: Reason = "two cells here, one before and after"
            which, repair = (whole[0], now), Repair("merge")
            yield doubt_of(seen, frame, which, reason, repair, ("rest", evidence))
        else:
            reason, delete = "appears from nowhere", Repair("delete")
            yield doubt_of(seen, frame, (now,), reason, delete, ("brief", evidence))
        if (now := int(links.on[now])) < 0:
            return
        frame += 1


def _rest_of(seen: Seen, frame: int, index: int) -> tuple[int, ...]:
    """Return the cell that lost what a brief one has; () where none did."""
    before, links, cells = seen.of(frame - 1), seen.link(frame - 1), seen.of(frame)
    assert before is not None and links is not None and cells is not None
    ways = apart(cells.centres - cells.centres[index])
    near = np.flatnonzero(ways < cells.diameters[index] + cells.diameters)
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


def _to_its_mother(seen: Seen, t: int, index: int) -> Repair | None:
    """Return the repair that links a cell to the one that ended beside it a frame before.

    Where two cells come from nowhere beside that one: a single one may be the same that moved.
    """
    before, links, cells = seen.of(t - 1), seen.link(t - 1), seen.of(t)
    assert before is not None and links is not None and cells is not None
    reach = _MOTHER * float(cells.diameters[index])
    ended = np.flatnonzero(links.on < 0)
    near = ended[apart(before.centres[ended] - _place(seen, t, index, t - 1)) < reach]
    if len(near) != 1:
        return None
    fresh = np.flatnonzero(links.origin < 0)
    beside = apart(cells.centres[fresh] - _place(seen, t - 1, int(near[0]), t)) < reach
    if np.count_nonzero(beside) != _DAUGHTERS:
        return None
    return Repair("mother", t - 1, ids_of(seen, t - 1, near.tolist()))


def _is_daughter(seen: Seen, t: int, index: int) -> bool:
    """Whether a cell nearby shrank at once, as a mother does whose other daughter this is."""
    before, links, cells = seen.of(t - 1), seen.link(t - 1), seen.of(t)
    assert before is not None and links is not None and cells is not None
    ways = apart(cells.centres - cells.centres[index])
    near = np.flatnonzero(ways < _SISTER * cells.diameters[index])
    most = cells.of_sizes(_SISTERS)
    for other in near.tolist():
        origin = int(links.origin[other])
        if other != index and origin >= 0:
            alike = 1 / most < cells.areas[other] / cells.areas[index] < most
            if alike and cells.areas[other] < _SHRANK * before.areas[origin]:
                return True
    return False
