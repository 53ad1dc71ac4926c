"""Verbs: what a user does to a cell in one go. Each is one step of undo, kept in the journal.

The dock, the mouse and the keys call these, and so may a script: ``Verbs(live).merge(18, 10, 11)``.
Cells are named by frame and id, places are (y, x) in pixels, of volumes (z, y, x), where what is
drawn lies on one section. What a verb touches is the user's from then on (the laws of
`LiveLabels`); a locked cell is touched by none.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.canvas.reconstruction import bounds
from napari_unet.engine.labels.objects import areas_of, diameter_in_plane
from napari_unet.engine.labels.space.boxes import hull, within
from napari_unet.engine.labels.verbs import between, cuts, outlines, places, shapes
from napari_unet.engine.session.drawn import drawn_around
from napari_unet.engine.session.lines import enclosed, ground_of, most_of, most_under
from napari_unet.engine.session.plans import FrameState, Plan, check_frame, is_locked
from napari_unet.engine.tracks.follow import follow

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_unet.engine.session.live_labels import LiveLabels
    from napari_unet.engine.stack.lazy_array import Box

    Mask = NDArray[np.bool_]
    Points = Sequence[Sequence[float]] | NDArray[np.floating]
    Steps = tuple[float, ...]

_REACH = 96  # px around a click in which a missing cell is looked for, where no cell says its size
_LEAST = 4  # px: less is no cell
_BY_LEVELS = ("lower", "higher")  # verbs for which the frame must be segmented


class Verbs:
    """The verbs of one movie's labels. Each returns the ids of the cells that came of it.

    Raises
    ------
    BadInput
        Where a verb cannot be done: nothing is changed then.

    """

    def __init__(self, live: LiveLabels) -> None:
        self._live = live

    # ---- whole cells ------------------------------------------------------------------------

    def delete(self, frame: int, *cells: int) -> tuple[int, ...]:
        """Delete cells; they stay deleted at every threshold and with every model."""
        with self._state(frame) as state:
            plans = [state.deleted(cell) for cell in cells]
        self._live.carry_out(plans, "delete", cells)
        return ()

    def merge(self, frame: int, one: int, other: int) -> tuple[int, ...]:
        """Make two cells one, which has the first one's id; a narrow gap between them is closed."""
        with self._state(frame) as state:
            plan = state.merged(one, other)
        self._live.carry_out([plan], "merge", (one, other))
        return (one,)

    def split_along(self, frame: int, points: Points, cell: int = 0) -> tuple[int, ...]:
        """Split a cell along a line, or without one named the cell that most of the line is on.

        The largest part keeps the id, the others get the next free ones.
        """
        path, section = places.on_section(points, self._live.ndim - 1)
        with self._state(frame) as state:
            cell = cell or most_under(state.labels[section], path)
            box = state.box_of(cell)
            inner = path - tuple(side.start for side in box[-2:])
            parts = cuts.cut_along(state.labels[box] == cell, inner)
            plan, ids = self._parted(state, box, parts, "draw the line across the whole cell")
        self._live.carry_out([plan], "split", (cell,))
        return ids

    def split(self, frame: int, cell: int) -> tuple[int, ...]:
        """Split a cell in two by itself: at its neck, or where its probability dips."""
        levels = self._levels(frame)
        with self._state(frame) as state:
            box = state.box_of(cell)
            seen = levels[box] if levels is not None else None
            parts = cuts.cut_apart(state.labels[box] == cell, seen, state.steps)
            plan, ids = self._parted(state, box, parts, "draw the line along which to split it")
        self._live.carry_out([plan], "split", (cell,))
        return ids

    def draw(self, frame: int, points: Points) -> tuple[int, ...]:
        """Draw round a new cell; cells that are there already keep their pixels."""
        with self._state(frame) as state:
            box, cell = enclosed([points], self._live.shape[1:])
            plan, new = self._added(state, box, cell)
        self._live.carry_out([plan], "draw", (new,))
        return (new,)

    def redraw(self, frame: int, points: Points, *more: Points) -> tuple[int, ...]:
        """Draw roughly round a cell: its outline follows the probability near the line.

        The cell that fills most of it is drawn anew, with its id; where there is none, a new one.
        Several rough outlines, such as of the lobes of a cell, count as one.
        """
        levels = self._levels(frame)
        if levels is None:
            raise _not_segmented(frame)
        with self._state(frame) as state:
            box, rough = enclosed([points, *more], self._live.shape[1:])
            labels = state.labels[box]
            former = most_of(labels[rough], at_least=rough.sum() / 2)
            mine = labels == former if former else np.zeros(labels.shape, bool)
            flat = (m.reshape(m.shape[-2:]) for m in (levels[box], rough, ground_of(labels) | mine))
            cell = outlines.along_scribble(*flat).reshape(labels.shape)
            if former:
                part = state.reshaped(former, box, cell, inside=labels.ndim > 2)
                plan, new = part, former
            else:
                plan, new = self._added(state, box, cell)
        self._live.carry_out([plan], "redraw", (new,))
        return (new,)

    def fill(self, frame: int, *place: int) -> tuple[int, ...]:
        """Fill in the cell that the model nearly saw at a place, at a lower threshold there."""
        levels = self._levels(frame)
        if levels is None:
            raise _not_segmented(frame)
        with self._state(frame) as state:
            labels = state.labels
            click, size = tuple(slice(i, i + 1) for i in place), self._live.shape[1:]
            if not ground_of(labels[click]).any():
                raise BadInput("there is a cell already", "a place without one", "click beside it")
            areas = areas_of(labels[places.around(click, 2 * _REACH, size)])
            usual = diameter_in_plane(float(np.median(areas)), state.steps) if areas.size else 0
            box = places.around(click, max(2 * round(usual) or _REACH, 16), size)
            free, inner = ground_of(labels[box]), tuple(s.start for s in within(click, box))
            at = state.settings.threshold
            cell = outlines.missing_cell(levels[box], free, ~free, inner, at, state.steps)
            if cell is None or cell.sum() < _LEAST or places.is_cut_off(cell, box, labels.shape):
                raise BadInput(
                    "the model sees no cell there",
                    "a place that it is not sure of",
                    "draw round it",
                )
            plan, new = self._added(state, box, cell)
        self._live.carry_out([plan], "fill", (new,))
        return (new,)

    # ---- the shape of a cell ----------------------------------------------------------------

    def grow(self, frame: int, cell: int, pixels: float = 1.0) -> tuple[int, ...]:
        """Widen a cell all round, where no other cell is."""
        return self._reshape(
            "grow", frame, cell, lambda m, f, _, by: shapes.grown(m, f, pixels, by)
        )

    def shrink(self, frame: int, cell: int, pixels: float = 1.0) -> tuple[int, ...]:
        """Narrow a cell all round; refused where nothing would be left."""
        return self._reshape(
            "shrink", frame, cell, lambda m, _, __, by: shapes.shrunk(m, pixels, by)
        )

    def smooth(self, frame: int, cell: int) -> tuple[int, ...]:
        """Take dents and spurs off a cell, which keeps its area."""
        return self._reshape("smooth", frame, cell, lambda m, f, _, by: shapes.smoothed(m, f, by))

    def fill_holes(self, frame: int, cell: int) -> tuple[int, ...]:
        """Fill the holes of a cell."""
        return self._reshape("holes", frame, cell, lambda m, free, *_: shapes.holes_filled(m, free))

    def lower(self, frame: int, cell: int) -> tuple[int, ...]:
        """Outline a cell at a lower threshold of its own: larger, where the model sees more."""
        return self._reshape("lower", frame, cell, partial(outlines.at_next_threshold, lower=True))

    def higher(self, frame: int, cell: int) -> tuple[int, ...]:
        """Outline a cell at a higher threshold of its own: smaller."""
        return self._reshape(
            "higher", frame, cell, partial(outlines.at_next_threshold, lower=False)
        )

    # ---- from other frames ------------------------------------------------------------------

    def copy(self, frame: int, source: int, cell: int) -> tuple[int, ...]:
        """Copy a cell of another frame to the same place; other cells keep their pixels.

        It has the same id, unless another cell has that here.
        """
        with self._state(source) as there:
            box = there.box_of(cell)
            shape = there.labels[box] == cell
        with self._state(frame) as state:
            same = 0 if (state.labels == cell).any() else cell
            plan, new = self._added(state, box, shape, same)
        self._live.carry_out([plan], "copy", (new,))
        return (new,)

    def interpolate(self, frame: int, cell: int) -> tuple[int, ...]:
        """Draw a cell on the frames between the two nearest ones on which a user drew it.

        One of those may be the frame itself. Drawn with two numbers, it has the earlier one then.
        """
        first, last = drawn_around(self._live.corrections, frame, cell, self._live.steps)
        masks = []
        for drawn in (first, last):
            with self._state(drawn.frame) as state:
                masks.append(state.mask.ids == drawn.cell)
        found = [box for mask in masks if (box := bounds(mask)) is not None]
        box = places.around(hull(found), 2, self._live.shape[1:])
        shapes_between = between.Between(*(mask[box] for mask in masks))
        plans = []
        for t in range(first.frame + 1, last.frame):
            part = (t - first.frame) / (last.frame - first.frame)
            with self._state(t) as state:
                plans.append(state.laid_over(first.cell, box, shapes_between.at(part)))
        if last.cell != first.cell:
            with self._state(last.frame) as state:
                plans.append(state.renamed(last.cell, first.cell))
        self._live.carry_out(plans, "interpolate", (first.cell,))
        return (first.cell,)

    def fill_between(self, frame: int, cell: int) -> tuple[int, ...]:
        """Draw a cell of a volume on the sections between those on which a user drew it."""
        with self._state(frame) as state:
            box = bounds(state.mask.ids == cell) if cell and len(state.steps) == 3 else None
            shape = None if box is None else between.between_sections(state.mask.ids[box], cell)
            if box is None or shape is None or not (shape & (state.mask.ids[box] != cell)).any():
                raise BadInput(
                    f"cell {cell} is not drawn on two sections with others between them",
                    "a cell of a volume that you drew on two sections, with one number",
                    "draw it on another section with the same number",
                )
            plan = state.laid_over(cell, box, shape)
        self._live.carry_out([plan], "between", (cell,))
        return (cell,)

    # ---- whose it is ------------------------------------------------------------------------

    def back_to_model(self, frame: int, cell: int, *place: int) -> tuple[int, ...]:
        """Give a cell back to the model; for cell 0, what was deleted at a place."""
        if self._live.corrections.is_complete(frame):
            raise BadInput(
                f"frame {frame} is marked as done",
                "a frame on which the model's cells count",
                "mark it as not done first",
            )
        with self._state(frame) as state:
            plan = state.reopen(cell, place if place and min(place) >= 0 else None)
        self._live.carry_out([plan], "reopen", (cell,) if cell else ())
        return ()

    def lock(self, frame: int, cell: int, on: bool = True) -> tuple[int, ...]:
        """Lock a cell, so that neither brush nor verb changes it; or unlock it."""
        with self._state(frame) as state:
            plan = state.lock(cell, on)
        self._live.carry_out([plan], "lock" if on else "unlock", (cell,))
        return (cell,)

    def is_locked(self, frame: int, cell: int) -> bool:
        """Tell whether a cell is locked."""
        with self._state(frame) as state:
            return state.is_locked(cell)

    def confirm(self, frame: int, cell: int) -> tuple[int, ...]:
        """Vouch for a cell as it is."""
        with self._state(frame) as state:
            box = state.box_of(cell)
            inner = np.argwhere(state.labels[box] == cell)[0].tolist()
        self._live.confirm_cell(frame, *(s.start + i for s, i in zip(box, inner, strict=True)))
        return (cell,)

    # ---- through a track --------------------------------------------------------------------

    def delete_track(self, frame: int, cell: int) -> Generator[int, None, int]:
        """Delete a cell on all frames of its track, in one step; returns on how many.

        Yields each frame that was looked at.
        """
        track = yield from self._track(frame, cell)
        plans = []
        for t, label in track.items():
            with self._state(t) as state:
                plans.append(state.deleted(label))
            yield t
        self._live.carry_out(plans, "delete", (cell,))
        return len(plans)

    def merge_track(self, frame: int, one: int, other: int) -> Generator[int, None, int]:
        """Merge two cells on all frames that both their tracks have; returns on how many.

        Yields each frame that was looked at.
        """
        track = yield from self._track(frame, one)
        beside = yield from self._track(frame, other)
        plans = []
        for t in sorted(track.keys() & beside.keys()):
            with self._state(t) as state:
                plans.append(state.merged(track[t], beside[t]))
            yield t
        self._live.carry_out(plans, "merge", (one, other))
        return len(plans)

    # ---- inside -----------------------------------------------------------------------------

    @contextmanager
    def _state(self, frame: int) -> Iterator[FrameState]:
        check_frame(frame, len(self._live), self._live.classes)
        with self._live.frame_state(frame) as state:
            yield state

    def _track(self, frame: int, cell: int) -> Generator[int, None, dict[int, int]]:
        live = self._live
        return follow(live, frame, cell, spacing=live.spacing, links=live.corrections.links)

    def _levels(self, frame: int) -> NDArray[np.uint8] | None:
        """Return the codes of a frame's cells; None where nothing is predicted."""
        probabilities = self._live.probabilities
        if probabilities is None or not self._live.computed(frame):
            return None
        return np.asarray(probabilities[frame][0])

    def _parted(
        self, state: FrameState, box: Box, parts: NDArray[np.int32], remedy: str
    ) -> tuple[Plan, tuple[int, ...]]:
        """Plan the cell in a box to be in parts, from 1: the first keeps the id."""
        new = state.labels[box].copy()
        cell = int(new[parts == 1][0])
        if parts.max() < 2:
            raise BadInput(f"cell {cell} shows no place to split it", "a cell with a neck", remedy)
        if state.is_locked(cell):
            raise is_locked(cell)
        ids = [cell, *(self._live.new_id() for _ in range(1, int(parts.max())))]
        for part, label in enumerate(ids[1:], start=2):
            new[parts == part] = label
        return state.repaint(box, new, (cell,)), tuple(ids)

    def _added(self, state: FrameState, box: Box, cell: Mask, label: int = 0) -> tuple[Plan, int]:
        """Plan a new cell on the ground in a box, with an id or the next free one."""
        labels = state.labels[box]
        cell = shapes.largest(cell & ground_of(labels))
        if np.count_nonzero(cell) < _LEAST:
            raise BadInput(
                "there is no room for a new cell", "ground without one", "delete the other first"
            )
        label = label or self._live.new_id()
        return state.repaint(box, np.where(cell, np.uint16(label), labels)), label

    def _reshape(
        self, verb: str, frame: int, cell: int, change: Callable[..., Mask]
    ) -> tuple[int, ...]:
        """Give a cell what ``change`` makes of it, the free ground and the codes there."""
        levels = self._levels(frame)
        if levels is None and verb in _BY_LEVELS:
            raise _not_segmented(frame)
        with self._state(frame) as state:
            own, size = state.box_of(cell), self._live.shape[1:]
            reach = max(side.stop - side.start for side in own) // 2 if verb in _BY_LEVELS else 0
            box = places.around(own, 4 + reach, size)
            labels = state.labels[box]
            seen = None if levels is None else levels[box]
            shape = change(labels == cell, labels == 0, seen, state.steps)
            if np.count_nonzero(shape) < _LEAST:
                raise BadInput(
                    f"nothing would be left of cell {cell}", "a larger cell", "delete it"
                )
            plan = state.reshaped(cell, box, shape)
        self._live.carry_out([plan], verb, (cell,))
        return (cell,)


def _not_segmented(frame: int) -> BadInput:
    return BadInput(
        f"frame {frame} is not segmented", "a frame with probabilities", "segment it, or draw round"
    )
