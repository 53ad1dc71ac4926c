"""Checkpoint: the file in which a run is kept, whole or not there: a crash loses a minute.

What is in it is the run's own matter (``Run.state``).
"""

from __future__ import annotations

import io
import operator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from napari_unet.engine.annotations.holdout import HoldOut
from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.atomic import atomic_path
from napari_unet.engine.files.safe_load import Unreadable, read_plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
