"""Another user's corrections of the same movie taken in; disagreements stay open."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from napari_unet.engine.annotations.edit_masks import EditMask
from napari_unet.engine.annotations.hand_links import APART, LinkChange
from napari_unet.engine.annotations.states import DEBRIS, StateChange
from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.canvas.reconstruction import bounds
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.session.users.agreement import Agreement
from napari_unet.engine.session.users.frame_merge import FrameMerge, View

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari_unet.engine.annotations.corrections import Corrections
    from napari_unet.engine.annotations.disputes import Dispute
    from napari_unet.engine.annotations.hand_links import Spot
    from napari_unet.engine.labels.scores import FrameScores


@dataclass
class _Found:
    """What is found frame by frame."""

    frames: list[int] = field(default_factory=list)
    scores: list[tuple[FrameScores, FrameScores]] = field(default_factory=list)
    taken: int = 0
    disputes: list[Dispute] = field(default_factory=list)
    states: list[StateChange] = field(default_factory=list)
    other_states: int = 0
    links: list[LinkChange] = field(default_factory=list)
    other_links: int = 0

    def agreement(self, names: tuple[str, str]) -> Agreement:
        """Return what it comes to, once all frames were looked at."""
        return Agreement.of(
            names,
            tuple(self.frames),
            self.scores,
            taken=self.taken,
            disputes=tuple(self.disputes),
            other_states=self.other_states,
            other_links=self.other_links,
        )


def merge_corrections(into: Corrections, other: Corrections) -> Generator[int, None, Agreement]:
    """Take another user's corrections of the same movie in, as one step; yields each frame.

    Cells that both have keep the first one's outline and number; what only one user spoke of
    counts. Where they disagree the first one's version stays, as a dispute that is open.

    Raises
    ------
    BadInput
        Where they are of another movie.

    """
    if into.shape != other.shape:
        raise BadInput(
            f"the sessions are of movies of {into.shape} and {other.shape}",
            "two sessions of one movie",
            "choose those of this movie",
        )
    names = _names(into, other)
    ids, found, changes = _Ids(into), _Found(), []
    for t in sorted({*into.frames(), *other.frames(), *other.states.frames()}):
        views = [_view(one, t, name) for one, name in zip((into, other), names, strict=True)]
        merged = FrameMerge(views[0], views[1], ids.of)
        scores = merged.scores()
        if scores is not None:
            found.frames.append(t)
            found.scores.append(scores)
        found.taken += merged.taken
        found.disputes += merged.disputes(t)
        _take_states(into, other, t, merged.mask, found)
        before = views[0].mask
        box = bounds((merged.mask.ids != before.ids) | (merged.mask.flags != before.flags))
        if box is not None or merged.complete != views[0].complete:
            box = box or (slice(0, 1),) * before.ids.ndim
            changes.append(into.write(t, box, merged.mask.cut(box), merged.complete))
        yield t
    _take_links(into, other, found)
    author, into.author = into.author, names[1] if other.authors else into.author
    into.commit(changes, "session", (), (*found.states, *found.links))
    into.author = author
    for dispute in found.disputes:
        into.note(dispute)
    return found.agreement(names)


class _Ids:
    """Numbers for the other user's cells: their own where the first user has no such cell."""

    def __init__(self, into: Corrections) -> None:
        self._into = into
        self._taken = {i for t in into.frames() for i in into.ids(t).tolist()} | {*into.reserved}
        self._given: dict[int, int] = {}

    def of(self, cell: int) -> int:
        """Return the number that a cell of the other user has from now on."""
        if cell not in self._given:
            free = cell not in self._taken
            self._given[cell] = given = cell if free else self._into.new_id(max(self._taken))
            self._into.reserve(given)
            self._taken.add(given)
        return self._given[cell]


def _view(corrections: Corrections, frame: int, name: str) -> View:
    mask = corrections.edits(frame)
    part = EditMask.empty(corrections.shape[1:]) if mask is None else mask
    whole = part.cut((slice(None),))
    return View(whole, corrections.is_complete(frame), name)


def _take_states(
    into: Corrections, other: Corrections, frame: int, mask: EditMask, found: _Found
) -> None:
    """Take the other user's states of a frame, except of cells that are called something else."""
    mine, said = into.states.of(frame, mask.ids), into.states.at(frame)
    for place, state in other.states.at(frame).items():
        before = said.get(place) or mine.get(int(mask.ids[place]), "")
        if not before and not (state == DEBRIS and not int(mask.ids[place])):
            found.states.append(StateChange(frame, place, "", state))
        elif before and before != state:
            found.other_states += 1


def _take_links(into: Corrections, other: Corrections, found: _Found) -> None:
    """Take the links that the other user made, except where the first one said otherwise."""
    mine = list(into.links)
    for link in other.links:
        same = [one for one in mine if _is_of(into, one.later, link.later)]
        both = [one for one in same if _is_of(into, one.earlier, link.earlier)]
        origins = [one for one in same if one.kind != APART]
        if any(one.kind == link.kind for one in both):
            continue
        if both or (origins and link.kind != APART):
            found.other_links += 1
        else:
            found.links.append(LinkChange.of(replace(link, kind=""), link.kind))


def _is_of(into: Corrections, one: Spot, other: Spot) -> bool:
    """Whether two places are the same, or lie in one cell that a user drew or confirmed."""
    (frame, place), (there, spot) = one, other
    if frame != there or place == spot:
        return frame == there
    mask = into.edits(frame)
    cell = int(mask.ids[place]) if mask is not None else 0
    return mask is not None and cell not in (0, BACKGROUND_ID) and int(mask.ids[spot]) == cell


def _names(into: Corrections, other: Corrections) -> tuple[str, str]:
    """Return what the two users are called."""
    mine, theirs = (" + ".join(one.authors) for one in (into, other))
    if mine == theirs:
        return "the first session", "the second one"
    return mine or "the first user", theirs or "the other user"
