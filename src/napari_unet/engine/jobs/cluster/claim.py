"""An output folder is one client's at a time: who has it, since when, and whether it still runs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_unet.engine.errors import BadInput
from napari_unet.engine.files.claim import Claim, holder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAME = ".napari-unet-client.json"


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Hold an output folder while the block runs; what a dead client left does not count.

    Raises
    ------
    BadInput
        Where another client has it.

    """
    place = folder / _NAME
    claim = Claim.take(place)
    if claim is None:
        raise BadInput(
            f"{folder} is being written by {holder(place)}",
            "a folder of its own for each run on a cluster",
            "wait for the other one, or choose another --out",
        )
    try:
        yield
    finally:
        claim.release()
