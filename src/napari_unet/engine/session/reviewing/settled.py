"""Doubts that a user has settled: by a repair, by hand, or by saying that it is fine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.annotations.hand_links import MOTHER, SAME
from napari_unet.engine.session.users.disputed import leave_ours
from napari_unet.engine.tracks.doubts.doubt import DISAGREE, left_of, worst_first

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_unet.engine.annotations.corrections import Corrections
    from napari_unet.engine.session.live_labels import LiveLabels
    from napari_unet.engine.tracks.doubts.doubt import Doubt

_PLACE = 0.25  # of its size: ground that says nothing is missing there


def unsettled(
    doubts: Iterable[Doubt], corrections: Corrections, fine: Sequence[tuple[str, int]] = ()
) -> list[Doubt]:
    """Return what is left of doubts, worst first: the frames on which no user has settled them.

    ``fine`` are reasons and frames of whole frames that are fine as they are.
    """

    def is_open(one: Doubt) -> bool:
        return not is_settled(one, corrections) and (one.reason, one.frame) not in fine

    left = (left_of(one, is_open) for one in doubts)
    return worst_first(one for one in left if one is not None)


def is_settled(doubt: Doubt, corrections: Corrections) -> bool:
    """Whether a user vouches for all that is doubted: the frame, its cells, or the ground.

    A doubt about a whole frame is settled with the frame, one of several frames with all of them.
    """
    return all(_is_settled(one, corrections) for one in doubt.parts)


def _is_settled(doubt: Doubt, corrections: Corrections) -> bool:
    if corrections.is_complete(doubt.frame):
        return True
    if doubt.whole_frame:
        return False
    if doubt.cells:
        vouched = bool(np.isin(doubt.cells, corrections.ids(doubt.frame)).all())
        return vouched or _is_linked(doubt, corrections)
    mask = corrections.edits(doubt.frame)
    if mask is None:
        return False
    pixel = _pixel(doubt, mask.ids.shape)
    return bool(mask.ids[pixel] or mask.flags[pixel])


def _is_linked(doubt: Doubt, corrections: Corrections) -> bool:
    """Whether a user said what a cell that comes from nowhere is, or what one that vanishes is."""
    if doubt.reason == "appears from nowhere":
        spots = [link.later for link in corrections.links if link.kind in (SAME, MOTHER)]
    elif doubt.reason == "vanishes":
        spots = [link.earlier for link in corrections.links if link.kind in (SAME, MOTHER)]
    else:
        return False
    reach = doubt.size / 2
    return any(frame == doubt.frame and doubt.away(place) <= reach for frame, place in spots)


def say_fine(live: LiveLabels, doubt: Doubt) -> None:
    """Vouch for what is doubted as it is: its cells, or the ground where one seems to be missing.

    One step of undo, on all frames of the doubt. Nothing is done for a whole frame.
    """
    if doubt.whole_frame:
        return
    if doubt.reason == DISAGREE:
        leave_ours(live, doubt)
        return
    live.begin_stroke()
    try:
        for one in doubt.parts:
            _vouch(live, one)
    finally:
        live.end_stroke("fine" if doubt.cells else "fine ground", doubt.cells)


def _vouch(live: LiveLabels, doubt: Doubt) -> None:
    if doubt.cells:
        labels = np.asarray(live[doubt.frame])
        for cell in doubt.cells:
            places = np.argwhere(labels == cell)
            if len(places):
                live.confirm_cell(doubt.frame, *places[0].tolist())
        return
    size = live.shape[1:]
    reaches = [max(1, round(_PLACE * doubt.size / step)) for step in live.steps]
    sides = zip(_pixel(doubt, size), reaches, size, strict=True)
    box = tuple(slice(max(0, at - reach), min(n, at + reach + 1)) for at, reach, n in sides)
    live.touch(doubt.frame, [one.reshape(-1) for one in np.mgrid[box]], 0)


def _pixel(doubt: Doubt, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(min(max(round(at), 0), n - 1) for at, n in zip(doubt.place, shape, strict=True))
