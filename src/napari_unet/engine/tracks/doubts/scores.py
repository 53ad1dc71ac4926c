"""How likely a doubt is an error that its repair mends: a sum of weighed evidence, per reason."""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    Weights = dict[str, dict[str, float]]

LISTED = {False: 0.25, True: 0.1}  # with probabilities or without: less likely is no doubt
OFFERED = {False: 0.5, True: 0.7}  # a repair that is less likely to mend is not offered

# Of labels alone. Fitted on slips, masks and generated movies, but specks, outlines and rests, of
# which there were none.
WRONG: Weights = {
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
    "contradicted": {"": -2.5, "lost": 3.0, "differs": 2.0},
    "unfound": {"": -1.5, "share": 4.0, "size": -1.0},
}  # fmt: skip
MENDED: Weights = {
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

# Of what a network predicted. Fitted by benchmarks/fit_doubts.py, drawn to the weights above.
WRONG_PREDICTED: Weights = {
    "merged": {"": 0.5, "n": 0.2, "size": 1.3, "part": 2.3, "whole": -0.7, "waist": 1.6,
        "parted": 1.2, "union": -2.7, "border": 0.9, "sure": 0.2, "unsure": -0.6, "parts": 0.8,
        "balance": 0.8, "form": -0.1},
    "cut": {"": 1.0, "n": 0.6, "size": -0.5, "part": -1.9, "whole": -0.6, "waist": -1.4,
        "parted": -2.3, "union": 1.5, "border": -2.6, "sure": -0.2, "unsure": 0.6, "parts": 0.2,
        "balance": -0.2, "form": -0.2},
    "fused, split": {"": 0.1, "n": -0.1, "size": 1.1, "part": 2.2, "whole": -2.0, "waist": 0.9,
        "parted": 2.0, "union": -2.2, "border": 1.2, "longer": 0.2, "sure": 0.3, "unsure": -0.7,
        "parts": 0.6, "balance": -0.2, "form": -0.1},
    "fused, merge": {"": -0.2, "n": 0.3, "size": -1.1, "part": -1.9, "whole": -1.7,
        "waist": -1.0, "parted": -0.9, "union": 1.8, "border": -0.6, "longer": -0.1,
        "balance": -0.4},
    "apart, split": {"": -3.8, "n": -0.1, "size": 1.6, "part": 2.5, "whole": 0.3, "waist": 3.3,
        "parted": 3.7, "union": 0.8, "border": 2.6, "sure": -0.1, "unsure": 1.1, "parts": 1.0,
        "balance": -0.9, "form": -1.4},
    "apart, merge": {"": -1.9, "touch": 1.3, "size": 0.4, "part": -1.2, "whole": 0.7, "waist": -0.7,
        "parted": -0.6, "union": 1.4, "border": -1.1, "sure": -0.4, "unsure": 0.3, "parts": -0.2,
        "balance": -0.4},
    "two in one": {"": -2.9, "n": 0.5, "size": 1.3, "waist": -0.1, "form": -3.3, "parted": 2.4,
        "part": 2.4, "divides": 1.9, "sure": 0.6, "unsure": -0.4},
    "one in two": {"": 2.1, "n": 0.2, "size": -1.7, "part": 1.9, "union": 6.1, "border": -4.0},
    "gap": {"": 2.3, "n": -0.2, "peak": 2.0, "size": -0.3, "edge": 0.1, "sure": -0.3,
        "unsure": -0.2, "area": 0.5},
    "traced": {"": 1.5, "n": -0.4, "peak": 3.0, "size": -2.0, "age": 1.4, "sure": -0.2,
        "unsure": -0.6},
    "ends": {"": -3.1, "sure": 0.8, "size": 0.8, "age": -0.2, "unsure": 1.3},
    "nearly": {"": -0.0, "n": 0.1, "peak": 3.0, "size": -2.6},
    "brief": {"": -1.5, "n": 0.2, "sure": -2.8, "size": -0.6, "daughter": -0.4, "rest": 1.0,
        "unsure": 0.6},
    "rest": {"": -0.1, "n": -0.1, "daughter": -0.4, "sure": 0.1, "unsure": -0.2},
    "speck": {"": -0.6, "sure": -1.9, "size": -2.0},
    "outline": {"": 0.2, "jump": 2.3, "sure": -0.2, "size": 1.4, "swells": 0.5},
    "unsure": {"": -3.3, "unsure": 2.3, "sure": -0.1, "size": -0.9},
    "contradicted": {"": -2.3, "lost": -1.1, "differs": 1.6, "sure": 0.2, "unsure": -0.4,
        "size": 1.2},
    "unfound": {"": 2.1, "share": 4.3, "size": -0.7},
}  # fmt: skip
MENDED_PREDICTED: Weights = {
    "merged": {"": 0.3, "n": -0.1, "size": 0.7, "part": 1.6, "whole": -1.4, "waist": 1.1,
        "parted": 1.4, "union": -2.6, "border": 1.1, "sure": 0.6, "unsure": -1.1, "parts": 0.9,
        "balance": 0.8, "form": -0.1},
    "cut": {"": 1.6, "n": 0.2, "size": -0.7, "part": -1.7, "whole": -2.0, "waist": -1.3,
        "parted": -2.2, "union": 2.2, "border": -2.6, "sure": -0.2, "unsure": 0.4, "parts": 0.2,
        "balance": 0.2, "form": -0.4},
    "fused, split": {"": 1.0, "n": -0.5, "size": 1.7, "part": 2.6, "whole": -2.0, "waist": 1.0,
        "parted": 1.8, "union": -2.3, "border": 0.4, "longer": 0.1, "sure": 0.1, "unsure": -0.2,
        "parts": 0.3, "balance": 0.5, "form": -0.3},
    "fused, merge": {"": -2.4, "n": -0.7, "size": -0.8, "part": -1.8, "whole": -2.1,
        "waist": -1.0, "parted": -1.0, "union": 2.0, "border": -1.1, "longer": 0.4,
        "balance": 0.2},
    "apart, split": {"": -3.8, "n": -0.6, "size": 1.0, "part": 2.4, "whole": 0.5, "waist": 3.3,
        "parted": 3.5, "union": 1.2, "border": 2.5, "unsure": 0.6, "parts": 0.9,
        "balance": -1.0, "form": -1.6},
    "apart, merge": {"": -0.4, "n": -0.6, "size": 0.5, "part": -1.7, "whole": -1.0,
        "waist": -1.0, "parted": -1.0, "union": 2.0, "border": -1.6, "longer": -0.1,
        "parts": -0.1, "balance": 0.2, "form": 0.1},
    "two in one": {"": -3.0, "n": 0.4, "size": 0.8, "waist": 0.7, "form": -3.2, "parted": 2.1,
        "part": 1.9, "divides": 1.5, "sure": 0.9, "unsure": -1.1},
    "gap": {"": 0.3, "n": -0.3, "peak": 1.4, "size": -2.3, "sure": -0.3, "unsure": -0.6,
        "area": -0.4},
    "traced": {"": 1.5, "peak": 3.0, "size": -1.7, "sure": 0.5, "unsure": -0.7},
    "nearly": {"": -2.3, "n": 0.1, "peak": 3.5, "size": -1.6},
    "brief": {"": -1.0, "n": -0.3, "sure": -3.3, "size": 0.7, "daughter": -2.6, "rest": 1.0,
        "unsure": 0.5},
    "rest": {"": -1.8, "n": -0.5, "daughter": -1.2, "unsure": -0.1},
    "speck": {"": -2.3, "sure": -2.1, "size": 0.3, "unsure": -0.3},
    "outline": {"": -3.1, "jump": 2.4, "unsure": 1.5, "sure": -0.3, "size": -0.7},
}  # fmt: skip


def likely(kind: str, evidence: Mapping[str, float]) -> float:
    """Return the probability, 0 to 1, that something is wrong where there is evidence of a kind.

    What has no weight says nothing.
    """
    return _probability(_of(WRONG, WRONG_PREDICTED, evidence)[kind], evidence)


def mends(kind: str, evidence: Mapping[str, float]) -> float:
    """Return the probability, 0 to 1, that the repair of such a doubt mends something."""
    weights = _of(MENDED, MENDED_PREDICTED, evidence)
    return _probability(weights.get(kind, {"": -30.0}), evidence)


def is_offered(kind: str, evidence: Mapping[str, float]) -> bool:
    """Whether the repair of such a doubt is likely enough to mend something."""
    return mends(kind, evidence) >= OFFERED[_predicted(evidence)]


def likely_enough(score: float, evidence: Mapping[str, float]) -> bool:
    """Whether what has such a score is a doubt."""
    return score >= LISTED[_predicted(evidence)]


def _predicted(evidence: Mapping[str, float]) -> bool:
    return evidence.get("predicted", 0.0) > 0


def _of(alone: Weights, predicted: Weights, evidence: Mapping[str, float]) -> Weights:
    return predicted if _predicted(evidence) else alone


def _probability(weights: Mapping[str, float], evidence: Mapping[str, float]) -> float:
    total = weights[""] + sum(weights.get(name, 0.0) * value for name, value in evidence.items())
    return 1 / (1 + exp(-max(-30.0, min(30.0, total))))
