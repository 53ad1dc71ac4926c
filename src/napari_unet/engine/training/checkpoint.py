"""Checkpoint: the file in which a run is kept, whole or not there: a crash loses a minute.

What is in it is the run's own matter (``Run.state``); that it is of such a run is checked here.
"""

from __future__ import annotations

import io
import math
import operator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from napari_unet.engine.annotations.holdout import HoldOut
from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.atomic import atomic_path
from napari_unet.engine.files.safe_load import Unreadable, read_plain
from napari_unet.engine.network.model_checks import check_finite, check_weights
from napari_unet.engine.training.movies.same_movies import movies_told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from napari_unet.engine.network.network import Network

SECONDS_BETWEEN = 45.0
_FORMAT = "napari-unet checkpoint 1"
_TIMES = ("seconds", "side_seconds")


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write ``state``: tensors, numbers, strings; the older file stays until it is whole."""
    buffer = io.BytesIO()
    torch.save({"format": _FORMAT, **state}, buffer)
    with atomic_path(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint without running code.

    Raises
    ------
    BadInput
        Where it is missing, damaged or something else.

    """
    if not path.is_file():
        raise BadInput(
            f"there is no checkpoint {path}",
            "one left by a stopped training",
            "start a new training",
        )
    try:
        state = read_plain(path)
    except Unreadable as found:
        raise BadInput(
            f"{path.name} {found}", "one left by a stopped training", "start a new training"
        ) from None
    if not isinstance(state, dict) or state.get("format") != _FORMAT:
        raise BadInput(
            f"{path.name} is no checkpoint",
            "one left by a stopped training",
            "start a new training",
        )
    with understood(path):  # what is looked at before a run is made
        HoldOut.from_record(state.get("held_out") or state.get("aside") or {})
        frozenset(map(operator.index, state.get("left_out", ())))
        movies_told(state)
    return state


@contextmanager
def understood(path: Path | None) -> Iterator[None]:
    """Refuse a checkpoint whose state turns out to be none while it is put in place."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError) as error:
        raise _no_state(path) from error
    except ValueError as error:
        if isinstance(error, BadInput):
            raise
        raise _no_state(path) from error


def _no_state(path: Path | None) -> BadInput:
    return BadInput(
        f"{path.name if path else 'the checkpoint'} holds no state of a training",
        "one left by a stopped training",
        "start a new training",
    )


_MOMENTS = {
    "adamw": ("exp_avg", "exp_avg_sq"),
    "adam": ("exp_avg", "exp_avg_sq"),
    "sgd": ("momentum_buffer",),
    "rmsprop": ("square_avg",),
}
"""What each optimiser keeps of every weight."""


def check_run(state: Mapping[str, Any], network: Network) -> None:
    """Raise ValueError, KeyError or TypeError where ``state`` is of no run of ``network``."""
    learner, best = state["learner"], state["best"]
    ranked = [*([best] if best else []), *state.get("next_best", [])]
    for weights in (learner["network"], learner["mean"], *(one["weights"] for one in ranked)):
        check_weights(network.config, weights)
    names = _MOMENTS[learner.get("optimiser", "adamw")]  # version 0.1.0 had no other
    moments = learner["optimizer"]["state"]
    _check_optimizer(moments, names, [p.shape for p in network.parameters()])
    times = [state["step"], *(state[key] for key in _TIMES)]
    numbers = [state["threshold"], *times, *_scored(state, best)]
    if not all(map(_is_number, numbers)) or not isinstance(state["step"], int):
        raise ValueError("a number is none")
    thresholds = [state["threshold"], *(one["threshold"] for one in state.get("next_best", []))]
    if not all(0 < t < 1 for t in thresholds) or not all(0 <= t < math.inf for t in times):
        raise ValueError("a number is out of range")


def _scored(state: Mapping[str, Any], best: Mapping[str, Any]) -> list[Any]:
    numbers = [best["score"], best["step"]] if best else []
    for one in state.get("next_best", []):
        numbers += [one["score"], one["step"], one["threshold"]]
    for known in state["history"]:
        numbers += [known[key] for key in ("step", "seg", "f1", "iou")]
        numbers += [known["classes"]] if "classes" in known else []
    for scores in (state["before"], state["after"]):
        if scores:
            numbers += [v for key, v in scores.items() if key not in ("classes", "cells")]
            numbers += list(scores.get("classes", {}).values())
            if set(scores.get("cells", "")) - {"0", "1"}:  # version 0.1.0 had none
                raise ValueError("cells that are neither right nor wrong")
    return numbers


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_optimizer(
    moments: Mapping[int, Mapping[str, Any]], names: tuple[str, ...], shapes: list[Any]
) -> None:
    for number, known in moments.items():
        for name in names:
            moment = known[name]
            if moment is None:  # plain SGD keeps no momentum
                continue
            if moment.shape != shapes[number]:
                raise ValueError(f"{name} {number}: {tuple(moment.shape)}")
            check_finite({name: moment})
