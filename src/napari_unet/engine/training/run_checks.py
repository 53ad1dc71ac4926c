"""What the state of a stopped run must hold before another goes on with it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from napari_unet.engine.network.model_checks import check_finite, check_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_unet.engine.network.unet import UNet

_TIMES = ("seconds", "side_seconds")


def check_run(state: Mapping[str, Any], network: UNet) -> None:
    """Raise ValueError, KeyError or TypeError where ``state`` is of no run of ``network``."""
    learner, best = state["learner"], state["best"]
    for weights in (learner["network"], learner["mean"], *([best["weights"]] if best else [])):
        check_weights(network.config, weights)
    _check_optimizer(learner["optimizer"]["state"], [p.shape for p in network.parameters()])
    times = [state["step"], *(state[key] for key in _TIMES)]
    numbers = [state["threshold"], *times, *_scored(state, best)]
    if not all(map(_is_number, numbers)) or not isinstance(state["step"], int):
        raise ValueError("a number is none")
    if not 0 < state["threshold"] < 1 or not all(0 <= t < math.inf for t in times):
        raise ValueError("a number is out of range")


def _scored(state: Mapping[str, Any], best: Mapping[str, Any]) -> list[Any]:
    numbers = [best["score"], best["step"]] if best else []
    for known in state["history"]:
        numbers += [known[key] for key in ("step", "seg", "f1", "iou")]
        numbers += [known["classes"]] if "classes" in known else []
    for scores in (state["before"], state["after"]):
        if scores:
            numbers += [value for key, value in scores.items() if key != "classes"]
            numbers += list(scores.get("classes", {}).values())
    return numbers


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_optimizer(moments: Mapping[int, Mapping[str, Any]], shapes: list[Any]) -> None:
    for number, known in moments.items():
        for name in ("exp_avg", "exp_avg_sq"):
            if known[name].shape != shapes[number]:
                raise ValueError(f"{name} {number}: {tuple(known[name].shape)}")
            check_finite({name: known[name]})
