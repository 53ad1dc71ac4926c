"""Strokes that were painted are there again, whenever napari is killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tifffile

from _kill import Killed, kill
from napari_unet.engine.annotations.corrections import Corrections
from napari_unet.engine.annotations.edit_masks import EditMask
from napari_unet.engine.session.live_labels import LiveLabels
from napari_unet.engine.session.session_folder import SessionFolder
from napari_unet.engine.stack.stack import Stack
from napari_unet.sample.movie import sample_movie
from napari_unet.sample.world import SMALL

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

_MOST = 40  # strokes in one life


def killed(folder: Path, kills: int, chance: Random) -> Killed:
    """Kill it after some strokes, again and again; each time, reopen and compare."""
    movie = folder / "movie.tif"
    frames = sample_movie(SMALL)[0]
    tifffile.imwrite(movie, frames, imagej=True, metadata={"axes": "TYX"})
    wanted = LiveLabels(frames.shape)  # the same strokes, painted in one go
    painted = saved = lost = broken = in_hand = hits = 0
    for _ in range(kills):
        after, beats = chance.randrange(_MOST), 2 * chance.random()
        said, hit = kill(_paint, movie, painted + 1, after=after, beats=beats)
        hits += hit
        for _ in said:
            saved = painted = painted + 1
            _stroke(wanted, painted)
        there, frame = _reopened(movie)
        # the frame is written after its stroke; of a stroke in hand, and in a life before it,
        # one of the two may be there without the other
        broken += frame not in {_frame(n) for n in range(saved, painted + 2)}
        if not _equal(there, wanted.corrections):  # then the stroke in hand was written, too
            painted += 1
            in_hand += 1
            _stroke(wanted, painted)
            lost += not _equal(there, wanted.corrections)
    end = "otherwise than painted in one go" if lost else "all strokes as painted in one go"
    shown = f"{lost} of {painted} strokes"
    return Killed(hits, str(in_hand), shown, broken, end, good=not (lost or broken))


def _paint(say: Callable[[int], None], movie: Path, first: int) -> None:
    """Go on painting with stroke ``first``; says each that is committed."""
    stack = Stack.open(movie)
    folder = SessionFolder.for_movie(stack)
    live = LiveLabels((len(stack), *stack.frame_shape), corrections=folder.corrections())
    for number in range(first, first + 10 * _MOST):
        _stroke(live, number)
        folder.save(frame=_frame(number))
        say(number)


def _frame(number: int) -> int:
    return number % SMALL.frames


def _stroke(live: LiveLabels, number: int) -> None:
    """Paint a disc with an id of its own; now and then delete it, or confirm the whole frame."""
    t = _frame(number)
    if number % 11 == 0:
        live.confirm_frame(t, not live.corrections.is_complete(t))
        return
    y, x = (number * 37) % 80 + 8, (number * 53) % 112 + 8
    ys, xs = np.nonzero(np.hypot(np.arange(96)[:, None] - y, np.arange(128) - x) < 7)
    live.begin_stroke()
    for label in (number, 0) if number % 5 == 0 else (number,):
        live[np.full(len(ys), t), ys, xs] = label
    live.end_stroke()


def _reopened(movie: Path) -> tuple[Corrections, int]:
    """What is kept: the corrections, and the frame that was on screen."""
    folder = SessionFolder.find(Stack.open(movie))
    if folder is None:  # killed before anything was written
        return Corrections((SMALL.frames, *SMALL.shape)), 0
    return folder.corrections(), folder.state.frame


def _equal(one: Corrections, other: Corrections) -> bool:
    masks = [
        [c.edits(t) or EditMask.empty(SMALL.shape) for t in range(SMALL.frames)]
        for c in (one, other)
    ]
    same = (
        np.array_equal(a.ids, b.ids) and np.array_equal(a.flags, b.flags)
        for a, b in zip(*masks, strict=True)
    )
    return one.complete_frames == other.complete_frames and all(same)
