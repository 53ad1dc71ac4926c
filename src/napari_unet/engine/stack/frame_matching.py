"""Pairs of frames: which position in one stack shows the same frame as which in another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from napari_unet.engine.errors import BadInput
from napari_unet.engine.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence


class Numbered(Protocol):
    """Frames of a name, with numbers that are their own where they are ``numbered``."""

    @property
    def name(self) -> str:
        """Whose frames they are."""

    @property
    def numbered(self) -> bool:
        """Whether the numbers come from file names or metadata."""

    @property
    def numbers(self) -> tuple[int, ...]:
        """One a frame; positions where they are not ``numbered``."""

    def __len__(self) -> int: ...


def match_frames(a: Numbered, b: Numbered, offset: int | None = None) -> list[tuple[int, int]]:
    """Pair positions in ``a`` and ``b`` that show the same frame.

    By their numbers where both have numbers, else by position where the lengths agree. An
    ``offset`` is added to the numbers of ``b``, which are positions where it has none.

    Raises
    ------
    BadInput
        Where neither works, or where as many numbers differ by a constant and no offset is given.

    """
    if offset is None and not (a.numbered and b.numbered):
        if len(a) == len(b):
            return [(i, i) for i in range(len(a))]
        raise BadInput(
            f"{b.name} has {counted(len(b), 'frame')}",
            f"{len(a)}, as in {a.name}",
            "give folders whose file names carry frame numbers, as many frames in both, or "
            "--offset N where the first of them is frame N",
        )
    if offset is None:
        _refuse_shift(a, b)
    where = {number + (offset or 0): j for j, number in enumerate(b.numbers)}
    pairs = [(i, where[n]) for i, n in enumerate(a.numbers) if n in where]
    if not pairs:
        moved = f" (with offset {offset})" if offset else ""
        raise BadInput(
            f"{a.name} has the frames {_said(a.numbers)} and {b.name} {_said(b.numbers)}{moved}",
            "some frames with the same number",
            "check that both belong to the same movie, or give another --offset",
        )
    return pairs


def _refuse_shift(a: Numbered, b: Numbered) -> None:
    """Refuse as many numbers, all higher or lower by the same: nobody can know which is meant."""
    if len(a) != len(b):
        return
    shifts = {x - y for x, y in zip(a.numbers, b.numbers, strict=True)}
    if len(shifts) != 1 or 0 in shifts:
        return
    shift = shifts.pop()
    raise BadInput(
        f"{a.name} has the frames {_said(a.numbers)} and {b.name} {_said(b.numbers)}: as many, "
        f"but counted differently",
        "the same numbers",
        f"give --offset {shift} if the first of both is the same frame, --offset 0 if the numbers "
        "are right",
    )


def _said(numbers: Sequence[int]) -> str:
    return f"{numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else f"{numbers[0]}"
