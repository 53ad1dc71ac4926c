"""Reads files whole and prints what became of each: ``read``, or the line that refuses it."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

from napari_unet.engine.errors import BadInput
from napari_unet.engine.stack.stack import Stack


def read(path: Path) -> str:
    """Read every frame of each position, channel and section."""
    try:
        with Stack.open(path) as stack:
            for position in range(len(stack.position_names)):
                with stack.select(position=position) as one:
                    for c, z in itertools.product(range(len(one.channel_names)), range(one.n_z)):
                        with one.select(channel=c, z=z) as chosen:
                            for t in range(len(chosen)):
                                chosen[t]
    except BadInput as error:
        return str(error)
    return "read"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(name, read(Path(name)), sep="\t", flush=True)  # noqa: T201
