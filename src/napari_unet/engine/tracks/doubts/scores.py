"""How likely a doubt is an error that its repair mends: a sum of weighed evidence, per reason."""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

OFFERED = 0.5  # probability from which a repair is offered

# Fitted by benchmarks/fit_doubts.py, but specks, outlines and rests: it has no such errors.
WRONG: dict[str, dict[str, float]] = {
    "merged": {"": 1.4, "n": 0.2, "size": 2.0, "part": 2.3, "whole": -1.8,
        "waist": 1.1, "parted": 1.4, "union": -2.3, "border": 1.7},
    "cut": {"": 2.1, "n": -1.4, "size": -1.1, "part": -1.1, "whole": -2.4,
        "waist": -1.2, "parted": -2.2, "union": 2.2, "border": -2.0},
    "fused, split": {"": 1.7, "n": 0.3, "size": 1.6, "part": 2.0, "whole": -1.9,
        "waist": 1.0, "parted": 1.1, "union": -2.0, "border": 1.2, "longer": 0.4},
    "fused, merge": {"": -1.5, "n": 0.2, "size": -0.7, "part": -1.8, "whole": -1.8,
        "waist": -1.0, "parted": -0.9, "union": 1.8, "border": -0.8, "longer": 0.1},
    "apart, split": {"": -3.2, "n": 0.3, "size": 3.8, "part": 2.6, "whole": -0.3,
        "waist": 2.8, "parted": 4.0, "union": 0.2, "border": 3.0},
    "apart, merge": {"": -3.0, "n": -0.2, "size": -0.7, "part": -1.9, "whole": -1.0,
        "waist": -1.0, "parted": -0.9, "union": 2.0, "border": -1.9, "longer": -1.5},
    "two in one": {"": -1.0, "n": 0.4, "size": 1.7, "waist": 0.3,
        "form": -3.4, "parted": 3.0, "part": 1.2, "divides": 1.5},
    "one in two": {"": 2.1, "n": 0.2, "size": -1.7, "part": 1.9, "union": 6.1, "border": -4.0},
    "gap": {"": 2.2, "n": -0.6, "peak": 2.2, "size": -0.6, "edge": -0.8},
    "traced": {"": 2.2, "n": 0.2, "peak": 2.8, "size": -0.7, "age": 1.0},
    "ends": {"": -2.6, "sure": 1.0, "size": -1.3, "age": 0.1},
    "nearly": {"": -2.1, "n": 0.4, "peak": 3.0, "size": -1.1},
    "brief": {"": 3.6, "n": -0.4, "sure": -3.0, "size": 0.9, "daughter": -2.4, "rest": 1.0},
    "rest": {"": 1.0, "n": -0.4, "daughter": -1.0},
    "speck": {"": -1.5, "sure": -2.0, "size": -1.0},
    "outline": {"": -1.5, "jump": 1.5},
    "unsure": {"": -2.4, "unsure": 2.1, "sure": -1.1},
}  # fmt: skip
MENDED: dict[str, dict[str, float]] = {
    "merged": {"": 1.3, "n": -0.6, "size": 0.5, "part": 1.5, "whole": -1.9,
        "waist": 1.1, "parted": 1.7, "union": -2.4, "border": 1.4},
    "cut": {"": 1.9, "n": -1.3, "size": -1.1, "part": -1.0, "whole": -3.0,
        "waist": -1.2, "parted": -2.1, "union": 2.5, "border": -2.0},
    "fused, split": {"": 1.1, "n": -0.8, "size": 1.6, "part": 2.2, "whole": -1.9,
        "waist": 1.0, "parted": 1.2, "union": -2.0, "border": 1.1, "longer": 0.9},
    "fused, merge": {"": -1.5, "n": -0.4, "size": -1.2, "part": -1.9, "whole": -2.0,
        "waist": -1.0, "parted": -1.0, "union": 2.0, "border": -1.0, "longer": 0.5},
    "apart, split": {"": -3.0, "n": -1.0, "size": 3.1, "part": 2.3, "whole": -0.3,
        "waist": 2.5, "parted": 3.8, "union": 0.5, "border": 2.8},
    "apart, merge": {"": -3.3, "n": -0.4, "size": -0.9, "part": -2.0, "whole": -1.0,
        "waist": -1.0, "parted": -1.0, "union": 2.0, "border": -2.0, "longer": -0.3},
    "two in one": {"": -1.0, "n": -1.0, "size": 1.5, "waist": 0.4,
        "form": -3.5, "parted": 2.7, "part": 1.3, "divides": 1.1},
    "one in two": {"": 2.1, "n": 0.2, "size": -1.7, "part": 1.9, "union": 6.1, "border": -4.0},
    "gap": {"": 1.5, "n": -0.5, "peak": 0.5, "size": -2.3},
    "traced": {"": 1.5, "n": 0.2, "peak": 2.7, "size": -0.9},
    "nearly": {"": -2.1, "n": 0.4, "peak": 3.0, "size": -1.1},
    "brief": {"": 3.6, "n": -0.4, "sure": -3.0, "size": 0.9, "daughter": -2.4, "rest": 1.0},
    "rest": {"": 1.0, "n": -0.4, "daughter": -1.0},
    "speck": {"": -1.5, "sure": -2.0, "size": -1.5},
    "outline": {"": -3.5, "jump": 3.0, "unsure": 1.0},
}  # fmt: skip


def likely(kind: str, evidence: Mapping[str, float]) -> float:
    """Return the probability, 0 to 1, that something is wrong where there is evidence of a kind.

    What has no weight says nothing.
    """
    return _probability(WRONG[kind], evidence)


def mends(kind: str, evidence: Mapping[str, float]) -> float:
    """Return the probability, 0 to 1, that the repair of such a doubt mends something."""
    return _probability(MENDED.get(kind, {"": -30.0}), evidence)


def _probability(weights: Mapping[str, float], evidence: Mapping[str, float]) -> float:
    total = weights[""] + sum(weights.get(name, 0.0) * value for name, value in evidence.items())
    return 1 / (1 + exp(-max(-30.0, min(30.0, total))))
