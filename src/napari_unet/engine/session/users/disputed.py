"""Where two users disagree, as doubts: to be left as it is, or taken as the other one has it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.annotations.edit_masks import DISPUTED
from napari_unet.engine.errors import BadInput
from napari_unet.engine.session.plans import Plan
from napari_unet.engine.tracks.doubts.doubt import DISAGREE, Doubt, Repair

if TYPE_CHECKING:
    from napari_unet.engine.annotations.corrections import Corrections
    from napari_unet.engine.annotations.disputes import Dispute
    from napari_unet.engine.session.live_labels import LiveLabels


def disputed(corrections: Corrections) -> list[Doubt]:
    """Return the disagreements that nobody has decided, as doubts."""
    return [_doubt(one) for one in corrections.open_disputes()]


def take_theirs(live: LiveLabels, doubt: Doubt) -> tuple[int, ...]:
    """Take a place as the other user has it; returns the ids of the cells there."""
    dispute = _of(live, doubt)
    theirs, where = dispute.part(theirs=True), dispute.differ()
    with live.frame_state(dispute.frame) as state:
        before, after = state.mask.cut(dispute.box), state.mask.cut(dispute.box)
    after.ids[where], after.flags[where] = theirs.ids[where], theirs.flags[where]
    live.carry_out([Plan(dispute.frame, dispute.box, before, after)], "theirs", dispute.cells)
    return tuple(int(i) for i in np.unique(theirs.ids[where]) if i)


def leave_ours(live: LiveLabels, doubt: Doubt) -> None:
    """Leave a place as it was merged, for good."""
    dispute = _of(live, doubt)
    with live.frame_state(dispute.frame) as state:
        before, after = state.mask.cut(dispute.box), state.mask.cut(dispute.box)
    after.flags[dispute.differ()] &= ~np.uint8(DISPUTED)
    live.carry_out([Plan(dispute.frame, dispute.box, before, after)], "fine", dispute.cells)


def _doubt(dispute: Dispute) -> Doubt:
    *depth, y, x = ((side.start + side.stop - 1) / 2 for side in dispute.box)
    found = Doubt(
        dispute.frame,
        y,
        x,
        dispute.cells,
        DISAGREE,
        Repair("theirs"),
        1.0,
        float(max(dispute.shape)),
        dispute.words,
    )
    return replace(found, z=depth[0]) if depth else found


def _of(live: LiveLabels, doubt: Doubt) -> Dispute:
    for one in live.corrections.open_disputes():
        if _doubt(one) == doubt:
            return one
    raise BadInput("that is decided already", "a disagreement that is open", "go to the next one")
