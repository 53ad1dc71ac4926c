"""Waiting for what Zarr still writes after an error, before the folder is removed.

Zarr writes the files of a group or an array side by side. Where one fails, its error comes at
once and the others go on, and would make a folder again that was removed meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from zarr.core.sync import sync


@contextmanager
def settled() -> Iterator[None]:
    """Let an error out of the block only when Zarr writes nothing any more; also a decorator."""
    try:
        yield
    except BaseException:
        sync(_rest())
        raise


async def _rest() -> None:
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    if rest:
        await asyncio.wait(rest)
