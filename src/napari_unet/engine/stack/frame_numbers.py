"""Frames are counted by position, from 0, and known by their number in the source.

A folder ``t007.tif, t009.tif`` has positions 0, 1 and numbers 7, 9. A labels file written by us
keeps the numbers of its movie's frames in its metadata: the text of ``encode_numbers`` may stand
anywhere in the image description (a MapAnnotation of OME-XML, the Info of ImageJ, our JSON).
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence

from napari_unet.engine.errors import BadInput

NUMBERS_KEY = "SourceFrameNumbers"
"""Key for ``encode_numbers`` in a MapAnnotation or our JSON; ``key=value`` in ImageJ's Info."""

TIFF_SUFFIXES = (".tif", ".tiff", ".stk", ".lsm", ".btf", ".tf2", ".tf8")
"""Names of files that hold TIFFs, in small letters."""

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
"""Names of files that hold one picture, in small letters."""

_ENCODED = re.compile(r'\{\s*\\?"frames\\?"\s*:\s*(\[[\d\s,]*\])\s*\}')


def encode_numbers(numbers: Sequence[int]) -> str:
    """Write frame numbers as text: ``{"frames":[7,9]}``."""
    return json.dumps({"frames": [int(n) for n in numbers]}, separators=(",", ":"))


def decode_numbers(text: str) -> tuple[int, ...] | None:
    """Find frame numbers in any text that contains them (XML or JSON escaped too), else None."""
    found = _ENCODED.search(html.unescape(text))
    try:
        return tuple(json.loads(found[1])) if found else None
    except ValueError:  # not as we write it
        return None


def parse_frames(text: str, n: int) -> tuple[int, ...]:
    """Positions from 0 such as ``0,3-5``, each below ``n``, without repeats."""
    positions: dict[int, None] = {}
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,9})\s*(?:-\s*(\d{1,9})\s*)?", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first:
            raise BadInput(
                f"{text!r} are no frames",
                "frames counted from 0, such as 0,3-5",
                f"check {part.strip()!r}",
            )
        if last >= n:
            raise BadInput(
                f"there is no frame {last} in a movie with {n} frames",
                f"frames from 0 to {n - 1}",
                "count frames from 0, in the movie's order",
            )
        positions.update(dict.fromkeys(range(first, last + 1)))
    return tuple(positions)
