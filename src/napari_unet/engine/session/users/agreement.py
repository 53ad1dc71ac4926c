"""How far two users agree about a movie, and what came of putting both together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_unet.engine.labels.scores import pool
from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.engine.annotations.disputes import Dispute
    from napari_unet.engine.labels.scores import FrameScores


@dataclass(frozen=True)
class Agreement:
    """What came of a merge: frames that both spoke of, how far they agree there, what is open.

    F1 is of cells that agree with an IoU of at least 0.5, SEG the mean of both directions.
    """

    names: tuple[str, str]
    frames: tuple[int, ...]
    cells: tuple[int, int]
    f1: float | None
    seg: float | None
    taken: int
    disputes: tuple[Dispute, ...]
    other_states: int = 0  # cells that the two call otherwise; the first one's word stays
    other_links: int = 0  # cells that the two link otherwise; the first one's link stays

    @classmethod
    def of(
        cls,
        names: tuple[str, str],
        frames: tuple[int, ...],
        scores: Sequence[tuple[FrameScores, FrameScores]],
        **rest: Any,
    ) -> Agreement:
        """Return it from how far the two agree on each frame, in both directions."""
        if not scores:
            return cls(names, frames, (0, 0), None, None, **rest)
        one, other = (pool(way) for way in zip(*scores, strict=True))
        cells = one.n_truth, one.n_predicted
        return cls(names, frames, cells, one.f1, (one.seg + other.seg) / 2, **rest)

    def __str__(self) -> str:
        mine, theirs = self.names
        if self.f1 is None:
            both = f"{mine} and {theirs} spoke of no cell in common."
        else:
            both = (
                f"On {counted(len(self.frames), 'frame')} that both looked at: {self.cells[0]} "
                f"cells of {mine}, {self.cells[1]} of {theirs}, F1 {self.f1:.3f}, "
                f"SEG {self.seg:.3f}."
            )
        line = f"{both} {counted(self.taken, 'cell')} of {theirs} taken in, "
        line += f"{counted(len(self.disputes), 'disagreement')} left open."
        if self.other_states:
            called = counted(self.other_states, "cell")
            line += f" {called} that both called something else kept the word of {mine}."
        if self.other_links:
            left_out = counted(self.other_links, "link")
            line += f" {left_out} of {theirs} left out, where {mine} linked otherwise."
        return line

    def to_values(self) -> dict[str, Any]:
        """Return plain values, as ``napari-unet merge --json`` prints them."""
        return {
            "users": list(self.names),
            "frames": list(self.frames),
            "cells": list(self.cells),
            "f1": None if self.f1 is None else round(self.f1, 4),
            "seg": None if self.seg is None else round(self.seg, 4),
            "taken": self.taken,
            "other_states": self.other_states,
            "other_links": self.other_links,
            "disagreements": [
                {"frame": one.frame, "labels": list(one.cells), "words": one.words}
                for one in self.disputes
            ],
        }
