"""A command of several processes, started by torchrun: the first speaks for all."""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_unet.engine.settings import Device
    from napari_unet.engine.training.ranks.ranks import Ranks


@contextmanager
def joined(device: Device) -> Iterator[Ranks]:
    """Meet the other processes, if there are any; all but the first are silent.

    Errors are said by all, unless the first says what ended another.
    """
    from napari_unet.engine.training.ranks.ranks import EndedElsewhere, Ranks

    try:
        with Ranks.joined(device) as ranks, nullcontext() if ranks.first else _silent():
            yield ranks
    except EndedElsewhere:
        raise typer.Exit(1) from None


@contextmanager
def _silent() -> Iterator[None]:
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        redirect_stdout(nowhere),
        redirect_stderr(nowhere),
    ):
        yield
