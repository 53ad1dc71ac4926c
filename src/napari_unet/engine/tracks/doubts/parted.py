"""One cell where there are two before and after, or two where there is one: merged, cut in two.

Cells never fuse. Where two become one, the labels are wrong before or after; where one becomes
two, it divides, or they are wrong as well. How long each lasts until they agree with what lies on
the other side tells which, else sizes, shapes and borders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.tracks.doubts.doubt import Repair, joined
from napari_unet.engine.tracks.doubts.runs import REACH, doubt_of, ids_of, is_listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from napari_unet.engine.tracks.doubts.doubt import Doubt, Reason
    from napari_unet.engine.tracks.doubts.runs import Cells, Run
    from napari_unet.engine.tracks.doubts.seen import Seen

_ROUND, _NECK = 0.95, 0.15  # of an ellipse with the same moments; a neck
_STAYS = 0.8  # of its area: a cell that is less has lost a part
_DIVIDES = 0.2  # score: one cell that becomes two is wrong less often, so it divides
_BORDER = 0.3  # probability on a seam of which nothing is known

Place = tuple[int, "Cells"]
Evidence = tuple[str, "Mapping[str, float]"]


def merged_or_cut(seen: Seen, t: int) -> Iterator[Doubt]:
    """Yield doubts that begin where cells become one in frame ``t``, or one comes apart."""
    links = seen.link(t - 1)
    if links is None:
        return
    for one, several in links.fused:
        if not any(seen.is_sliver(t - 1, part) for part in several):
            yield from joined(_fused(seen, t, one, several))
    for one, several in links.parted:
        if not any(seen.is_sliver(t, part) for part in several):
            yield from joined(_apart(seen, t, one, several))


def _fused(seen: Seen, t: int, one: int, several: Cells) -> Iterator[Doubt]:
    ones, ends = _one_on(seen, t, one)
    twos, begins = _several_back(seen, t - 1, several)
    said = _evidence(seen, (t, (one,)), (t - 1, several))
    said["longer"] = float(len(twos) - len(ones))
    for_split, for_merge = said | {"n": len(ones) - 1.0}, said | {"n": len(twos) - 1.0}
    sources = [(t - 1, several), *([ends] if ends else [])]
    if ends and (not begins or len(ones) <= len(twos)):
        reason: Reason = "one cell here, two before and after"
        yield from _split(seen, ones, sources, reason, ("merged", for_split))
    elif begins:
        reason = "two cells here, one before and after"
        yield from _merge(seen, twos, begins, reason, ("cut", for_merge))
    elif not _in_part(seen, (t, (one,)), (t - 1, several)):
        ones = _as_large(seen, ones)
        for_split["n"] = len(ones) - 1.0
        yield from _likelier(
            _split(seen, ones, sources, "two cells become one", ("fused, split", for_split)),
            _merge(seen, twos, (t, (one,)), "two cells become one", ("fused, merge", for_merge)),
        )


def _apart(seen: Seen, t: int, one: int, several: Cells) -> Iterator[Doubt]:
    """Yield doubts where one cell becomes several for good, which is no division."""
    ones, was_fused = _one_back(seen, t - 1, one)
    twos, fuse_again = _several_on(seen, t, several)
    if was_fused or fuse_again:
        return  # told where they fuse
    if _in_part(seen, (t - 1, (one,)), (t, several)):
        return
    said = _evidence(seen, (t - 1, (one,)), (t, several))
    said["longer"] = float(len(twos) - len(ones))
    for_split, for_merge = said | {"n": len(ones) - 1.0}, said | {"n": len(twos) - 1.0}
    reason: Reason = "one cell becomes two"
    found = _likelier(
        _split(seen, ones, [(t, several)], reason, ("apart, split", for_split)),
        _merge(seen, twos, (t - 1, (one,)), reason, ("apart, merge", for_merge)),
    )
    yield from (doubt for doubt in found if is_listed(doubt) and not _divides(doubt))


def _divides(doubt: Doubt) -> bool:
    """Whether it is more of a division than most: daughters as of any other, probabilities said."""
    evidence = dict(doubt.evidence)
    return bool(evidence["predicted"]) and "apart, merge" in evidence and doubt.score < _DIVIDES


def _in_part(seen: Seen, *places: Place) -> bool:
    """Whether cells of a volume are cut by its edge in one of some places."""
    return any(there.in_part(cells) for t, cells in places if (there := seen.of(t)))


def _likelier(one: Iterator[Doubt], other: Iterator[Doubt]) -> list[Doubt]:
    first, second = list(one), list(other)
    if not first or not second:
        return first or second
    return first if first[0].score >= second[0].score else second


def _one_on(seen: Seen, t: int, index: int) -> tuple[Run, Place | None]:
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


def _as_large(seen: Seen, run: Run) -> Run:
    """Return the frames of a run up to where the cell shrinks: one of several has left it."""
    areas = [float(there.areas[cells[0]]) for t, cells in run if (there := seen.of(t))]
    stays = [area >= _STAYS * areas[0] for area in areas]
    return run[: stays.index(False)] if False in stays else run


def _one_back(seen: Seen, t: int, index: int) -> tuple[Run, bool]:
    """Return the run of one cell up to frame t, and whether it was several before."""
    run: Run = [(t, (index,))]
    for frame in range(t, t - REACH, -1):
        links = seen.link(frame - 1)
        if links is None:
            break
        if links.fused_into(index):
            return run, True
        index = int(links.origin[index])
        if index < 0 or links.parts_of(index) or not _may_be_several(seen, frame - 1, index):
            break
        run.append((frame - 1, (index,)))
    return run[:REACH], False


def _may_be_several(seen: Seen, frame: int, index: int) -> bool:
    """Whether a cell is no ellipse, or has a border inside: a mother is one cell."""
    cells = seen.of(frame)
    assert cells is not None
    odd = cells.form[index] < _ROUND or cells.part[index] > 0
    return bool(odd or cells.waist[index] > _NECK)


def _several_back(seen: Seen, t: int, several: Cells) -> tuple[Run, Place | None]:
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
            return run, (frame - 1, origins[:1])
        if len(set(origins)) < len(origins):
            break
        several = origins
        run.append((frame - 1, several))
    return run[:REACH], None


def _several_on(seen: Seen, t: int, several: Cells) -> tuple[Run, bool]:
    """Return the run of several cells from frame t on, and whether they become one again."""
    run: Run = [(t, several)]
    for frame in range(t, t + REACH):
        links = seen.link(frame)
        if links is None:
            break
        several = tuple(int(links.on[index]) for index in several)
        if min(several) < 0:
            break
        if len(set(several)) < len(several):
            return run, True
        run.append((frame + 1, several))
    return run[:REACH], False


def _evidence(seen: Seen, one: Place, parts: Place) -> dict[str, float]:
    """Return what sizes, shapes and borders say, of one cell and the parts of another frame."""
    whole, there = seen.of(one[0]), seen.of(parts[0])
    assert whole is not None and there is not None
    index, several = one[1][0], list(parts[1])
    usual = seen.usual_area or 1.0
    area = float(whole.areas[index])
    areas = there.areas[several].astype(float)
    pair = there.seams.between(several[0], several[1])
    border = float(there.seams.border[pair]) if pair >= 0 else np.nan
    return whole.by_model([index]) | {
        "parts": there.by_model(several)["sure"],
        "balance": whole.doublings(areas.min() / areas.max()),
        "form": float(whole.form[index]) - _ROUND,
        "size": whole.doublings(area / usual),
        "part": min(whole.as_areas(float(areas.min()) / usual), 1.0) - 0.5,
        "whole": abs(float(np.log2(area / areas.sum()))),
        "waist": float(whole.waist[index]),
        "parted": min(float(whole.part[index]) / (0.3 * usual), 1.0),
        "touch": float(pair >= 0),
        "union": float(there.seams.form[pair]) - 0.9 if pair >= 0 else -0.1,
        "border": (border if np.isfinite(border) else _BORDER) - _BORDER,
    }


def _split(
    seen: Seen, ones: Run, sources: list[Place], reason: Reason, evidence: Evidence
) -> Iterator[Doubt]:
    """Yield a doubt for each frame on which several cells are one, split as on the nearest."""
    for frame, cells in ones:
        source, parts = min(sources, key=lambda one: abs(one[0] - frame))
        repair = Repair("split", source, ids_of(seen, source, parts))
        yield doubt_of(seen, frame, cells, reason, repair, evidence)


def _merge(
    seen: Seen, twos: Run, one: Place, reason: Reason, evidence: Evidence
) -> Iterator[Doubt]:
    """Yield a doubt for each frame on which ``one`` cell of another frame is several."""
    repair = Repair("merge", one[0], ids_of(seen, *one))
    for frame, several in twos:
        yield doubt_of(seen, frame, several, reason, repair, evidence)
