"""Long operations inside others: the steps of one are told as steps of the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")


def told(steps: Generator[S, Any, R], of: Callable[[S], T]) -> Generator[T, None, R]:
    """Yield what ``of`` makes of each step; return what the steps return."""
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            result: R = end.value
            return result
        yield of(step)
