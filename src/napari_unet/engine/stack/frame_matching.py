"""Pairs of frames: which position in one stack shows the same frame as which in another."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from napari_unet.engine.errors import BadInput

if TYPE_CHECKING:
    from napari_unet.engine.stack.stack import Stack

logger = logging.getLogger(__name__)


def match_frames(a: Stack, b: Stack) -> list[tuple[int, int]]:
    """Pair positions in ``a`` and ``b`` that show the same frame.

    By their numbers where both have numbers, else by position where the lengths agree; raises
    ``BadInput`` where neither works.
    """
    if a.numbered and b.numbered:
        where = {number: j for j, number in enumerate(b.numbers)}
        pairs = [(i, where[n]) for i, n in enumerate(a.numbers) if n in where]
        if not pairs:
            raise BadInput(
                f"{a.name} has the frames {_say_numbers(a)} and {b.name} {_say_numbers(b)}",
                "some frames with the same number",
                "check that both belong to the same movie",
            )
        if len(pairs) < len(b):
            logger.info("%s: %d of %d frames are in %s", b.name, len(pairs), len(b), a.name)
        return pairs
    if len(a) == len(b):
        return [(i, i) for i in range(len(a))]
    raise BadInput(
        f"{b.name} has {len(b)} frames",
        f"{len(a)}, as in {a.name}",
        "give folders whose file names carry frame numbers, or as many frames in both",
    )


def _say_numbers(stack: Stack) -> str:
    numbers = stack.numbers
    return f"{numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else f"{numbers[0]}"
