"""States of cells said along their tracks: mitotic, dead, debris, or a user's own words.

Each is one step of undo. Debris becomes background that the model learns from: it is no cell in
any count, table or file, and is drawn as the background brush paints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_unet.engine.annotations.states import DEBRIS, StateChange, checked_state
from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.canvas.reconstruction import bounds
from napari_unet.engine.labels.ids import BACKGROUND_ID
from napari_unet.engine.labels.space.boxes import hull
from napari_unet.engine.labels.verbs.places import innermost
from napari_unet.engine.session.plans import FrameState, Plan, check_frame
from napari_unet.engine.session.predicted_objects import PredictedObjects
from napari_unet.engine.tracks.follow import follow

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray

    from napari_unet.engine.annotations.states import Place
    from napari_unet.engine.session.live_labels import LiveLabels

    Mask = NDArray[np.bool_]
    Marked = dict[int, tuple[Plan | None, list[StateChange]]]  # by frame


class CellStates:
    """The states of one movie's cells. Places are (y, x) in pixels, of volumes (z, y, x).

    Raises
    ------
    BadInput
        Where a state cannot be said: nothing is changed then.

    """

    def __init__(self, live: LiveLabels) -> None:
        self._live = live

    def at(self, frame: int, place: Place) -> str:
        """Return the state of whatever lies at a place; empty where nothing is said of it."""
        labels = np.asarray(self._live[frame])
        states, label = self._live.corrections.states, int(labels[place])
        if label == BACKGROUND_ID:
            pieces = _pieces(labels)
            spots = states.debris(frame, labels)
            return DEBRIS if any(pieces[spot] == pieces[place] for spot in spots) else ""
        return states.of(frame, labels).get(label, "") if label else ""

    def say(self, frame: int, cell: int, state: str) -> Generator[int, None, int]:
        """Say a state of a cell, from a frame on to the end of its track; returns on how many.

        Debris is it on all frames of the track. An empty state takes back what was said from
        that frame on. Yields each frame that was looked at.
        """
        state = checked_state(state) if state else ""
        self._check(frame)
        with self._live.frame_state(frame) as here:
            here.box_of(cell)
        live = self._live
        by_hand, back = live.corrections.links, state == DEBRIS
        steps = follow(live, frame, cell, back=back, spacing=live.spacing, links=by_hand)
        track = yield from steps
        plans, said = [], []
        for t, label in track.items():
            with self._live.frame_state(t) as there:
                if state == DEBRIS:
                    plans.append(_as_ground(there, label))
                said += self._changes(there, label, state)
            yield t
        if plans or said:
            self._live.carry_out(plans, "state" if state else "no state", (cell,), tuple(said))
        return len(track)

    def take_debris_back(self, frame: int, place: Place) -> Generator[int, None, int]:
        """Make debris at a place the model's again, on all frames; returns on how many.

        Yields each frame that was looked at.
        """
        self._check(frame)
        if self.at(frame, place) != DEBRIS:
            raise BadInput("no debris is there", "a piece that was called debris", "point at one")
        marked: Marked = {}
        here = self._opened(frame, place, marked)
        yield frame
        for step in (1, -1):
            t, mask = frame + step, here
            while 0 <= t < len(self._live) and (spot := self._debris_under(t, mask)) is not None:
                mask = self._opened(t, spot, marked)
                yield t
                t += step
        plans = [plan for plan, _ in marked.values() if plan is not None]
        said = tuple(change for _, changes in marked.values() for change in changes)
        self._live.carry_out(plans, "no state", (), said)
        return len(marked)

    # ---- inside -----------------------------------------------------------------------------

    def _check(self, frame: int) -> None:
        check_frame(frame, len(self._live), self._live.classes)

    def _changes(self, there: FrameState, label: int, state: str) -> list[StateChange]:
        """Return how what is said of a cell changes: one place in it says the state at last."""
        box = there.box_of(label)
        corner = tuple(side.start for side in box)
        cell = there.labels == label
        before = self._live.corrections.states.within(there.frame, cell)
        spot = next(iter(before), None) or innermost(cell[box], corner)
        wanted = {**dict.fromkeys(before, ""), **({spot: state} if state else {})}
        return [
            StateChange(there.frame, place, before.get(place, ""), now)
            for place, now in wanted.items()
            if before.get(place, "") != now
        ]

    def _debris_under(self, frame: int, mask: Mask) -> Place | None:
        """Return a place of the debris of a frame that lies most under a mask (Y, X)."""
        labels = np.asarray(self._live[frame])
        spots = self._live.corrections.states.debris(frame, labels)
        pieces = _pieces(labels)
        shared = [int(np.count_nonzero(mask & (pieces == pieces[spot]))) for spot in spots]
        return spots[int(np.argmax(shared))] if any(shared) else None

    def _opened(self, frame: int, place: Place, marked: Marked) -> Mask:
        """Plan debris to be the model's again; gives where it is."""
        with self._live.frame_state(frame) as state:
            pieces = _pieces(state.labels)
            mask: Mask = pieces == pieces[place]
            said = self._live.corrections.states.within(frame, mask)
            changes = [StateChange(frame, spot, word, "") for spot, word in said.items()]
            marked[frame] = _as_models(state, mask), changes
        return mask


def _pieces(labels: NDArray[np.uint16]) -> NDArray[np.int32]:
    """Return the numbers of the connected pieces of background strokes, (Y, X)."""
    pieces: NDArray[np.int32] = ndimage.label(labels == BACKGROUND_ID)[0]
    return pieces


def _as_ground(state: FrameState, label: int) -> Plan:
    """Plan a cell to be background that a user painted."""
    box = state.box_of(label)
    labels = state.labels[box]
    ground = np.where(labels == label, np.uint16(BACKGROUND_ID), labels)
    return state.repaint(box, ground, (label,))


def _as_models(state: FrameState, mask: Mask) -> Plan:
    """Plan ground that was painted in a mask (Y, X) to be as if nobody had touched it."""
    mine, machine = mask.copy(), state.view.machine
    boxes = [box] if (box := bounds(mask)) is not None else []
    if isinstance(machine, PredictedObjects):
        for basin in np.unique(machine.basins.ids[mask]).tolist():
            if basin:
                box, ground = machine.footprint(np.array([basin]))
                mine[box] |= ground & (state.mask.ids[box] == 0)
                boxes.append(box)
    whole = hull(boxes)
    before = state.mask.cut(whole)
    after = state.mask.cut(whole)
    after.ids[mine[whole]], after.flags[mine[whole]] = 0, 0
    return Plan(state.frame, whole, before, after)
