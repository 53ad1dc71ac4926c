"""Frames are counted by position, from 0, and known by their number in the source.

A folder ``t007.tif, t009.tif`` has positions 0, 1 and numbers 7, 9. A labels file written by us
keeps the numbers of its movie's frames in its metadata: the text of ``encode_numbers`` may stand
anywhere in the image description (a MapAnnotation of OME-XML, the Info of ImageJ, our JSON).
"""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from napari_unet.engine.errors import BadInput

NUMBERS_KEY = "SourceFrameNumbers"
"""Key for ``encode_numbers`` in a MapAnnotation or our JSON; ``key=value`` in ImageJ's Info."""

_ENCODED = re.compile(r'\{\s*\\?"frames\\?"\s*:\s*(\[[\d\s,]*\])\s*\}')
_DIGITS = re.compile(r"(\d+)")


def encode_numbers(numbers: Sequence[int]) -> str:
    """Write frame numbers as text: ``{"frames":[7,9]}``."""
    return json.dumps({"frames": [int(n) for n in numbers]}, separators=(",", ":"))


def decode_numbers(text: str) -> tuple[int, ...] | None:
    """Find frame numbers in any text that contains them (XML or JSON escaped too), else None."""
    found = _ENCODED.search(html.unescape(text))
    return tuple(json.loads(found[1])) if found else None


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


def order_files(files: Sequence[Path]) -> tuple[list[Path], tuple[int, ...] | None]:
    """Sort files by the number in their names, and give the numbers; None where there are none.

    Names are alike but for one number (``man_seg031.tif``). Names that share no pattern are
    sorted as people sort, without numbers.
    """
    patterns = Counter(_DIGITS.sub("#", f.stem) for f in files)
    if len(patterns) > 1:
        if len(files) > 2 and min(patterns.values()) > 1 and all("#" in p for p in patterns):
            _refuse_kinds(files, patterns)
        return sorted(files, key=_natural), None
    runs = [tuple(int(d) for d in _DIGITS.findall(f.stem)) for f in files]
    if not runs[0]:
        return sorted(files, key=_natural), None
    varying = [i for i in range(len(runs[0])) if len({r[i] for r in runs}) > 1]
    unique = [i for i in varying if len({r[i] for r in runs}) == len(files)]
    if len(files) > 1 and not unique:
        what = "differ in several numbers" if len(varying) > 1 else "have the same number twice"
        raise BadInput(
            f"the folder {files[0].parent.name} has files whose names {what} "
            f"(such as {files[0].name} and {files[-1].name})",
            "one file for each frame, with its number in the name",
            "keep one channel and position in a folder, or save the movie as one TIFF",
        )
    column = unique[-1] if unique else len(runs[0]) - 1
    ordered = sorted(zip((r[column] for r in runs), files, strict=True))
    return [f for _, f in ordered], tuple(n for n, _ in ordered)


def _refuse_kinds(files: Sequence[Path], patterns: Counter[str]) -> None:
    kinds = ", ".join(f"{n} like {p}" for p, n in patterns.most_common(3))
    raise BadInput(
        f"the folder {files[0].parent.name} holds several kinds of files: {kinds}",
        "one file for each frame, all named alike",
        "put each kind into its own folder",
    )


def _natural(path: Path) -> list[tuple[int, str]]:
    """Key for sorting as people do: ``t2`` before ``t10``."""
    parts = _DIGITS.split(path.stem.lower())
    return [(int(p), "") if p.isdigit() else (-1, p) for p in parts]
