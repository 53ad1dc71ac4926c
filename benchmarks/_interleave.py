"""Interleaved timings: A B C A B C …, so that a busy machine slows all of them alike."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def interleave(
    variants: Mapping[str, Callable[[], float]], rounds: int, slow: Mapping[str, int] | None = None
) -> dict[str, list[float]]:
    """Seconds of each variant in each round; ``slow`` ones run in their first rounds only.

    A variant is a function that gives its own seconds. It has run once before, unmeasured.
    """
    slow = slow or {}
    for variant in variants.values():
        variant()
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(rounds):
        names = [name for name in variants if number < slow.get(name, rounds)]
        for name in names if number % 2 == 0 else reversed(names):
            seconds[name].append(variants[name]())
    return seconds


def timed(function: Callable[[], object], repeats: int = 1) -> Callable[[], float]:
    """Make a variant of a function."""

    def run() -> float:
        began = time.perf_counter()
        for _ in range(repeats):
            function()
        return (time.perf_counter() - began) / repeats

    return run


def ratio(seconds: Mapping[str, list[float]], base: str, name: str) -> tuple[float, float, float]:
    """How many times faster than ``base``: median, first and third quartile over the rounds."""
    ratios = sorted(b / a for b, a in zip(seconds[base], seconds[name], strict=False))
    if len(ratios) < 2:
        return (ratios[0],) * 3
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return middle, low, high
