"""Which movies a training learns from, for its checkpoint: it goes on with the same ones only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_unet.engine.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_unet.engine.stack.stack import Stack

_KEY = "learned_from"
_REMEDY = "give the movies it was begun with, or start a new training"


def told(stacks: Sequence[Stack], names: Sequence[str]) -> dict[str, Any]:
    """Return for a checkpoint what tells these movies from others: pixels and what is chosen."""
    movies = [
        {"movie": name, "movie_fingerprint": stack.fingerprint, "n_frames": len(stack)}
        for stack, name in zip(stacks, names, strict=True)
    ]
    return {_KEY: movies}


def movies_told(state: Mapping[str, Any]) -> list[tuple[str, str, int]]:
    """Return name, fingerprint and number of frames of each movie of a checkpoint's ``state``.

    [] for one of version 0.1.0, which kept none.
    """
    return [
        (str(one["movie"]), str(one["movie_fingerprint"]), int(one["n_frames"]))
        for one in state.get(_KEY, ())
    ]


def check_same(state: Mapping[str, Any], stacks: Sequence[Stack], names: Sequence[str]) -> None:
    """Refuse other movies than those that the run of a checkpoint's ``state`` learned from.

    A folder that has more frames at its end by now is the same movie. Another number of movies is
    said where they are parted (`splits_as`).

    Raises
    ------
    BadInput
        Where one has other pixels, or another channel, z or position is chosen of it.

    """
    before = movies_told(state)
    if len(before) != len(stacks):
        return
    differ = [
        (was[0], name)
        for was, stack, name in zip(before, stacks, names, strict=True)
        if not _is_same(was, stack)
    ]
    if not differ:
        return
    if {was[1] for was in before} == {stack.fingerprint for stack in stacks}:
        raise BadInput(
            "the movies come in another order than when the training was begun",
            ", ".join(was[0] for was in before),
            "give them in that order",
        )
    was, name = differ[0]
    found = f"{name} is not as it was when the training was begun"
    if name != was:
        found = f"the checkpoint belongs to a training on {was}, not on {name}"
    raise BadInput(found, f"{was} with the same pixels, channel, z and position", _REMEDY)


def _is_same(before: tuple[str, str, int], stack: Stack) -> bool:
    _, fingerprint, n_frames = before
    if stack.fingerprint == fingerprint:
        return True
    shorter = stack.first(n_frames)
    if shorter is None:
        return False
    with shorter:
        return shorter.fingerprint == fingerprint
