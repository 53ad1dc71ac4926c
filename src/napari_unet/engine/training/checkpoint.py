"""Checkpoint: a training run on disk, whole or not there, so that a crash loses a minute."""

from __future__ import annotations

import io
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.atomic import atomic_path
from napari_unet.engine.files.safe_load import Unreadable, read_plain
from napari_unet.engine.labels.scores import Scores
from napari_unet.engine.training.schedule import Plan

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.engine.training.training import Run

SECONDS_BETWEEN = 45.0
_FORMAT = "napari-unet checkpoint 1"


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
        raise BadInput(f"{path.name} {found}", "a checkpoint", "start a new training") from None
    if not isinstance(state, dict) or state.get("format") != _FORMAT:
        raise BadInput(f"{path.name} is something else", "a checkpoint", "start a new training")
    return state


def state_of(run: Run) -> dict[str, Any]:
    """Return all that a run needs to go on as if never stopped."""
    return {
        "learner": run.learner.state(),
        "plan": run.plan.model_dump(),
        "step": run.step,
        "joined": run.data.joined,
        "left_out": sorted(run.data.left_out),
        "aside": asdict(run.split.aside),
        "before": asdict(run.before) if run.before else None,
        "after": asdict(run.checker.kept) if run.checker.kept else None,
        "best": run.checker.best,
        "threshold": run.checker.threshold,
        "history": run.checker.history,
        **run.clock.state(),
        "begun_from": _begun_from(run),
        "generator": run.generator.get_state(),
    }


def restore(run: Run, state: dict[str, Any]) -> None:
    """Put a run that has just begun where ``state`` was; `BadInput` where it is another's."""
    if state.get("begun_from") != _begun_from(run):
        raise BadInput(
            "the checkpoint belongs to another network",
            "one of the same shape, begun from the same model",
            "choose the model and settings it was begun with, or start a new training",
        )
    run.learner.restore(state["learner"])
    run.plan = Plan.model_validate(state["plan"])
    run.step = state["step"]
    run.clock.restore(state)
    run.checker.best, run.checker.history = state["best"], state["history"]
    run.checker.threshold = state["threshold"]
    run.checker.kept = Scores(**state["after"]) if state["after"] else None
    run.before = Scores(**state["before"]) if state["before"] else None
    run.data.left_out.update(state.get("left_out", ()))
    run.generator.set_state(state["generator"])
    if state["joined"]:
        run.data.join()


def _begun_from(run: Run) -> dict[str, Any]:
    """Say what a run must share with the one that it resumes."""
    config = run.learner.network.config.model_dump(mode="json")
    return {"config": config, "parent": run.base.sha256 if run.base else None}
