"""What a user changed in one movie: objects, deletions, background, complete frames.

Every action is one step: boxes of the user's edit masks before and after. Undo puts the user's
state back, never pixel values of the labels on screen, which may come from another threshold or
model by then. With a journal each step is written when ``commit`` returns: a killed process
loses none.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_unet.engine.annotations.disputes import Dispute
from napari_unet.engine.annotations.edit_masks import Change, EditMask, EditMasks
from napari_unet.engine.annotations.frame_annotation import annotate, annotate_classes
from napari_unet.engine.annotations.hand_links import HandLinks, LinkChange
from napari_unet.engine.annotations.states import StateChange, States
from napari_unet.engine.annotations.steps import Step
from napari_unet.engine.errors import BadInput
from napari_unet.engine.labels.ids import BACKGROUND_ID, LAST_ID
from napari_unet.engine.labels.space.boxes import axes_said, hull, within

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_unet.engine.annotations.frame_annotation import FrameAnnotation
    from napari_unet.engine.annotations.steps import Said
    from napari_unet.engine.files.claim import Claim
    from napari_unet.engine.files.journal import Journal
    from napari_unet.engine.stack.lazy_array import Box

FORMAT = "napari-unet corrections 1"


class Corrections:
    """The corrections of one movie of ``shape`` (T, Y, X) or (T, Z, Y, X), with undo and redo.

    Parameters
    ----------
    shape
        Of the movie.
    journal
        Where steps are kept; replayed at once where it holds some already.
    author
        Who makes the steps from now on; empty where nobody says.

    """

    not_kept = Signal(str)  # one line: the disk refused what was written; from another thread

    def __init__(
        self, shape: tuple[int, ...], journal: Journal | None = None, author: str = ""
    ) -> None:
        self.shape, self.author = shape, author
        self.claim: Claim | None = None  # on the session that they are kept in
        self.read_only = ""  # why nothing may be changed: who has it
        self.states, self.links = States(), HandLinks()
        self.disputes: list[Dispute] = []
        self._masks = EditMasks(shape[1:])
        self._complete: set[int] = set()
        self._reserved: set[int] = set()
        self._highest = 0
        self._done: list[Step] = []
        self._undone: list[Step] = []
        self._turns = 0
        self._journal: Journal | None = None
        self._unwritten: list[dict[str, Any]] = []
        if journal is not None:
            self.keep_in(journal)

    def keep_in(self, journal: Journal) -> None:
        """Replay what ``journal`` holds, then write every later step to it."""
        records = journal.read()
        if records:
            try:
                self._check_header(records[0], journal)
                for record in records[1:]:
                    self._replay(record)
            except (ArithmeticError, KeyError, TypeError, ValueError) as error:
                if isinstance(error, BadInput):
                    raise
                raise BadInput(
                    f"{journal.path} holds a record that is no correction",
                    "the corrections of this movie",
                    "move the file away, or take an older copy of it",
                ) from error
        else:
            journal.append({"format": FORMAT, "shape": list(self.shape)})
            for step in self._done:
                journal.append(step.to_record())
            for given in sorted(self._reserved):
                journal.append({"reserve": given})
            for dispute in self.disputes:
                journal.append({"dispute": dispute.to_record()})
        self._journal = journal
        journal.failed.connect(self._on_refused)

    def copy(self) -> Corrections:
        """Return an independent copy that writes to no journal."""
        other = Corrections(self.shape, author=self.author)
        other.states, other.links = self.states.copy(), self.links.copy()
        other.disputes = list(self.disputes)
        other._masks, other._highest = self._masks.copy(), self._highest
        other._complete, other._reserved = set(self._complete), set(self._reserved)
        other._done, other._undone = list(self._done), list(self._undone)
        other._turns = self._turns
        return other

    # What is there

    def edits(self, frame: int) -> EditMask | None:
        """Return what the user said of a frame, to read; None where nothing was said."""
        return self._masks.get(frame)

    def frames(self) -> tuple[int, ...]:
        """Frames a user touched or confirmed, in order."""
        return tuple(sorted({*self._masks.frames(), *self._complete}))

    def is_complete(self, frame: int) -> bool:
        """Tell whether the user said *every cell here is outlined*."""
        return frame in self._complete

    @property
    def complete_frames(self) -> tuple[int, ...]:
        """Frames on which every cell is outlined, in order."""
        return tuple(sorted(self._complete))

    def reviewed_by(self, frame: int) -> str:
        """Return who marked a frame as done; empty where nobody did, or nobody says."""
        marks = (
            step.author
            for step in reversed(self._done)
            for change in step.changes
            if change.frame == frame and change.complete == (False, True)
        )
        return next(marks, "") if frame in self._complete else ""

    @property
    def reserved(self) -> frozenset[int]:
        """Ids given to new objects; the machine does not use them."""
        return frozenset(self._reserved)

    def ids(self, frame: int) -> NDArray[np.intp]:
        """Ids of the objects a user vouches for on a frame, sorted."""
        mask = self._masks.get(frame)
        return np.empty(0, np.intp) if mask is None else mask.cells()

    # Changing it

    def new_id(self, above: int = 0) -> int:
        """Reserve an id that no object of the movie has; ``above`` those the machine has shown."""
        self._check_mine()
        given = max(self._highest, above) + 1
        if given > LAST_ID:
            free = np.setdiff1d(np.arange(above + 1, LAST_ID + 1), sorted(self._reserved))
            if not free.size:
                raise BadInput(
                    "all 65534 ids of this movie are used",
                    "a free id for a new cell",
                    "paint with the id of a cell that is no longer needed",
                )
            given = int(free[0])
        self.reserve(given)
        return given

    def reserve(self, given: int) -> None:
        """Keep an id from being given to another cell."""
        if given not in self._reserved:
            self._reserve(given)
            self._log({"reserve": given})

    def write(self, frame: int, box: Box, part: EditMask, complete: bool | None = None) -> Change:
        """Put a part into a frame's edit mask and return the change, to be committed later."""
        self._check_mine()
        mask = self._masks.ensure(frame)
        was = frame in self._complete
        now = was if complete is None else complete
        change = Change.between(frame, box, mask.cut(box), part, (was, now))
        mask.paste(box, part)
        self._mark(frame, now)
        return change

    def commit(
        self,
        changes: Iterable[Change],
        verb: str = "",
        cells: tuple[int, ...] = (),
        said: Said = (),
    ) -> None:
        """Make changes already written one step of the history, done by a verb to some cells.

        States and links that cells get or lose in it are ``said`` now.
        """
        self._check_mine()
        states = tuple(one for one in said if isinstance(one, StateChange))
        links = tuple(one for one in said if isinstance(one, LinkChange))
        step = Step(self._joined(tuple(changes)), verb, cells, states, self.author, links)
        if step:
            self._apply_said(step, after=True)
            self._push(step)
            self._log(step.to_record())

    def revert(self, change: Change) -> None:
        """Take a change back that was written and not committed."""
        self._apply(Step((change,)), after=False)

    def undo(self) -> Step:
        """Take the last step back and give it; empty where there is none."""
        if not self.last_done:
            return Step()
        step = self._done.pop()
        self._undone.append(step)
        self._turns += bool(step.changes)
        self._apply(step, after=False)
        self._log({"undo": 1})
        return step

    def redo(self) -> Step:
        """Do the last undone step again and give it; empty where there is none."""
        if not self.last_undone:
            return Step()
        step = self._undone.pop()
        self._done.append(step)
        self._turns += bool(step.changes)
        self._apply(step, after=True)
        self._log({"redo": 1})
        return step

    @property
    def n_done(self) -> int:
        """How many steps can be undone."""
        return 0 if self.read_only else len(self._done)

    @property
    def n_turns(self) -> int:
        """How often a step was made, taken back or made again; read from a journal, as often.

        Those that say something of cells, and leave their outlines, do not count.
        """
        return self._turns

    @property
    def touched(self) -> frozenset[int]:
        """Frames of the steps that are not undone."""
        return frozenset(frame for step in self._done for frame in step.frames)

    @property
    def last_done(self) -> Step:
        """The step that ``undo`` would take back; empty where there is none."""
        return self._done[-1] if self._done and not self.read_only else Step()

    @property
    def last_undone(self) -> Step:
        """The step that ``redo`` would do again; empty where there is none."""
        return self._undone[-1] if self._undone and not self.read_only else Step()

    # Of several users

    @property
    def authors(self) -> tuple[str, ...]:
        """Who made the steps that are not undone, the first first."""
        return tuple(dict.fromkeys(step.author for step in self._done if step.author))

    def forget_names(self) -> None:
        """Say *user 1*, *user 2* of who did what, as they came: for a copy that others get."""
        names = {name: f"user {i}" for i, name in enumerate(self.authors, start=1)}
        self._done = [replace(one, author=names.get(one.author, "")) for one in self._done]
        self._undone.clear()
        self.disputes = [replace(one, words="two users disagree") for one in self.disputes]

    def note(self, dispute: Dispute) -> None:
        """Keep where two users disagree."""
        self.disputes.append(dispute)
        self._log({"dispute": dispute.to_record()})

    def open_disputes(self) -> tuple[Dispute, ...]:
        """Return where two users disagree, and nobody has decided since."""
        return tuple(one for one in self.disputes if one.is_open(self._masks.get(one.frame)))

    # What it teaches

    def to_annotation(self, frame: int, *, classes: bool = False) -> FrameAnnotation:
        """Return what a frame teaches, by the same rule as a label file.

        What was erased or deleted is background as much as what was brushed; where the user
        painted ``classes``, pixels count alone.
        """
        mask = self._masks.get(frame) or EditMask.empty(self.shape[1:])
        teach = annotate_classes if classes else annotate
        return teach(mask.painted(), complete=frame in self._complete)

    # Inside

    def _joined(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Join the changes of a stroke: one a frame, from the state before to the state now."""
        frames: dict[int, list[Change]] = {}
        for change in changes:
            frames.setdefault(change.frame, []).append(change)
        joined = (c[0] if len(c) == 1 else self._span(c) for c in frames.values())
        return tuple(c for c in joined if c.before != c.after or c.complete[0] != c.complete[1])

    def _span(self, changes: list[Change]) -> Change:
        box = hull([change.box for change in changes])
        after = self._masks.ensure(changes[0].frame).cut(box)
        before = after.cut((slice(None),))
        for change in reversed(changes):
            before.paste(within(change.box, box), change.part(after=False))
        complete = (changes[0].complete[0], changes[-1].complete[1])
        return Change.between(changes[0].frame, box, before, after, complete)

    def _apply(self, step: Step, *, after: bool) -> None:
        for change in step.changes:
            self._masks.ensure(change.frame).paste(change.box, change.part(after=after))
            self._mark(change.frame, change.complete[after])
        self._apply_said(step, after=after)

    def _apply_said(self, step: Step, *, after: bool) -> None:
        for state in step.states if after else reversed(step.states):
            self.states.apply(state, after=after)
        for link in step.links if after else reversed(step.links):
            self.links.apply(link, after=after)

    def _push(self, step: Step) -> None:
        self._done.append(step)
        self._undone.clear()
        self._turns += bool(step.changes)
        for change in step.changes:
            ids = change.part(after=True).ids
            ids = ids[ids < BACKGROUND_ID]
            self._highest = max(self._highest, int(ids.max(initial=0)))

    def _check_mine(self) -> None:
        if self.read_only:
            raise BadInput(
                self.read_only, "one that is open here alone", "close it there, and open it again"
            )

    def _mark(self, frame: int, complete: bool) -> None:
        (self._complete.add if complete else self._complete.discard)(frame)

    def _reserve(self, given: int) -> None:
        self._reserved.add(given)
        self._highest = max(self._highest, given)

    def _log(self, record: dict[str, Any]) -> None:
        """Write to the journal; what a full disk refuses is kept and written before the next."""
        if self._journal is None:
            return
        self._unwritten.append(record)
        while self._unwritten:
            self._journal.append(self._unwritten[0])
            self._unwritten.pop(0)

    def _on_refused(self, line: str) -> None:
        self.not_kept.emit(line)

    def _replay(self, record: dict[str, Any]) -> None:
        if "do" in record:
            step = Step.from_record(record)
            for change in step.changes:
                change.check(self.shape)
            for said in step.said:
                said.check(self.shape)
            self._apply(step, after=True)
            self._push(step)
        elif "undo" in record:
            self.undo()
        elif "redo" in record:
            self.redo()
        elif "reserve" in record:
            given = int(record["reserve"])
            if not 0 < given <= LAST_ID:
                raise ValueError(f"id {given}")
            self._reserve(given)
        elif "dispute" in record:
            dispute = Dispute.from_record(record["dispute"])
            dispute.check(self.shape)
            self.disputes.append(dispute)

    def _check_header(self, header: dict[str, Any], journal: Journal) -> None:
        if header.get("format") != FORMAT:
            raise BadInput(
                f"{journal.path} holds {header.get('format', 'no known format')!r}",
                FORMAT,
                "open it with the version of napari-unet that wrote it, or move it away",
            )
        if tuple(header.get("shape", ())) != tuple(self.shape):
            raise BadInput(
                f"the corrections in {journal.path} are for a movie of {header.get('shape')}",
                f"{list(self.shape)} ({axes_said(self.shape)})",
                "open the movie they were made on, or move the file away",
            )
